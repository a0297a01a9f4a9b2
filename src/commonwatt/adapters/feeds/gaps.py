"""Gaps of a meter: finding them, and the rule by which they are filled from the past alone (`docs/explain/data-faults.md`)."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.core.slots import SlotGrid
from commonwatt.core.units import SECONDS_PER_HOUR, Flags, Ints

SUBSTITUTES: Final = ("earlier_day", "latest_slot", "zero")


def gap_findings(
    file: str, ids: tuple[str, ...], present: list[Ints], span: range, grid: SlotGrid, max_gap_h: int
) -> list[Finding]:
    """Members without any row, and silences longer than `max_gap_h`; `present` is the slots of each member, sorted, each once."""
    found = []
    for name, slots in zip(ids, present, strict=True):
        if not len(slots):
            found.append(Finding(f"{file} member {name}", "rows of every member", "none"))
            continue
        edges = np.concatenate(([span.start - 1], slots, [span.stop]))
        silent_s = (np.diff(edges) - 1) * grid.slot_s
        for at in np.flatnonzero(silent_s > max_gap_h * SECONDS_PER_HOUR).tolist():
            start = grid.start_utc(int(edges[at]) + 1)
            hours = f"{int(silent_s[at]) / SECONDS_PER_HOUR:g} h without a row from {start:%Y-%m-%dT%H:%MZ}"
            found.append(
                Finding(f"{file} member {name}", f"no gap of more than {max_gap_h} h ([data] max_gap_h)", hours)
            )
    return found


def filled(values: Ints, measured: Flags, rule: str, span: range, grid: SlotGrid, zone: ZoneInfo) -> Ints:
    """`values` (slots, members) with what was not measured filled by a rule that looks only at earlier measured slots.

    `earlier_day`: the latest earlier reading at the same local time of day, else the latest earlier reading, else 0. `latest_slot`: the
    latest earlier reading, else 0. `zero`: 0.
    """
    if rule == "zero" or measured.all():
        return np.where(measured, values, 0)
    known = measured.copy()
    result = np.where(measured, values, 0)
    if rule == "earlier_day":
        times = np.array([_second_of_day(slot, grid, zone) for slot in span])
        for time in np.unique(times):
            rows = np.flatnonzero(times == time)
            result[rows], known[rows] = _carried(values[rows], measured[rows])
    latest, has_past = _carried(values, measured)
    return np.where(known, result, np.where(has_past, latest, 0))


def _carried(values: Ints, measured: Flags) -> tuple[Ints, Flags]:
    """Every row's newest measured value at or before it, column by column, and where there is one."""
    newest = np.maximum.accumulate(np.where(measured, np.arange(len(values))[:, None], -1), axis=0)
    return np.take_along_axis(values, np.maximum(newest, 0), axis=0), newest >= 0


def _second_of_day(slot: int, grid: SlotGrid, zone: ZoneInfo) -> int:
    start = grid.local_start(slot, zone)
    return start.hour * 3600 + start.minute * 60 + start.second
