"""A feeder with loops: what flows both ways round, what is cut alike, and that loops are taken here and only here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from tests.fakes.wires import line, wires

from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import GridVerdict, Trades, Verdict, with_filled
from commonwatt.grid import GRIDS, Feeder, GridContext, Regulator, feeder_findings

RING = wires(line("h0", "h1"), line("h1", "h2"), line("h2", "h3"), line("h3", "h0"), root="h0")
OPEN = replace(RING, lines=RING.lines[:-1])


def judged(feeder: Feeder, *net_wh: int, model: str = "meshed", delivered: bool = False, **given: Any) -> GridVerdict:
    """Members at h1, h2, h3 whose trades are their positions: the first seller sells to everybody who buys, alone."""
    net = np.array(net_wh, np.int64)
    book = OrderBook.of(
        len(net), member=np.arange(len(net)), is_sell=net > 0, energy_wh=abs(net), sequence=np.arange(len(net))
    )
    buys, seller = np.flatnonzero(net < 0), int(np.argmax(net))
    trades = Trades.of(len(buys), sell_order=seller, buy_order=buys, energy_wh=-net[buys])
    agreement = with_filled(book, trades, np.zeros(len(net), np.int64))
    context = GridContext(467_376, 3600, Fleet.of(len(net)), delivered, feeder, np.arange(1, len(net) + 1))
    return GRIDS.make(model, **given).check(net, book, agreement, context)


def test_a_loop_carries_both_ways_and_so_loses_less() -> None:
    ring, tree = judged(RING, 0, 0, -12_000, delivered=True), judged(OPEN, 0, 0, -12_000, delivered=True)
    assert 0 < ring.losses_wh < tree.losses_wh
    assert ring.extremes.low_ppm > tree.extremes.low_ppm


def test_without_a_loop_it_says_what_the_sweep_says() -> None:
    for net in ((9000, -4000, -5000), (0, 0, -12_000), (200_000, 0, -90_000)):
        ours, theirs = (judged(OPEN, *net, model=model, delivered=True) for model in ("meshed", "radial"))
        assert (ours.verdict, ours.losses_wh, ours.reason) == (theirs.verdict, theirs.losses_wh, theirs.reason)
        assert ours.extremes == theirs.extremes


def test_all_trades_keep_the_same_part_and_every_limit_is_kept_with_it() -> None:
    said = judged(RING, 40_000, -10_000, -30_000, rating_share=0.1)
    assert said.verdict is Verdict.CURTAILED
    cut = dict(said.curtailed_wh)
    kept = [10_000 - cut[0], 30_000 - cut[1]]
    assert kept[1] == 3 * kept[0] > 0
    assert {why for _, why in said.causes} == {said.reason.split("; ")[0]}
    assert judged(RING, sum(kept), -kept[0], -kept[1], rating_share=0.1).verdict is Verdict.FEASIBLE
    one_part_more = (kept[0] + 10, kept[1] + 30)
    assert (
        judged(RING, sum(one_part_more), *(-each for each in one_part_more), rating_share=0.1).verdict
        is not Verdict.FEASIBLE
    )


def test_what_no_feeder_can_bring_is_infeasible_with_its_reason_and_no_figure_is_nan() -> None:
    said = judged(RING, 0, 0, -(2**31) + 1, delivered=True)
    assert said.verdict is Verdict.INFEASIBLE
    assert said.reason == "no power flow: more is asked of the feeder than it can bring"
    assert said.losses_wh == 0


def test_loops_are_taken_of_lines_alone() -> None:
    assert feeder_findings(RING, may_loop=True) == []
    loop = "feeder line h3-h0: expected a radial feeder: one way to every bus, found a loop over h3"
    assert [str(finding) for finding in feeder_findings(RING)] == [loop]
    regulated = replace(RING, regulators=(Regulator("r", "h0", "h2", 1.05, 100),))
    assert len(feeder_findings(regulated, may_loop=True)) == 2
    apart = wires(line("a", "b"), line("x", "y"), line("y", "z"), line("z", "x"))
    assert [finding.where for finding in feeder_findings(apart, may_loop=True)] == ["feeder bus x"]
    itself = wires(line("a", "b"), line("b", "b"))
    assert [finding.where for finding in feeder_findings(itself, may_loop=True)] == ["feeder line b-b"]
