"""The comparison: metrics are those of the runs, differences are paired, intervals say what they should, losers are named."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from scipy import stats
from tests.fakes.outcomes import dearer, made_up, moved, outcome

from commonwatt.services.comparison import Outcome, compare, outcome_of
from commonwatt.services.comparison.metrics import METRICS, jain
from commonwatt.services.comparison.resampling import (
    block_days,
    day_weights,
    interval_of_draws,
    interval_of_seeds,
)
from commonwatt.services.comparison.sheets import differences_csv, members_csv, metrics_csv
from commonwatt.services.comparison.telling import footnotes, headline, how_sure, losers, who_loses

UNIT = 10**9


@pytest.fixture(scope="module")
def honest() -> Outcome:
    return outcome("honest")


@pytest.mark.parametrize("asked", [{}, {"timing": "ex_ante"}, {"failed": (5, 60)}, {"trading": False}])
def test_a_metric_is_the_figure_of_the_runs_own_summary(asked: dict[str, object]) -> None:
    results = made_up(**asked)
    figures = compare({"a": [outcome_of(results, "a")], "b": [outcome_of(results, "b")]}).figures["a"]
    shared = {metric.name for metric in METRICS} & results.summary.keys()
    assert len(shared) > 20
    for name in sorted(shared):
        expected = results.summary[name]
        if expected is None:
            assert not figures[name].is_there, name
        else:
            # The summary rounds: prices and amounts to whole numbers, shares to nine decimals.
            tolerance = 0.5 if name.endswith("_micro_per_kwh") else 1e-8
            assert figures[name].value == pytest.approx(expected, rel=1e-12, abs=tolerance), name


def test_every_saving_is_the_reports(honest: Outcome) -> None:
    results = made_up()
    comparison = compare({"honest": [honest], "other": [honest]})
    assert comparison.savings_nano("honest").tolist() == results.members.saving_nano.tolist()
    assert comparison.cost_nano[0].tolist() == results.members.cost_nano.tolist()


def test_a_stored_outcome_comes_back_as_it_was(honest: Outcome) -> None:
    assert Outcome.from_json(honest.to_json()) == honest
    assert Outcome.from_json(honest.to_json().replace('"format": 2', '"format": 1')) is None
    assert Outcome.from_json("{") is None
    assert Outcome.from_json("[]") is None


def test_weather_cancels_in_a_paired_difference(honest: Outcome) -> None:
    """A fee that is the same every day is known exactly, however much the days differ from one another."""
    comparison = compare({"honest": [honest], "fee": [moved(honest, "fee", 10_000_000)]})
    gap = comparison.difference("fee", "honest", "cost_nano")
    expected = 10_000_000 * len(honest.members) * len(honest.days)
    assert (gap.value, gap.low, gap.high) == pytest.approx((expected, expected, expected), rel=1e-9)
    alone = comparison.figures["fee"]["cost_nano"]
    assert alone.high - alone.low > 100 * UNIT
    assert gap.sign == 1
    assert comparison.difference("honest", "fee", "cost_nano").sign == -1


def test_a_difference_that_hangs_on_one_day_may_be_chance(honest: Outcome) -> None:
    one_day = [[0] * len(honest.members) for _ in honest.days]
    one_day[2] = [UNIT] * len(honest.members)
    comparison = compare({"honest": [honest], "odd": [dearer(honest, "odd", one_day)]})
    gap = comparison.difference("odd", "honest", "cost_nano")
    assert gap.low <= 0 < gap.value < gap.high
    assert gap.sign == 0
    assert "may be chance" in how_sure(comparison)


def test_the_draws_are_the_same_for_the_same_seed_and_whole_periods() -> None:
    weights = day_weights(7, 30)
    assert (weights == day_weights(7, 30)).all()
    assert (weights != day_weights(8, 30)).any()
    assert (weights.sum(axis=1) == 30).all()
    assert weights.mean() == pytest.approx(1)
    # Every day is as likely as any other, the first and the last too.
    assert np.abs(weights.mean(axis=0) - 1).max() < 0.1


def test_blocks_keep_neighbouring_days_together() -> None:
    assert [block_days(days) for days in (1, 5, 8, 9, 27, 28, 365)] == [1, 2, 2, 3, 3, 4, 8]
    drawn = day_weights(3, 28) > 0
    alone = drawn & ~np.roll(drawn, 1, axis=1) & ~np.roll(drawn, -1, axis=1)
    assert alone.mean() < 0.02


@pytest.mark.parametrize("days", [7, 30])
def test_an_interval_covers_the_mean_at_least_as_often_as_it_says(days: int) -> None:
    """Of 400 made-up periods of independent days; drawing days again alone would cover 79 of 100 in a week."""
    periods = np.random.default_rng(5).normal(10, 3, (400, days))
    weights = day_weights(1, days) / days
    ends = [interval_of_draws(float(period.mean()), weights @ period, days) for period in periods]
    assert 0.94 <= np.mean([low <= 10 <= high for low, high in ends]) <= 0.99


@pytest.mark.parametrize("seeds", [2, 3, 10, 31])
def test_the_interval_of_seeds_is_students(seeds: int) -> None:
    values = np.random.default_rng(seeds).normal(5, 2, seeds)
    low, high = interval_of_seeds(values)
    expected = stats.t.interval(0.95, seeds - 1, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(expected, rel=2e-3)


def test_an_interval_keeps_within_what_a_figure_can_be(honest: Outcome) -> None:
    steep = [[0] * len(honest.members) for _ in honest.days]
    steep[2][0] = 10**6 * UNIT
    figures = compare({"a": [honest], "b": [dearer(honest, "b", steep)]}).figures["b"]
    worse = figures["members_worse_off"]
    assert (worse.value, worse.low) == (1, 0)
    for name, most in (("members_better_off", 25), ("clearing_efficiency_share", 1), ("self_sufficiency_share", 1)):
        assert 0 <= figures[name].low <= figures[name].high <= most, name
    assert figures["saving_nano"].low < 0


def test_with_few_days_there_is_no_interval_and_it_is_said() -> None:
    base = outcome("a", days=3)
    comparison = compare({"a": [base], "b": [moved(base, "b", UNIT)]})
    assert not comparison.figures["a"]["cost_nano"].has_interval
    assert "nothing can be said of how sure that is" in how_sure(comparison)


def test_seeds_give_means_and_an_interval_over_seeds(honest: Outcome) -> None:
    runs = {
        name: [outcome(name, seed=7), moved(outcome(name, seed=8), name, by)]
        for name, by in (("a", 0), ("b", 2 * UNIT))
    }
    comparison = compare(runs)
    assert comparison.seeds == 2
    assert comparison.figures["a"]["cost_nano"].low == comparison.figures["a"]["cost_nano"].value
    gap = comparison.difference("b", "a", "cost_nano")
    assert gap.value == pytest.approx(UNIT * len(honest.members) * len(honest.days))
    assert gap.low < 0 < gap.high, "two seeds that differ say little"
    half = comparison.cost_nano[1] - comparison.cost_nano[0]
    assert (half == UNIT * len(honest.days)).all()


def test_who_pays_more_is_named_and_counted(honest: Outcome) -> None:
    steep = [[0] * len(honest.members) for _ in honest.days]
    steep[0][3], steep[0][4] = 500 * UNIT, 400 * UNIT
    comparison = compare({"honest": [honest], "steep": [dearer(honest, "steep", steep)]})
    told = losers(comparison, "steep")
    assert told.index(honest.members[3]) < told.index(honest.members[4])
    assert "2 neighbours pay more" in told
    assert losers(comparison, "honest") == ""
    assert who_loses(comparison).startswith("Nobody pays more than without a market with honest.")
    assert "2 with steep. All together pay 824.33\u00a0USD more with steep." in who_loses(comparison)
    assert comparison.figures["steep"]["members_worse_off"].value == 2


def test_the_lowest_bills_come_first_and_nobody_is_called_saved_where_none_is(honest: Outcome) -> None:
    comparison = compare({"dear": [moved(honest, "dear", UNIT)], "honest": [honest]})
    assert comparison.ranked == ["honest", "dear"]
    assert headline(comparison).startswith("With honest the bills of 25 neighbours")
    tied = compare({n: [moved(honest, n, by)] for n, by in (("dear", UNIT), ("one", 0), ("two", 0))})
    assert headline(tied).startswith("With one and two the bills of 25 neighbours")
    lost = compare({n: [moved(honest, n, by)] for n, by in (("x", 10 * UNIT), ("y", 20 * UNIT))})
    assert headline(lost).startswith("None of the 2 designs lowers the bills")


def test_even_gains_have_index_one_and_a_single_winner_one_nth() -> None:
    assert jain(np.array([[5.0, 5, 5, 5]]))[0] == 1
    assert jain(np.array([[8.0, 0, -3, 0]]))[0] == 0.25
    assert math.isnan(jain(np.array([[0.0, 0, -1, 0]]))[0])


def test_designs_that_lack_the_same_share_a_footnote(honest: Outcome) -> None:
    from dataclasses import replace

    whole = replace(honest, not_built=[])
    comparison = compare({"a": [honest], "b": [whole], "c": [honest]})
    marks, notes = footnotes(comparison)
    assert marks == {"a": "\u00b9", "b": "", "c": "\u00b9"}
    assert len(notes) == 1
    assert "a and c" in notes[0]
    assert "dispute" in notes[0]


def test_outcomes_of_other_days_are_not_compared(honest: Outcome) -> None:
    with pytest.raises(ValueError, match="same days"):
        compare({"a": [honest], "b": [outcome("b", days=6)]})


def test_the_tables_hold_every_design_metric_and_member(honest: Outcome) -> None:
    comparison = compare({"honest": [honest], "fee": [moved(honest, "fee", 3)], "gift": [moved(honest, "gift", -3)]})
    metrics, members, gaps = (
        list(csv.DictReader(io.StringIO(made(comparison)))) for made in (metrics_csv, members_csv, differences_csv)
    )
    assert [row["design"] for row in metrics] == [n for n in comparison.designs for _ in METRICS]
    assert len(members) == 3 * len(honest.members)
    assert {(row["design"], row["against"]) for row in gaps} == {("fee", "honest"), ("gift", "honest"), ("gift", "fee")}
    assert all("nan" not in row.values() and row["metric"] != "" for row in metrics)
    saved = sum(int(row["saving_nano"]) for row in members if row["design"] == "fee")
    assert saved == next(int(r["value"]) for r in metrics if (r["design"], r["metric"]) == ("fee", "saving_nano"))
    share = next(r for r in metrics if r["metric"] == "self_sufficiency_share")
    assert float(share["low"]) < float(share["value"]) < float(share["high"])
