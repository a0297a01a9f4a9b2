"""What a benchmark reports, and what it refuses to report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commonwatt.benchmarks import measuring
from commonwatt.benchmarks.base import SUITES, Figure, Job, Trial, count_name
from commonwatt.benchmarks.measuring import Spent, growth, growth_exponent, measure, rows, spread_share
from commonwatt.benchmarks.rows import COLUMNS, Report, read_report, write_report
from commonwatt.benchmarks.running import BenchRequest, outcome, tasks
from commonwatt.core.errors import InvalidInput, VerificationFailed
from commonwatt.core.findings import Finding


class SumTrial(Trial):
    """Adds the first numbers; `error` makes the answer wrong by as much in every run from the `wrong_from`-th on."""

    def __init__(self, size: int, error: int = 0, wrong_from: int = 1) -> None:
        self.size, self.error, self.wrong_from, self.calls = size, error, wrong_from, 0
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True

    def run(self, ready: Any) -> int:  # noqa: ARG002
        self.calls += 1
        return sum(range(self.size)) + self.error * (self.calls >= self.wrong_from)

    def findings(self, ready: Any, result: int) -> list[Finding]:  # noqa: ARG002
        right = self.size * (self.size - 1) // 2
        return [] if result == right else [Finding("sum", str(right), str(result))]


def job(*figures: Figure, error: int = 0, wrong_from: int = 1, **more: Any) -> Job:
    return Job(figures, 20_000, lambda size: SumTrial(size, error, wrong_from), runs=3, **more)


def test_a_row_has_exactly_the_columns_of_the_specification() -> None:
    specified = [
        "suite",
        "job",
        "size",
        "value",
        "unit",
        "better",
        "limit",
        "met",
        "reference",
        "reference_value",
        "ratio",
        "cpu_s",
        "wall_s",
        "peak_mb",
        "runs",
        "spread_share",
    ]
    assert list(COLUMNS) == [*specified, "quoted", "note"]


def test_every_unit_reads_its_own_figure_off_the_same_runs() -> None:
    measured = job(Figure("a", "CPU-s", 100.0), Figure("b", "MB", 0.001), Figure("c", "/s", 1.0), Figure("d", "ratio"))
    taken = measure(measured, measured.size, "sums")
    cpu, memory, rate, ratio = rows(measured, taken, "sums")
    assert cpu.value == pytest.approx(cpu.cpu_s)
    assert cpu.met is True
    assert memory.value == pytest.approx(memory.peak_mb, rel=0.01)
    assert memory.met is False
    assert rate.better == "higher"
    assert rate.met is True
    assert rate.value == pytest.approx(20_000 / rate.wall_s, rel=0.01)
    assert ratio.met is None
    assert ratio.reference == "yardstick"
    assert ratio.runs == 3
    assert 0 < ratio.ratio < 1


def test_of_work_that_a_run_does_several_times_one_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SumTrial, "times", 4)
    monkeypatch.setattr(measuring, "_spent", lambda call, *known: (Spent(2.0, 6.0), call(*known)))
    taken = measure(job(Figure("a", "CPU-s")), 20_000, "sums")
    assert {(run.cpu_s, run.wall_s) for run in taken.own} == {(0.5, 1.5)}
    assert {(run.cpu_s, run.wall_s) for run in taken.reference} == {(2.0, 6.0)}


@pytest.mark.parametrize("wrong_from", [1, 4], ids=["from the start", "in the last run"])
def test_a_wrong_answer_is_not_reported(wrong_from: int) -> None:
    wrong = job(Figure("a", "CPU-s"), error=1, wrong_from=wrong_from)
    with pytest.raises(VerificationFailed, match="sums a: sum: expected 199990000, found 199990001"):
        measure(wrong, wrong.size, "sums")


def test_a_job_without_a_warm_up_runs_as_often_as_it_says() -> None:
    cold = job(Figure("a", "CPU-s"), is_warm=False)
    taken = measure(cold, cold.size, "sums")
    assert isinstance(taken.trial, SumTrial)
    assert len(taken.own) == taken.trial.calls == 3
    assert taken.trial.is_closed


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.5])
def test_the_growth_exponent_is_the_slope_of_the_logarithms(exponent: float) -> None:
    sizes = (10, 100, 1000)
    assert growth_exponent(sizes, [3e-6 * size**exponent for size in sizes]) == pytest.approx(exponent)


@pytest.mark.parametrize(("sizes", "seconds"), [((10,), (1.0,)), ((10, 10), (1.0, 2.0)), ((10, 20), (0.0, 1.0))])
def test_growth_needs_two_sizes_and_times_that_were_measured(
    sizes: tuple[int, ...], seconds: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="expected two sizes or more, all positive"):
        growth_exponent(sizes, seconds)


def test_growth_names_every_size_it_was_taken_at() -> None:
    growing = job(Figure("a", "CPU-s"), growth_sizes=(200, 2000))
    grown = growth(growing, measure(growing, growing.size, "sums"), "sums")
    assert grown is not None
    assert grown.sizes == (200, 2000, 20_000)
    assert len(grown.cpu_s) == 3


def test_spread_is_the_width_of_the_middle_half() -> None:
    assert spread_share([1.0]) == 0
    assert spread_share([1.0, 2.0, 3.0, 4.0, 100.0]) == pytest.approx(2 / 3)


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    measured = job(Figure("a", "CPU-s", 1.0, "theirs: 5", "a note"), growth_sizes=(200,))
    taken = measure(measured, measured.size, "sums")
    grown = growth(measured, taken, "sums")
    assert grown is not None
    report = Report("2026-01-02", {"cores": 2}, {"python": "3"}, tuple(rows(measured, taken, "sums")), (grown,))
    write_report(tmp_path / "b.json", report)
    assert read_report(tmp_path / "b.json") == report


def test_a_file_with_other_columns_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    file.write_text(json.dumps({"rows": [{"suite": "x"}], "growth": []}), encoding="utf-8")
    with pytest.raises(ValueError, match="expected the columns suite, job"):
        read_report(file)


def test_all_faults_of_a_request_are_said_at_once() -> None:
    with pytest.raises(InvalidInput) as error:
        tasks(BenchRequest(("clearings",), scale=0.0, runs=0))
    assert [str(f).partition(",")[0] for f in error.value.findings] == [
        "bench: expected one of clearing",
        "--scale: expected more than 0",
        "--runs: expected at least 1",
    ]


def test_jobs_that_take_minutes_are_run_only_when_asked_for() -> None:
    usual, everything = tasks(BenchRequest()), tasks(BenchRequest(full=True))
    assert {task.job for task in everything} - {task.job for task in usual} == {"community-year"}


@pytest.mark.parametrize("suite", SUITES.names())
def test_a_job_done_in_part_carries_neither_the_name_nor_the_limit(suite: str) -> None:
    jobs = SUITES.make(suite).jobs(1.0)
    whole = {f.job for job in jobs for f in job.figures}
    for job, part in zip(jobs, SUITES.make(suite).jobs(0.01), strict=True):
        if part.size < job.size:
            assert not {figure.job for figure in part.figures} & whole
            assert all(figure.limit is None for figure in part.figures)


def test_a_size_reads_as_people_write_it() -> None:
    assert [count_name(n) for n in (1_000_000, 1000, 100, 35_040)] == ["1e6", "1e3", "100", "35040"]


def test_a_task_measures_the_job_it_names() -> None:
    (task,) = [task for task in tasks(BenchRequest(("clearing",), 0.001, runs=2)) if task.job.startswith("uniform")]
    done = outcome(task)
    assert done.wrong == ""
    assert [(row.job, row.size, row.runs) for row in done.rows] == [("uniform-1e3", 1000, 2)]
