"""Unlimited: no grid model; the wires are not looked at."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, GridVerdict, Verdict
from commonwatt.core.units import Ints
from commonwatt.grid.base import GridContext


@dataclass(frozen=True)
class Unlimited:
    """A copper plate without losses. Its verdict is `unchecked`, not `feasible`: nobody has computed that the wires can carry it."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def check(self, net_wh: Ints, book: OrderBook, agreement: Agreement, context: GridContext) -> GridVerdict:  # noqa: ARG002
        """Unchecked, nothing curtailed, no losses."""
        return GridVerdict(Verdict.UNCHECKED, reason="no grid model")
