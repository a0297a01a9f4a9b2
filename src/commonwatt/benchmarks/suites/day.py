"""The day: a street trades through every step, from readings to a settled and journalled slot on the embedded chain."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from commonwatt.benchmarks.base import Figure, Job, Trial
from commonwatt.benchmarks.gates import day_findings
from commonwatt.benchmarks.street import DAYS, SLOTS_A_DAY, Street, write_street
from commonwatt.core.findings import Finding
from commonwatt.services.run import halves, trade_days
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.running import OpenRun, RunRequest, begin_run, close_books, open_run
from commonwatt.wiring.timing import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwatt.services.run import Progress

SPRING: Final = 270
"""28 April: sun and heating both matter."""

QUOTED: Final = "gsy-e: 128 CPU-s for such a day, without settlement, grid check or journal"
NOTE: Final = (
    "homes resampled from 17 measured ones; clock from the first slot to the last one settled and journalled: reading files comes before, "
    "publishing, audit and report after"
)
YEAR_NOTE: Final = "; grid = capacity, not yet the SimBench LV-rural3 feeder"
GATEWAY_NOTE: Final = "; one gateway signature a slot over the root of all packets, instructions signed once a run"
SIGNED_NOTE: Final = (
    "; every meter signs its packet and every member each order; the packets' signatures are checked within the clock, "
    "those of the orders by the audit after it"
)


class DayTrial(Trial):
    """A street's slots from the first to the last, journal and chain new in every run."""

    def __init__(self, street: Street) -> None:
        self._inputs = TemporaryDirectory(prefix="commonwatt-bench-")
        self.folder, self.slots = Path(self._inputs.name) / "street", street.days * SLOTS_A_DAY
        write_street(street, self.folder)

    @contextmanager
    def fresh(self) -> Iterator[OpenRun]:
        """A run opened in a folder of its own: files read, market built, nothing traded."""
        with (
            TemporaryDirectory(prefix="commonwatt-bench-") as out,
            begin_run(RunRequest(self.folder, Path(out) / "run")) as begun,
            open_run(begun, Stopwatch()) as run,
        ):
            yield run

    def run(self, ready: OpenRun) -> Progress:
        """All slots."""
        return trade_days(ready.market, ready.journal, ready.slots)

    def close(self) -> None:
        """The street's folder goes."""
        self._inputs.cleanup()

    def findings(self, ready: OpenRun, result: Progress) -> list[Finding]:
        """Every slot executed, its auction right by another way of computing it, and the audit of the published run passed."""
        found = []
        if result.executed != self.slots or len(ready.slots) != self.slots:
            found.append(Finding("slots", str(self.slots), str(result.executed)))
        found += itertools.chain.from_iterable(
            day_findings(half, ready.market.rules.rates(half.slot)) for half in halves(ready.journal)
        )
        close_books(ready)
        audit = audit_run(AuditRequest(ready.folder.root))
        return found if audit.passed else [*found, Finding("audit", "passed", "; ".join(audit.lines))]


@dataclass(frozen=True)
class Day:
    """A day of 100 homes; a fortnight and a year of 113."""

    def jobs(self, scale: float) -> list[Job]:
        """A size counts homes x slots; in part there are fewer homes, and of the long jobs fewer days, too."""
        homes, many = max(4, round(100 * scale)), max(4, round(113 * scale))
        day = Figure("community-day", "CPU-s", 1.2, QUOTED, NOTE + GATEWAY_NOTE)
        if scale < 1:
            day = replace(day, job=f"community-day-of-{homes}-homes", limit=None)
        signed = Figure(f"{day.job}-signed", "CPU-s", note=NOTE + SIGNED_NOTE)
        sizes = tuple(n * SLOTS_A_DAY for n in (homes // 4, homes // 2) if n >= 4)
        jobs = [
            Job((day,), homes * SLOTS_A_DAY, partial(_trial, SPRING, 1), runs=5, growth_sizes=sizes),
            Job((signed,), homes * SLOTS_A_DAY, partial(_trial, SPRING, 1, is_signed=True), runs=3),
        ]
        for first_day, days, name, limits in (
            (SPRING, 14, "community-fortnight", (None, None)),
            (0, DAYS, "community-year", (120.0, 1000.0)),
        ):
            part = max(1, round(days * scale))
            if scale < 1:
                name, limits = f"community-{part}-days-of-{many}-homes", (None, None)
            time = Figure(name, "s", limits[0], note=NOTE + YEAR_NOTE + GATEWAY_NOTE)
            memory = Figure(f"{name}-memory", "MB", limits[1], note="most memory of the same run")
            trial = partial(_trial, first_day, part)
            size = many * part * SLOTS_A_DAY
            jobs.append(Job((time, memory), size, trial, runs=1, is_warm=False, is_long=days == DAYS))
        return jobs


def _trial(first_day: int, days: int, size: int, is_signed: bool = False) -> Trial:
    return DayTrial(Street(size // (SLOTS_A_DAY * days), first_day, days, is_signed))
