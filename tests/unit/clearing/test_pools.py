"""One price from the tariff: who takes part, what the price is, how energy is shared under each key."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import NO_FEES, book_of, books, context

from commonwatt.clearing import CLEARINGS, OrderFacts
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason
from commonwatt.core.tariff import Rates
from commonwatt.pricing import PRICINGS

RATES = replace(NO_FEES, retail_micro_per_kwh=300, feed_in_micro_per_kwh=80)
WITH_FEES = replace(
    RATES, grid_fee_micro_per_kwh=40, tax_micro_per_kwh=20, local_fee_micro_per_kwh=15, local_tax_micro_per_kwh=5
)
KEYS = ("dynamic", "static", "ranked")


def cleared(name: str, book: OrderBook, rates: Rates = RATES, **parameters: Any) -> Agreement:
    return CLEARINGS.make(name, **parameters).clear(book, context(rates=rates))


def prices(agreement: Agreement) -> set[int]:
    trades = agreement.trades
    assert (trades.sell_price_micro_per_kwh == trades.buy_price_micro_per_kwh).all()
    return set(trades.sell_price_micro_per_kwh.tolist())


def fills(agreement: Agreement) -> list[int]:
    filled: list[int] = agreement.trades.filled_wh(len(agreement.reason)).tolist()
    return filled


def reasons(agreement: Agreement) -> list[str]:
    return [Reason(int(reason)).name for reason in agreement.reason]


def test_the_mid_market_rate_is_half_way_between_feed_in_and_retail() -> None:
    book = book_of(("sell", 6, 80), ("sell", 3, 80), ("buy", 6, 300))
    agreement = cleared("mid_market_rate", book)
    assert prices(agreement) == {190}
    assert fills(agreement) == [4, 2, 6]
    assert reasons(agreement) == ["RATIONED", "RATIONED", "FILLED"]


def test_with_fees_the_upper_end_is_what_the_grid_s_energy_costs_less_local_charges() -> None:
    assert WITH_FEES.neighbour_ceiling_micro_per_kwh == 340
    assert prices(cleared("mid_market_rate", book_of(("sell", 6, 80), ("buy", 6, 340)), WITH_FEES)) == {210}


def test_sharing_the_local_energy_comes_to_the_bill_of_the_paper() -> None:
    # Long et al.: with a surplus a seller's average price is (demand x mid + surplus x feed-in) / generation.
    book = book_of(("sell", 400, 80), ("sell", 600, 80), ("buy", 250, 300))
    sold = np.array(fills(cleared("mid_market_rate", book))[:2])
    income = sold * 190 + (book.energy_wh[:2] - sold) * 80
    assert income.tolist() == (book.energy_wh[:2] * (250 * 190 + 750 * 80) // 1000).tolist()


def test_whoever_s_limit_the_price_breaks_takes_no_part() -> None:
    book = book_of(("sell", 6, 191), ("sell", 3, 190), ("buy", 2, 189), ("buy", 2, 190))
    agreement = cleared("mid_market_rate", book)
    assert fills(agreement) == [0, 2, 0, 2]
    assert reasons(agreement) == ["PRICE", "RATIONED", "PRICE", "FILLED"]


def test_the_common_bill_saves_the_same_on_every_kwh_at_a_meter() -> None:
    book = book_of(("sell", 300, 80), ("buy", 100, 300))
    agreement = cleared("bill_sharing", book)
    # 100 Wh x 220 saved over 400 Wh: 55 a Wh. The buyer pays 300 - 55; the sellers' 300 Wh gain (245 - 80) x 100 / 300 = 55 each.
    assert prices(agreement) == {245}
    assert fills(agreement) == [100, 100]


def test_members_leave_a_common_bill_together_and_for_good() -> None:
    # 200 + 200 Wh at 190; without the seller at 195 it is 100 + 200 at 226, which the buyer at 220 does not pay; 100 + 100 at 190 again.
    book = book_of(("sell", 100, 80), ("sell", 100, 195), ("buy", 100, 300), ("buy", 100, 220))
    agreement = cleared("bill_sharing", book)
    assert prices(agreement) == {190}
    assert fills(agreement) == [100, 0, 100, 0]


def test_the_printed_bill_gives_local_energy_away() -> None:
    free = book_of(("sell", 5, 0), ("buy", 9, 300))
    assert prices(cleared("bill_sharing", free, form="printed")) == {0}
    assert fills(cleared("bill_sharing", book_of(("sell", 5, 80), ("buy", 9, 300)), form="printed")) == [0, 0]


BOOK = book_of(("sell", 60, 80), ("sell", 30, 80), ("buy", 20, 300), ("buy", 100, 300), ("buy", 60, 300))


@pytest.mark.parametrize(
    ("key", "expected"),
    [("dynamic", [60, 30, 10, 50, 30]), ("static", [53, 27, 20, 30, 30]), ("ranked", [60, 30, 20, 70, 0])],
)
def test_a_key_divides_what_is_produced(key: str, expected: list[int]) -> None:
    assert fills(cleared("allocation_keys", BOOK, key=key)) == expected


def test_a_static_part_counts_members_that_do_not_buy() -> None:
    # Nine parts of 10: three are bought, six go to the supplier.
    assert fills(cleared("allocation_keys", BOOK, key="static", static_members=9)) == [20, 10, 10, 10, 10]


def test_parts_of_members_divide_the_production_whoever_buys_in_the_slot() -> None:
    # 12 parts, of which member 5 has four and buys nothing: its part is nobody's.
    book = book_of(("sell", 120, 0), ("buy", 90, 30), ("buy", 90, 30), members=[0, 1, 2])
    members = OrderFacts.unknown(6).replaced(parts=np.array([-1, 6, 2, -1, -1, 4]))
    mechanism = CLEARINGS.make("allocation_keys", key="static")
    known = replace(context(rates=replace(NO_FEES, retail_micro_per_kwh=40, feed_in_micro_per_kwh=0)), members=members)
    assert fills(mechanism.clear(book, known)) == [80, 60, 20]


def test_a_static_part_is_a_member_s_not_an_order_s() -> None:
    book = book_of(("sell", 90, 80), ("buy", 20, 250), ("buy", 100, 300), ("buy", 60, 300), members=[0, 1, 1, 2])
    assert fills(cleared("allocation_keys", book, key="static")) == [90, 0, 45, 45]


def test_ranks_are_members_places_whatever_the_sequence() -> None:
    book = book_of(("buy", 60, 300), ("sell", 70, 80), ("buy", 60, 300), members=[5, 3, 2])
    assert fills(cleared("allocation_keys", book, key="ranked")) == [10, 70, 60]


def test_the_price_of_a_key_is_the_pricing_policy_s() -> None:
    fixed = replace(context(rates=RATES), pricing=PRICINGS.make("fixed", reference_micro_per_kwh=150))
    trades = CLEARINGS.make("allocation_keys").clear(BOOK, fixed).trades
    assert set(trades.buy_price_micro_per_kwh.tolist()) == {150}


@settings(max_examples=60, deadline=None)
@given(book=books(), key=st.sampled_from(KEYS))
def test_the_dynamic_key_at_the_midpoint_is_the_mid_market_rate_and_no_key_trades_more(
    book: OrderBook, key: str
) -> None:
    rate, keyed = cleared("mid_market_rate", book, NO_FEES), cleared("allocation_keys", book, NO_FEES, key=key)
    if key == "dynamic":
        assert fills(rate) == fills(keyed)
    assert sum(fills(keyed)) <= sum(fills(rate))


def test_no_market_returns_every_order() -> None:
    assert reasons(cleared("no_market", BOOK)) == ["NO_MARKET"] * 5
