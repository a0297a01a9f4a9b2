"""One file by its layout: rows of home, instant and energies, whatever the shape of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from commonwatt.adapters.feeds.doubts import Doubt
from commonwatt.adapters.importing.figures import figures
from commonwatt.adapters.importing.layout import ENERGIES, HOME, Layout, columns_of
from commonwatt.adapters.importing.source import Columns, Source, columns
from commonwatt.adapters.importing.stamps import NO_OFFSET, Instants, localised, times, zone_of
from commonwatt.core.findings import Finding
from commonwatt.core.units import SECONDS_PER_HOUR, Flags, Floats, Ints

_SHOWN: Final = 5
_TOLERATED_ROWS: Final = 3
_TOLERATED_SHARE: Final = 0.001
"""Rows without a readable time that may be left out: a total at the end, a line of notes."""
_SECOND_US: Final = 1_000_000
_PER_UNIT: Final = {"Wh": 1.0, "kWh": 1000.0, "W": 1.0, "kW": 1000.0}


@dataclass(frozen=True)
class Rows:
    """A file's rows: dense home index, beginning of the interval (registers: the instant), values in Wh."""

    source: Source
    homes: tuple[str, ...]
    home: Ints
    start_us: Ints
    lines: Ints
    values: Mapping[str, Floats]
    """By energy (`ENERGIES`); NaN where a row has none."""
    interval_s: int
    """The commonest time from row to row."""


@dataclass
class Read:
    """What came of one file."""

    rows: Rows | None = None
    findings: list[Finding] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """Which columns of a file are read: of the time, of the name, and per home and energy those that are summed."""

    time: list[str]
    member: str
    energies: dict[str, dict[str, list[str]]]
    """Home (empty in a long file) -> energy -> columns."""

    def columns(self) -> list[str]:
        """All of them, each once."""
        named = [c for energies in self.energies.values() for terms in energies.values() for c in terms]
        return list(dict.fromkeys([*self.time, *([self.member] if self.member else []), *named]))


def planned(source: Source, layout: Layout) -> tuple[Plan | None, list[Finding]]:
    """The columns that a complete layout means in a file, and the layout's columns that the file lacks."""
    found: list[Finding] = []

    def resolved(key: str, text: str) -> list[str]:
        names = columns_of(text, source.header)
        if names is None:
            there = ", ".join(source.header[:12]) + (", ..." if len(source.header) > 12 else "")
            found.append(Finding(f"{source.header_place} {key}", f"the column {text!r}", f"columns {there}"))
        return names or []

    time = resolved("time", layout.time)
    member = [] if layout.is_wide or not layout.member else resolved("member", layout.member)
    given = {energy: layout.column(energy) for energy in ENERGIES if layout.column(energy)}
    energies: dict[str, dict[str, list[str]]] = {}
    if layout.is_wide:
        for energy, pattern in given.items():
            names = wide_columns(source, pattern, [*time, layout.member])
            if not names:
                found.append(Finding(f"{source.header_place} {energy}", f"columns named {pattern!r}", "none"))
            for home, name in names.items():
                energies.setdefault(home, {})[energy] = [name]
    else:
        resolved_energies = {energy: resolved(energy, text) for energy, text in given.items()}
        energies[layout.home or stem(source)] = {energy: names for energy, names in resolved_energies.items() if names}
    if not found and not any(energies.values()):
        found.append(Finding(source.header_place, "a column of energy", "none that the layout names"))
    return (None if found else Plan(time, member[0] if member else "", energies)), found


def wide_columns(source: Source, pattern: str, others: Sequence[str]) -> dict[str, str]:
    """Home -> column of a wide file, for the columns that fit `before{member}after`."""
    before, _, after = pattern.partition(HOME)
    fitting = [name for name in source.header if name not in others and len(name) > len(before) + len(after)]
    fitting = [name for name in fitting if name.startswith(before) and name.endswith(after)]
    return {name[len(before) : len(name) - len(after)].strip(" _-.:/"): name for name in fitting}


def stem(source: Source) -> str:
    """A file's name without its ending."""
    return source.name.rpartition(".")[0] or source.name


def read_rows(source: Source, layout: Layout) -> Read:
    """The rows of a file; `layout` is complete."""
    result = Read()
    plan, result.findings = planned(source, layout)
    if plan is None:
        return result
    table, faults = columns(source, plan.columns())
    result.findings += faults
    if table is None:
        return result
    result.doubts += [
        Doubt("cells", "", "", "", 1, "another number of cells", source.place(n, "")) for n in table.broken
    ]
    wall, offset, readable = _times(table, plan.time, layout)
    _say_unreadable(source, table, readable, plan.time[0], result)
    homes, home = _homes(table, plan)
    if not readable.any() or result.findings:
        return result
    starts = _instants(source, table, (wall, offset, readable), home, layout, result)
    if starts is None:
        return result
    start_us, interval_s, kept = starts
    names, home, start_us, lines, values = _stacked(source, table, plan, (homes, home, start_us, kept), layout, result)
    # Mean power over an interval is energy, too.
    scale = _PER_UNIT[layout.unit] * (interval_s / SECONDS_PER_HOUR if layout.unit in ("W", "kW") else 1.0)
    values = {energy: column * scale for energy, column in values.items()}
    if not result.findings:
        result.rows = Rows(source, names, home, start_us, lines, values, interval_s)
    return result


def _times(table: Columns, names: Sequence[str], layout: Layout) -> tuple[Ints, Ints, Flags]:
    """Wall clock, offset and readability of each row."""
    array = table.arrays[names[0]]
    if pa.types.is_timestamp(array.type):
        wall = array.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        known = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), np.bool_)
        offset = np.full(len(array), 0 if array.type.tz is not None else NO_OFFSET, np.int64)
        return wall.fill_null(0).to_numpy(), offset, known
    import pyarrow.compute as pc

    arrays = [table.arrays[name] for name in names]
    texts = [array if _is_text(array.type) else array.cast(pa.string(), safe=False) for array in arrays]
    joined = texts[0] if len(texts) == 1 else pc.binary_join_element_wise(*texts, " ")
    encoded = joined.dictionary_encode()
    codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)
    read = times([*encoded.dictionary.to_pylist(), ""], layout.dates or "year_first")
    return read.wall_us[codes], read.offset_s[codes], read.readable[codes]


def _say_unreadable(source: Source, table: Columns, readable: Flags, column: str, result: Read) -> None:
    rows = np.flatnonzero(~readable)
    few = len(rows) <= max(_TOLERATED_ROWS, _TOLERATED_SHARE * len(readable)) and readable.any()
    array = table.arrays[column]
    for row in rows[:_SHOWN].tolist():
        where, text = source.place(int(table.lines[row]), column), repr(array[row].as_py() or "nothing")
        if few:
            result.doubts.append(Doubt("unreadable", "", column, "", 1, text, where))
        else:
            result.findings.append(Finding(where, "a time (--map dates=..., --map time=COLUMN)", text))
    if len(rows) > _SHOWN and not few:
        result.findings.append(Finding(f"{source.name} {column}", "a time", f"{len(rows) - _SHOWN} more such rows"))


def _homes(table: Columns, plan: Plan) -> tuple[tuple[str, ...], Ints]:
    """Names and the dense index of each row's home; -1 for rows without a name."""
    if not plan.member:
        [*names] = plan.energies
        return tuple(names), np.zeros(len(table.lines), np.int64)
    array = table.arrays[plan.member]
    text = array if _is_text(array.type) else array.cast(pa.string(), safe=False)
    encoded = text.dictionary_encode()
    names = [str(name or "").strip() for name in encoded.dictionary.to_pylist()]
    known = sorted({name for name in names if name})
    index = {name: at for at, name in enumerate(known)}
    codes = encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False).astype(np.int64)
    return tuple(known), np.array([*(index.get(name, -1) for name in names), -1], np.int64)[codes]


def _instants(
    source: Source, table: Columns, read: tuple[Ints, Ints, Flags], home: Ints, layout: Layout, result: Read
) -> tuple[Ints, int, Flags] | None:
    """Beginning of each row's interval (µs UTC), the interval, and the rows that have one; None with findings."""
    wall, offset, kept = read
    local = kept & (offset == NO_OFFSET)
    utc = wall - np.where(local, 0, offset) * _SECOND_US
    if local.any():
        zone, fault = zone_of(layout.zone)
        if zone is None:
            result.findings.append(Finding(f"{source.name} zone", fault or "a time zone (--map zone=Europe/Zurich)", repr(layout.zone)))  # fmt: skip
            return None
        shift_us = spacing_us(wall[local]) if layout.stamps == "end" and layout.values != "register" else 0
        ways = [localised(wall[local], zone, home[local])]
        if shift_us:  # the end of a slot by the clock then, or the beginning by the clock and a slot's length on
            ways[0] = Instants(ways[0].utc_us - shift_us, ways[0].skipped, ways[0].once)
            ways.append(localised(wall[local] - shift_us, zone, home[local]))
        best = min(ways, key=lambda way: int(way.skipped.sum() + way.once.sum()))
        utc[local] = best.utc_us
        _say_clock(source, table, np.flatnonzero(local), best, layout, result)
        if layout.clock == "lenient":
            kept = kept.copy()
            kept[np.flatnonzero(local)[best.skipped]] = False
    interval_us = spacing_us(utc[kept])
    if layout.stamps == "end" and layout.values != "register":
        utc = np.where(local, utc, utc - interval_us)
    return None if result.findings else (utc, interval_us // _SECOND_US, kept)


def _say_clock(source: Source, table: Columns, rows: Ints, way: Instants, layout: Layout, result: Read) -> None:
    for bad, said in (
        (way.skipped, f"a time that exists: clocks in {layout.zone} are put forward over it"),
        (way.once, f"a time twice, or with its offset: clocks in {layout.zone} are put back and show it twice"),
    ):
        if not bad.any():
            continue
        row, count = int(rows[np.argmax(bad)]), int(bad.sum())
        where = source.place(int(table.lines[row]), layout.time)
        if layout.clock == "lenient":
            result.notes.append(f"{where}: {count} {'row' if count == 1 else 'rows'} where the clock changes {'was' if count == 1 else 'were'} {'left out' if bad is way.skipped else 'taken for the first hour'}")  # fmt: skip
            continue
        expected = said + " (a clock without summer time: --map zone=+01:00; to read on: --map clock=lenient)"
        result.findings.append(Finding(where, expected, f"{count} such row{'s' * (count != 1)}"))


def spacing_us(instant_us: Ints) -> int:
    """The commonest time between neighbours of a set of instants, µs; an hour where there is only one."""
    values, counts = np.unique(np.diff(np.unique(instant_us)), return_counts=True)
    return int(values[np.argmax(counts)]) if len(values) else 3600 * _SECOND_US


def _stacked(
    source: Source, table: Columns, plan: Plan, rows: tuple[tuple[str, ...], Ints, Ints, Flags], layout: Layout, result: Read
) -> tuple[tuple[str, ...], Ints, Ints, Ints, dict[str, Floats]]:  # fmt: skip
    """One row a home and time: a wide file's columns one below the other."""
    homes, home, start_us, kept = rows
    kept = kept & (home >= 0)
    decimal = layout.decimal or "."
    parsed: dict[str, Floats] = {}
    for name in dict.fromkeys(c for energies in plan.energies.values() for terms in energies.values() for c in terms):
        parsed[name] = _numbers(source, table, name, decimal, result)[kept]
    home, start_us, lines = home[kept], start_us[kept], table.lines[kept]
    if not layout.is_wide:
        [energies] = plan.energies.values()
        values = {energy: _summed([parsed[c] for c in terms], home, len(homes)) for energy, terms in energies.items()}
        return homes, home, start_us, lines, values
    names, count = tuple(plan.energies), len(start_us)
    nothing = np.full(count, np.nan)
    used = [energy for energy in ENERGIES if any(energy in energies for energies in plan.energies.values())]
    values = {
        energy: np.concatenate([parsed[e[energy][0]] if energy in e else nothing for e in plan.energies.values()])
        for energy in used
    }
    stacked = np.repeat(np.arange(len(names)), count), np.tile(start_us, len(names)), np.tile(lines, len(names))
    return names, *stacked, values


def _numbers(source: Source, table: Columns, name: str, decimal: str, result: Read) -> Floats:
    values, bad = figures(table.arrays[name], decimal)
    rows = np.flatnonzero(bad)
    if len(rows) > max(_TOLERATED_ROWS, 0.01 * len(bad)):
        row = int(rows[0])
        text = repr(table.arrays[name][row].as_py())
        expected = f"a number (decimal {decimal!r}: --map decimal=...)"
        more = f" ({len(rows)} such rows)" if len(rows) > 1 else ""
        result.findings.append(Finding(source.place(int(table.lines[row]), name), expected, text + more))
    else:
        for row in rows.tolist():
            where = source.place(int(table.lines[row]), name)
            result.doubts.append(Doubt("unreadable", "", name, "", 1, repr(table.arrays[name][row].as_py()), where))
    return values


def _summed(terms: list[Floats], home: Ints, homes: int) -> Floats:
    """The sum of some columns; a circuit that a home never has is 0 there, one that is silent now and then makes a gap."""
    if len(terms) == 1:
        return terms[0]
    present = [np.bincount(home[np.isfinite(term)], minlength=homes) > 0 for term in terms]
    everywhere = np.logical_or.reduce(present)
    total = np.zeros(len(home))
    for term, has in zip(terms, present, strict=True):
        total = total + np.where(has[home], term, 0.0)
    return np.where(everywhere[home], total, np.nan)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
