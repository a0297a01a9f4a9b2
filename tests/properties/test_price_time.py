"""The continuous book against one that looks at every order that stands, each time; and what holds of any such book."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import NO_FEES, books, seeded_book
from tests.fakes.meetings import WINDOW_MS, pairs, venue_context

from commonwatt.clearing import promise_findings
from commonwatt.core.events import NOBODY, EventKind, EventOutcome, Events
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Reason
from commonwatt.core.tariff import clearing_book
from commonwatt.venues import VENUES, Meeting


@dataclass
class NaiveBook:
    """A list of what stands; every order that comes looks through all of it."""

    book: OrderBook

    def __post_init__(self) -> None:
        self.left = self.book.energy_wh.tolist()
        self.stands: list[int] = []
        self.trades: list[tuple[int, int, int, int]] = []

    def place(self, row: int) -> None:
        limit, is_sell = self.book.limit_micro_per_kwh.tolist(), self.book.is_sell.tolist()
        while self.left[row]:
            ready = [
                other
                for other in self.stands
                if is_sell[other] != is_sell[row]
                and (limit[other] <= limit[row] if is_sell[other] else limit[other] >= limit[row])
            ]
            if not ready:
                self.stands.append(row)
                return
            # `min` takes the first of equals, and what stands is in order of arrival.
            best = min(ready, key=lambda other: limit[other] if is_sell[other] else -limit[other])
            energy = min(self.left[row], self.left[best])
            self.left[row] -= energy
            self.left[best] -= energy
            if not self.left[best]:
                self.stands.remove(best)
            sell, buy = (best, row) if is_sell[best] else (row, best)
            self.trades.append((sell, buy, energy, limit[best]))

    def withdraw(self, row: int) -> None:
        if row in self.stands:
            self.stands.remove(row)


def naive(book: OrderBook, events: Events) -> NaiveBook:
    reference, placed = NaiveBook(book), set()
    for kind, order, at_ms, member in zip(
        *(getattr(events, name).tolist() for name in ("kind", "order", "time_ms", "member")), strict=True
    ):
        if at_ms >= WINDOW_MS or member != int(book.member[order]):
            continue
        if kind == EventKind.CANCEL:
            reference.withdraw(order)
        elif order not in placed:
            placed.add(order)
            reference.place(order)
    return reference


def met(book: OrderBook, events: Events) -> Meeting:
    return VENUES.make("continuous").meet(book, events, venue_context(len(book)))


@st.composite
def sessions(draw: st.DrawFn) -> tuple[OrderBook, Events]:
    """A book, and events in any order: placed twice, withdrawn before, after and by others, too late."""
    book = draw(books(most_orders=12))
    if not len(book):
        return book, Events.empty()
    row = st.integers(0, len(book) - 1)
    one = st.tuples(st.sampled_from([0, 0, 0, 1]), row, st.integers(0, WINDOW_MS + WINDOW_MS // 8), st.integers(-1, 12))
    sent = draw(st.lists(one, max_size=30))
    kind, order, at_ms, stranger = np.array(sent, np.int64).reshape(-1, 4).T
    # Now and then a neighbour speaks for another.
    member = np.where(stranger == order + 1, stranger, order)
    events = Events.of(len(sent), kind=kind, order=order, time_ms=np.sort(at_ms), member=member, request=NOBODY)
    return clearing_book(book, NO_FEES), events


@settings(max_examples=100, deadline=None)
@given(session=sessions())
def test_it_trades_as_a_book_that_looks_at_everything(session: tuple[OrderBook, Events]) -> None:
    book, events = session
    meeting = met(book, events)
    assert pairs(meeting) == naive(book, events).trades
    assert not promise_findings(book, meeting.agreement)


def test_it_trades_as_a_book_that_looks_at_everything_in_large_books_too() -> None:
    for seed in range(4):
        book = seeded_book(seed, 200, high=60)
        venue = VENUES.make("continuous", cancelled_share=0.3)
        events = venue.simulate(book, venue_context(200, seed=seed))
        assert pairs(met(book, events)) == naive(book, events).trades


@settings(max_examples=60, deadline=None)
@given(session=sessions())
def test_what_stands_at_the_end_does_not_cross(session: tuple[OrderBook, Events]) -> None:
    book, events = session
    meeting = met(book, events)
    left = book.energy_wh - meeting.agreement.trades.filled_wh(len(book))
    stands = (left > 0) & ~np.isin(meeting.agreement.reason, (Reason.CLOSED, Reason.CANCELLED))
    asks, bids = (book.limit_micro_per_kwh[stands & (book.is_sell == side)] for side in (True, False))
    assert not len(asks) or not len(bids) or asks.min() > bids.max()


@settings(max_examples=60, deadline=None)
@given(session=sessions())
def test_no_order_is_passed_over_for_a_worse_or_a_later_one(session: tuple[OrderBook, Events]) -> None:
    """Whoever was served while standing had no better or earlier order of its side standing that still wanted something at the end."""
    book, events = session
    meeting = met(book, events)
    taken = (meeting.outcome == EventOutcome.TAKEN) & events.are(EventKind.PLACE)
    came = np.full(len(book), len(events))
    came[events.order[taken]] = np.flatnonzero(taken)
    cost = np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh)
    left = book.energy_wh - meeting.agreement.trades.filled_wh(len(book))
    waits = (left > 0) & ~np.isin(meeting.agreement.reason, (Reason.CLOSED, Reason.CANCELLED))
    for sell, buy, _, _ in pairs(meeting):
        stood, comer = (sell, buy) if came[sell] < came[buy] else (buy, sell)
        rivals = waits & (book.is_sell == book.is_sell[stood]) & (came < came[comer])
        better = (cost < cost[stood]) | ((cost == cost[stood]) & (came < came[stood]))
        assert not (rivals & better).any()
