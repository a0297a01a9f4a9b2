"""Grid: whether the wires can carry what was agreed."""

from dataclasses import dataclass, field
from typing import Final, Protocol, cast

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Envelope, GridVerdict, Wires
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.units import Flags, Ints
from commonwatt.grid._feeder import Feeder
from commonwatt.grid._fees import fees_to_transformer
from commonwatt.grid._sweep import PowerFlow

NOWHERE: Final[Ints] = np.zeros(0, np.int64)
"""The buses of members where there is no feeder."""


@dataclass(frozen=True)
class GridContext:
    """What a grid model may look at."""

    slot: int
    slot_s: int
    fleet: Fleet
    is_delivered: bool = False
    """The energy has flowed: nothing can be cut any more, the verdict is a report."""
    feeder: Feeder | None = None
    """Where members are connected; None: nobody said, and no answer that needs one is asked."""
    bus: Ints = field(default_factory=lambda: NOWHERE)
    """Of each member the number of its bus on the feeder."""
    ordered_wh: Ints | None = None
    """At a gate what each member ordered, Wh out, refused orders too: what it is expected to do; None after delivery."""


class Grid(Answer, Protocol):
    """What every answer of this room keeps.

    Promises: a verdict for every slot; losses in whole Wh, at least 0; cuts within the trades, as much energy sold as bought; nothing
    cut that was delivered; the same for the same positions, trades and context, so that an audit computes it again; never NaN, never a hang.
    """

    def check(self, net_wh: Ints, book: OrderBook, agreement: Agreement, context: GridContext) -> GridVerdict:
        """Judge the slot's net injections per member (Wh; before delivery the schedule: traded, and what else of orders is firm; metered after it) and the trades."""
        ...


@dataclass(frozen=True)
class Expected:
    """What is expected of a slot before its gate, per member, Wh at least 0, shape (members,) each."""

    export_wh: Ints
    import_wh: Ints
    load_wh: Ints
    feeds_in: Flags
    """Whether it has anything that could: panels or storage."""


class Allotting(Protocol):
    """A grid model that can say before delivery what each member may export and import. Promise: everybody at its cap keeps every limit."""

    @property
    def allots(self) -> str:
        """By which rule; `none`: it does not, and its envelopes have no rows."""
        ...

    def allot(self, expected: Expected, context: GridContext) -> Envelope:
        """The caps of a slot, one row a member; where the rule is the same for every slot it looks at nothing that is expected."""
        ...

    def envelope_faults(self, allotted: Envelope, context: GridContext) -> list[str]:
        """Why published caps cannot be this model's, in words, from what is public."""
        ...


class HasFlow(Protocol):
    """What an answer may have beside `check`: what flows where, which reports draw by the same rules that the verdict is found by."""

    @property
    def rating_share(self) -> float:
        """Part of the ratings that may be used; loadings are of the whole of them."""
        ...

    def flow(self, net_wh: Ints, context: GridContext) -> PowerFlow:
        """The power flow of many slots at once: net injections per member, Wh, shape (members, slots); the context's slot is not looked at."""
        ...


class HasWires(Protocol):
    """What an answer may have beside `check`: lines that a market can hold its trades to."""

    def wires(self, context: GridContext) -> Wires | None:
        """What every line carries in a slot of this length; None: the market is to know of none. The same in every slot of a run."""
        ...

    @property
    def rounds(self) -> int:
        """How often a market may be cleared again within tighter limits."""
        ...

    def again(self, wires: Wires, net_wh: Ints, context: GridContext) -> Wires | None:
        """Tighter limits, where a schedule (Wh out of each member) that kept these passes what the lines know nothing of; None where it does not, or none would help."""
        ...


class HasFees(Protocol):
    """What an answer may have beside `check`: fees by location."""

    def fees_micro_per_kwh(self, feeder: Feeder) -> Ints:
        """What a kWh pays on the line above each bus, in the order of the feeder's buses, at least 0."""
        ...

    def fee_findings(self, feeder: Feeder) -> list[Finding]:
        """What makes no sense about its fees on a feeder, by parameter."""
        ...


# What a model has beside `check` is asked by name: a run measures its answers through stand-ins, which are instances of nothing (since Python
# 3.12 of no Protocol either).


def allotting(grid: Grid) -> Allotting | None:
    """A model that allots connection capacity in this run; None where it does not, or cannot."""
    return cast("Allotting", grid) if getattr(grid, "allots", "none") != "none" else None


def flowing(grid: Grid) -> HasFlow | None:
    """A model that says what flows where; None where it does not."""
    return cast("HasFlow", grid) if hasattr(grid, "flow") else None


def charging(grid: Grid) -> HasFees | None:
    """A model that knows fees by location, whether this run has any or not; None where it does not."""
    return cast("HasFees", grid) if hasattr(grid, "fees_micro_per_kwh") else None


def wires_of(grid: Grid, context: GridContext) -> Wires | None:
    """What a model's wires carry; None where it has none, or the market is to know of none."""
    offered = getattr(grid, "wires", None)
    return None if offered is None else offered(context)


def dearest_way_micro_per_kwh(grid: Grid, feeder: Feeder | None) -> int:
    """The most that a side of a trade can pay for its part of the way; 0 without a feeder or fees by location."""
    charged = charging(grid)
    if feeder is None or charged is None:
        return 0
    return int(fees_to_transformer(feeder, charged.fees_micro_per_kwh(feeder)).max(initial=0))


GRIDS = Registry[Grid]("grid", "model")
