"""Both auctions against references that share no code with them: a linear programme, queues, prices tried one by one."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from tests.fakes.books import book_of, context, seeded_book

from commonwatt.clearing import CLEARINGS
from commonwatt.core.orders import OrderBook, Preference, Source
from commonwatt.core.records import Trades
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano

UNIFORM, TWO_ROUND = CLEARINGS.make("uniform_price"), CLEARINGS.make("two_round_double_auction")
RENEWABLE = {int(Source.PV), int(Source.WIND)}


@st.composite
def tame_books(draw: st.DrawFn, most_orders: int = 10) -> OrderBook:
    """Limits close together, so that they tie and cross, and small enough for a solver in floats to be exact."""
    row = st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 40),
        st.integers(-6, 6),
        st.sampled_from([int(s) for s in Source]),
        st.sampled_from([int(p) for p in Preference]),
    )
    return book_of(*draw(st.lists(row, min_size=1, max_size=most_orders)))


def linear_optimum(book: OrderBook, bonus: float = 0.0) -> tuple[float, float]:
    """Welfare and volume by HiGHS: fills between 0 and the wish, sold = bought; `bonus` is added to every traded Wh."""
    sign = np.where(book.is_sell, -1.0, 1.0)
    gain = sign * book.limit_micro_per_kwh + bonus * ~book.is_sell
    bounds = [(0, energy) for energy in book.energy_wh.tolist()]
    solved = linprog(-gain, A_eq=[sign], b_eq=[0], bounds=bounds, method="highs")
    assert solved.status == 0
    return -float(solved.fun), float(solved.x[~book.is_sell].sum())


def by_queues(book: OrderBook) -> list[tuple[int, int, int, int]]:
    """The two rounds as the paper tells them: take the heads of both queues, again and again."""
    limit, left, trades = book.limit_micro_per_kwh.tolist(), book.energy_wh.tolist(), []
    for number in (1, 2):
        rows = [r for r in range(len(book)) if left[r] > 0]
        sells = [r for r in rows if book.is_sell[r] and (number == 2 or book.source[r] in RENEWABLE)]
        buys = [r for r in rows if not book.is_sell[r] and (number == 2 or book.preference[r] == Preference.RENEWABLE)]
        sells.sort(key=lambda r: (limit[r], r))
        buys.sort(key=lambda r: (-limit[r], r))
        while sells and buys and limit[sells[0]] <= limit[buys[0]]:
            sell, buy = sells[0], buys[0]
            energy = min(left[sell], left[buy])
            trades.append((sell, buy, energy, number))
            for queue in (sells, buys):
                left[queue[0]] -= energy
                if not left[queue[0]]:
                    queue.pop(0)
    return trades


def rows_of(trades: Trades) -> list[tuple[int, int, int, int]]:
    columns = (trades.sell_order, trades.buy_order, trades.energy_wh, trades.round)
    return [(int(s), int(b), int(e), int(r)) for s, b, e, r in zip(*columns, strict=True)]


def clearing_prices(book: OrderBook) -> list[int]:
    """Every whole price in reach of the limits at which what must trade on one side fits what may trade on the other."""
    limit, energy, sell = book.limit_micro_per_kwh, book.energy_wh, book.is_sell
    found = []
    for price in range(int(limit.min()), int(limit.max()) + 1):
        must_sell, may_sell = energy[sell & (limit < price)].sum(), energy[sell & (limit <= price)].sum()
        must_buy, may_buy = energy[~sell & (limit > price)].sum(), energy[~sell & (limit >= price)].sum()
        if must_sell <= may_buy and must_buy <= may_sell:
            found.append(price)
    return found


@settings(max_examples=120, deadline=None)
@given(book=tame_books())
def test_uniform_price_reaches_the_linear_optimum_with_the_largest_volume(book: OrderBook) -> None:
    trades = UNIFORM.clear(book, context()).trades
    assert welfare_nano(book, trades) == round(linear_optimum(book)[0])
    # A quarter micro a Wh decides among optima of equal welfare only: limits are whole.
    assert int(trades.energy_wh[trades.buy_order >= 0].sum()) == round(linear_optimum(book, bonus=0.25)[1])


@settings(max_examples=120, deadline=None)
@given(book=tame_books())
def test_uniform_price_is_the_midpoint_of_all_clearing_prices(book: OrderBook) -> None:
    trades = UNIFORM.clear(book, context()).trades
    if len(trades):
        prices = clearing_prices(book)
        assert set(trades.sell_price_micro_per_kwh.tolist()) == {(prices[0] + prices[-1]) >> 1}
        assert (trades.sell_price_micro_per_kwh == trades.buy_price_micro_per_kwh).all()


@settings(max_examples=120, deadline=None)
@given(book=tame_books())
def test_uniform_price_fills_who_gains_and_shares_the_rest_in_proportion(book: OrderBook) -> None:
    trades = UNIFORM.clear(book, context()).trades
    filled = trades.filled_wh(len(book))
    if not len(trades):
        return
    price, limit = int(trades.sell_price_micro_per_kwh[0]), book.limit_micro_per_kwh
    gains = np.where(book.is_sell, limit < price, limit > price)
    assert (filled[gains] == book.energy_wh[gains]).all()
    for side in (True, False):
        at = np.flatnonzero((book.is_sell == side) & (limit == price))
        wished, got = int(book.energy_wh[at].sum()), int(filled[at].sum())
        for row in at:
            assert abs(Fraction(int(filled[row])) - Fraction(int(book.energy_wh[row]) * got, wished)) < 1


@settings(max_examples=150, deadline=None)
@given(book=tame_books())
def test_two_rounds_trade_as_the_queues_of_the_paper(book: OrderBook) -> None:
    assert rows_of(TWO_ROUND.clear(book, context()).trades) == by_queues(book)


@settings(max_examples=100, deadline=None)
@given(book=tame_books())
def test_each_of_the_two_rounds_is_optimal_for_who_takes_part(book: OrderBook) -> None:
    trades = TWO_ROUND.clear(book, context()).trades
    takes_part = np.where(
        book.is_sell, np.isin(book.source, list(RENEWABLE)), book.preference == int(Preference.RENEWABLE)
    )
    first, second = trades.take(trades.round == 1), trades.take(trades.round == 2)
    of_first = book.replaced(energy_wh=book.energy_wh * takes_part)
    assert welfare_nano(book, first) == round(linear_optimum(of_first)[0])
    of_second = book.replaced(energy_wh=book.energy_wh - first.filled_wh(len(book)))
    assert welfare_nano(book, second) == round(linear_optimum(of_second)[0])
    assert welfare_nano(book, trades) <= round(linear_optimum(book)[0])


@settings(max_examples=120, deadline=None)
@given(book=tame_books())
def test_the_closed_form_of_the_optimum_is_the_linear_one(book: OrderBook) -> None:
    assert optimum_welfare_nano(book) == round(linear_optimum(book)[0])


@pytest.mark.parametrize("orders", [300, 2000])
def test_both_auctions_agree_with_the_references_on_larger_books(orders: int) -> None:
    book = seeded_book(5, orders)
    assert rows_of(TWO_ROUND.clear(book, context()).trades) == by_queues(book)
    welfare = welfare_nano(book, UNIFORM.clear(book, context()).trades)
    assert welfare == pytest.approx(linear_optimum(book)[0], rel=1e-9)
