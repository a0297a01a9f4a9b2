"""Every registered mechanism on a feeder: no line is asked for more than it carries, every trade pays the fees of its way, neighbours meet first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conformance.test_reasons import untrue
from tests.fakes.books import NO_FEES, arrived_otherwise, book_of, books, seeded_book
from tests.fakes.feeders import feeder, feeders, flow_optimum, on

from commonwatt.clearing import CLEARINGS, Lines, clear_on_lines, promise_findings
from commonwatt.core.determinism import stream
from commonwatt.core.encoding import encode
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Reason, Trades
from commonwatt.core.welfare import welfare_nano

every_mechanism = pytest.mark.parametrize("name", CLEARINGS.names())
trading = pytest.mark.parametrize("name", [name for name in CLEARINGS.names() if name not in ("no_market", "mcafee")])
"""Without those who do not trade what a single pair could."""
HOUSEHOLDS = replace(NO_FEES, retail_micro_per_kwh=300_000, feed_in_micro_per_kwh=0)
FEED_IN_ABOVE_THE_OFFERS = replace(HOUSEHOLDS, feed_in_micro_per_kwh=150_000)
"""Where supply meets demand, two levels of supply and demand pay the feed-in price."""
NEAR = replace(NO_FEES, retail_micro_per_kwh=3, feed_in_micro_per_kwh=-3)
"""Of which a mechanism that prices by the tariff makes 0, in the middle of the small books' limits."""


def buses(orders: int, lines: Lines) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(-1, len(lines) - 1), min_size=orders, max_size=orders)


def random_feeder(seed: int, orders: int) -> tuple[Lines, np.ndarray]:
    """Eight buses of households behind narrow lines, and where the orders are."""
    draw = stream(seed, "feeder", orders)
    toward = np.array([-1, *(int(draw.integers(0, bus)) for bus in range(1, 8))])
    fees = draw.integers(0, 3, 8) * 10_000
    lines = Lines.of(8, toward=toward, limit_wh=draw.integers(0, 6000, 8), fee_micro_per_kwh=fees)
    return lines, draw.integers(-1, 8, orders)


def between(lines: Lines, bus: np.ndarray) -> np.ndarray:
    """What the way between each two orders costs."""
    pairs = np.meshgrid(bus, bus, indexing="ij")
    begin, end = lines.fees(pairs[0].ravel(), pairs[1].ravel())
    return (begin + end).reshape(len(bus), len(bus))


@every_mechanism
@settings(max_examples=60, deadline=None)
@given(book=books(), lines=feeders(fees=(0, 0, 1, 7, 2**31 - 1)), data=st.data())
def test_limits_with_fees_and_lines_are_kept_on_any_feeder(
    name: str, book: OrderBook, lines: Lines, data: st.DataObject
) -> None:
    mechanism = CLEARINGS.make(name)
    known = on(book, lines, data.draw(buses(len(book), lines)), NEAR)
    agreement = clear_on_lines(mechanism, book, known)
    assert promise_findings(book, agreement, mechanism.breaks, known) == []
    whole = agreement.trades.filled_wh(len(book)) == book.energy_wh
    assert ((agreement.reason == Reason.FILLED) == whole).all()


@every_mechanism
@settings(max_examples=30, deadline=None)
@given(book=books(), lines=feeders(), data=st.data())
def test_lines_that_cost_nothing_and_cannot_bind_change_no_byte(
    name: str, book: OrderBook, lines: Lines, data: st.DataObject
) -> None:
    bus = data.draw(buses(len(book), lines))
    wide = Lines.of(len(lines), toward=lines.toward, limit_wh=int(book.energy_wh.sum()))
    mechanism = CLEARINGS.make(name)
    without = mechanism.clear(book, on(book, None, bus))
    assert encode(clear_on_lines(mechanism, book, on(book, wide, bus))) == encode(without)


@every_mechanism
def test_the_same_book_on_the_same_feeder_gives_the_same_bytes(name: str) -> None:
    for seed in range(5):
        book, (lines, bus) = seeded_book(seed, 14), random_feeder(seed, 14)
        first, second = (clear_on_lines(CLEARINGS.make(name), book, on(book, lines, bus, HOUSEHOLDS)) for _ in range(2))
        assert encode(first) == encode(second)


def as_paid(book: OrderBook, trades: Trades) -> Counter:
    """What each member gets and pays in all, with fees."""
    paid: Counter = Counter()
    for side, price in (
        (trades.sell_order, trades.sell_price_micro_per_kwh - trades.sell_fee_micro_per_kwh),
        (trades.buy_order, trades.buy_price_micro_per_kwh + trades.buy_fee_micro_per_kwh),
    ):
        for row, each, energy in zip(side.tolist(), price.tolist(), trades.energy_wh.tolist(), strict=True):
            if row >= 0:
                paid[int(book.member[row])] += each * energy
    return paid


@pytest.mark.parametrize(
    "name", [name for name in CLEARINGS.names() if "order_independence" not in CLEARINGS.answer(name).breaks]
)
def test_arrival_changes_nothing_where_no_limits_tie_at_any_place(name: str) -> None:
    for seed in range(12):
        # Fees are multiples of 10 000: no way makes two limits equal.
        book, (lines, bus) = seeded_book(seed, 14, 0, 28), random_feeder(seed, 14)
        book = book.replaced(limit_micro_per_kwh=book.limit_micro_per_kwh * 10_000 + 7 * book.member)
        other, rows = arrived_otherwise(book, seed)
        mechanism = CLEARINGS.make(name)
        one = clear_on_lines(mechanism, book, on(book, lines, bus, HOUSEHOLDS)).trades
        two = clear_on_lines(mechanism, other, on(other, lines, bus[rows], HOUSEHOLDS)).trades
        assert one.filled_wh(14)[rows].tolist() == two.filled_wh(14).tolist()
        assert as_paid(book, one) == as_paid(other, two)


@every_mechanism
def test_every_reason_on_a_feeder_is_true(name: str) -> None:
    mechanism = CLEARINGS.make(name)
    for seed in range(30):
        book, (lines, bus) = seeded_book(seed, 14), random_feeder(seed, 14)
        agreement = clear_on_lines(mechanism, book, on(book, lines, bus, HOUSEHOLDS))
        assert untrue(book, agreement, between(lines, bus)) == []


@every_mechanism
def test_what_a_full_line_keeps_apart_has_the_reason_terms(name: str) -> None:
    book, lines = book_of(("sell", 1000, 0), ("buy", 1000, 300_000)), feeder((-1, 0), (0, 400))
    agreement = clear_on_lines(CLEARINGS.make(name), book, on(book, lines, [1, 0], HOUSEHOLDS))
    if name in ("no_market", "mcafee"):
        assert len(agreement.trades) == 0
    else:
        assert agreement.trades.filled_wh(2).tolist() == [400, 400]
        assert [Reason(int(why)) for why in agreement.reason] == [Reason.TERMS, Reason.TERMS]


@trading
def test_a_way_costs_the_same_in_both_directions(name: str) -> None:
    lines = feeder((-1, 0), (0, 5000), (1, 5000), (0, 5000), fees=(9, 100, 20_000, 3_000))
    book = book_of(("sell", 1000, 10_000), ("buy", 1000, 290_000))
    there, back = (
        clear_on_lines(CLEARINGS.make(name), book, on(book, lines, bus, FEED_IN_ABOVE_THE_OFFERS)).trades
        for bus in ([2, 3], [3, 2])
    )
    for trades in (there, back):
        assert trades.filled_wh(2).tolist() == [1000, 1000]
        assert int((trades.energy_wh * (trades.sell_fee_micro_per_kwh + trades.buy_fee_micro_per_kwh)).sum()) == (
            23_100 * 1000
        )
    assert there.sell_fee_micro_per_kwh.max() == back.buy_fee_micro_per_kwh.max() == 20_100


@trading
def test_neighbours_meet_before_the_grid(name: str) -> None:
    lines = feeder((-1, 0), (0, 5000), (0, 5000), fees=(0, 5_000, 5_000))
    # The neighbour is a little dearer, but not by as much as the way costs.
    book = book_of(("sell", 1000, 100_000), ("sell", 1000, 101_000), ("buy", 1000, 290_000))
    filled = clear_on_lines(
        CLEARINGS.make(name), book, on(book, lines, [1, 2, 2], FEED_IN_ABOVE_THE_OFFERS)
    ).trades.filled_wh(3)
    assert filled.tolist() == [0, 1000, 1000]


@trading
def test_a_neighbour_who_is_dearer_than_the_way_waits_where_the_mechanism_sees_the_whole_feeder(name: str) -> None:
    lines = feeder((-1, 0), (0, 5000), (0, 5000), fees=(0, 5_000, 5_000))
    book = book_of(("sell", 1000, 100_000), ("sell", 1000, 140_000), ("buy", 1000, 290_000))
    filled = clear_on_lines(
        CLEARINGS.make(name), book, on(book, lines, [1, 2, 2], FEED_IN_ABOVE_THE_OFFERS)
    ).trades.filled_wh(3)
    is_native = getattr(CLEARINGS.answer(name), "takes_lines", False)
    assert filled.tolist() == ([1000, 0, 1000] if is_native else [0, 1000, 1000])


@every_mechanism
def test_no_welfare_is_above_the_optimum_of_the_feeder(name: str) -> None:
    for seed in range(10):
        book, (lines, bus) = seeded_book(seed, 14), random_feeder(seed, 14)
        trades = clear_on_lines(CLEARINGS.make(name), book, on(book, lines, bus, HOUSEHOLDS)).trades
        fees = int((trades.energy_wh * (trades.sell_fee_micro_per_kwh + trades.buy_fee_micro_per_kwh)).sum())
        best = flow_optimum(book, lines, bus, lines.fee_micro_per_kwh)
        assert welfare_nano(book, trades) - fees <= best + 1e-3
