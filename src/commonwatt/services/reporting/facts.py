"""What a report is made of: the tables of a finished run, and the facts that are no table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa

from commonwatt.core.records import Wires
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints
from commonwatt.grid import Feeder, PowerFlow

RunTables: TypeAlias = Mapping[str, pa.Table]
"""Tables by name. Public, with the columns of `records.md`: members, orders, trades, readings, statements, postings, receipts; `member`
is the pseudonym, an empty side is null, names are lower case. Private (the operator's): `flows` (slot, member, load_wh, pv_wh, charge_wh,
discharge_wh, storage_wh), `wishes` (slot, member, net_wh, buy_limit_micro_per_kwh, sell_limit_micro_per_kwh: metered position, true
limits), `slots` (slot, failed, reason, losses_wh, verdict), `balances` (account, free_nano, pending_nano, deposit_nano: read from the
ledger at the end)."""


@dataclass(frozen=True)
class PaidIn:
    """A payment into the supplier's deposit during the run."""

    slot: int
    """The slot that waited for it."""
    amount_nano: int


@dataclass(frozen=True)
class DemandCounts:
    """How much was demanded of the operator during a run, and what became of it."""

    made: int = 0
    answered: int = 0
    unanswered: int = 0
    """Of those made: without an answer in time, so that their settlement was void; a demand in neither had no effect."""
    voided: int = 0
    """Settlements that were void, for whatever reason."""


@dataclass(frozen=True)
class WireFacts:
    """The wires of a run whose model of the grid can say what flows where."""

    feeder: Feeder
    bus: Ints
    """By member index the number of its bus."""
    rating_share: float
    """Part of the ratings that may be used."""
    flow: Callable[[Ints], PowerFlow]
    """What flows at net injections by member and slot (Wh, shape (members, slots)): the run's own model, as it judged what was metered."""
    told: Wires | None = None
    """What the market was told of the lines; None: of none."""
    loss_loading_share: float = 0.0
    """Loading at which the loss factors of those lines are taken."""


@dataclass(frozen=True)
class RunFacts:
    """Everything about a run that is not a table."""

    name: str
    currency: str
    time_zone: str
    """For display; slots are UTC."""
    slot_s: int
    first_slot: int
    slots: int
    seed: int
    design: str
    timing: str
    """`ex_post` or `ex_ante`."""
    venue: str
    clearing: str
    pricing: str
    settlement: str
    residual: str
    forecasting: str
    metering: str
    chain: str
    executor: str
    rates: Mapping[int, Rates]
    """By slot; every slot of the run."""
    member_ids: Mapping[str, str]
    """Pseudonym -> the id the community uses; report.html and the bills belong to the operator and the member."""
    origins: Mapping[str, str]
    """Pseudonym -> where its profile comes from: measured, doubtful (measured, but faulty on its face), resampled, simulated, or empty: not said."""
    failed: Mapping[int, str]
    """Slot -> why it failed."""
    notices: tuple[str, ...]
    """Sentences for the reader: "3 gaps substituted"."""
    not_built: tuple[str, ...]
    gas_by_transaction: Mapping[str, int]
    """Transaction hash -> gas. One that is not there counts at the mean of its kind."""
    gas_source: str
    """"model" or "none"."""
    ledger_verified: bool | None
    """The run audited its own `public/`; None: it did not."""
    proofs_verified: int
    anchors: tuple[tuple[int, str], ...] = ()
    """(slot, transaction hash) of every anchor, the run's last included; they are in no public table."""
    own_rates: Mapping[str, Mapping[int, Rates]] = field(default_factory=dict)
    """By name of members' own suppliers the rates of every slot for who has it; members name theirs in their table."""
    top_ups: tuple[PaidIn, ...] = ()
    """What was paid into the supplier's deposit after the foundation, in order."""
    demands: DemandCounts = field(default_factory=DemandCounts)
    wires: WireFacts | None = None
    """None: no model of the grid looked at a feeder."""
    grid: str = "unlimited"
    """The model of the grid in words: its feeder, and the parameters that are not at their defaults."""

    @property
    def is_ex_ante(self) -> bool:
        """Whether orders were made from forecasts, before delivery."""
        return self.timing == "ex_ante"
