"""Timestamps of a data file as instants: ISO 8601 with offset, Parquet timestamps, local times of a named zone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from commonwatt.adapters.feeds.rows import DataFile
from commonwatt.core.findings import Finding
from commonwatt.core.units import Flags, Ints

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LAST: Final = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
_MICRO: Final = dt.timedelta(microseconds=1)
_FORM: Final = "a time such as 2024-05-31T17:00+02:00 or 2024-05-31T15:00Z"


@dataclass(frozen=True)
class Zones:
    """What a timestamp may refer to."""

    local: ZoneInfo
    """The community's wall clock: several offsets in one file must be its own."""
    naive: ZoneInfo | None
    """The zone of timestamps without one; None: they are refused."""


@dataclass(frozen=True)
class _Stamp:
    """One distinct timestamp: an instant (microseconds since the epoch), or why it is none."""

    instant_us: int = 0
    offset_s: int | None = None
    fault: str = ""
    """What was expected instead; empty when the instant holds."""


def instants(file: DataFile, column: str, zones: Zones) -> tuple[Ints, Flags, list[Finding]]:
    """Microseconds since the epoch of each row, which rows have one, and what is wrong with the others.

    Either every row carries an offset or none does. Local times that a change of clocks makes ambiguous or skips are refused, because
    nothing says which hour is meant.
    """
    array = file.columns[column]
    if not (
        pa.types.is_string(array.type) or pa.types.is_large_string(array.type) or pa.types.is_timestamp(array.type)
    ):
        none = np.zeros(len(array), np.bool_)
        return (
            np.zeros(len(array), np.int64),
            none,
            [Finding(f"{file.name} {column}", _FORM, f"a column of {array.type}")],
        )
    encoded = array.dictionary_encode()
    codes = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)
    stamps = [*_stamps(encoded.dictionary, zones), _Stamp(fault=_FORM)]
    faults = np.array([bool(s.fault) for s in stamps])
    found = _mix(file, column, codes, stamps, zones)
    # Of times without a zone among others, one finding says enough.
    told = np.array([bool(s.fault) and not (found and s.offset_s is None and s.fault != _FORM) for s in stamps])
    found += file.listed(told[codes], column, lambda row: stamps[codes[row]].fault)
    values = np.array([s.instant_us for s in stamps], np.int64)
    return values[codes], ~faults[codes], found


def zone_notices(file: DataFile, column: str, zones: Zones) -> list[str]:
    """What to say when the times of a file (its first row is enough) are of another zone than the community's wall clock."""
    array = file.columns[column]
    if not len(array) or array[0].as_py() is None:
        return []
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        shown = "" if array.type.tz in ("UTC", zones.local.key) else array.type.tz
    else:
        [stamp] = _stamps(array[:1], zones)
        here_s = _offset_s(_EPOCH + stamp.instant_us * _MICRO, zones.local)
        shown = str(array[0].as_py())[-6:] if stamp.offset_s not in (None, 0, here_s) else ""
        if stamp.offset_s is None and zones.naive is not None and zones.naive.key not in ("UTC", zones.local.key):
            shown = zones.naive.key
    reads = f"{file.name}: times are of {shown}, the community lives by {zones.local.key} ([community] time_zone)"
    return [f"{reads}: days, tariff windows and the report follow the latter"] if shown else []


def _mix(file: DataFile, column: str, codes: Ints, stamps: list[_Stamp], zones: Zones) -> list[Finding]:
    """One finding when a file mixes times with and without offset, or offsets that no one zone has."""
    used = sorted(set(codes.tolist()))
    naive = [c for c in used if stamps[c].offset_s is None and stamps[c].fault != _FORM]
    zoned = [c for c in used if stamps[c].offset_s is not None]
    if naive and zoned:
        first, other = int(np.argmax(codes == zoned[0])), int(np.argmax(np.isin(codes, naive)))
        expected = f"one way to give time zones: {file.cell(first, column)} has an offset"
        return [
            Finding(file.place(other, column), expected, f"{file.cell(other, column)} without one (a time zone mix)")
        ]
    offsets = {stamps[c].offset_s for c in zoned if not stamps[c].fault}
    zone = zones.naive or zones.local
    for code in zoned if len(offsets) > 1 else ():
        stamp = stamps[code]
        if stamp.fault or stamp.offset_s == _offset_s(_EPOCH + stamp.instant_us * _MICRO, zone):
            continue
        row = int(np.argmax(codes == code))
        expected = f"the same offset in every row, or those of {zone.key}"
        return [Finding(file.place(row, column), expected, f"{file.cell(row, column)} beside others (a time zone mix)")]
    return []


def _stamps(values: Any, zones: Zones) -> list[_Stamp]:
    if not pa.types.is_timestamp(values.type):
        return [_stamp(text or "", zones) for text in values.to_pylist()]
    instants_us = values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(pa.int64()).to_pylist()
    if values.type.tz is not None:  # the zone of a Parquet column is for display; the instants are UTC
        return [_checked(None, us) for us in instants_us]
    naive = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock without a zone is what the column holds
    last_us = (_LAST - _EPOCH) // _MICRO
    return [_localised(naive + us * _MICRO, zones) if 0 <= us < last_us else _checked(None, us) for us in instants_us]


def _stamp(text: str, zones: Zones) -> _Stamp:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return _Stamp(fault=_FORM)
    if moment.tzinfo is None:
        return _localised(moment, zones)
    try:
        return _checked(_offset_s(moment, None), (moment - _EPOCH) // _MICRO)
    except OverflowError:  # an offset that leads out of the calendar
        return _Stamp(fault=_FORM)


def _checked(offset_s: int | None, instant_us: int) -> _Stamp:
    if not 0 <= instant_us < (_LAST - _EPOCH) // _MICRO:
        return _Stamp(offset_s=offset_s, fault="a time from 1970 to 2199")
    return _Stamp(instant_us, 0 if offset_s is None else offset_s)


def _localised(moment: dt.datetime, zones: Zones) -> _Stamp:
    """A wall-clock time as an instant, if exactly one instant has it."""
    if zones.naive is None:
        return _Stamp(fault="a time with an offset or Z (or [data] time_zone, the zone of times without)")
    if not 1971 <= moment.year <= 2198:
        return _Stamp(fault="a time from 1971 to 2198")
    early, late = (moment.replace(tzinfo=zones.naive, fold=fold) for fold in (0, 1))
    if early.utcoffset() != late.utcoffset():
        back = early.astimezone(dt.UTC).astimezone(zones.naive).replace(tzinfo=None)
        if back != moment:
            return _Stamp(fault=f"a time that exists: clocks in {zones.naive.key} are put forward over it")
        return _Stamp(fault=f"a time with an offset: clocks in {zones.naive.key} are put back and show it twice")
    return _Stamp((early - _EPOCH) // _MICRO)


def _offset_s(moment: dt.datetime, zone: ZoneInfo | None) -> int:
    offset = (moment.astimezone(zone) if zone else moment).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
