"""Rows of any files put together: one energy of each home and slot, in whole Wh, in one of our two forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from commonwatt.adapters.feeds.doubts import Doubt, stamp
from commonwatt.adapters.feeds.rows import GROSS, NET
from commonwatt.adapters.importing.layout import ENERGIES, Layout
from commonwatt.adapters.importing.reading import Rows
from commonwatt.core.findings import Finding
from commonwatt.core.units import ENERGY_LIMIT_WH, SECONDS_PER_HOUR, Flags, Floats, Ints, whole_wh

_SECOND_US: Final = 1_000_000
_MOST_CELLS: Final = 60_000_000
"""Homes times intervals: 113 homes at one minute for a year; beyond it a wrong year is likelier than so much data."""
_SNAP_S: Final = 60
_SMALL_SHARE: Final = 0.01
_SHOWN: Final = 5


@dataclass(frozen=True)
class Profiles:
    """What was imported: arrays of shape (slots, homes)."""

    homes: tuple[str, ...]
    first_slot: int
    slot_s: int
    columns: tuple[str, str]
    """`load_wh, pv_wh` or `import_wh, export_wh`."""
    first_wh: Ints
    second_wh: Ints
    known: Flags
    """Where a home has a reading; the others are gaps."""


@dataclass
class Combined:
    """Profiles, or what stands against them."""

    profiles: Profiles | None = None
    findings: list[Finding] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Grid:
    """Intervals of all files: the finest of them, from the first instant to the last."""

    first: int
    interval_s: int
    count: int
    homes: tuple[str, ...]


def combined(parts: Sequence[Rows], layout: Layout, names: Sequence[str], slot_s: int) -> Combined:
    """The profiles of some files. `names` are the homes' ids in our words, in the order of the sorted names of all files.

    `slot_s` is the length to sum up to; 0: the data's own.
    """
    result = Combined()
    grid = _grid(parts, layout, names, result)
    if grid is None:
        return result
    energies = {e: _placed(e, parts, grid, layout, result) for e in ENERGIES if any(e in part.values for part in parts)}
    if result.findings:
        return result
    if layout.values == "register":
        energies = {e: _differences(e, values, grid, result) for e, values in energies.items()}
    length_s = slot_s or _natural_slot_s(grid.interval_s)
    if not length_s or length_s % grid.interval_s:
        expected = "rows whose spacing divides the slot's length (--map slot_s=..., a divisor of 3600)"
        result.findings.append(Finding("slot_s", expected, f"rows {grid.interval_s} s apart" + f", slots of {length_s} s" * bool(length_s)))  # fmt: skip
        return result
    first_slot = grid.first * grid.interval_s // length_s
    energies = {e: _slots(e, values, grid, length_s, result) for e, values in energies.items()}
    _finish(energies, grid.homes, first_slot, length_s, result)
    return result


def all_homes(parts: Sequence[Rows]) -> list[str]:
    """The names of the homes of some files, sorted."""
    return sorted({home for part in parts for home in part.homes})


def _grid(parts: Sequence[Rows], layout: Layout, names: Sequence[str], result: Combined) -> _Grid | None:
    interval_s = min(part.interval_s for part in parts)
    coarse = next((part for part in parts if part.interval_s != interval_s), None)
    if coarse is not None:
        expected = f"rows {interval_s} s apart, as in the other files (import them one by one)"
        result.findings.append(Finding(coarse.source.name, expected, f"{coarse.interval_s} s apart"))
    if interval_s <= 0 or SECONDS_PER_HOUR % interval_s:
        expected = "rows whose spacing divides an hour: 900, 1800 or 3600 s"
        result.findings.append(Finding(f"{parts[0].source.name} {layout.time}", expected, f"{interval_s} s"))
    if result.findings:
        return None
    first = min(int(part.start_us.min()) for part in parts) // (interval_s * _SECOND_US)
    last = max(int(part.start_us.max()) for part in parts) // (interval_s * _SECOND_US)
    count = last - first + 2
    if count * len(names) > _MOST_CELLS or first < 0:
        span = (
            f"{stamp(max(first * interval_s, 0))} to {stamp(last * interval_s)}"
            if abs(last * interval_s) < 2**36
            else "thousands of years"
        )
        expected = "times from 1970 on, and one span without decades of silence (dates in another order?)"
        result.findings.append(Finding(f"{parts[0].source.name} {layout.time}", expected, f"{span}, rows {interval_s} s apart"))  # fmt: skip
        return None
    return _Grid(first, interval_s, count, tuple(names))


def _placed(energy: str, parts: Sequence[Rows], grid: _Grid, layout: Layout, result: Combined) -> Floats:
    """Values by interval and home, NaN where there is none."""
    values = np.full((grid.count, len(grid.homes)), np.nan)
    order = all_homes(parts)
    for part in parts:
        if energy not in part.values:
            continue
        rows = np.flatnonzero(np.isfinite(part.values[energy]))
        nearest = (part.start_us[rows] + grid.interval_s * _SECOND_US // 2) // (grid.interval_s * _SECOND_US)
        off_us = np.abs(part.start_us[rows] - nearest * grid.interval_s * _SECOND_US)
        off = off_us > min(_SNAP_S, grid.interval_s // 10) * _SECOND_US
        if off.any():
            result.findings += _off_findings(part, rows[off], grid, layout)
            continue
        at = np.clip(nearest - grid.first, 0, grid.count - 1)
        columns = np.array([order.index(home) for home in part.homes], np.int64)[part.home[rows]]
        _fill(values, energy, (part, rows, at, columns), grid, layout, result)
    return values


def _off_findings(part: Rows, rows: Ints, grid: _Grid, layout: Layout) -> list[Finding]:
    expected = f"times {grid.interval_s} s apart, as most rows are"
    found = [
        Finding(part.source.place(int(part.lines[row]), layout.time), expected, stamp(part.start_us[row] / _SECOND_US))
        for row in rows[:_SHOWN].tolist()
    ]
    more = len(rows) - _SHOWN
    return found + [Finding(f"{part.source.name} {layout.time}", expected, f"{more} more such rows")] * (more > 0)


def _fill(
    values: Floats, energy: str, rows: tuple[Rows, Ints, Ints, Ints], grid: _Grid, layout: Layout, result: Combined
) -> None:
    """Put rows in their places; of several for one place the same value counts once, another is settled by `duplicates`."""
    part, index, at, home = rows
    flat = at * values.shape[1] + home
    given = part.values[energy][index]
    before = values.ravel()[flat]
    if layout.duplicates == "first":
        flat_order = np.arange(len(flat))[::-1]
        written = np.where(np.isnan(before), given, before)
        values.ravel()[flat[flat_order]] = written[flat_order]
    else:
        values.ravel()[flat] = given  # NumPy lets the last one win
    counts = np.bincount(flat, minlength=values.size) if len(flat) else np.zeros(values.size, np.int64)
    again = (counts[flat] > 1) | np.isfinite(before)
    if not again.any():
        return
    differs = again & (values.ravel()[flat] != given)
    differs |= np.isfinite(before) & (before != given)
    places = np.unique(flat[again])
    if differs.any() and not layout.duplicates:
        for row in np.flatnonzero(differs)[:_SHOWN].tolist():
            where = part.source.place(int(part.lines[index[row]]), energy)
            when = stamp((grid.first + at[row]) * grid.interval_s)
            expected = "each home and time once (or --map duplicates=last)"
            result.findings.append(Finding(where, expected, f"{grid.homes[home[row]]} at {when} with another value"))
        return
    for home_at in np.unique(places % values.shape[1]).tolist():
        mine = places[places % values.shape[1] == home_at]
        row = int(np.argmax(flat == mine[0]))
        found = "given more than once" + f", the {layout.duplicates} counts" * bool(layout.duplicates)
        start = stamp((grid.first + int(mine[0]) // values.shape[1]) * grid.interval_s)
        where = part.source.place(int(part.lines[index[row]]), "")
        result.doubts.append(Doubt("duplicate", grid.homes[home_at], energy, start, len(mine), found, where))


def _differences(energy: str, values: Floats, grid: _Grid, result: Combined) -> Floats:
    """The energy of each interval from a register that counts up; unknown where either end is."""
    steps = np.full_like(values, np.nan)
    steps[:-1] = np.diff(values, axis=0)
    usual = [np.quantile(rising, 0.99) if len(rising := column[column > 0]) else 0.0 for column in steps.T]
    bad: Flags = np.asarray((steps < 0) | (steps > 1000 * np.maximum(usual, 1.0)), np.bool_)
    for home in np.flatnonzero(bad.any(axis=0)).tolist():
        at = int(np.argmax(bad[:, home]))
        start = stamp((grid.first + at) * grid.interval_s)
        found = f"from {values[at, home]:.0f} to {values[at + 1, home]:.0f} Wh"
        result.doubts.append(Doubt("register_back", grid.homes[home], energy, start, int(bad[:, home].sum()), found))
    return np.where(bad, np.nan, steps)


def _natural_slot_s(interval_s: int) -> int:
    """The slot that suits rows so far apart: shorter ones than five minutes are summed to a quarter of an hour."""
    return interval_s if interval_s >= 300 else 900 if 900 % interval_s == 0 else 3600


def _slots(energy: str, values: Floats, grid: _Grid, slot_s: int, result: Combined) -> Floats:
    """Sums over slots; a slot that lacks one of its intervals is unknown."""
    parts = slot_s // grid.interval_s
    if parts == 1:
        return values
    before = grid.first % parts
    after = -(before + len(values)) % parts
    padded = np.pad(values, ((before, after), (0, 0)), constant_values=np.nan).reshape(-1, parts, values.shape[1])
    some: Flags = np.asarray(np.isfinite(padded).any(axis=1) & ~np.isfinite(padded).all(axis=1), np.bool_)
    for home in np.flatnonzero(some.any(axis=0)).tolist():
        at = int(np.argmax(some[:, home]))
        start, count = stamp((grid.first // parts + at) * slot_s), int(some[:, home].sum())
        found = f"{int(np.isfinite(padded[at, :, home]).sum())} of {parts} readings"
        result.doubts.append(Doubt("part_slot", grid.homes[home], energy, start, count, found))
    return padded.sum(axis=1)  # type: ignore[no-any-return]


def _finish(energies: dict[str, Floats], homes: tuple[str, ...], first: int, slot_s: int, result: Combined) -> None:
    """Net, clip and round; keep the homes and the span that have readings."""
    columns = _form(energies, homes, first, slot_s, result)
    if columns is None:
        expected = "columns of load, of import, or of net (and PV beside them)"
        result.findings.append(Finding("energies", expected, ", ".join(energies) or "none"))
        return
    names, first_wh, second_wh = columns
    known = np.isfinite(first_wh) & np.isfinite(second_wh)
    large = known & ((np.nan_to_num(first_wh) >= ENERGY_LIMIT_WH) | (np.nan_to_num(second_wh) >= ENERGY_LIMIT_WH))
    if large.any() or not known.any():
        found = "more (another unit?)" if large.any() else "none"
        expected = (
            f"readings below {ENERGY_LIMIT_WH} Wh a slot" if large.any() else "at least one whole reading of a home"
        )
        result.findings.append(Finding("energies", expected, found))
        return
    silent = [homes[at] for at in np.flatnonzero(~known.any(axis=0)).tolist()]
    if silent:
        result.notes.append(f"Left out, without a single whole reading: {', '.join(silent[:8])}" + (f" and {len(silent) - 8} more." if len(silent) > 8 else "."))  # fmt: skip
    slots, kept = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    window = slice(int(slots[0]), int(slots[-1]) + 1)
    known = known[window][:, kept]
    # Sixth digits are not the meter's: 0.0005 kWh is half a Wh, which floats may miss.
    near: list[Floats] = [np.nan_to_num(c[window][:, kept]).round(6) for c in (first_wh, second_wh)]
    whole = [np.where(known, whole_wh(column), 0) for column in near]
    result.profiles = Profiles(
        tuple(homes[at] for at in kept.tolist()), first + window.start, slot_s, names, whole[0], whole[1], known
    )


def _form(
    energies: dict[str, Floats], homes: tuple[str, ...], first: int, slot_s: int, result: Combined
) -> tuple[tuple[str, str], Floats, Floats] | None:
    """Load and PV where both can be known, else import and export; None without either."""

    def not_negative(energy: str, values: Floats, kind: str = "negative") -> Floats:
        return _clipped(energy, values, kind, (homes, first, slot_s), result)

    given = {e: v if e == "net" else not_negative(e, v) for e, v in energies.items()}
    pv = given.get("pv")
    if pv is not None:  # a home that never has any has no PV; one that is silent now and then has gaps
        pv = np.where(np.isfinite(pv).any(axis=0), pv, 0.0)
    if "load" in given:
        return GROSS, given["load"], np.zeros_like(given["load"]) if pv is None else pv
    if "net" in given:
        drawn, fed = np.maximum(given["net"], 0), np.maximum(-given["net"], 0)
    elif "import" in given:
        drawn = given["import"]
        fed = given.get("export", np.zeros_like(drawn))
        fed = np.where(np.isfinite(fed).any(axis=0), fed, 0.0)
        _say_both(drawn, fed, (homes, first, slot_s), result)
    else:
        return None
    if pv is None:
        return NET, drawn, fed
    return GROSS, not_negative("load", drawn - fed + pv, "below_zero_load"), pv


def _say_both(drawn: Floats, fed: Floats, frame: tuple[tuple[str, ...], int, int], result: Combined) -> None:
    homes, first, slot_s = frame
    both: Flags = (np.nan_to_num(drawn) >= 0.5) & (np.nan_to_num(fed) >= 0.5)
    for home in np.flatnonzero(both.any(axis=0)).tolist():
        at, count = int(np.argmax(both[:, home])), int(both[:, home].sum())
        found = f"{drawn[at, home]:.0f} Wh in and {fed[at, home]:.0f} Wh out"
        result.doubts.append(Doubt("both_registers", homes[home], "import_wh", stamp((first + at) * slot_s), count, found))  # fmt: skip


def _clipped(
    energy: str, values: Floats, kind: str, frame: tuple[tuple[str, ...], int, int], result: Combined
) -> Floats:
    """Values without negative ones: small ones count as 0, larger ones are unknown."""
    negative: Flags = np.asarray(values < -0.5, np.bool_)
    values = np.where((values < 0) & ~negative, 0.0, values)
    if not negative.any():
        return values
    homes, first, slot_s = frame
    most = np.nan_to_num(np.where(negative, 0, values)).max(axis=0)
    large: Flags = negative & (-np.nan_to_num(values) > _SMALL_SHARE * most)
    for home in np.flatnonzero(negative.any(axis=0)).tolist():
        at = int(np.argmax(negative[:, home]))
        gaps = int(large[:, home].sum())
        found = f"{values[at, home]:.0f} Wh, least {np.nanmin(values[:, home]):.0f} Wh" + f"; {gaps} left out" * (
            gaps > 0
        )
        count = int(negative[:, home].sum())
        result.doubts.append(Doubt(kind, homes[home], f"{energy}_wh", stamp((first + at) * slot_s), count, found))
    return np.where(large, np.nan, np.where(negative, 0.0, values))
