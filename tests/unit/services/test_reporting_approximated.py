"""How far the market's lines are from the power flow, as the summary and the page say it."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from tests.fakes.wired_runs import wired
from tests.fakes.wires import line, wires

from commonwatt.grid import Feeder, Load, loss_shares
from commonwatt.services.reporting.approximated import approximated
from commonwatt.services.reporting.summary import Results

LANE = wires(*(line(f"h{at}", f"h{at + 1}", 60, 0.4, 20) for at in range(4)), root="h0")


def figures(found: Results) -> tuple[float, float]:
    return cast("tuple[float, float]", (found.summary["lines_short_share"], found.summary["loss_loading_share"]))


def test_loss_factors_at_the_loading_that_the_summary_says_lose_what_the_power_flow_loses_at_the_margin() -> None:
    found = wired(LANE)
    at = figures(found)[1]
    flowed = found.flowed
    assert flowed is not None
    crossing = np.abs(flowed.metered_wh)
    told = (loss_shares(LANE, at)[:, None] * crossing).sum()
    # One more W on a line of resistance R that carries I loses 2 R I of itself.
    really = 0.0
    for node in range(1, len(LANE.tree.toward)):
        current = flowed.power.loading_share[node] * LANE.tree.rating[node]
        really += float((2 * LANE.tree.impedance[node].real * current * crossing[node]).sum())
    assert told == pytest.approx(really, rel=1e-6)
    assert figures(wired(LANE, loss_loading_share=0.02))[1] == pytest.approx(at)


def test_how_much_fuller_a_line_is_than_the_market_knows_is_said() -> None:
    found = wired(LANE, rating_share=0.5)
    flowed = found.flowed
    assert flowed is not None
    limits = {node: 0.5 * 0.95 * LANE.tree.rating[node] * LANE.transformer.rating_va for node in range(1, 6)}
    off = [
        flowed.loading_share[node, slot] - abs(flowed.metered_wh[node, slot]) / limit
        for node, limit in limits.items()
        for slot in range(found.facts.slots)
    ]
    assert figures(found)[0] == pytest.approx(max(off), abs=1e-4)
    said = approximated(flowed)
    assert said is not None
    assert "loss factors are taken at 50\u00a0% of the ratings" in said.sentence()


@pytest.mark.parametrize(("limits", "fee"), [("none", "none"), ("verdict", "none")])
def test_a_market_that_is_told_of_no_lines_has_no_such_figures(limits: str, fee: str) -> None:
    found = wired(LANE, limits=limits, fee=fee)
    assert found.summary["lines_short_share"] is found.summary["loss_loading_share"] is None
    assert approximated(found.flowed) is None


def test_lines_that_charge_only_have_loss_factors_and_no_limits() -> None:
    short, loading = figures(wired(LANE, limits="none", fee="line", fee_micro_per_kwh=1000))
    assert short is None
    assert loading > 0


def test_loads_of_the_feeder_leave_no_figure_of_limits() -> None:
    busy: Feeder = replace(LANE, loads=(Load("h2", 500, 0),))
    assert figures(wired(busy))[0] is None
