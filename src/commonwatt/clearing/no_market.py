"""No trading between neighbours: everybody buys from and sells to their own supplier; what every design is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, Trades, with_filled


@dataclass(frozen=True)
class NoMarket:
    """Nobody trades: every kWh is the supplier's at retail and feed-in, so that nobody saves or loses anything.

    Holds every promise but efficiency: what neighbours could have gained is not gained.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency"})

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:  # noqa: ARG002
        """No trades; every order comes back with the reason NO_MARKET."""
        return with_filled(book, Trades.empty(), np.full(len(book), int(Reason.NO_MARKET), np.int64))
