"""Measuring: the answer checked first, then ours and the reference in turn; medians, spread, growth."""

from __future__ import annotations

import gc
import math
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from commonwatt.benchmarks.base import RATE_UNITS, Figure, Job, Trial
from commonwatt.benchmarks.rows import Growth, Row
from commonwatt.core.errors import VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIGNIFICANT_DIGITS: Final = 6
REFERENCE_RUNS: Final = 5
"""Of a job that is run once."""


@dataclass(frozen=True)
class Spent:
    """What one run took; CPU counts the process and the children it waited for, seconds."""

    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class Measurement:
    """The runs of one job at one size."""

    size: int
    own: tuple[Spent, ...]
    reference: tuple[Spent, ...]
    peak_mb: float
    """Most memory the job's process (or a child of it) held, inputs included, reference and check left out; MB."""
    trial: Trial

    @property
    def cpu_s(self) -> float:
        """Median CPU seconds of a run."""
        return statistics.median(run.cpu_s for run in self.own)


def measure(job: Job, size: int, suite: str) -> Measurement:
    """Time a job.

    The first run warms up and is checked; the last one is checked again. Of a job that is not warmed up the first run counts.

    Raises:
        VerificationFailed: with what is wrong.

    """
    trial = job.trial(size)
    try:
        first, peak_mb = _checked(trial, f"{suite} {job.name}")
        own, reference = [], []
        if not job.is_warm:
            own, reference = [first], [_spent(trial.reference)[0] for _ in range(REFERENCE_RUNS)]
        while len(own) < job.runs - 1:
            with trial.fresh() as ready:
                own.append(_run(trial, ready)[0])
            reference.append(_spent(trial.reference)[0])
        if len(own) < job.runs:
            own.append(_checked(trial, f"{suite} {job.name}")[0])
            reference.append(_spent(trial.reference)[0])
    finally:
        trial.close()
    return Measurement(size, tuple(own), tuple(reference), peak_mb, trial)


def _checked(trial: Trial, name: str) -> tuple[Spent, float]:
    """One run whose answer is checked; what it took, and the most memory so far, MB."""
    with trial.fresh() as ready:
        spent, result = _run(trial, ready)
        peak_mb = _peak_mb()
        found = trial.findings(ready, result)
    if found:
        raise VerificationFailed("\n".join(f"{name}: {finding}" for finding in found))
    return spent, peak_mb


def rows(job: Job, taken: Measurement, suite: str) -> list[Row]:
    """The rows of a measured job."""
    return [_row(figure, taken, suite) for figure in job.figures]


def growth(job: Job, taken: Measurement, suite: str) -> Growth | None:
    """Time at smaller sizes beside that at the full one, and the exponent; None where a job has no smaller sizes."""
    if not job.growth_sizes:
        return None
    points = [(size, measure(job, size, suite).cpu_s) for size in job.growth_sizes]
    points.append((taken.size, taken.cpu_s))
    sizes, seconds = zip(*points, strict=True)
    return Growth(suite, job.name, sizes, tuple(map(_rounded, seconds)), round(growth_exponent(sizes, seconds), 2))


def growth_exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Slope of log time against log size by least squares: 1 is linear, 2 is quadratic.

    Raises:
        ValueError: fewer than two sizes, or something that is not positive.

    """
    if len(set(sizes)) < 2 or min(sizes) <= 0 or min(seconds) <= 0:
        raise ValueError(f"expected two sizes or more, all positive, was {list(zip(sizes, seconds, strict=True))}")
    x, y = [math.log(size) for size in sizes], [math.log(spent) for spent in seconds]
    return statistics.linear_regression(x, y).slope


def spread_share(values: Sequence[float]) -> float:
    """Half of the values lie within this part of their median (interquartile range / median); 0 for one value."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / statistics.median(values)


def _row(figure: Figure, taken: Measurement, suite: str) -> Row:
    values = _values(figure, taken)
    value = statistics.median(values)
    reference_cpu_s = statistics.median(run.cpu_s for run in taken.reference)
    better = "higher" if figure.unit in RATE_UNITS else "lower"
    met = None
    if figure.limit is not None:
        met = value >= figure.limit if better == "higher" else value <= figure.limit
    return Row(
        suite=suite,
        job=figure.job,
        size=taken.size,
        value=_rounded(value),
        unit=figure.unit,
        better=better,
        limit=figure.limit,
        met=met,
        reference=taken.trial.reference_name,
        reference_value=_rounded(reference_cpu_s),
        ratio=_rounded(taken.cpu_s / reference_cpu_s),
        cpu_s=_rounded(taken.cpu_s),
        wall_s=_rounded(statistics.median(run.wall_s for run in taken.own)),
        peak_mb=round(taken.peak_mb, 1),
        runs=len(taken.own),
        spread_share=round(spread_share(values), 4),
        quoted=figure.quoted,
        note=figure.note,
    )


def _values(figure: Figure, taken: Measurement) -> list[float]:
    """What the limit is about, one value a run."""
    if figure.unit == "ratio":
        return [own.cpu_s / other.cpu_s for own, other in zip(taken.own, taken.reference, strict=True)]
    if figure.unit in RATE_UNITS:
        return [taken.size / run.wall_s for run in taken.own]
    by_unit: dict[str, Callable[[Spent], float]] = {
        "CPU-s": lambda run: run.cpu_s,
        "s": lambda run: run.wall_s,
        "ms": lambda run: 1000 * run.wall_s,
        "MB": lambda _: taken.peak_mb,
    }
    if figure.unit in by_unit:
        return [by_unit[figure.unit](run) for run in taken.own]
    return [taken.trial.figure(figure.job)]


def _run(trial: Trial, ready: Any) -> tuple[Spent, Any]:
    spent, result = _spent(trial.run, ready)
    return Spent(spent.cpu_s / trial.times, spent.wall_s / trial.times), result


def _spent(call: Callable[..., Any], *arguments: Any) -> tuple[Spent, Any]:
    # What earlier runs left behind is not this one's to clear away.
    gc.collect()
    children, cpu, wall = _children_s(), time.process_time(), time.perf_counter()
    result = call(*arguments)
    spent = Spent(time.process_time() - cpu + _children_s() - children, time.perf_counter() - wall)
    return spent, result


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    status = Path("/proc/self/status")
    if status.is_file():
        # On Linux ru_maxrss of a started process begins with what its parent held; this does not.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        own = int(line.split()[1]) / 1024
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit)


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
