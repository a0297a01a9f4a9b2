"""Timing: CPU seconds by step, measured around the answers and adapters, so that no room knows of it."""

import resource
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Stopwatch:
    """Adds up processor time by step; what a step asks of another step counts for the inner one only."""

    def __init__(self, cpu_clock: Callable[[], float] | None = None) -> None:
        """Measure the process, or by another clock: a run that shares its process with others takes `time.thread_time`."""
        self.step_cpu_s: dict[str, float] = {}
        self._cpu_clock = cpu_clock or time.process_time
        self._started = (time.perf_counter(), self._cpu_clock())
        self._inner = 0.0

    def timed(self, answer: T, step: str) -> T:
        """The same answer, its calls measured."""
        return _Timed(answer, step, self)  # type: ignore[return-value]

    def measured(self, step: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call and add the time to the step."""
        outer, self._inner, begun = self._inner, 0.0, self._cpu_clock()
        try:
            return call(*args, **kwargs)
        finally:
            spent = self._cpu_clock() - begun
            self.step_cpu_s[step] = self.step_cpu_s.get(step, 0.0) + spent - self._inner
            self._inner = outer + spent

    def to_json(self, resumed: int, executed: int) -> dict[str, Any]:
        """`timing.json`."""
        wall, cpu = self._started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "wall_s": round(time.perf_counter() - wall, 3),
            "cpu_s": round(self._cpu_clock() - cpu, 3),
            "step_cpu_s": {step: round(spent, 3) for step, spent in sorted(self.step_cpu_s.items())},
            "resumed_steps": resumed,
            "executed_steps": executed,
            "peak_mb": round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1),
        }


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
