"""The day: a street trades through every step, from readings to a settled and journalled slot on the embedded chain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from commonwatt.benchmarks.base import Figure, Job, Trial
from commonwatt.benchmarks.days import DayTrial
from commonwatt.benchmarks.low_voltage import low_voltage
from commonwatt.benchmarks.street import DAYS, SLOTS_A_DAY, Street

SPRING: Final = 270
"""28 April: sun and heating both matter."""

QUOTED: Final = "gsy-e: 128 CPU-s for such a day, without settlement, grid check or journal"
NOTE: Final = (
    "homes resampled from 17 measured ones; clock from the first slot to the last one settled and journalled: reading files comes before, "
    "publishing, audit and report after"
)
BUSES: Final = 129
"""As many as SimBench's LV-rural3 has, which the specification names; that one comes with a package of 0.6 GB that is no part of the lock file."""
FEEDER_NOTE: Final = f"; a power flow, lines in the market and a verdict on a drawn feeder of {BUSES} buses, as many as SimBench's LV-rural3 has"
CAPACITY_NOTE: Final = "; grid = capacity: connections, no wires"
GATEWAY_NOTE: Final = "; one gateway signature a slot over the root of all packets, instructions signed once a run"
SIGNED_NOTE: Final = (
    "; every meter signs its packet and every member each order; the packets' signatures are checked within the clock, "
    "those of the orders by the audit after it"
)


@dataclass(frozen=True)
class Day:
    """A day of 100 homes; a fortnight and a year of 113."""

    def jobs(self, scale: float) -> list[Job]:
        """A size counts homes x slots; in part there are fewer homes, and of the long jobs fewer days, too."""
        homes, many = max(4, round(100 * scale)), max(4, round(113 * scale))
        day = Figure("community-day", "CPU-s", 1.2, QUOTED, NOTE + CAPACITY_NOTE + GATEWAY_NOTE)
        if scale < 1:
            day = replace(day, job=f"community-day-of-{homes}-homes", limit=None)
        signed = Figure(f"{day.job}-signed", "CPU-s", note=NOTE + CAPACITY_NOTE + SIGNED_NOTE)
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
            time = Figure(name, "s", limits[0], note=NOTE + FEEDER_NOTE + GATEWAY_NOTE)
            memory = Figure(f"{name}-memory", "MB", limits[1], note="most memory of the same run")
            trial = partial(_trial, first_day, part, has_feeder=True)
            size = many * part * SLOTS_A_DAY
            jobs.append(Job((time, memory), size, trial, runs=1, is_warm=False, is_long=days == DAYS))
        return jobs


def _trial(first_day: int, days: int, size: int, is_signed: bool = False, has_feeder: bool = False) -> Trial:
    feeder = low_voltage(BUSES) if has_feeder else None
    return DayTrial(Street(size // (SLOTS_A_DAY * days), first_day, days, is_signed, feeder))
