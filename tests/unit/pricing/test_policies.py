"""The policies that look at the book or the tariff: the figures of their formulas, worked out by hand, and what they must not do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.fakes.books import NO_FEES, book_of, context

from commonwatt.clearing import CLEARINGS, ClearingContext, HasDuals, Lines, OrderFacts
from commonwatt.core.orders import OrderBook
from commonwatt.core.supply_demand import supply_demand_price_micro_per_kwh
from commonwatt.core.tariff import Rates
from commonwatt.pricing import PRICINGS, PricingContext

RATES = replace(NO_FEES, retail_micro_per_kwh=300_000, feed_in_micro_per_kwh=80_000)
WIDE = (np.array([0]), np.array([1_000_000]))


def priced(policy: str, supply_wh: int, demand_wh: int, rates: Rates = RATES, **parameters: Any) -> int:
    made = PRICINGS.make(policy, **parameters)
    return int(made.price(*WIDE, PricingContext(7, rates, supply_wh, demand_wh))[0])


@pytest.mark.parametrize(
    ("supply_wh", "expected"),
    # FiT RT / ((RT - FiT) SDR + FiT) = 24e9 / (220 000 SDR + 80 000), rounded down
    [(0, 300_000), (100, 235_294), (500, 126_315), (999, 80_058), (1000, 80_000), (5000, 80_000)],
)
def test_the_ratio_leads_from_retail_to_feed_in(supply_wh: int, expected: int) -> None:
    assert priced("supply_demand_ratio", supply_wh, 1000) == expected


def test_without_a_positive_feed_in_the_ratio_leads_along_a_straight_line() -> None:
    prices = [supply_demand_price_micro_per_kwh(supply, 1000, -100, 300) for supply in (0, 250, 251, 500, 1000, 2000)]
    assert prices == [300, 200, 199, 100, -100, -100]
    assert supply_demand_price_micro_per_kwh(10, 1000, 300, 300) == 300
    assert supply_demand_price_micro_per_kwh(10, 0, 80, 300) == 80


def test_the_ratios_price_never_rises_with_supply() -> None:
    for feed_in in (-50_000, 0, 1, 80_000):
        prices = [supply_demand_price_micro_per_kwh(supply, 997, feed_in, 300_000) for supply in range(1100)]
        assert prices == sorted(prices, reverse=True)
        assert (prices[0], prices[-1]) == (300_000, feed_in)


def test_a_threshold_of_requested_energy_parts_on_peak_from_off_peak() -> None:
    asked: dict[str, Any] = {"threshold_wh": 2000, "on_peak_micro_per_kwh": 250_000, "off_peak_micro_per_kwh": 120_000}
    assert [priced("threshold", 10**6, demand, **asked) for demand in (0, 1999, 2000, 9000)] == [
        120_000,
        120_000,
        250_000,
        250_000,
    ]


def test_time_of_use_follows_the_tariffs_windows() -> None:
    night = replace(RATES, retail_micro_per_kwh=200_000)
    assert [priced("time_of_use", 1, 1, rates) for rates in (RATES, night)] == [190_000, 140_000]
    assert priced("time_of_use", 1, 1, share=0.25) == 135_000


def test_a_dynamic_price_rises_with_scarcity_within_the_tariff() -> None:
    asked: dict[str, Any] = {"base_micro_per_kwh": 150_000, "phi_micro_per_kwh": 50_000}
    # 150 000 + 50 000 (D - S) / (S + 1), rounded down
    assert priced("dynamic", 999, 1999, **asked) == 200_000
    assert priced("dynamic", 1999, 999, **asked) == 125_000
    assert priced("dynamic", 0, 2000, **asked) == 300_000, "not above retail"
    assert priced("dynamic", 10**6, 0, **asked, epsilon_wh=1) == 100_000
    assert priced("dynamic", 1, 1, base_micro_per_kwh=10) == 80_000, "not below feed-in"


def test_congestion_and_trust_move_a_dynamic_price() -> None:
    policy = PRICINGS.make("dynamic", kappa_micro_per_kwh=40_000, delta_micro_per_kwh=10_000)
    low, high = np.zeros(3, np.int64), np.full(3, 10**6)
    known = PricingContext(7, RATES, 5, 5, np.array([0.0, 1.0, 0.5]), np.array([0.0, 0.0, 1.0]))
    assert policy.price(low, high, known).tolist() == [150_000, 140_000, 185_000]


def test_as_printed_trust_lowers_the_price_and_a_negative_delta_raises_it() -> None:
    book = book_of(("sell", 100, 90_000), ("buy", 100, 290_000))
    asked = context(rates=RATES)
    facts = OrderFacts.unknown(2)
    trusted = facts.replaced(trust=np.array([1.0, np.nan]))
    paid = {}
    for delta in (30_000, -30_000):
        pricing = PRICINGS.make("dynamic", delta_micro_per_kwh=delta)
        paid[delta] = [
            int(
                CLEARINGS.make("two_round_double_auction")
                .clear(book, replace(asked, pricing=pricing, facts=known))
                .trades.sell_price_micro_per_kwh[0]
            )
            for known in (None, facts, trusted)
        ]
    assert paid == {30_000: [150_000, 150_000, 120_000], -30_000: [150_000, 150_000, 180_000]}


def test_a_mechanism_tells_its_policy_what_the_whole_book_holds() -> None:
    """Two books with the same margin: where far more is asked for than offered, the price is higher."""
    asked = replace(context(rates=RATES), pricing=PRICINGS.make("supply_demand_ratio"))
    prices = []
    for more_wh in (0, 800):
        book = book_of(("sell", 200, 90_000), ("buy", 200, 290_000), ("buy", 800 + more_wh, 85_000))
        trades = CLEARINGS.make("uniform_price").clear(book, asked).trades
        prices.append(int(trades.sell_price_micro_per_kwh[0]))
    # SDR 0.2 and 200 / 1800
    assert prices == [193_548, 229_787]


def located(book: OrderBook, mechanism: str, known: ClearingContext) -> list[tuple[int, int, int]]:
    trades = CLEARINGS.make(mechanism).clear(book, replace(known, pricing=PRICINGS.make("locational"))).trades
    return list(
        zip(
            trades.sell_order.tolist(), trades.buy_order.tolist(), trades.sell_price_micro_per_kwh.tolist(), strict=True
        )
    )


def test_without_wires_every_pair_has_the_price_that_would_clear_the_whole_book() -> None:
    # Two offers fill the best bid; at any price from 190 000 (the bid left over) to 250 000 (the offer left over) nobody else trades.
    book = book_of(
        ("sell", 100, 90_000),
        ("sell", 100, 150_000),
        ("sell", 100, 250_000),
        ("buy", 200, 290_000),
        ("buy", 50, 190_000),
    )
    pairs = located(book, "two_round_double_auction", context(rates=RATES))
    assert {price for _, _, price in pairs} == {220_000}
    midpoints = CLEARINGS.make("two_round_double_auction").clear(book, context(rates=RATES)).trades
    assert len(set(midpoints.sell_price_micro_per_kwh.tolist())) > 1


def test_a_full_line_parts_the_prices_of_its_ends() -> None:
    """Bus 1 hangs on bus 0 by a line of 50 Wh: energy is cheap behind it, dear before it, and between for a pair across."""
    lines = Lines.of(2, toward=np.array([-1, 0]), limit_wh=np.array([1000, 50]))
    book = book_of(
        ("sell", 500, 90_000), ("buy", 50, 290_000), ("buy", 40, 240_000), ("sell", 30, 200_000), ("buy", 100, 130_000)
    )
    facts = OrderFacts.unknown(5).replaced(bus=np.array([1, 0, 0, 0, 1]))
    wired = replace(context(rates=RATES), facts=facts, lines=lines)
    nodal = CLEARINGS.make("multi_criteria", price="nodal")
    assert isinstance(nodal, HasDuals)
    at = nodal.duals(book, wired).bus_micro_per_kwh
    assert at is not None
    # Behind the line 400 Wh are left unsold at 90 000; before it the second buyer is short of 10 Wh at 240 000.
    assert at.tolist() == [240_000, 90_000]
    prices = {(sell, buy): price for sell, buy, price in located(book, "token_ring", wired)}
    expected = {(0, 1): 165_000, (0, 2): 165_000, (0, 4): 90_000, (3, 1): 240_000, (3, 2): 240_000}
    assert prices
    assert prices.items() <= expected.items()


def test_one_price_for_all_has_no_place_and_is_half_way() -> None:
    policy = PRICINGS.make("locational")
    assert policy.price(np.array([10]), np.array([21]), PricingContext(7, RATES)).tolist() == [15]
