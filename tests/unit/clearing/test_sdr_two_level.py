"""Two levels of prices: each level against fractions, who is served first, who leaves, bills that balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import NO_FEES, book_of, books, context, seeded_book

from commonwatt.clearing import CLEARINGS, OrderFacts, promise_findings
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason
from commonwatt.core.tariff import Rates

RATES = replace(NO_FEES, retail_micro_per_kwh=300, feed_in_micro_per_kwh=80)
WILLING = {"sell": 80, "buy": 300}


def cleared(
    book: OrderBook, microgrid: Sequence[int] | None = None, trust: Sequence[float] | None = None, rates: Rates = RATES
) -> Agreement:
    facts = OrderFacts.unknown(len(book))
    if microgrid is not None:
        facts = facts.replaced(microgrid=np.array(microgrid, np.int64))
    if trust is not None:
        facts = facts.replaced(trust=np.array(trust, np.float64))
    return CLEARINGS.make("sdr_two_level").clear(book, replace(context(rates=rates), facts=facts))


def rows_of(agreement: Agreement) -> list[tuple[int, int, int, int]]:
    """Round, order, Wh and price of each fill."""
    trades = agreement.trades
    assert (trades.sell_price_micro_per_kwh == trades.buy_price_micro_per_kwh).all()
    order = np.maximum(trades.sell_order, trades.buy_order)
    columns = (trades.round, order, trades.energy_wh, trades.sell_price_micro_per_kwh)
    return [(int(n), int(o), int(e), int(p)) for n, o, e, p in zip(*columns, strict=True)]


def reasons(agreement: Agreement) -> list[str]:
    return [Reason(int(reason)).name for reason in agreement.reason]


def fills(agreement: Agreement) -> list[int]:
    filled: list[int] = agreement.trades.filled_wh(len(agreement.reason)).tolist()
    return filled


def ratio_price(supply: int, demand: int, low: Fraction, high: Fraction) -> Fraction:
    ratio = Fraction(supply, demand)
    return low if ratio >= 1 else low * high / ((high - low) * ratio + low)


def willing(*rows: tuple[str, int]) -> OrderBook:
    """A book whose limits allow every price between feed-in and retail."""
    return book_of(*((side, energy, WILLING[side]) for side, energy in rows))


def test_one_microgrid_is_priced_by_the_ratio_alone() -> None:
    # 80 x 300 / (220 x 1/2 + 80) = 126.3
    agreement = cleared(willing(("sell", 50), ("buy", 60), ("buy", 40)))
    assert rows_of(agreement) == [(1, 0, 50, 126), (1, 1, 30, 126), (1, 2, 20, 126)]
    assert reasons(agreement) == ["FILLED", "RATIONED", "RATIONED"]


def test_with_more_supply_than_demand_neighbours_pay_the_feed_in_price() -> None:
    assert rows_of(cleared(willing(("sell", 50), ("buy", 20)))) == [(1, 0, 20, 80), (1, 1, 20, 80)]


def test_two_microgrids_trade_on_level_two_and_then_inside() -> None:
    # Net +60 against -120: level 2 sells at 80 x 300 / (220 x 1/2 + 80) = 126 and costs (126 + 300) / 2 = 213 on average.
    # Inside the short one 40 Wh of 160: 126 x 213 / (87 x 1/4 + 126) = 181.6.
    book = willing(("sell", 100), ("buy", 40), ("sell", 40), ("buy", 160))
    agreement = cleared(book, microgrid=[0, 0, 1, 1])
    expected = [
        (1, 0, 40, 126),
        (1, 1, 40, 126),
        (1, 2, 40, 181),
        (1, 3, 40, 181),
        (2, 0, 60, 126),
        (2, 3, 60, 126),
    ]
    assert rows_of(agreement) == expected
    assert reasons(agreement) == ["FILLED", "FILLED", "FILLED", "RATIONED"]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["sell", "buy"]), st.integers(1, 900), st.integers(0, 2)), max_size=12),
    feed_in=st.integers(1, 299),
)
def test_both_levels_follow_the_ratio_and_stay_between_the_utility_s_prices(
    rows: list[tuple[str, int, int]], feed_in: int
) -> None:
    rates = replace(RATES, feed_in_micro_per_kwh=feed_in)
    book = book_of(*(("sell", e, feed_in) if side == "sell" else ("buy", e, 300) for side, e, _ in rows))
    agreement = cleared(book, microgrid=[grid for *_, grid in rows], rates=rates)
    assert promise_findings(book, agreement) == []
    sums = {g: [sum(e for s, e, own in rows if (s, own) == (side, g)) for side in ("sell", "buy")] for g in range(3)}
    long = sum(max(s - d, 0) for s, d in sums.values())
    short = sum(max(d - s, 0) for s, d in sums.values())
    low, high = Fraction(feed_in), Fraction(300)
    if long and short:
        low = Fraction(int(ratio_price(long, short, low, high)))
        share = min(Fraction(long, short), Fraction(1))
        high = max(low, Fraction(-int(-(low * share + 300 * (1 - share)) // 1)))
    for number, order, _, price in rows_of(agreement):
        supply, demand = sums[rows[order][2]]
        assert price == int(low if number == 2 else ratio_price(supply, demand, low, high))
        assert feed_in <= price <= 300
    traded = sum(energy for _, order, energy, _ in rows_of(agreement) if rows[order][0] == "sell")
    assert traded == sum(min(s, d) for s, d in sums.values()) + min(long, short)


@settings(max_examples=100, deadline=None)
@given(book=books(), data=st.data())
def test_any_book_in_any_microgrids_keeps_the_promises(book: OrderBook, data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(-1, 2), min_size=len(book), max_size=len(book)))
    trust = data.draw(
        st.lists(st.sampled_from([0.0, 2.5, 3.0, 5.0, float("nan")]), min_size=len(book), max_size=len(book))
    )
    agreement = cleared(book, places, trust, rates=replace(NO_FEES, retail_micro_per_kwh=3, feed_in_micro_per_kwh=-2))
    assert promise_findings(book, agreement) == []
    for number in (1, 2):
        own = agreement.trades.round == number
        sold = own & (agreement.trades.sell_order >= 0)
        assert agreement.trades.energy_wh[sold].sum() * 2 == agreement.trades.energy_wh[own].sum()


def test_two_microgrids_that_are_both_short_trade_inside_at_the_utility_s_prices() -> None:
    book = willing(("sell", 50), ("buy", 100), ("sell", 50), ("buy", 100))
    assert rows_of(cleared(book, microgrid=[0, 0, 1, 1])) == [(1, row, 50, 126) for row in range(4)]


def test_the_most_rating_points_are_served_first_and_few_points_cap_an_order() -> None:
    book = willing(("sell", 100), ("buy", 100), ("buy", 100), ("buy", 100))
    # 1, 3 and 4 points: caps of 50 and 90 Wh; the one with 4 takes all there is.
    agreement = cleared(book, trust=[5.0, 1.0, 3.5, 4.0])
    assert fills(agreement) == [100, 0, 0, 100]
    agreement = cleared(willing(("sell", 300), ("buy", 100), ("buy", 100), ("buy", 100)), trust=[5.0, 1.0, 3.5, 4.0])
    assert fills(agreement) == [240, 50, 90, 100]
    assert reasons(agreement) == ["RATIONED", "TRUST", "TRUST", "FILLED"]


def test_buyers_with_few_points_reach_only_the_dearer_energy_of_their_own_microgrid() -> None:
    book = willing(("sell", 100), ("sell", 60), ("buy", 100), ("buy", 120))
    agreement = cleared(book, [0, 1, 1, 1], [4.0, 4.0, 4.0, 2.0])
    bought = [(number, order, energy) for number, order, energy, _ in rows_of(agreement) if order >= 2]
    # Wanted 100 and 90 (75 % of 120): 60 from inside, 100 from the other microgrid, which the first buyer takes.
    assert bought == [(1, 3, 60), (2, 2, 100)]
    prices = {number: price for number, _, _, price in rows_of(agreement)}
    assert prices[2] < prices[1]


def test_whoever_s_limit_the_price_breaks_leaves_for_good_and_both_levels_are_computed_again() -> None:
    # All three: 80 x 300 / (220 x 50 / 100 + 80) = 126. The buyer at 120 leaves: supply meets demand, the price is 80; it stays away.
    book = book_of(("sell", 50, 80), ("buy", 50, 300), ("buy", 50, 120))
    agreement = cleared(book)
    assert rows_of(agreement) == [(1, 0, 50, 80), (1, 1, 50, 80)]
    assert reasons(agreement) == ["FILLED", "FILLED", "PRICE"]


def test_a_large_book_of_many_microgrids_clears() -> None:
    book = seeded_book(4, 20_000, 0, 300)
    places = (np.arange(20_000) % 700).tolist()
    agreement = cleared(book, places)
    assert promise_findings(book, agreement) == []
    assert len(agreement.trades) > 1000
