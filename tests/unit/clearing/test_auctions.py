"""Auctions that are baselines: what is paid in them, and what each gives up or declares."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import book_of, context, seeded_book

from commonwatt.clearing import CLEARINGS
from commonwatt.core.determinism import stream
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Trades
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano

BOOK = book_of(("sell", 5, 10), ("sell", 5, 20), ("buy", 7, 40), ("buy", 7, 25))
SINGLES = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.just(1), st.integers(-9, 9)), min_size=2, max_size=12)


def traded(name: str, book: OrderBook, **parameters: Any) -> Trades:
    return CLEARINGS.make(name, **parameters).clear(book, context()).trades


@pytest.mark.parametrize(
    ("payment", "sold_at", "bought_at"),
    [("bid", [40, 40, 25], [40, 40, 25]), ("ask", [10, 20, 20], [10, 20, 20]), ("own", [10, 20, 20], [40, 40, 25])],
)
def test_a_trade_is_paid_by_what_was_written(payment: str, sold_at: list[int], bought_at: list[int]) -> None:
    trades = traded("pay_as_bid", BOOK, payment=payment)
    assert trades.energy_wh.tolist() == [5, 2, 3]
    assert trades.sell_price_micro_per_kwh.tolist() == sold_at
    assert trades.buy_price_micro_per_kwh.tolist() == bought_at


def test_pay_as_bid_pairs_the_cheapest_offers_with_the_highest_bids() -> None:
    # A peer pairs the dearest offer with the dearest bid: 60 % of the attainable welfare at 1000 orders.
    book = seeded_book(2, 1000)
    assert welfare_nano(book, traded("pay_as_bid", book)) == optimum_welfare_nano(book)


def test_the_optimum_s_price_lies_between_who_trades_and_who_does_not() -> None:
    # The buyer at 25 gets 3 of 7 Wh, so 25 is the one price at which it wants neither more nor less.
    assert set(traded("central_optimum", BOOK).buy_price_micro_per_kwh.tolist()) == {25}
    even = book_of(("sell", 5, 10), ("buy", 5, 31), ("buy", 4, 18), ("sell", 4, 24))
    assert set(traded("central_optimum", even).buy_price_micro_per_kwh.tolist()) == {21}


def test_mcafee_prices_by_those_who_do_not_trade() -> None:
    book = book_of(("sell", 1, 10), ("sell", 1, 20), ("sell", 1, 28), ("buy", 1, 40), ("buy", 1, 30), ("buy", 1, 22))
    trades = traded("mcafee", book)
    assert len(trades) == 4
    assert set(trades.buy_price_micro_per_kwh.tolist()) == {25}


def test_mcafee_gives_up_the_last_trade_where_that_price_does_not_fit() -> None:
    book = book_of(("sell", 1, 10), ("sell", 1, 20), ("sell", 1, 90), ("buy", 1, 40), ("buy", 1, 30), ("buy", 1, 15))
    trades = traded("mcafee", book)
    assert trades.filled_wh(6).tolist() == [1, 0, 0, 1, 0, 0]
    assert trades.sell_price_micro_per_kwh[0] == 20
    assert trades.buy_price_micro_per_kwh[1] == 30


def test_mcafee_shares_the_longer_side_in_proportion() -> None:
    book = book_of(("sell", 6, 10), ("sell", 3, 11), ("sell", 5, 20), ("buy", 6, 40), ("buy", 5, 30))
    assert traded("mcafee", book).filled_wh(5).tolist() == [4, 2, 0, 6, 0]


def gain(name: str, book: OrderBook, row: int, true_limit: int) -> int:
    """What an order earns against its true limit."""
    trades = traded(name, book)
    sold, bought = trades.sell_order == row, trades.buy_order == row
    earned = (trades.energy_wh * (trades.sell_price_micro_per_kwh - true_limit))[sold].sum()
    return int(earned + (trades.energy_wh * (true_limit - trades.buy_price_micro_per_kwh))[bought].sum())


@pytest.mark.parametrize("name", ["mcafee", "vickrey_clarke_groves"])
@settings(max_examples=80, deadline=None)
@given(rows=SINGLES, told=st.integers(-10, 10), pick=st.integers(0, 11))
def test_nobody_gains_by_another_limit_than_the_true_one(
    name: str, rows: list[tuple[str, int, int]], told: int, pick: int
) -> None:
    book, row = book_of(*rows), pick % len(rows)
    limits = book.limit_micro_per_kwh.copy()
    true_limit, limits[row] = int(limits[row]), told
    assert gain(name, book.replaced(limit_micro_per_kwh=limits), row, true_limit) <= gain(name, book, row, true_limit)


def test_somebody_gains_by_another_limit_in_pay_as_bid() -> None:
    told = book_of(("sell", 5, 10), ("sell", 5, 20), ("buy", 7, 26), ("buy", 7, 25))
    assert gain("pay_as_bid", told, 2, 40) > gain("pay_as_bid", BOOK, 2, 40)


def without(book: OrderBook, member: int) -> int:
    return optimum_welfare_nano(book.take(book.member != member))


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 9), st.integers(-9, 9)), min_size=1, max_size=12
    ),
    sharing=st.integers(1, 4),
)
def test_vickrey_payments_are_what_the_others_lose(rows: list[tuple[str, int, int]], sharing: int) -> None:
    """Against the definition, member by member, with the optimum of the book without each."""
    # Members of several orders: `sharing` buyers and as many sellers.
    members = [index % sharing + (100 if side == "sell" else 0) for index, (side, _, _) in enumerate(rows)]
    book = book_of(*rows, members=members)
    trades = traded("vickrey_clarke_groves", book)
    filled, welfare = trades.filled_wh(len(book)), optimum_welfare_nano(book)
    assert welfare_nano(book, trades) == welfare
    for member in set(members):
        own = book.member == member
        sells, energy = bool(book.is_sell[own][0]), int(filled[own].sum())
        if not energy:
            continue
        value = int((np.where(book.is_sell, -1, 1) * book.limit_micro_per_kwh * filled)[own].sum())
        pays = without(book, member) - welfare + value
        mine = np.isin(trades.sell_order if sells else trades.buy_order, np.flatnonzero(own))
        price = set((trades.sell_price_micro_per_kwh if sells else trades.buy_price_micro_per_kwh)[mine].tolist())
        assert price == {(-pays) // energy if sells else -((-pays) // energy)}


def test_vickrey_amounts_beyond_64_bits_are_exact() -> None:
    top = 2**31 - 1
    book = book_of(*[("sell", top, -top)] * 6, *[("buy", top, top)] * 5, ("buy", top, top - 1))
    trades = traded("vickrey_clarke_groves", book)
    sells = trades.sell_order >= 0
    # Without a seller the cheapest bid goes unserved: the seller is paid that bid. Without a buyer a seller is idle: the buyer pays its limit.
    assert set(trades.sell_price_micro_per_kwh[sells].tolist()) == {top - 1}
    assert set(trades.buy_price_micro_per_kwh[~sells].tolist()) == {-top}


def test_random_meetings_are_drawn_from_the_slot_s_stream() -> None:
    book = seeded_book(3, 60)
    clear = CLEARINGS.make("random_matching").clear

    def fills(seed: int) -> list[int]:
        drawn = context()
        object.__setattr__(drawn, "rng", stream(seed, "clearing", 7))
        filled: list[int] = clear(book, drawn).trades.filled_wh(60).tolist()
        return filled

    assert fills(1) == fills(1) != fills(2)


def test_after_random_matching_nobody_is_left_who_could_still_agree() -> None:
    for seed in range(40):
        book = seeded_book(seed, 30)
        for rounds in (1, 8):
            left = book.energy_wh - traded("random_matching", book, rounds=rounds).filled_wh(30)
            asks, bids = (book.limit_micro_per_kwh[(left > 0) & (book.is_sell == side)] for side in (True, False))
            assert not len(asks) or not len(bids) or asks.min() > bids.max()
