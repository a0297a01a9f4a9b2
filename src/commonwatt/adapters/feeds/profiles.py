"""A feed of measured profiles, from CSV or Parquet: checked as a whole, gaps filled from the past, late readings kept for their day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os.path import commonpath
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from commonwatt.adapters.feeds.gaps import filled, gap_findings
from commonwatt.adapters.feeds.instants import Zones, instants, zone_notices
from commonwatt.adapters.feeds.rows import (
    NET,
    DataFile,
    energies,
    energy_columns,
    member_indices,
    member_names,
    read_data,
)
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.core.records import FINAL_DAYS, Quality
from commonwatt.core.slots import SlotGrid
from commonwatt.core.units import SECONDS_PER_DAY, SECONDS_PER_HOUR, Flags, Ints
from commonwatt.services.feed import LateReading, Metered
from commonwatt.services.reporting.words import several

_MICRO_PER_S: Final = 1_000_000


@dataclass(frozen=True)
class ProfileFiles:
    """Where the data lie, and what they are held against."""

    profiles: Path
    corrections: Path | None
    slot_s: int
    zone: ZoneInfo
    """The community's wall clock."""
    naive_zone: ZoneInfo | None = None
    """Zone of timestamps that carry none; None: they are refused."""
    max_gap_h: int = 24
    substitute: str = "earlier_day"
    final_days: int = FINAL_DAYS
    """A correction that arrives later than this is not settled any more."""


@dataclass(frozen=True)
class ProfileFeed:
    """Measured profiles (fulfils `services.feed.Feed`): arrays of shape (slots, members), a slot is a view of a row."""

    first_slot: int
    load_wh: Ints
    pv_wh: Ints
    is_measured: Flags
    late: Mapping[int, tuple[LateReading, ...]] = field(default_factory=dict)
    """By the slot in which they become known."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    noted: tuple[str, ...] = ()
    is_net: bool = False
    """Whether load and PV are what a net meter imported and exported."""

    def slots(self) -> range:
        """The slots for which there are data."""
        return range(self.first_slot, self.first_slot + len(self.load_wh))

    def metered(self, slot: int) -> Metered:
        """Load and PV of a slot, one row a member; Wh.

        Raises:
            ValueError: a slot without data.

        """
        if slot not in self.slots():
            raise ValueError(f"expected a slot of {self.slots()}, was {slot}")
        row = slot - self.first_slot
        quality = np.where(self.is_measured[row], int(Quality.MEASURED), int(Quality.SUBSTITUTED))
        return Metered(self.load_wh[row], self.pv_wh[row], quality)

    def arrived(self, slot: int) -> tuple[LateReading, ...]:
        """Late readings that become known in `slot`, for earlier slots, in order of slot and member."""
        return self.late.get(slot, ())

    def file_hashes(self) -> dict[str, str]:
        """SHA-256 (hex) of each data file by its name, with folders before it where two share one."""
        return dict(self.hashes)

    def notices(self) -> list[str]:
        """What a reader of the results should know of the data, in words; nothing when all is as measured."""
        return list(self.noted)


def read_profiles(files: ProfileFiles, ids: Sequence[str], storage: frozenset[str] = frozenset()) -> ProfileFeed:
    """The feed of some members, in the order of `ids`; `storage` are those with a battery.

    Raises:
        InvalidInput: with every finding of both files.

    """
    feed, found = checked_profiles(files, ids, storage)
    require(found)
    assert feed is not None, "a feed without findings"
    return feed


def checked_profiles(
    files: ProfileFiles, ids: Sequence[str] | None, storage: frozenset[str] = frozenset()
) -> tuple[ProfileFeed | None, list[Finding]]:
    """As `read_profiles`, with the findings instead of an error; `ids` None (the list of members is faulty): those of the file."""
    import pyarrow as pa

    try:
        return _checked(files, ids, storage)
    finally:
        # A year of texts was held for a moment; kept, it would stay the run's to the end.
        pa.default_memory_pool().release_unused()


def _checked(
    files: ProfileFiles, ids: Sequence[str] | None, storage: frozenset[str]
) -> tuple[ProfileFeed | None, list[Finding]]:
    file, found = read_data(files.profiles)
    late_file = None
    if files.corrections is not None:
        late_file, faults = read_data(files.corrections, ("received",))
        found += faults
    if file is None:
        return None, found
    ids = member_names(file) if ids is None else ids
    rows, faults = _rows(file, files, ids)
    found += faults + _storage_findings(file, storage)
    found += _duplicates(file, rows, rows.slot)
    if not rows.placed.any() or not ids:
        return None, found
    slots = rows.slot[rows.placed]
    span = range(int(slots.min()), int(slots.max()) + 1)
    grid = SlotGrid(files.slot_s)
    present = [np.unique(slots[rows.member[rows.placed] == i]) for i in range(len(ids))]
    found += gap_findings(file.name, tuple(ids), present, span, grid, files.max_gap_h)
    late: dict[int, tuple[LateReading, ...]] = {}
    notices: list[str] = []
    if late_file is not None:
        late, faults, notices = _corrections(late_file, files, ids, span)
        found += faults
    if found:
        return None, found
    paths = [files.profiles, *([files.corrections] if files.corrections is not None else [])]
    hashes = dict(zip(distinct_names(paths), [f.sha256 for f in (file, late_file) if f is not None], strict=True))
    notices = [*zone_notices(file, "start", Zones(files.zone, files.naive_zone)), *notices]
    return _built(file, files, rows, span, tuple(ids), (late, hashes, notices)), []


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """The names of files; where two share one, their paths below the folder that holds them all, wherever that lies."""
    if len({path.name for path in paths}) == len(set(paths)):
        return [path.name for path in paths]
    whole = [path.absolute() for path in paths]
    base = commonpath([path.parent for path in whole])
    return [path.relative_to(base).as_posix() for path in whole]


@dataclass(frozen=True)
class _Rows:
    """A data file as numbers, one entry a row."""

    slot: Ints
    member: Ints
    load_wh: Ints
    pv_wh: Ints
    placed: Flags
    """Rows of a known member and slot, whatever their energy."""


def _rows(file: DataFile, files: ProfileFiles, ids: Sequence[str]) -> tuple[_Rows, list[Finding]]:
    instant_us, timed, found = instants(file, "start", Zones(files.zone, files.naive_zone))
    off = timed & (instant_us % (files.slot_s * _MICRO_PER_S) != 0)
    member, named, faults = member_indices(file, ids)
    apart_s = _spacing_s(instant_us[timed & named], member[timed & named])
    hint = f" (rows are {apart_s} s apart: [community] slot_s = {apart_s})"
    fits = apart_s > 0 and 3600 % apart_s == 0
    found += file.listed(
        off, "start", f"the beginning of a slot of {files.slot_s} s" + hint * (fits and apart_s < files.slot_s)
    )
    if fits and apart_s > files.slot_s:
        found.append(Finding(f"{file.name} start", f"a row every {files.slot_s} s" + hint, f"one every {apart_s} s"))
    found += faults
    load, pv = energy_columns(list(file.columns))
    load_wh, faults = energies(file, load)
    pv_wh, more = energies(file, pv)
    slot = instant_us // (files.slot_s * _MICRO_PER_S)
    return _Rows(slot, member, load_wh, pv_wh, timed & ~off & named), found + faults + more


def _spacing_s(instant_us: Ints, member: Ints) -> int:
    """The commonest time between two rows of one member that follow each other, s; 0 where no member has two."""
    order = np.lexsort((instant_us, member))
    apart, same = np.diff(instant_us[order]), np.diff(member[order]) == 0
    values, counts = np.unique(apart[same & (apart > 0)], return_counts=True)
    return int(values[np.argmax(counts)]) // _MICRO_PER_S if len(values) else 0


def _storage_findings(file: DataFile, storage: frozenset[str]) -> list[Finding]:
    if energy_columns(list(file.columns)) != NET or not storage:
        return []
    names = ", ".join(sorted(storage)[:5]) + (", ..." if len(storage) > 5 else "")
    expected = "load_wh and pv_wh, for members with a battery: what a net meter saw includes what a battery did"
    return [
        Finding(
            f"{file.name}:1" if file.is_text else file.name,
            expected,
            f"import_wh and export_wh, and a battery at {names}",
        )
    ]


def _duplicates(file: DataFile, rows: _Rows, *also: Ints) -> list[Finding]:
    """Rows that repeat the member and the times (`also`) of an earlier one."""
    index = np.flatnonzero(rows.placed)
    keys = [column[index] for column in (*also, rows.member)]
    order = np.lexsort((index, *keys))
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    repeated = np.zeros(len(rows.placed), np.bool_)
    first: dict[int, int] = {}
    for at in np.flatnonzero(same).tolist():
        row, before = int(index[order[at + 1]]), int(index[order[at]])
        repeated[row], first[row] = True, first.get(before, before)
    return file.listed(
        repeated,
        "start",
        lambda row: (
            f"each time once a member (line {file.lines[first[row]]} has it)"
            if file.is_text
            else f"each time once a member (row {file.lines[first[row]]} has it)"
        ),
    )


def _built(
    file: DataFile,
    files: ProfileFiles,
    rows: _Rows,
    span: range,
    ids: tuple[str, ...],
    rest: tuple[dict[int, tuple[LateReading, ...]], dict[str, str], list[str]],
) -> ProfileFeed:
    late, hashes, notices = rest
    grid, shape = SlotGrid(files.slot_s), (len(span), len(ids))
    measured = np.zeros(shape, np.bool_)
    at = (rows.slot - span.start, rows.member)
    measured[at] = True
    filled_columns = []
    for column in (rows.load_wh, rows.pv_wh):
        values = np.zeros(shape, np.int64)
        values[at] = column
        values = filled(values, measured, files.substitute, span, grid, files.zone)
        values.flags.writeable = False
        filled_columns.append(values)
    measured.flags.writeable = False
    load_wh, pv_wh = filled_columns
    both = int(((load_wh > 0) & (pv_wh > 0)).sum())
    if energy_columns(list(file.columns)) == NET and both:
        notices = [
            *notices,
            f"{file.name}: {several(both, 'reading')} with import and export in one slot, taken with the difference",
        ]
    noted = (*_gap_notices(file, measured, ids, grid), *notices)
    is_net = energy_columns(list(file.columns)) == NET
    return ProfileFeed(span.start, load_wh, pv_wh, measured, late, hashes, noted, is_net)


def _gap_notices(file: DataFile, measured: Flags, ids: tuple[str, ...], grid: SlotGrid) -> list[str]:
    missing = ~measured
    if not missing.any():
        return []
    begins = missing & ~np.vstack((np.zeros((1, missing.shape[1]), np.bool_), missing[:-1]))
    hours = int(missing.sum()) * grid.slot_s / SECONDS_PER_HOUR
    names = [ids[i] for i in np.flatnonzero(missing.any(axis=0))]
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    count = int(begins.sum())
    return [f"{file.name}: {count} {'gap' if count == 1 else 'gaps'}, {hours:g} h substituted, members {listed}"]


def _corrections(
    file: DataFile, files: ProfileFiles, ids: Sequence[str], span: range
) -> tuple[dict[int, tuple[LateReading, ...]], list[Finding], list[str]]:
    """Late readings by the slot in which they arrive; those past the final date are left out and noted."""
    rows, found = _rows(file, files, ids)
    received_us, timed, faults = instants(file, "received", Zones(files.zone, files.naive_zone))
    found += faults
    received = received_us // (files.slot_s * _MICRO_PER_S)
    outside = rows.placed & ((rows.slot < span.start) | (rows.slot >= span.stop))
    found += file.listed(outside, "start", "a slot for which the profiles have data")
    early = rows.placed & timed & (received <= rows.slot)
    found += file.listed(early, "received", "a time after the slot has ended")
    found += _duplicates(file, rows, rows.slot, received)
    in_time = (received - rows.slot) * files.slot_s <= files.final_days * SECONDS_PER_DAY
    notices = []
    if (too_late := int((~in_time).sum())) and not found:
        notices.append(
            f"{file.name}: {several(too_late, 'correction')} came more than {several(files.final_days, 'day')} late and {'is' if too_late == 1 else 'are'} ignored"
        )
    late: dict[int, list[LateReading]] = {}
    for row in np.lexsort((rows.member, rows.slot)).tolist():
        if in_time[row]:
            reading = LateReading(
                int(rows.slot[row]), int(rows.member[row]), int(rows.load_wh[row]), int(rows.pv_wh[row])
            )
            late.setdefault(int(received[row]), []).append(reading)
    return {slot: tuple(readings) for slot, readings in sorted(late.items())}, found, notices
