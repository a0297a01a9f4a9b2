"""Every registered venue: what it simulates meets, what meets keeps the promises of an agreement, nothing depends on anything else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import arrived_otherwise, books, seeded_book
from tests.fakes.meetings import SLOT, WINDOW_MS, venue_context

from commonwatt.clearing import promise_findings
from commonwatt.core.events import NOBODY, EventKind, EventOutcome, Events, event_findings
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Reason
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano
from commonwatt.venues import PROMISES, VENUES, Meeting, order_root

every_venue = pytest.mark.parametrize("name", VENUES.names())


def simulated(name: str, book: OrderBook, seed: int = 1) -> tuple[Events, Meeting]:
    venue, context = VENUES.make(name), venue_context(len(book), seed=seed)
    events = venue.simulate(book, context)
    return events, venue.meet(book, events, context)


@every_venue
def test_it_says_whom_it_asks_and_what_it_breaks(name: str) -> None:
    venue = VENUES.answer(name)
    assert venue.asks <= {"clearing", "pricing"}
    assert len(venue.asks) == 1
    assert venue.breaks <= PROMISES


@every_venue
@settings(max_examples=60, deadline=None)
@given(book=books(), seed=st.integers(0, 5))
def test_what_it_simulates_meets_within_every_limit_and_wish(name: str, book: OrderBook, seed: int) -> None:
    events, meeting = simulated(name, book, seed)
    assert not event_findings(events, len(book), frozenset(EventKind))
    assert not len(events) or (events.time_ms[0] >= 0 and events.time_ms[-1] < WINDOW_MS)
    assert not promise_findings(book, meeting.agreement)
    assert meeting.outcome.tolist() == [EventOutcome.TAKEN] * len(events)


@every_venue
@settings(max_examples=60, deadline=None)
@given(book=books())
def test_every_order_is_filled_whole_or_has_a_reason(name: str, book: OrderBook) -> None:
    _, meeting = simulated(name, book)
    whole = meeting.agreement.trades.filled_wh(len(book)) == book.energy_wh
    assert (whole == (meeting.agreement.reason == Reason.FILLED)).all()


@every_venue
@pytest.mark.parametrize("orders", [0, 1, 2, 40, 300])
def test_the_same_orders_and_events_give_the_same_bytes(name: str, orders: int) -> None:
    book = seeded_book(4, orders)
    (events, one), (again, two) = simulated(name, book), simulated(name, book)
    assert order_root(book, SLOT, events) == order_root(book, SLOT, again)
    for left, right in zip(one.agreement.trades.arrays().values(), two.agreement.trades.arrays().values(), strict=True):
        assert (left == right).all()
    assert (one.agreement.reason == two.agreement.reason).all()


def taken_by(name: str) -> set[EventKind]:
    """The kinds of event that a venue's own rule makes, in a large book."""
    given: dict[str, Any] = {p.name: 0.5 for p in VENUES.parameters(name) if p.name == "cancelled_share"}
    venue = VENUES.make(name, **given)
    events = venue.simulate(seeded_book(4, 100), venue_context(100))
    return {EventKind(kind) for kind in np.unique(events.kind).tolist()}


@every_venue
def test_events_of_a_kind_it_does_not_know_are_refused(name: str) -> None:
    book, venue = seeded_book(4, 3), VENUES.make(name)
    for kind in set(EventKind) - taken_by(name):
        is_final = kind == EventKind.FINALISE
        stranger = Events.of(1, kind=int(kind), request=NOBODY, order=NOBODY if is_final else 0)
        with pytest.raises(ValueError, match="events row 0 kind"):
            venue.meet(book, stranger, venue_context(3))


@pytest.mark.parametrize("name", [name for name in VENUES.names() if taken_by(name)])
def test_no_order_meets_without_the_events_that_bring_it(name: str) -> None:
    try:
        meeting = VENUES.make(name).meet(seeded_book(4, 40), Events.empty(), venue_context(40))
    except ValueError as error:
        assert "finalised" in str(error)
        return
    assert not len(meeting.agreement.trades)


def _by_arrival(name: str, book: OrderBook, seed: int) -> tuple[list[int], list[int]]:
    """Per order of the book what it got, as it came and as it came otherwise."""
    shuffled, rows = arrived_otherwise(book, seed)
    got, otherwise = (simulated(name, b)[1].agreement.trades.filled_wh(len(book)) for b in (book, shuffled))
    back = np.empty_like(otherwise)
    back[rows] = otherwise
    return got.tolist(), back.tolist()


@every_venue
def test_the_sequence_of_arrival_moves_no_energy_unless_declared(name: str) -> None:
    """Limits of one side differ here, so that no tie is in the way."""
    moved = 0
    for seed in range(20):
        book = seeded_book(seed, 30, high=10**9)
        got, otherwise = _by_arrival(name, book, seed)
        moved += got != otherwise
    assert bool(moved) == ("order_independence" in VENUES.answer(name).breaks)


@every_venue
def test_welfare_is_the_mechanism_s_unless_declared(name: str) -> None:
    lost = 0
    for seed in range(20):
        book = seeded_book(seed, 30)
        _, meeting = simulated(name, book)
        lost += welfare_nano(book, meeting.agreement.trades) < optimum_welfare_nano(book)
    assert bool(lost) == ("efficiency" in VENUES.answer(name).breaks)
