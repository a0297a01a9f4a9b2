"""Meetings: books and events by hand, and a venue that is asked what becomes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.fakes.books import NO_FEES, book_of, context

from commonwatt.clearing import CLEARINGS
from commonwatt.core.determinism import stream
from commonwatt.core.events import NOBODY, EventKind, EventOutcome, Events
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Reason
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Bytes2D
from commonwatt.venues import VENUES, Meeting, VenueContext

SLOT = 7
WINDOW_MS = 1_800_000


def nonces(orders: int) -> Bytes2D:
    """A blinding an order, all different."""
    return np.arange(orders * 32, dtype=np.int64).reshape(orders, 32).astype(np.uint8)


def venue_context(
    orders: int,
    clearing: str = "uniform_price",
    seed: int = 1,
    rates: Rates = NO_FEES,
    blinding: Bytes2D | None = None,
    window_ms: int = WINDOW_MS,
) -> VenueContext:
    """A market of half an hour in slot 7, the midpoint its price policy."""
    return VenueContext(
        CLEARINGS.make(clearing),
        context(rates=rates, slot=SLOT),
        window_ms,
        nonces(orders) if blinding is None else blinding,
        stream(seed, "venue"),
    )


def sent(kind: EventKind, order: int, at_ms: int = 0, member: int | None = None, **columns: Any) -> Events:
    """One event; its sender is the member of the order's row unless `member` says otherwise."""
    sender = order if member is None else member
    said = {"request": NOBODY, **columns}
    return Events.of(1, time_ms=at_ms, kind=int(kind), member=sender, order=order, **said)


def said(*parts: Events) -> Events:
    """Events as they arrived."""
    return Events.joined(parts)


def outcomes(meeting: Meeting) -> list[str]:
    """What became of each event, in words."""
    return [EventOutcome(int(code)).name.lower() for code in meeting.outcome]


def reasons(meeting: Meeting) -> list[str]:
    """Why each order was not filled, in words."""
    return [Reason(int(code)).name.lower() for code in meeting.agreement.reason]


def pairs(meeting: Meeting) -> list[tuple[int, int, int, int]]:
    """Seller's row, buyer's row, Wh and price of each trade."""
    trades = meeting.agreement.trades
    assert (trades.sell_price_micro_per_kwh == trades.buy_price_micro_per_kwh).all()
    columns = (trades.sell_order, trades.buy_order, trades.energy_wh, trades.sell_price_micro_per_kwh)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def met(name: str, book: OrderBook, events: Events, **parameters: Any) -> Meeting:
    """How the orders of a book meet at a venue."""
    return VENUES.make(name, **parameters).meet(book, events, venue_context(len(book)))


__all__ = [
    "SLOT",
    "WINDOW_MS",
    "book_of",
    "met",
    "nonces",
    "outcomes",
    "pairs",
    "reasons",
    "said",
    "sent",
    "venue_context",
]
