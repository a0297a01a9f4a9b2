"""What connections and shared wires carry, and what is cut where they do not."""

from typing import Any

import numpy as np
import pytest

from commonwatt.core.errors import InvalidInput
from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import GridVerdict, Trades, Verdict, with_filled
from commonwatt.grid import GRIDS, GridContext

SELLERS, BUYERS = 2, 3
"""Members 0 and 1 sell, 2 to 4 buy; order rows are members."""
POOL = -1
PLANS = [4000, 2000, -3000, -2000, -1000]
TO_POOL = [(0, POOL, 4000), (1, POOL, 2000), (POOL, 2, 3000), (POOL, 3, 2000), (POOL, 4, 1000)]
BETWEEN = [(0, 2, 3000), (0, 3, 1000), (1, 3, 1000), (1, 4, 1000)]


def judged(
    trades: list[tuple[int, int, int]], *, connection_w: int = 10_000, is_delivered: bool = False, **parameters: Any
) -> GridVerdict:
    sell, buy, energy = np.array(trades, np.int64).reshape(len(trades), 3).T
    book = OrderBook.of(5, member=np.arange(5), is_sell=np.arange(5) < SELLERS, energy_wh=np.abs(np.array(PLANS)))
    agreement = with_filled(
        book, Trades.of(len(trades), sell_order=sell, buy_order=buy, energy_wh=energy), np.zeros(5, np.int64)
    )
    context = GridContext(1, 3600, Fleet.of(5, connection_w=connection_w), is_delivered=is_delivered)
    return GRIDS.make("capacity", **parameters).check(np.array(PLANS), book, agreement, context)


def left(trades: list[tuple[int, int, int]], verdict: GridVerdict) -> list[int]:
    energy = [wh for _, _, wh in trades]
    for row, cut in verdict.curtailed_wh:
        energy[row] -= cut
    return energy


def test_what_the_wires_carry_is_feasible() -> None:
    for trades in (TO_POOL, BETWEEN, []):
        verdict = judged(trades, community_export_w=6000, community_import_w=6000)
        assert (verdict.verdict, verdict.curtailed_wh, verdict.reason) == (Verdict.FEASIBLE, (), "")


def test_a_connection_is_cut_pro_rata_over_its_trades() -> None:
    verdict = judged(BETWEEN, connection_w=3500)
    assert verdict.verdict is Verdict.CURTAILED
    assert left(BETWEEN, verdict) == [2625, 875, 1000, 1000]
    assert verdict.reason == "1 connections beyond their limit, by up to 500 Wh"


def test_a_trade_between_two_full_connections_loses_the_larger_cut() -> None:
    # Member 0 may sell 2500 of 4000, member 2 may buy 2500 of 3000.
    assert left(BETWEEN, judged(BETWEEN, connection_w=2500)) == [1875, 625, 1000, 1000]


def test_a_share_of_the_connection_is_all_that_is_used() -> None:
    assert judged(BETWEEN, connection_share=0.35) == judged(BETWEEN, connection_w=3500)


def test_the_pool_sells_no_more_than_it_buys() -> None:
    verdict = judged(TO_POOL, connection_w=2500)
    energy = left(TO_POOL, verdict)
    # Sold 2500 + 2000, bought 2500 + 2000 + 1000 before the pool is balanced.
    assert energy[:2] == [2500, 2000]
    assert energy[2:] == [2046, 1636, 818]


def test_where_the_shared_wires_are_full_every_wh_is_cut_alike() -> None:
    limits: tuple[dict[str, Any], ...] = ({"community_export_w": 3000}, {"community_import_w": 3000})
    for limit in limits:
        assert left(TO_POOL, judged(TO_POOL, **limit)) == [2000, 1000, 1500, 1000, 500]
        assert left(BETWEEN, judged(BETWEEN, **limit)) == [1500, 500, 500, 500]


def test_what_is_not_traded_is_curtailed_too_and_takes_its_share() -> None:
    half_traded = [(0, 2, 1000), (1, 3, 2000)]
    assert left(half_traded, judged(half_traded, community_export_w=3000)) == [500, 1000]


def test_odd_wh_go_by_largest_remainder_and_the_earlier_trade() -> None:
    trades = [(0, 2, 1), (0, 3, 1), (1, 4, 1)]
    assert left(trades, judged(trades, community_export_w=4000)) == [1, 1, 0]


def test_a_slot_of_quarter_hours_carries_a_quarter() -> None:
    book = OrderBook.of(2, member=np.arange(2), is_sell=np.array([True, False]), energy_wh=1000)
    agreement = with_filled(book, Trades.of(1, sell_order=0, buy_order=1, energy_wh=1000), np.zeros(2, np.int64))
    context = GridContext(1, 900, Fleet.of(2, connection_w=2000))
    verdict = GRIDS.make("capacity").check(np.array([1000, -1000]), book, agreement, context)
    assert verdict.curtailed_wh == ((0, 500),)


def test_what_was_delivered_is_reported_and_not_cut() -> None:
    verdict = judged(TO_POOL, connection_w=3500, is_delivered=True, community_export_w=3000)
    assert (verdict.verdict, verdict.curtailed_wh) == (Verdict.INFEASIBLE, ())
    assert (
        verdict.reason
        == "1 connections beyond their limit, by up to 500 Wh; 6000 Wh injected where 3000 Wh are carried"
    )
    assert judged(TO_POOL, is_delivered=True).verdict is Verdict.FEASIBLE


@pytest.mark.parametrize("parameters", [{"connection_share": 1.5}, {"community_import_w": -1}])
def test_impossible_limits_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(parameters))):
        GRIDS.make("capacity", **parameters)
