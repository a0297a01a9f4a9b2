"""Pairing: what went through the pool as lines between two orders, nothing lost, nobody beyond what it sold or bought."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.errors import BrokenPromise
from commonwatt.core.orders import SETTLE_TRADES, Instructions
from commonwatt.core.records import Trades
from commonwatt.core.units import Ints
from commonwatt.services import pairing
from commonwatt.services.pairing import SignedTrades, one_price_findings, pairs, trades_calls

POOL = -1
PRICE = 150_000


def trades(*rows: tuple[int, int, int, int, int]) -> Trades:
    """Sell order, buy order, energy, price of the seller, price of the buyer."""
    sell, buy, energy, sell_price, buy_price = (np.array([row[k] for row in rows], np.int64) for k in range(5))
    return Trades(sell, buy, energy, sell_price, buy_price, *np.zeros((3, len(rows)), np.int64))


def pooled(sold: list[int], bought: list[int]) -> Trades:
    rows = [(order, POOL, energy, PRICE, PRICE) for order, energy in enumerate(sold)]
    rows += [(POOL, len(sold) + order, energy, PRICE, PRICE) for order, energy in enumerate(bought)]
    return trades(*rows)


def lines(paired: pairing.Pairs) -> list[tuple[int, int, int]]:
    return list(zip(paired.sell_order.tolist(), paired.buy_order.tolist(), paired.energy_wh.tolist(), strict=True))


def test_the_first_seller_serves_the_first_buyer_until_one_of_them_has_no_more() -> None:
    all_through = pooled([500, 300], [200, 400, 200])
    assert lines(pairs(all_through, all_through.energy_wh)) == [(0, 2, 200), (0, 3, 300), (1, 3, 100), (1, 4, 200)]


def test_trades_between_two_stay_as_they_are_and_what_was_not_delivered_makes_no_line() -> None:
    agreed = trades((0, 2, 700, PRICE, PRICE), (1, 3, 100, 90_000, 90_000), (0, POOL, 50, 1, 1), (POOL, 3, 50, 1, 1))
    assert lines(pairs(agreed, np.array([600, 0, 50, 50]))) == [(0, 2, 600), (0, 3, 50)]
    assert lines(pairs(agreed, np.zeros(0, np.int64))) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 900), min_size=1, max_size=9), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_everyone_sells_and_buys_exactly_what_went_through_the_pool(sold: list[int], weights: list[int]) -> None:
    total = sum(sold)
    ends = [total * sum(weights[: k + 1]) // sum(weights) for k in range(len(weights))]
    bought = np.diff([0, *ends]).tolist()
    agreed = pooled(sold, bought)
    paired = pairs(agreed, agreed.energy_wh)
    for order, energy in enumerate([*sold, *bought]):
        side = paired.sell_order if order < len(sold) else paired.buy_order
        assert int(paired.energy_wh[side == order].sum()) == energy
    assert len(paired) < len(sold) + len(bought)
    assert (paired.energy_wh > 0).all()


@pytest.mark.parametrize(
    "agreed",
    [
        trades((0, 1, 100, 90_000, 110_000)),
        trades((0, POOL, 100, 90_000, 90_000), (POOL, 1, 100, 110_000, 110_000)),
    ],
)
def test_two_prices_cannot_be_settled_one_by_one(agreed: Trades) -> None:
    assert one_price_findings(agreed)
    with pytest.raises(BrokenPromise, match='path = "trades"'):
        pairs(agreed, agreed.energy_wh)


def test_a_pool_that_keeps_energy_is_refused() -> None:
    with pytest.raises(BrokenPromise, match="pass on"):
        pairs(pooled([500], [500]), np.array([500, 400]))


def instructions(orders: int) -> Instructions:
    return Instructions.of(orders, member=np.arange(orders), energy_wh=10**6, last_slot=9, path=SETTLE_TRADES)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(6, 11), st.integers(1, 99)), max_size=30), st.integers(2, 6))
def test_parts_hold_few_enough_lines_and_orders_and_every_line_once(
    rows: list[tuple[int, int, int]], most: int
) -> None:
    agreed = trades(*((sell, buy, energy, PRICE, PRICE) for sell, buy, energy in rows))
    signed = SignedTrades(agreed, agreed.energy_wh, np.arange(12), instructions(12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairing, "LINES_PER_PART", 7)
        patch.setattr(pairing, "ORDERS_PER_PART", most)
        calls = trades_calls(3, signed)
    assert [(call.part, call.parts) for call in calls] == [(part, len(calls)) for part in range(len(calls))]
    found: list[tuple[int, int, int]] = []
    for call in calls:
        assert len(call.postings) <= 7
        assert len(call.orders) <= most
        assert len(np.unique(call.orders.member)) == len(call.orders)
        sell, buy = call.orders.member[call.sell_order], call.orders.member[call.buy_order]
        assert call.postings.credit.tolist() == (FIRST_MEMBER + sell).tolist()
        assert call.postings.debit.tolist() == (FIRST_MEMBER + buy).tolist()
        found += zip(sell.tolist(), buy.tolist(), _ints(call.postings.energy_wh), strict=True)
    assert found == rows
    assert len(calls) >= 1


def _ints(column: Ints) -> list[int]:
    return [int(value) for value in column]
