"""Grid: whether the wires can carry what was agreed."""

from dataclasses import dataclass
from typing import Protocol

from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, GridVerdict
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class GridContext:
    """What a grid model may look at."""

    slot: int
    slot_s: int
    fleet: Fleet
    is_delivered: bool = False
    """The energy has flowed (ex_post): nothing can be cut any more, the verdict is a report."""


class Grid(Answer, Protocol):
    """What every answer of this room keeps.

    Promises: a verdict for every slot; losses in whole Wh, at least 0; cuts within the trades, as much energy sold as bought; nothing
    cut that was delivered; never NaN, never a hang.
    """

    def check(self, net_wh: Ints, book: OrderBook, agreement: Agreement, context: GridContext) -> GridVerdict:
        """Judge the slot's net injections per member (Wh, expected before delivery, metered after it) and the trades."""
        ...


GRIDS = Registry[Grid]("grid", "model")
