"""Which trades are cut where a schedule passes a limit: rule by rule, on feeders whose flows are counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.wires import line, trees, wires

from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import GridVerdict, Reason, Trades, Verdict, with_filled
from commonwatt.grid import GRIDS, Feeder, GridContext

POOL = -1
TIGHT = wires(line("a", "b", rating_a=20), line("a", "c"), line("a", "d"))
"""Houses at b, b, c and d; the line to b carries 13.8 kW at 400 V (a little more or less with its voltage)."""
LIMIT_WH = 13_856
AT = (1, 1, 2, 3)
RULES = ("pro_rata", "newest", "least_welfare")


def judged(
    trades: list[tuple[int, int, int]],
    feeder: Feeder = TIGHT,
    prices: tuple[int, ...] = (10, 10, 30, 30),
    at: tuple[int, ...] = AT,
    **parameters: Any,
) -> GridVerdict:
    """Trades (seller's order, buyer's order, Wh) between orders of one member each; order m is of member m, sequence m."""
    sell, buy, energy = np.array(trades, np.int64).reshape(len(trades), 3).T
    members = len(at)
    made = Trades.of(len(trades), sell_order=sell, buy_order=buy, energy_wh=energy)
    selling = np.isin(np.arange(members), sell)
    book = OrderBook.of(
        members,
        member=np.arange(members),
        is_sell=selling,
        energy_wh=np.full(members, 10**6),
        limit_micro_per_kwh=np.array(prices),
        sequence=np.arange(members),
    )
    filled = made.filled_wh(members)
    net = np.where(selling, filled, -filled)
    context = GridContext(1, 3600, Fleet.of(members, connection_w=10**6), feeder=feeder, bus=np.array(at, np.int64))
    grid = GRIDS.make("radial", power_factor=1.0, **parameters)
    return grid.check(net, book, with_filled(book, made, np.full(members, int(Reason.RATIONED))), context)


def cut_of(verdict: GridVerdict, rows: int) -> list[int]:
    cut = [0] * rows
    for row, wh in verdict.curtailed_wh:
        cut[row] += wh
    return cut


SALES = [(0, 2, 10_000), (1, 3, 10_000)]
"""Both houses at b sell: 20 kW where 13.9 are carried."""


def test_pro_rata_cuts_all_that_push_alike() -> None:
    cut = cut_of(judged(SALES), 2)
    assert abs(cut[0] - cut[1]) <= 1
    assert sum(cut) == pytest.approx(20_000 - LIMIT_WH, abs=300)


def test_newest_cuts_the_trade_made_last_first() -> None:
    verdict = judged(SALES, curtailment="newest")
    cut = cut_of(verdict, 2)
    assert cut[0] == 0
    assert cut[1] == pytest.approx(20_000 - LIMIT_WH, abs=300)
    # The later of both orders says when a trade was made: now the first one's buyer came last.
    assert cut_of(judged([(0, 3, 10_000), (1, 2, 10_000)], curtailment="newest"), 2)[1] == 0


def test_least_welfare_cuts_what_is_worth_least() -> None:
    for limits, spared in (((10, 10, 40, 30), 0), ((10, 10, 30, 40), 1), ((5, 10, 30, 30), 0)):
        cut = cut_of(judged(SALES, prices=limits, curtailment="least_welfare"), 2)
        assert cut[spared] == 0
        assert cut[1 - spared] > 0


@pytest.mark.parametrize("rule", RULES)
def test_only_trades_that_push_the_line_are_cut(rule: str) -> None:
    # Between the neighbours at b, towards b, and elsewhere: none of them fills the line on its way out.
    trades = [(0, 2, 20_000), (0, 1, 3000), (3, 2, 4000)]
    cut = cut_of(judged(trades, curtailment=rule), 3)
    assert cut[1:] == [0, 0]
    assert cut[0] > 0


@pytest.mark.parametrize("rule", RULES)
def test_a_counterflow_leaves_room_for_others(rule: str) -> None:
    out, back = (0, 2, 16_000), (3, 1, 4000)
    assert judged([out], curtailment=rule).verdict is Verdict.CURTAILED
    assert judged([out, back], curtailment=rule).verdict is Verdict.FEASIBLE


@pytest.mark.parametrize("rule", RULES)
def test_the_pool_gives_as_much_on_both_sides_and_only_across_the_line(rule: str) -> None:
    trades = [(0, POOL, 20_000), (3, POOL, 2000), (POOL, 1, 3000), (POOL, 2, 19_000)]
    cut = cut_of(judged(trades, curtailment=rule), 4)
    # Who sells beyond the line, and who buys behind it, does not push it.
    assert cut[1:3] == [0, 0]
    assert cut[0] == cut[3] == pytest.approx(17_000 - LIMIT_WH, abs=300)


def test_a_sale_to_the_pool_is_cut_by_the_rule_too() -> None:
    trades = [(0, POOL, 10_000), (1, POOL, 10_000), (POOL, 2, 15_000), (POOL, 3, 5000)]
    alike = cut_of(judged(trades), 4)
    assert abs(alike[0] - alike[1]) <= 1
    assert alike[2] == pytest.approx(3 * alike[3], abs=3)
    newest = cut_of(judged(trades, curtailment="newest"), 4)
    assert newest[0] == 0
    assert newest[3] == 5000
    worth = cut_of(judged(trades, prices=(12, 10, 40, 30), curtailment="least_welfare"), 4)
    assert worth[1] == 0
    assert worth[3] == 5000


@pytest.mark.parametrize("rule", RULES)
def test_a_voltage_cuts_whose_way_moves_it(rule: str) -> None:
    lane = wires(line("a", "b"), line("b", "c"), line("a", "d"), voltage_high_share=1.003)
    verdict = judged(
        [(0, 3, 8000), (1, 3, 16_000), (2, 3, 500)], lane, (10, 10, 10, 30), (1, 2, 3, 3), curtailment=rule
    )
    assert "c at 100." in verdict.reason
    assert verdict.causes[0][0] == "c"
    # A trade between two of d's does nothing for c.
    assert 2 not in {row for row, _ in verdict.curtailed_wh}


@pytest.mark.parametrize("rule", RULES)
def test_every_cut_says_for_which_limit_and_by_which_rule(rule: str) -> None:
    verdict = judged(SALES, curtailment=rule)
    assert verdict.rule == rule
    assert (verdict.lines_beyond, verdict.buses_beyond) == (1, 0)
    assert len(verdict.causes) == len(verdict.curtailed_wh)
    for name, why in verdict.causes:
        assert name == "a-b"
        assert why.startswith("a-b at 14")
        assert {"pro_rata": "the same part", "newest": "newest", "least_welfare": "worth least"}[rule] in why


def test_where_limits_are_no_ones_business_an_excess_is_only_reported() -> None:
    verdict = judged(SALES, limits="none")
    assert (verdict.verdict, verdict.curtailed_wh) == (Verdict.EXCEEDED, ())
    assert verdict.reason.startswith("a-b at 14")
    assert judged([], limits="none").verdict is Verdict.FEASIBLE


def test_a_firm_rest_of_an_order_is_judged_and_given_up_with_its_trade() -> None:
    book = OrderBook.of(
        2,
        member=np.arange(2),
        is_sell=np.array([True, False]),
        energy_wh=np.array([20_000, 5000]),
        sequence=np.arange(2),
    )
    made = Trades.of(1, sell_order=np.array([0]), buy_order=np.array([1]), energy_wh=np.array([5000]))
    agreement = with_filled(book, made, np.full(2, int(Reason.RATIONED)))
    context = GridContext(1, 3600, Fleet.of(2, connection_w=10**6), feeder=TIGHT, bus=np.array([1, 2], np.int64))
    grid = GRIDS.make("radial", power_factor=1.0)
    firm = grid.check(np.array([20_000, -5000]), book, agreement, context)
    assert firm.verdict is Verdict.CURTAILED
    # With one Wh of its trade the firm rest is gone, too.
    assert firm.curtailed_wh == ((0, 1),)
    assert grid.check(np.array([5000, -5000]), book, agreement, context).verdict is Verdict.FEASIBLE


@settings(max_examples=40, deadline=None)
@given(data=st.data(), feeder=trees(), rule=st.sampled_from(RULES))
def test_after_the_cuts_no_limit_is_passed_and_energy_balances(data: st.DataObject, feeder: Feeder, rule: str) -> None:
    buses = len(feeder.buses)
    at = tuple(data.draw(st.lists(st.integers(0, buses - 1), min_size=6, max_size=6)))
    pairs = data.draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(3, 5), st.integers(1, 30_000)), min_size=1, max_size=6)
    )
    share, band = data.draw(st.sampled_from([0.01, 0.05, 0.2])), data.draw(st.sampled_from([0.002, 0.01, 0.1]))
    trades = list(pairs)
    if data.draw(st.booleans()):
        # The same, through the pool.
        trades = [(s, POOL, wh) for s, _, wh in pairs] + [(POOL, b, wh) for _, b, wh in pairs]
    narrow = replace(feeder, voltage_low_share=1 - band, voltage_high_share=1 + band)
    limits = tuple(data.draw(st.lists(st.integers(0, 50), min_size=6, max_size=6)))
    said = judged(trades, narrow, limits, at, curtailment=rule, rating_share=share)
    cut = cut_of(said, len(trades))
    left = [(s, b, wh - less) for (s, b, wh), less in zip(trades, cut, strict=True)]
    assert all(0 <= less <= wh for (_, _, wh), less in zip(trades, cut, strict=True))
    assert sum(wh for s, _, wh in left if s == POOL) == sum(wh for _, b, wh in left if b == POOL)
    again = judged(left, narrow, limits, at, curtailment=rule, rating_share=share)
    assert (again.verdict, again.lines_beyond, again.buses_beyond) == (Verdict.FEASIBLE, 0, 0)
    assert said == judged(trades, narrow, limits, at, curtailment=rule, rating_share=share)
