"""Level 2: positions, price and shares worked out by hand; whatever the communities bring, nothing is lost between them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import NO_FEES, book_of, books

from commonwatt.clearing import (
    CLEARINGS,
    ClearingContext,
    Position,
    meet_between,
    promise_findings,
    quoted,
    with_exchange,
)
from commonwatt.core.errors import BrokenPromise
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import NO_EXCHANGE, WITH_OTHERS, Agreement, Exchange, Reason
from commonwatt.core.tariff import Rates, clearing_book
from commonwatt.pricing import PRICINGS

RATES = replace(NO_FEES, retail_micro_per_kwh=300_000, feed_in_micro_per_kwh=100_000)
MECHANISMS = ("uniform_price", "mid_market_rate", "pay_as_bid", "no_market", "bill_sharing", "mcafee")


def position(*rows: tuple[str, int, int], rates: Rates = RATES) -> Position:
    return Position.of(clearing_book(book_of(*rows), rates), rates)


LONG = position(("sell", 600, 0), ("buy", 200, 300_000))
SHORT = position(("buy", 1000, 300_000), ("sell", 200, 0))


def test_what_is_long_here_and_short_there_crosses_at_the_ratio_of_both() -> None:
    met = meet_between([LONG, SHORT])

    assert (met.long_wh.tolist(), met.short_wh.tolist()) == ([400, 0], [0, 800])
    # SDR 1/2: 100 * 300 / (200 * 1/2 + 100) thousandths.
    assert met.price_micro_per_kwh == 150_000
    assert met.exchanges == (Exchange(400, 150_000), Exchange(-400, 150_000))


def test_the_long_share_what_the_short_want_in_proportion() -> None:
    met = meet_between([LONG, position(("sell", 200, 0)), position(("buy", 100, 300_000))])

    assert met.price_micro_per_kwh == 100_000
    assert [e.energy_wh for e in met.exchanges] == [67, 33, -100]


@pytest.mark.parametrize("positions", [[LONG, LONG], [SHORT, SHORT], [LONG, position()], [position(), position()], []])
def test_nothing_crosses_where_one_side_is_missing(positions: list[Position]) -> None:
    met = meet_between(positions)

    assert met.price_micro_per_kwh == 0
    assert met.exchanges == (NO_EXCHANGE,) * len(positions)


def test_orders_whose_limit_the_price_breaks_leave_and_the_price_is_worked_out_again() -> None:
    dear = position(("sell", 400, 250_000), ("sell", 400, 0))

    met = meet_between([dear, SHORT])

    # With all 800 the price is the feed-in, which the dear half refuses; without it 400 meet 800.
    assert met.long_wh.tolist() == [400, 0]
    assert met.exchanges[0] == Exchange(400, 150_000)


def test_a_community_whose_own_feed_in_is_better_keeps_its_energy() -> None:
    proud = position(("sell", 400, 0), rates=replace(RATES, feed_in_micro_per_kwh=200_000))

    met = meet_between([proud, position(("sell", 800, 0)), SHORT])

    assert met.exchanges[0] == NO_EXCHANGE
    assert met.exchanges[1].energy_wh == 800


def test_sellers_are_quoted_the_price_and_buyers_what_the_energy_costs_on_average() -> None:
    long_book = clearing_book(book_of(("sell", 600, 0), ("buy", 200, 300_000)), RATES)
    short_book = clearing_book(book_of(("buy", 1000, 300_000), ("sell", 200, 0)), RATES)

    seller = quoted(RATES, long_book, Exchange(400, 150_000))
    buyer = quoted(RATES, short_book, Exchange(-400, 150_000))

    assert (seller.feed_in_micro_per_kwh, seller.neighbour_ceiling_micro_per_kwh) == (150_000, 300_000)
    # 400 at 150 and 400 from the grid at 300.
    assert (buyer.feed_in_micro_per_kwh, buyer.neighbour_ceiling_micro_per_kwh) == (150_000, 225_000)
    assert quoted(RATES, short_book, NO_EXCHANGE) == RATES


def test_what_crosses_goes_to_the_orders_that_level_one_left() -> None:
    book = clearing_book(book_of(("sell", 300, 0), ("sell", 300, 0), ("buy", 200, 300_000)), RATES)
    own = cleared("uniform_price", book, RATES)

    agreement = with_exchange(book, own, Exchange(100, 150_000))

    crossing = agreement.trades.take(agreement.trades.round == WITH_OTHERS)
    assert crossing.energy_wh.tolist() == [50, 50]
    assert (crossing.buy_order == -1).all()
    assert (crossing.sell_price_micro_per_kwh == 150_000).all()
    assert agreement.reason.tolist() == [Reason.RATIONED, Reason.RATIONED, Reason.FILLED]


def test_more_than_the_orders_leave_is_a_broken_promise() -> None:
    book = clearing_book(book_of(("sell", 300, 0)), RATES)

    with pytest.raises(BrokenPromise, match="400 Wh at 150000"):
        with_exchange(book, Agreement.nothing(1, Reason.NO_COUNTERPART), Exchange(400, 150_000))


def cleared(name: str, book: OrderBook, rates: Rates) -> Agreement:
    return CLEARINGS.make(name).clear(clearing_book(book, rates), ClearingContext(7, rates, PRICINGS.make("midpoint")))


rates_of = st.builds(
    lambda feed_in, spread, fee: replace(
        RATES, feed_in_micro_per_kwh=feed_in, retail_micro_per_kwh=feed_in + spread, grid_fee_micro_per_kwh=fee
    ),
    st.integers(-50_000, 150_000),
    st.integers(0, 300_000),
    st.integers(0, 80_000),
)


@settings(max_examples=150, deadline=None)
@given(communities=st.lists(st.tuples(books(6), rates_of), max_size=5))
def test_nothing_is_lost_between_communities_and_each_can_keep_its_word(
    communities: list[tuple[OrderBook, Rates]],
) -> None:
    seen = [clearing_book(book, rates) for book, rates in communities]
    positions = [Position.of(book, rates) for book, (_, rates) in zip(seen, communities, strict=True)]

    met = meet_between(positions)

    assert sum(e.energy_wh for e in met.exchanges) == 0
    assert sum(e.energy_wh * e.price_micro_per_kwh for e in met.exchanges) == 0
    for book, (raw, rates), exchange in zip(seen, communities, met.exchanges, strict=True):
        if exchange.energy_wh > 0:
            assert exchange.price_micro_per_kwh >= rates.feed_in_micro_per_kwh
        if exchange.energy_wh < 0:
            assert exchange.price_micro_per_kwh <= rates.neighbour_ceiling_micro_per_kwh
        between = quoted(rates, book, exchange)
        for name in MECHANISMS:
            own = cleared(name, raw, between)
            both = with_exchange(book, own, exchange)
            left = both.trades.filled_wh(len(book))
            assert (left <= book.energy_wh).all()
            crossing = both.trades.take(both.trades.round == WITH_OTHERS)
            assert int(crossing.energy_wh.sum()) == abs(exchange.energy_wh)
            assert not promise_findings(clearing_book(raw, between), own, CLEARINGS.make(name).breaks)


@settings(max_examples=100, deadline=None)
@given(communities=st.lists(st.tuples(books(6), rates_of), min_size=1, max_size=5), seed=st.integers(0, 10))
def test_a_community_gets_the_same_whoever_else_is_heard_first(
    communities: list[tuple[OrderBook, Rates]], seed: int
) -> None:
    """Energy is shared by position, single Wh by place; the price and the positions never depend on the order."""
    positions = [Position.of(clearing_book(book, rates), rates) for book, rates in communities]
    order = np.random.default_rng(seed).permutation(len(positions))

    met, again = meet_between(positions), meet_between([positions[at] for at in order])

    assert again.price_micro_per_kwh == met.price_micro_per_kwh
    assert again.long_wh.tolist() == met.long_wh[order].tolist()
    assert all(
        abs(again.exchanges[place].energy_wh - met.exchanges[at].energy_wh) <= 1 for place, at in enumerate(order)
    )
