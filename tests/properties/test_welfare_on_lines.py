"""Welfare on a feeder: two mechanisms reach the optimum of an independent programme over flows, zonal prices never more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import book_of, context
from tests.fakes.feeders import feeders, flow_optimum, on

from commonwatt.clearing import CLEARINGS, Clearing, ClearingContext, Lines, clear_on_lines, promise_findings
from commonwatt.core.orders import OrderBook
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano

row = st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 40), st.integers(-4, 12))
tame_books = st.lists(row, min_size=1, max_size=12).map(lambda rows: book_of(*rows))
FEES = (0, 0, 1, 2, 5)
OPTIMAL = {
    "central_optimum": CLEARINGS.make("central_optimum"),
    "multi_criteria, nodal": CLEARINGS.make("multi_criteria", price="nodal"),
    "multi_criteria, pairs": CLEARINGS.make("multi_criteria"),
}
ZONAL = CLEARINGS.make("uniform_price")


def buses(orders: int, lines: Lines) -> st.SearchStrategy[np.ndarray]:
    places = st.lists(st.integers(-1, len(lines) - 1), min_size=orders, max_size=orders)
    return places.map(lambda bus: np.array(bus, np.int64))


def gained_nano(mechanism: Clearing, book: OrderBook, known: ClearingContext) -> int:
    """Welfare less the fees paid; the promises are checked on the way."""
    agreement = clear_on_lines(mechanism, book, known)
    assert promise_findings(book, agreement, mechanism.breaks, known) == []
    trades = agreement.trades
    fees = trades.sell_fee_micro_per_kwh + trades.buy_fee_micro_per_kwh
    pairs_and_pool = np.where(trades.sell_order < 0, trades.buy_fee_micro_per_kwh, fees)
    return welfare_nano(book, trades) - int((trades.energy_wh * pairs_and_pool).sum())


@pytest.mark.parametrize("form", OPTIMAL)
@settings(max_examples=120, deadline=None)
@given(book=tame_books, lines=feeders(fees=FEES), data=st.data())
def test_it_reaches_the_optimum_within_every_line_and_with_every_fee(
    form: str, book: OrderBook, lines: Lines, data: st.DataObject
) -> None:
    bus = data.draw(buses(len(book), lines))
    reached = gained_nano(OPTIMAL[form], book, on(book, lines, bus))
    assert reached == pytest.approx(flow_optimum(book, lines, bus, lines.fee_micro_per_kwh), abs=1e-6)


@settings(max_examples=120, deadline=None)
@given(book=tame_books, lines=feeders(fees=FEES), data=st.data())
def test_zonal_prices_never_gain_more_than_that(book: OrderBook, lines: Lines, data: st.DataObject) -> None:
    bus = data.draw(buses(len(book), lines))
    reached = gained_nano(ZONAL, book, on(book, lines, bus))
    assert 0 <= reached <= flow_optimum(book, lines, bus, lines.fee_micro_per_kwh) + 1e-6


def test_zonal_prices_reach_the_optimum_where_every_zone_is_one_sided() -> None:
    lines = Lines.of(3, toward=np.array([-1, 0, 0]), limit_wh=np.array([0, 60, 50]))
    book = book_of(("sell", 100, 10), ("sell", 100, 20), ("buy", 30, 40), ("buy", 90, 30))
    bus = np.array([1, 2, 0, 0])
    known = on(book, lines, bus)
    assert gained_nano(ZONAL, book, known) == flow_optimum(book, lines, bus, lines.fee_micro_per_kwh)
    assert gained_nano(ZONAL, book, context()) == optimum_welfare_nano(book)
