"""Every venue on a feeder, whichever mechanism it asks: lines and fees are kept, reasons are true, nothing changes where nothing binds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.conformance.test_clearing_on_lines import HOUSEHOLDS, between, random_feeder
from tests.conformance.test_reasons import forms, untrue
from tests.fakes.books import book_of, seeded_book
from tests.fakes.feeders import feeder, on
from tests.fakes.meetings import said, sent, venue_context

from commonwatt.clearing import Lines, promise_findings
from commonwatt.core.encoding import encode
from commonwatt.core.events import EventKind
from commonwatt.core.orders import OrderBook
from commonwatt.venues import VENUES, Meeting, Venue, VenueContext


def on_feeder(book: OrderBook, lines: Lines | None, bus: np.ndarray, seed: int) -> VenueContext:
    told = venue_context(len(book), seed=seed, rates=HOUSEHOLDS)
    return replace(told, market=replace(on(book, lines, bus, HOUSEHOLDS), slot=told.slot))


def simulated(venue: Venue, book: OrderBook, lines: Lines | None, bus: np.ndarray, seed: int) -> Meeting:
    events = venue.simulate(book, on_feeder(book, lines, bus, seed))
    meeting: Meeting = venue.meet(book, events, on_feeder(book, lines, bus, seed))
    return meeting


@pytest.mark.parametrize(("name", "form"), [form for name in VENUES.names() for form in forms(VENUES, name)])
def test_lines_fees_and_reasons_are_kept(name: str, form: dict[str, Any]) -> None:
    venue, paid = VENUES.make(name, **form), 0
    for seed in range(25):
        book, (lines, bus) = seeded_book(seed, 14), random_feeder(seed, 14)
        agreement = simulated(venue, book, lines, bus, seed).agreement
        known = on_feeder(book, lines, bus, seed).market
        assert promise_findings(book, agreement, frozenset(), known) == []
        assert untrue(book, agreement, between(lines, bus)) == []
        paid += int((agreement.trades.sell_fee_micro_per_kwh + agreement.trades.buy_fee_micro_per_kwh).sum())
    assert paid > 0


@pytest.mark.parametrize("name", VENUES.names())
def test_wide_lines_without_fees_change_no_byte(name: str) -> None:
    venue = VENUES.make(name)
    for seed in range(5):
        book, (lines, bus) = seeded_book(seed, 14), random_feeder(seed, 14)
        wide = Lines.of(len(lines), toward=lines.toward, limit_wh=10**6)
        one, two = (simulated(venue, book, between, bus, seed).agreement for between in (wide, None))
        assert encode(one) == encode(two)


def test_a_standing_order_near_by_comes_before_a_cheaper_one_whose_way_costs_more() -> None:
    lines = feeder((-1, 0), (0, 5000), (0, 5000), fees=(0, 5_000, 5_000))
    book = book_of(("sell", 1000, 100_000), ("sell", 1000, 108_000), ("buy", 1500, 290_000))
    events = said(*(sent(EventKind.PLACE, row, row) for row in range(3)))
    told = on_feeder(book, lines, np.array([1, 2, 2]), 0)
    trades = VENUES.make("continuous").meet(book, events, told).agreement.trades
    assert [trades.sell_order.tolist(), trades.energy_wh.tolist()] == [[1, 0], [1000, 500]]
    # The price is where both meet: the far seller keeps its limit, the buyer pays for its own part of the way.
    assert trades.sell_price_micro_per_kwh.tolist() == [108_000, 105_000]
    assert trades.sell_fee_micro_per_kwh.tolist() == [0, 5_000]
    assert trades.buy_fee_micro_per_kwh.tolist() == [0, 5_000]


def test_what_a_way_carries_is_what_later_orders_find_left() -> None:
    lines = feeder((-1, 0), (0, 700))
    book = book_of(("sell", 500, 1), ("sell", 500, 2), ("buy", 1000, 9), ("sell", 400, 3), ("buy", 400, 9))
    events = said(*(sent(EventKind.PLACE, row, row) for row in range(5)))
    told = on_feeder(book, lines, np.array([1, 1, 0, 0, 1]), 0)
    trades = VENUES.make("continuous").meet(book, events, told).agreement.trades
    # 700 up; then the buyer behind the line takes its neighbour's rest first, and relieves nothing.
    assert list(zip(trades.sell_order.tolist(), trades.buy_order.tolist(), trades.energy_wh.tolist(), strict=True)) == [
        (0, 2, 500),
        (1, 2, 200),
        (3, 2, 300),
        (1, 4, 300),
        (3, 4, 100),
    ]
