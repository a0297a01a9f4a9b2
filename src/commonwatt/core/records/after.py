"""Records after delivery: dispatch, asset state, readings, statement, receipt, scores, election."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.accounts import Postings
from commonwatt.core.columns import Columns
from commonwatt.core.units import Bytes2D, Floats, Ints

FINAL_DAYS: Final = 60
"""Days after a slot in which a corrected reading is still settled (revisions); then the slot is final."""


@dataclass(frozen=True)
class Dispatch(Columns):
    """What the assets really did in the slot, one row a member, Wh at the meter's side."""

    load_wh: Ints
    pv_wh: Ints
    charge_wh: Ints
    discharge_wh: Ints
    import_wh: Ints
    export_wh: Ints


@dataclass(frozen=True)
class AssetState(Columns):
    """All that a resume needs to know of the assets, one row a member."""

    storage_wh: Ints
    """State of charge."""
    temperature_mk: Ints
    """Millikelvin, where a heat store has one; else 0."""


class Quality(IntEnum):
    """How a reading came about."""

    MEASURED = 0
    SUBSTITUTED = 1
    """The meter was silent: a value by rule, corrected when the reading arrives."""
    CORRECTED = 2


@dataclass(frozen=True)
class Readings(Columns):
    """Both registers per meter and slot, the packet that carries them, and its signature. One row a member."""

    member: Ints
    import_wh: Ints
    export_wh: Ints
    quality: Ints
    """`Quality`."""
    revision: Ints
    counter: Ints
    """Counts a meter's packets; never used twice. -1 where there is no packet (substituted)."""
    packet_hash: Bytes2D
    """SHA3-256 commitment of the packet, 32 bytes; zeros where there is no packet."""
    opening: Bytes2D
    """Blinding of the commitment, 32 bytes (published at level `plain` only)."""
    signature: Bytes2D
    """Of the meter, or of its gateway, over the root of the packets it signs, 65 bytes (r, s, v); zeros where there is no packet."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {
        "quality": ("int8", 0),
        "packet_hash": ("uint8", 32),
        "opening": ("uint8", 32),
        "signature": ("uint8", 65),
    }


class Leg(IntEnum):
    """The lines of a member's bill for a slot."""

    PEER_SELL = 0
    PEER_BUY = 1
    SUPPLIER_SELL = 2
    """Fed in to the supplier."""
    SUPPLIER_BUY = 3
    IMBALANCE_SHORT = 4
    """Sold but not delivered, or (residual = gate) used above the schedule."""
    IMBALANCE_LONG = 5
    """Bought but not used."""
    CORRECTION_SHORT = 6
    CORRECTION_LONG = 7
    GRID_FEE = 8
    LOCAL_FEE = 9
    TAX = 10
    REWARD = 11
    PENALTY = 12
    LEVY = 13
    FEE_RELIEF = 14
    """Of the local fee, given back."""


LEG_ENERGY_SIGN = np.array([1, -1, 1, -1, -1, 1, -1, 1, 0, 0, 0, 0, 0, 0, 0], np.int64)
"""How a leg's energy counts in the energy check (export - import = sum of sign x energy), by `Leg`."""


@dataclass(frozen=True)
class Legs(Columns):
    """Lines of the members' bills for one slot and revision."""

    member: Ints
    leg: Ints
    """`Leg`."""
    energy_wh: Ints
    """At least 0; what the line is charged on."""
    price_micro_per_kwh: Ints
    amount_nano: Ints
    """Positive: to the member."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {"leg": ("int8", 0)}


@dataclass(frozen=True)
class Statement:
    """The settlement of one slot: every member's legs and the postings that pay them. Revisions hold only the difference."""

    slot: int
    revision: int
    legs: Legs
    postings: Postings
    delivered_wh: Ints
    """Per trade of the agreement, what was delivered of it; empty in a revision."""


@dataclass(frozen=True)
class Receipt:
    """What the ledger accepted: one transaction."""

    slot: int
    kind: str
    """`open`, `clear`, `settle` (public), `genesis`, `anchor`."""
    revision: int
    part: int
    parts: int
    content_hash: str
    transaction: str
    block: int
    status: int
    """1 accepted, 0 reverted."""
    reason: str = ""


@dataclass(frozen=True)
class Scores(Columns):
    """Trust after the slot, one row a member, in [0, 1]."""

    score_share: Floats

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {"score_share": ("float64", 0)}


@dataclass(frozen=True)
class Election:
    """Validators of an epoch, by name, in order."""

    epoch: int
    validators: tuple[str, ...]
