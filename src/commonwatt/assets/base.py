"""Assets: what load, PV and storage intend (plan) and do (dispatch), with all state in a record."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from commonwatt.core.columns import Columns
from commonwatt.core.members import Fleet
from commonwatt.core.records import NO_ENVELOPE, AssetState, Envelope
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class Flows(Columns):
    """Energy behind the meter in one slot, one row a member, Wh, all at least 0."""

    load_wh: Ints
    pv_wh: Ints
    charge_wh: Ints
    """Taken in by storage."""
    discharge_wh: Ints
    """Given by storage."""
    curtailed_pv_wh: Ints
    """What the panels could have given besides and the inverter held back; not part of `pv_wh`."""

    @property
    def net_wh(self) -> Ints:
        """At the meter: out to the community or grid is positive."""
        return self.pv_wh + self.discharge_wh - self.load_wh - self.charge_wh


@dataclass(frozen=True)
class AssetContext:
    """What an asset may look at beside the member's own flows."""

    slot: int
    slot_s: int
    """Length of a slot in seconds."""
    rates: Rates
    """The tariff of the slot, known beforehand."""
    envelope: Envelope = NO_ENVELOPE
    """What members may send out and take in through their connections; no rows: as much as they like."""


class Asset(Answer, Protocol):
    """What every answer of this room keeps.

    Promises: never charges and discharges at once; charges no more through the meter than the member's connection carries; state stays within its bounds and is unchanged when idle; with an envelope, takes in nothing beyond its import cap and gives nothing
    out beyond its export cap, and stores what would otherwise be held back as far as it can; plan and dispatch differ only
    in what they are given (forecast or metered flows); deterministic.
    """

    def plan(self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext) -> tuple[Flows, AssetState]:
        """What the asset intends on forecast flows; returns the flows with its own added and the expected state."""
        ...

    def dispatch(
        self, fleet: Fleet, state: AssetState, flows: Flows, context: AssetContext
    ) -> tuple[Flows, AssetState]:
        """What the asset does on metered flows; returns the flows with its own added and the state after the slot."""
        ...


def curtailed(flows: Flows, envelope: Envelope) -> Flows:
    """Flows of which inverters hold back the PV that would pass the export cap, once storage has done what it can."""
    if not len(envelope):
        return flows
    beyond = np.clip(flows.net_wh - envelope.export_wh, 0, flows.pv_wh)
    return flows.replaced(pv_wh=flows.pv_wh - beyond, curtailed_pv_wh=flows.curtailed_pv_wh + beyond)


ASSETS = Registry[Asset]("assets", "storage")
ALWAYS = ("load", "pv")
"""Assets that every community has; they are asked first, in this order. The community chooses what its batteries do (`storage`)."""
