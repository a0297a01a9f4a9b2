"""Welfare in exact integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import book_of

from commonwatt.core.records import Trades
from commonwatt.core.units import exact_sum
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano

MOST = 2**31 - 1


def test_the_optimum_is_the_area_between_the_curves() -> None:
    # 3 Wh gain 20, 2 Wh gain 10; the offer at 40 and what is left of the bid at 15 stay out.
    book = book_of(("sell", 3, 10), ("sell", 4, 15), ("sell", 9, 40), ("buy", 3, 30), ("buy", 2, 25), ("buy", 4, 14))
    assert optimum_welfare_nano(book) == 3 * 20 + 2 * 10


def test_prices_move_money_but_not_welfare() -> None:
    book = book_of(("sell", 5, 10), ("buy", 5, 30))
    for price in (10, 17, 30):
        trades = Trades.of(2, energy_wh=5, sell_price_micro_per_kwh=price, buy_price_micro_per_kwh=price, round=1)
        pooled = trades.replaced(sell_order=np.array([0, -1]), buy_order=np.array([-1, 1]))
        paired = trades.replaced(sell_order=np.array([0, 0]), buy_order=np.array([1, 1])).take(np.array([0]))
        assert welfare_nano(book, pooled) == welfare_nano(book, paired) == 100


def test_a_book_that_cannot_trade_is_worth_nothing() -> None:
    for book in (book_of(), book_of(("sell", 5, 1)), book_of(("sell", 5, 10), ("buy", 5, 9))):
        assert optimum_welfare_nano(book) == 0
        assert welfare_nano(book, Trades.empty()) == 0


def test_the_largest_books_do_not_overflow() -> None:
    book = book_of(*[("sell", MOST, -MOST)] * 5, *[("buy", MOST, MOST)] * 5)
    trades = Trades.of(10, energy_wh=MOST, sell_order=0, buy_order=0, round=1).replaced(
        sell_order=np.array([*range(5), *[-1] * 5]), buy_order=np.array([*[-1] * 5, *range(5, 10)])
    )
    assert optimum_welfare_nano(book) == welfare_nano(book, trades) == 5 * MOST * 2 * MOST > 2**63


@pytest.mark.parametrize("row", [("buy", 5, MOST + 1), ("buy", 5, -MOST - 1), ("buy", 2**31, 0), ("buy", -1, 0)])
def test_values_out_of_range_are_refused_and_not_wrapped(row: tuple[str, int, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        optimum_welfare_nano(book_of(row, ("sell", 1, 1)))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_a_sum_is_exact_beyond_64_bits(values: list[int]) -> None:
    assert exact_sum(np.array(values, np.int64)) == sum(values)
