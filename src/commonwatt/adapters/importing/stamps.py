"""Times as people write them: dates in any order, clocks of 12 or 24 hours, offsets, seconds since 1970; and local times as instants."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from commonwatt.core.units import Flags, Ints

ORDERS: Final = ("year_first", "day_first", "month_first")
NO_OFFSET: Final = -(2**40)
"""Stands for the offset of a time that has none."""

_EPOCH: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock; the offset is kept beside it
_MICRO: Final = dt.timedelta(microseconds=1)
_SECOND_US: Final = 1_000_000
_PARTS: Final = re.compile(
    r"(\d{1,4})\s*[-./]\s*(\d{1,2}|[A-Za-z]{3,9})\s*[-./]\s*(\d{1,4})"
    r"(?:[T ,]+(\d{1,2})[:.h](\d{2})(?:[:.](\d{2})(?:[.,]\d{1,9})?)?\s*([AaPp])?(?:\.?[Mm]\.?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?)?"
)
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})[T ]?(\d{2})(\d{2})(\d{2})?")
_SECONDS: Final = re.compile(r"\d{9,10}|\d{13}")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OFFSET: Final = re.compile(r"[+-](?:0\d|1[0-4]):?[0-5]\d")


@dataclass(frozen=True)
class Times:
    """Times as written, one entry a text."""

    wall_us: Ints
    """Microseconds from 1970 to the wall clock's reading."""
    offset_s: Ints
    """Of the wall clock from UTC; `NO_OFFSET` where none was written."""
    readable: Flags


@dataclass(frozen=True)
class Instants:
    """Rows as instants, and the rows whose local time says nothing or too little."""

    utc_us: Ints
    skipped: Flags
    """Local times that a clock put forward never showed."""
    once: Flags
    """Local times that a clock put back shows twice, of which the file has one; taken for the first."""


def zone_of(text: str) -> tuple[dt.tzinfo | None, str]:
    """A time zone by its IANA name, `UTC` or a fixed offset; or what was expected."""
    if text.upper() in ("UTC", "Z", "GMT"):
        return dt.UTC, ""
    if _OFFSET.fullmatch(text):
        return dt.timezone(dt.timedelta(seconds=_offset_s(text))), ""
    names = available_timezones()
    if text in names:
        return ZoneInfo(text), ""
    import difflib

    near = difflib.get_close_matches(text, sorted(names), n=1, cutoff=0.6)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return None, f"an IANA time zone such as Europe/Zurich{hint}, UTC or a fixed offset such as +01:00"


def times(texts: Sequence[str], order: str) -> Times:
    """The times that some texts mean when their dates are in one of `ORDERS`."""
    wall, offset = np.zeros(len(texts), np.int64), np.full(len(texts), NO_OFFSET, np.int64)
    readable = np.zeros(len(texts), np.bool_)
    for at, text in enumerate(texts):
        parsed = _time(text, order)
        if parsed is not None:
            (wall[at], offset[at]), readable[at] = parsed, True
    return Times(wall, offset, readable)


def possible_orders(texts: Iterable[str]) -> list[str]:
    """The orders in which the dates of some texts may be read; several when no day is after the 12th."""
    possible = set(ORDERS)
    for text in texts:
        match = _PARTS.match(text.strip())
        if match is None:
            possible &= {"year_first"}
            continue
        first, second, last = match[1], match[2], match[3]
        if len(first) >= 3:
            possible &= {"year_first"}
        elif len(last) >= 3 or second.isalpha():
            possible &= {"day_first", "month_first"}
        if len(first) <= 2:
            possible -= {"month_first"} if int(first) > 12 or second.isalpha() else set()
            possible -= {"day_first"} if not second.isalpha() and int(second) > 12 else set()
    return [order for order in ORDERS if order in possible]


def localised(wall_us: Ints, zone: dt.tzinfo, home: Ints) -> Instants:
    """Wall-clock times of rows as instants in a zone.

    Of an hour that a clock put back shows twice, a home's earlier row is the first; a file that runs backwards in time is read so.
    """
    walls, codes = np.unique(wall_us, return_inverse=True)
    first, second = np.zeros((2, len(walls)), np.int64)
    skipped = np.zeros(len(walls), np.bool_)
    for at, us in enumerate(walls.tolist()):
        moment = _EPOCH + us * _MICRO
        early, late = (_from_utc_us(moment.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
        first[at], second[at] = early, late
        skipped[at] = late < early
    twice = (second > first)[codes]
    result, once = first[codes], np.zeros(len(codes), np.bool_)
    rows = np.flatnonzero(twice)
    if len(rows):
        backwards = len(wall_us) > 1 and np.median(np.diff(wall_us)) < 0
        order = rows[np.lexsort((-rows if backwards else rows, wall_us[rows], home[rows]))]
        same = np.concatenate(([False], (np.diff(wall_us[order]) == 0) & (np.diff(home[order]) == 0)))
        result[order[same]] = second[codes[order[same]]]
        once[order] = ~same & ~np.append(same[1:], False)
    return Instants(result, skipped[codes], once)


def _time(text: str, order: str) -> tuple[int, int] | None:
    text = text.strip()
    if order == "year_first" and len(text) > 10:
        try:
            return _with_offset(dt.datetime.fromisoformat(text))
        except (ValueError, OverflowError):
            pass
    if _SECONDS.fullmatch(text):
        return int(text) * (_SECOND_US if len(text) < 12 else 1000), 0
    match = _PARTS.fullmatch(text)
    if match is None:
        match = _COMPACT.fullmatch(text)
        return _built((match[1], match[2], match[3]), match.groups()[3:], None, None) if match else None
    first, second, last, hour, minute, second_, half, offset = match.groups()
    month = _MONTHS.index(second[:3].lower()) + 1 if second[:3].lower() in _MONTHS else 0
    second = str(month) if second.isalpha() else second
    by_order = {"year_first": (first, second, last), "day_first": (last, second, first), "month_first": (last, first, second)}  # fmt: skip
    return _built(by_order[order], (hour, minute, second_), half, offset)


def _built(
    date: tuple[str, str, str], clock: tuple[str | None, ...], half: str | None, offset: str | None
) -> tuple[int, int] | None:
    year, month, day = map(int, date)
    hour, minute, second = (int(part or 0) for part in clock)
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half in "pP")
    midnight_after = hour == 24 and minute == second == 0
    try:
        moment = dt.datetime(  # noqa: DTZ001 - the offset is kept beside it
            year + 2000 * (year < 100), month, day, 0 if midnight_after else hour, minute, second
        ) + dt.timedelta(days=midnight_after)
    except (ValueError, OverflowError):
        return None
    return (moment - _EPOCH) // _MICRO, NO_OFFSET if offset is None else _offset_s(offset)


def _with_offset(moment: dt.datetime) -> tuple[int, int]:
    offset = moment.utcoffset()
    wall = (moment.replace(tzinfo=None) - _EPOCH) // _MICRO
    return wall, NO_OFFSET if offset is None else int(offset.total_seconds())


def _offset_s(text: str) -> int:
    if text[0] not in "+-":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    return (1 if text[0] == "+" else -1) * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)


def _from_utc_us(moment: dt.datetime) -> int:
    offset = moment.utcoffset() or dt.timedelta()
    return (moment.replace(tzinfo=None) - offset - _EPOCH) // _MICRO
