"""The uniform price: who is rationed, which price is chosen, what is said to whom."""

import numpy as np
import pytest
from tests.fakes.books import book_of, context

from commonwatt.clearing import CLEARINGS
from commonwatt.clearing.uniform_price import energy_rank_price
from commonwatt.core.determinism import stream
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason


def cleared(book: OrderBook) -> tuple[list[int], int, list[str]]:
    """Fills, price and reasons."""
    agreement: Agreement = CLEARINGS.make("uniform_price").clear(book, context())
    price = int(agreement.trades.sell_price_micro_per_kwh[0])
    return agreement.trades.filled_wh(len(book)).tolist(), price, [Reason(int(r)).name for r in agreement.reason]


def test_the_price_is_half_way_between_the_last_limits_that_trade() -> None:
    book = book_of(("sell", 5, 10), ("buy", 5, 31))
    assert cleared(book) == ([5, 5], 20, ["FILLED", "FILLED"])


def test_limits_that_do_not_trade_narrow_the_prices() -> None:
    # 10..31 would do for the two who trade, but at less than 18 the second buyer wants energy too, above 24 the second seller sells.
    book = book_of(("sell", 5, 10), ("buy", 5, 31), ("buy", 4, 18), ("sell", 4, 24))
    assert cleared(book) == ([5, 5, 0, 0], 21, ["FILLED", "FILLED", "PRICE", "PRICE"])


def test_an_order_without_energy_moves_no_price() -> None:
    book = book_of(("sell", 5, 10), ("buy", 5, 31), ("sell", 0, 12), ("buy", 0, 29))
    assert cleared(book)[1] == 20


def test_sellers_at_the_price_share_what_is_left_in_proportion() -> None:
    book = book_of(("sell", 4, 5), ("sell", 6, 10), ("sell", 3, 10), ("sell", 9, 12), ("buy", 10, 20))
    # 6 Wh are left for 6 + 3 at the limit 10: 4 and 2.
    assert cleared(book) == ([4, 4, 2, 0, 10], 10, ["FILLED", "RATIONED", "RATIONED", "PRICE", "FILLED"])


def test_buyers_at_the_price_share_what_is_left_in_proportion() -> None:
    book = book_of(("buy", 4, 20), ("buy", 6, 10), ("buy", 3, 10), ("buy", 9, 7), ("sell", 10, 1))
    assert cleared(book) == ([4, 4, 2, 0, 10], 10, ["FILLED", "RATIONED", "RATIONED", "PRICE", "FILLED"])


def test_equal_remainders_go_to_the_earlier_order() -> None:
    book = book_of(("sell", 1, 10), ("sell", 1, 10), ("sell", 1, 10), ("buy", 2, 20))
    assert cleared(book) == ([1, 1, 0, 2], 10, ["FILLED", "FILLED", "RATIONED", "FILLED"])


def test_the_longer_side_is_rationed_where_everything_is_tied() -> None:
    book = book_of(("sell", 6, 10), ("sell", 2, 10), ("buy", 3, 10), ("buy", 1, 10))
    assert cleared(book) == ([3, 1, 3, 1], 10, ["RATIONED", "RATIONED", "FILLED", "FILLED"])


def test_orders_that_gain_nothing_trade_as_well() -> None:
    book = book_of(("sell", 5, 10), ("buy", 3, 10), ("buy", 1, 30))
    assert cleared(book) == ([4, 3, 1], 10, ["RATIONED", "FILLED", "FILLED"])


def test_a_seller_at_the_price_that_nobody_needs_is_told_it_was_rationed() -> None:
    book = book_of(("sell", 5, 10), ("sell", 5, 10), ("sell", 5, 11), ("buy", 10, 11), ("buy", 2, 10))
    # Supply at 10 meets the demand above 10 exactly, so prices 10 and 11 clear; the midpoint rounds down to 10.
    assert cleared(book) == ([5, 5, 0, 10, 0], 10, ["FILLED", "FILLED", "PRICE", "FILLED", "RATIONED"])


def test_negative_prices_round_towards_minus_infinity() -> None:
    book = book_of(("sell", 5, -10), ("buy", 5, -3))
    assert cleared(book) == ([5, 5], -7, ["FILLED", "FILLED"])


def test_a_side_that_is_missing_is_named() -> None:
    agreement = CLEARINGS.make("uniform_price").clear(book_of(("sell", 5, -10), ("sell", 5, 3)), context())
    assert agreement.reason.tolist() == [Reason.NO_COUNTERPART, Reason.NO_COUNTERPART]


def test_limits_apart_are_named() -> None:
    agreement = CLEARINGS.make("uniform_price").clear(book_of(("sell", 5, 4), ("buy", 5, 3)), context())
    assert agreement.reason.tolist() == [Reason.PRICE, Reason.PRICE]


@pytest.mark.parametrize(
    ("spread", "most_wh"),
    [(2**31 - 1, 5000), (40, 5000), (0, 5000), (300_000, 2**31 - 1), (2**31 - 1, 2**40)],
    ids=["wide", "ties", "one limit", "much energy", "more than floats can add"],
)
def test_histograms_find_the_same_limit_as_a_sort(spread: int, most_wh: int) -> None:
    draw = stream(8, "rank", spread, most_wh)
    limit, energy = draw.integers(-spread, spread + 1, 20_000), draw.integers(0, most_wh, 20_000)
    limit[0] = 2**31 - 1  # an outlier, so that the first histogram tells little
    order = np.argsort(limit, kind="stable")
    up_to = np.cumsum(energy[order])
    total = int(energy.sum())
    for rank in (1, total // 3, total // 2, total - 1, total):
        assert energy_rank_price(limit, energy, rank) == limit[order[np.searchsorted(up_to, rank)]]
