"""Sealed batch: orders are committed blind, revealed together after the gate and cleared once a slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from commonwatt.clearing import clear_on_lines
from commonwatt.core.events import EventKind, Events
from commonwatt.core.tariff import clearing_book
from commonwatt.venues.base import Meeting, required_form

if TYPE_CHECKING:
    from commonwatt.core.orders import OrderBook
    from commonwatt.venues.base import VenueContext


@dataclass(frozen=True)
class SealedBatch:
    """Nobody sees an order before all are fixed; all that were sealed meet at once, so there are no events to tell."""

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()
    asks: ClassVar[frozenset[str]] = frozenset({"clearing"})
    kinds: ClassVar[frozenset[EventKind]] = frozenset()

    def simulate(self, book: OrderBook, context: VenueContext) -> Events:  # noqa: ARG002
        """None: members are taken to reveal what they sealed, at the same instant."""
        return Events.empty()

    def meet(self, book: OrderBook, events: Events, context: VenueContext) -> Meeting:
        """Clear all orders together.

        The reveal is not checked here, because both ends of it would be the same bytes; where seals come in earlier than the orders,
        `on_chain` checks them one by one.
        """
        required_form(events, len(book), self.kinds)
        seen = clearing_book(book, context.market.rates, context.market.own_prices)
        agreement = clear_on_lines(context.clearing, seen, context.market)
        return Meeting(agreement, np.zeros(0, np.int64))
