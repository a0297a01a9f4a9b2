"""The stopwatch: processor time by step and time on the clock by half slot, inner steps not counted twice, answers none the wiser."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from commonwatt.wiring.timing import Stopwatch, latency


@dataclass
class Work:
    """Processor time that passes when it is told to."""

    now_s: float = 0.0
    name: str = "worker"

    def spend(self, seconds: float, then: object = None) -> object:
        self.now_s += seconds
        return then() if callable(then) else then

    def fail(self) -> None:
        self.now_s += 2
        raise ValueError("no")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()
    for clock in ("process_time", "perf_counter"):
        monkeypatch.setattr(f"commonwatt.wiring.timing.time.{clock}", lambda: work.now_s)
    return work


def test_what_a_step_asks_of_another_counts_for_the_inner_one_only(work: Work) -> None:
    watch = Stopwatch()
    outer, inner = watch.timed(work, "outer"), watch.timed(work, "inner")
    outer.spend(1, lambda: inner.spend(4, lambda: inner.spend(2)))
    outer.spend(8)
    assert watch.step_cpu_s == {"outer": 9, "inner": 6}


def test_a_step_that_fails_is_measured_too_and_the_next_ones_are_not_charged_for_it(work: Work) -> None:
    watch = Stopwatch()
    timed = watch.timed(work, "step")
    with pytest.raises(ValueError, match="no"):
        watch.measured("outer", timed.fail)
    watch.measured("later", work.spend, 3)
    assert watch.step_cpu_s == {"step": 2, "outer": 0, "later": 3}


def test_an_answer_stays_what_it_was(work: Work) -> None:
    timed = Stopwatch().timed(work, "step")
    assert timed.name == "worker"
    assert timed.spend(1, "result") == "result"
    with pytest.raises(AttributeError):
        timed.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_a_half_slot_is_timed_as_a_whole_and_by_step(work: Work) -> None:
    watch = Stopwatch()
    outer, inner = watch.timed(work, "outer"), watch.timed(work, "inner")
    work.spend(100)
    watch.lap("")
    outer.spend(1, lambda: inner.spend(4))
    outer.spend(2)
    work.spend(10)
    watch.lap("gate")
    inner.spend(5)
    watch.lap("delivery")
    watch.measured("close", work.spend, 50)
    assert watch.laps_s == {"gate": [17], "outer": [3], "inner": [4, 5], "delivery": [5]}


def test_percentiles_are_times_that_were_measured() -> None:
    hundred = [float(value) for value in range(100, 0, -1)]
    assert latency(hundred) == {"halves": 100, "p50_s": 50, "p95_s": 95, "p99_s": 99, "max_s": 100}
    assert latency([3.0]) == {"halves": 1, "p50_s": 3, "p95_s": 3, "p99_s": 3, "max_s": 3}
    assert latency([1.0, 3.0, 2.0])["p50_s"] == 2


def test_timing_json_says_what_was_resumed(work: Work) -> None:
    watch = Stopwatch()
    watch.measured("b", work.spend, 1.23456)
    watch.measured("a", work.spend, 1)
    watch.lap("delivery")
    written = watch.to_json(resumed=3, executed=4)
    assert written["step_cpu_s"] == {"a": 1, "b": 1.235}
    assert list(written["step_cpu_s"]) == ["a", "b"]
    assert written["latency"]["b"] == dict.fromkeys(("p50_s", "p95_s", "p99_s", "max_s"), 1.23456) | {"halves": 1}
    assert (written["resumed_steps"], written["executed_steps"]) == (3, 4)
    assert written["cpu_s"] == 2.235
    assert written["peak_mb"] > 1
    assert written["wall_s"] == 2.235
