"""Running suites: every job in a process of its own, so that its memory is its own."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from commonwatt.benchmarks.base import SUITES, Job
from commonwatt.benchmarks.measuring import growth, measure, rows
from commonwatt.core.errors import VerificationFailed, require
from commonwatt.core.findings import Finding, one_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwatt.benchmarks.rows import Growth, Row


@dataclass(frozen=True)
class BenchRequest:
    """What `commonwatt bench` was asked."""

    suites: tuple[str, ...] = ()
    """Empty: all."""
    scale: float = 1.0
    full: bool = False
    runs: int | None = None
    """None: as many as each job says."""


@dataclass(frozen=True)
class Outcome:
    """One finished job."""

    suite: str
    job: str
    rows: tuple[Row, ...] = ()
    growth: Growth | None = None
    wrong: str = ""
    """What was wrong with its answer; then there are no rows."""


@dataclass(frozen=True)
class Task:
    """A job by name, as it is handed to its process."""

    suite: str
    job: str
    scale: float
    runs: int | None


def tasks(request: BenchRequest) -> list[Task]:
    """The jobs of a request, in order.

    Raises:
        InvalidInput: a suite that does not exist, or a scale or number of runs out of range.

    """
    names = SUITES.names()
    found = [Finding("bench", one_of(name, names), repr(name)) for name in request.suites if name not in names]
    if not 0 < request.scale <= 1:
        found.append(Finding("--scale", "more than 0, at most 1", str(request.scale)))
    if request.runs is not None and request.runs < 1:
        found.append(Finding("--runs", "at least 1", str(request.runs)))
    require(found)
    return [
        Task(suite, job.name, request.scale, request.runs)
        for suite in request.suites or names
        for job in SUITES.make(suite).jobs(request.scale)
        if request.full or not job.is_long
    ]


def outcomes(todo: list[Task]) -> Iterator[Outcome]:
    """Run the jobs one after the other, each in a process of its own.

    Raises:
        VerificationFailed: a job's process died.

    """
    for task in todo:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                yield pool.submit(outcome, task).result()
            except BrokenProcessPool as error:
                raise VerificationFailed(f"{task.suite} {task.job}: expected an answer, its process died") from error


def outcome(task: Task) -> Outcome:
    """Measure one job in this process."""
    job = _job(task)
    try:
        taken = measure(job, job.size, task.suite)
        grown = growth(job, taken, task.suite)
    except VerificationFailed as error:
        return Outcome(task.suite, task.job, wrong=str(error))
    return Outcome(task.suite, task.job, tuple(rows(job, taken, task.suite)), grown)


def _job(task: Task) -> Job:
    import dataclasses

    job = next(job for job in SUITES.make(task.suite).jobs(task.scale) if job.name == task.job)
    return job if task.runs is None else dataclasses.replace(job, runs=task.runs)
