"""Timing: CPU seconds by step and time on the clock by half slot, measured around the answers and adapters, so that no room knows of it."""

import math
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

T = TypeVar("T")

PERCENTILES: Final = {"p50_s": 0.50, "p95_s": 0.95, "p99_s": 0.99, "max_s": 1.0}
"""What is told of the times of a stage, by nearest rank."""


class Stopwatch:
    """Adds up processor time by step; what a step asks of another step counts for the inner one only."""

    def __init__(self, cpu_clock: Callable[[], float] | None = None) -> None:
        """Measure the process, or by another clock: a run that shares its process with others takes `time.thread_time`."""
        self.step_cpu_s: dict[str, float] = {}
        self._cpu_clock = cpu_clock or time.process_time
        self._started = (time.perf_counter(), self._cpu_clock())
        self._inner = 0.0
        self._lap_s: dict[str, float] = {}
        self._lap_begun = time.perf_counter()
        self._inner_wall = 0.0
        self.laps_s: dict[str, list[float]] = {}
        """By stage (a step, or a half slot as a whole) its time on the clock in every half slot that had it."""

    def timed(self, answer: T, step: str) -> T:
        """The same answer, its calls measured."""
        return _Timed(answer, step, self)  # type: ignore[return-value]

    def measured(self, step: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call and add the time to the step."""
        outer, self._inner, begun = self._inner, 0.0, self._cpu_clock()
        outer_wall, self._inner_wall, begun_wall = self._inner_wall, 0.0, time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            spent, wall = self._cpu_clock() - begun, time.perf_counter() - begun_wall
            self.step_cpu_s[step] = self.step_cpu_s.get(step, 0.0) + spent - self._inner
            self._lap_s[step] = self._lap_s.get(step, 0.0) + wall - self._inner_wall
            self._inner, self._inner_wall = outer + spent, outer_wall + wall

    def lap(self, half: str) -> None:
        """A half slot is over, or (empty) what was before the first: the next one begins."""
        now = time.perf_counter()
        if half:
            for stage, spent in {half: now - self._lap_begun, **self._lap_s}.items():
                self.laps_s.setdefault(stage, []).append(spent)
        self._lap_s, self._lap_begun = {}, now

    def to_json(self, resumed: int, executed: int) -> dict[str, Any]:
        """`timing.json`."""
        wall, cpu = self._started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "wall_s": round(time.perf_counter() - wall, 3),
            "cpu_s": round(self._cpu_clock() - cpu, 3),
            "step_cpu_s": {step: round(spent, 3) for step, spent in sorted(self.step_cpu_s.items())},
            "latency": {stage: latency(laps) for stage, laps in sorted(self.laps_s.items())},
            "resumed_steps": resumed,
            "executed_steps": executed,
            "peak_mb": round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1),
        }


def latency(times_s: Sequence[float]) -> dict[str, float]:
    """How many times there are, and their percentiles: the least time that so large a part of them does not pass."""
    ordered = sorted(times_s)
    ranks = {name: math.ceil(share * len(ordered)) - 1 for name, share in PERCENTILES.items()}
    return {"halves": len(ordered)} | {name: round(ordered[rank], 6) for name, rank in ranks.items()}


class _Timed:
    """Stands in for an answer; everything but calls of its methods goes straight through."""

    def __init__(self, answer: Any, step: str, watch: Stopwatch) -> None:
        self._answer, self._step, self._watch = answer, step, watch

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._answer, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._watch.measured(self._step, value, *args, **kwargs)

        # Found at once the next time.
        self.__dict__[name] = call
        return call
