"""The suite of matching: right trades on a feeder pass its gate, every kind of wrong ones do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from commonwatt.benchmarks.feeder import BUSES, Feeder, PairProgramme, feeder_findings, most_welfare_nano
from commonwatt.benchmarks.measuring import measure
from commonwatt.benchmarks.suites.matching import Matching, MatchingTrial, ZonesTrial
from commonwatt.clearing.multi_criteria import MultiCriteria
from commonwatt.core.errors import VerificationFailed
from commonwatt.core.records import Agreement

FEEDER = Feeder.drawn(50, 60)
NODAL = MultiCriteria(price="nodal")
RIGHT = NODAL.clear(FEEDER.book, FEEDER.context())


def prices(feeder: Feeder = FEEDER) -> np.ndarray:
    price = NODAL.duals(feeder.book, feeder.context()).bus_micro_per_kwh
    assert price is not None
    return price


def wheres(agreement: Agreement, price: np.ndarray | None = None, feeder: Feeder = FEEDER) -> set[str]:
    found = feeder_findings(feeder, agreement, prices(feeder) if price is None else price)
    return {finding.where.partition(" ")[0] for finding in found}


def test_the_rows_have_the_limits_of_the_specification() -> None:
    figures = {figure.job: (figure.unit, figure.limit) for job in Matching().jobs(1.0) for figure in job.figures}
    assert figures == {
        "line-limits-50x60": ("ms", 1.0),
        "line-limits-1000x1000": ("ms", 10.0),
        "line-limits-5000x5000": ("ms", 60.0),
        "place-by-place-1e4": ("ms", None),
    }


def test_part_of_the_work_has_another_name_and_no_limit() -> None:
    figures = [figure for job in Matching().jobs(0.1) for figure in job.figures]
    sizes = ("5x6", "100x100", "500x500")
    assert [figure.job for figure in figures] == [*(f"line-limits-{size}" for size in sizes), "place-by-place-1e3"]
    assert {figure.limit for figure in figures} == {None}


def test_right_trades_pass_and_lines_are_full() -> None:
    for scale in (1.0, 0.1, 0.01):
        trial = MatchingTrial(5 / 11, round(110 * scale))
        assert trial.findings(None, trial.run(None)) == []
    assert len(np.unique(prices())) > 5


def test_the_reference_reaches_the_same_welfare() -> None:
    limit, trades = FEEDER.book.limit_micro_per_kwh, RIGHT.trades
    welfare = int(((limit[trades.buy_order] - limit[trades.sell_order]) * trades.energy_wh).sum())
    assert PairProgramme(FEEDER).welfare_nano() == pytest.approx(welfare, rel=1e-9)
    assert most_welfare_nano(FEEDER) == pytest.approx(welfare, rel=1e-9)


def test_trades_that_see_no_lines_overload_some() -> None:
    blind = NODAL.clear(FEEDER.book, replace(FEEDER.context(), lines=None))
    assert {"line", "welfare_nano"} <= wheres(blind)


def test_a_trade_less_is_welfare_less_and_somebody_wants_it() -> None:
    fewer = replace(RIGHT, trades=RIGHT.trades.take(np.arange(1, len(RIGHT.trades))))
    assert {"welfare_nano", "order"} <= wheres(fewer)


def test_a_pair_that_pays_another_price_than_half_way_is_found() -> None:
    trades = RIGHT.trades
    dearer = trades.replaced(
        buy_price_micro_per_kwh=trades.buy_price_micro_per_kwh + 2,
        sell_price_micro_per_kwh=trades.sell_price_micro_per_kwh + 2,
    )
    assert "trade" in wheres(replace(RIGHT, trades=dearer))


def test_prices_that_differ_where_a_line_has_room_are_found() -> None:
    assert "line" in wheres(RIGHT, prices() + np.arange(BUSES))
    assert "order" in wheres(RIGHT, np.zeros(BUSES))


def test_trades_that_pass_each_other_on_a_line_are_found() -> None:
    trades = RIGHT.trades
    crossed = trades.replaced(buy_order=np.roll(trades.buy_order, 1))
    assert "line" in wheres(replace(RIGHT, trades=crossed))


def test_a_feeder_without_a_full_line_is_no_test_of_lines() -> None:
    wide = replace(FEEDER, lines=FEEDER.lines.replaced(limit_wh=np.full(BUSES, 10**6)))
    right = NODAL.clear(wide.book, wide.context())
    assert wheres(right, feeder=wide) == {"lines"}


def test_a_wrong_answer_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    cleared = MatchingTrial.run

    def in_part(self: MatchingTrial, ready: None) -> list[Agreement]:
        *right, last = cleared(self, ready)
        return [*right, replace(last, trades=last.trades.take(np.arange(9)))]

    monkeypatch.setattr(MatchingTrial, "run", in_part)
    (job,) = [job for job in Matching().jobs(1.0) if job.size == 110]
    with pytest.raises(VerificationFailed, match="matching line-limits-50x60: welfare_nano: expected"):
        measure(replace(job, runs=2), 110, "matching")


def test_small_books_are_cleared_slot_after_slot_and_one_is_reported() -> None:
    trial = MatchingTrial(5 / 11, 110)
    assert trial.times == len(trial.run(None)) == 18
    assert len({feeder.book.limit_micro_per_kwh.tobytes() for feeder in trial.feeders}) == 18
    assert MatchingTrial(0.5, 2_000).times == 1


def test_place_by_place_passes_what_plain_python_trades_and_nothing_else() -> None:
    trial = ZonesTrial(300)
    right = trial.run(None)
    assert trial.findings(None, right) == []

    def wheres(**columns: np.ndarray) -> set[str]:
        found = trial.findings(None, replace(right, trades=right.trades.replaced(**columns)))
        return {finding.where.partition(" ")[0] for finding in found}

    trades = right.trades
    assert wheres(energy_wh=trades.energy_wh * (np.arange(len(trades)) > 0)) == {"volume_wh"}
    assert wheres(sell_fee_micro_per_kwh=trades.sell_fee_micro_per_kwh + 1) >= {"trade"}
    assert wheres(buy_order=np.roll(trades.buy_order, 9)) >= {"line", "trade", "volume_wh"}
