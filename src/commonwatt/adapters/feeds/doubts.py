"""Doubts about data: what may be wrong with values that can be used, where, and what is done about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class DoubtKind:
    """A kind of doubt: a name that stays, what it means, and the rule for it."""

    says: str
    done: str
    """What is done about it."""
    is_grave: bool = False
    """Whether a home with it is no household as it stands: `origin` in the list of members should be `doubtful`."""


_TAKEN: Final = "taken as it is"
_LEFT: Final = "left out of the import: the slot is a gap and is substituted by rule"
KINDS: Final[Mapping[str, DoubtKind]] = {
    "unreadable": DoubtKind("a time or number that cannot be read", _LEFT),
    "cells": DoubtKind("a row with more or fewer cells than the header", _LEFT),
    "duplicate": DoubtKind("a home and time twice", "values that agree count once; others are refused unless `duplicates` says which counts"),
    "negative": DoubtKind("an energy below 0 where none can be", "up to 1 % of the home's largest value it counts as 0 (an inverter's own use); more is left out: a gap"),
    "below_zero_load": DoubtKind("a load below 0, worked out from net meter and PV", "up to 1 % of the largest it counts as 0; more is left out: a gap"),
    "register_back": DoubtKind("a register that counts backwards or jumps (a new meter)", _LEFT),
    "both_registers": DoubtKind("import and export in one slot", "netted: the home counts with the difference"),
    "part_slot": DoubtKind("a slot with only some of its readings", _LEFT),
    "gap": DoubtKind("slots without a reading", "substituted by rule, marked in readings and on the bill (docs/explain/data-faults.md)"),
    "spike": DoubtKind("a value far above the home's others", _TAKEN + "; one above the connection is refused by `check`"),
    "stuck": DoubtKind("one value for many slots", _TAKEN),
    "zero_load": DoubtKind("no load for a day or longer", _TAKEN),
    "load_follows_pv": DoubtKind("a load that follows the sun: PV booked as load, or a battery in it", _TAKEN + "; mark the home `doubtful`", True),
    "zero_at_night": DoubtKind("a load of 0 in most nights", _TAKEN + "; mark the home `doubtful`", True),
    "pv_silent": DoubtKind("no PV for days on which neighbours have some", _TAKEN),
    "pv_weak": DoubtKind("much less PV for its size than the neighbours", _TAKEN + "; mark the home `doubtful`", True),
    "pv_at_night": DoubtKind("PV in the dark", _TAKEN + "; look at time zone and registers"),
    "clock_shift": DoubtKind("PV earlier or later by about an hour from a day on", _TAKEN + "; look at summer time in the meter's clock"),
    "unit": DoubtKind("energies that no home has, perhaps of a wrong unit", _TAKEN + "; look at the unit of the columns (import: `--map unit=`)"),
    "zone": DoubtKind("PV whose middle is far from noon", _TAKEN + "; look at the time zone"),
}  # fmt: skip
"""By name."""


@dataclass(frozen=True)
class Doubt:
    """One doubt: where, about what, since when."""

    kind: str
    """One of `KINDS`."""
    member: str
    column: str
    start: str
    """First instant it holds for, ISO 8601 in UTC; empty for a whole series."""
    slots: int
    """How many slots it is about."""
    found: str
    """The values, in words."""
    where: str = ""
    """File and line, where it is about a row."""


def stamp(instant_s: float) -> str:
    """Seconds since 1970 as a person reads them: `2024-05-06T00:15Z`."""
    return f"{dt.datetime.fromtimestamp(instant_s, dt.UTC):%Y-%m-%dT%H:%MZ}"


def doubt_rows(doubts: Iterable[Doubt]) -> list[dict[str, Any]]:
    """Doubts as rows of a table, each with what is done about it."""
    return [asdict(doubt) | {"done": KINDS[doubt.kind].done} for doubt in doubts]


def doubtful_members(doubts: Iterable[Doubt]) -> dict[str, list[str]]:
    """Members with a grave doubt, and its kinds."""
    found: dict[str, list[str]] = {}
    for doubt in doubts:
        if KINDS[doubt.kind].is_grave and doubt.kind not in found.setdefault(doubt.member, []):
            found[doubt.member].append(doubt.kind)
    return {member: kinds for member, kinds in sorted(found.items()) if kinds}


def local_time(start: str, zone: str) -> str:
    """A doubt's instant on the wall clock of a zone, which is named; as it is where there is no zone or no instant."""
    if not start or not zone:
        return start
    return f"{dt.datetime.fromisoformat(start).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} ({zone})"


def doubt_lines(doubts: Sequence[Doubt], zone: str) -> list[str]:
    """A short summary: a line a kind, with members, an example in local time and what is done."""
    lines = []
    for name, kind in KINDS.items():
        mine = [doubt for doubt in doubts if doubt.kind == name]
        if not mine:
            continue
        members = list(dict.fromkeys(doubt.member for doubt in mine if doubt.member))
        who = ", ".join(members[:4]) + (f" and {len(members) - 4} more" if len(members) > 4 else "")
        first = mine[0]
        named = first.column if not first.where.endswith(first.column) else ""
        example = " ".join(part for part in (first.where, local_time(first.start, zone), named) if part)
        # A row that is there twice is a doubt of each of its columns, and yet one slot.
        slots = sum(count for _, _, count in {(doubt.member, doubt.start, doubt.slots) for doubt in mine})
        count = f"{slots} slot{'s' * (slots != 1)}" if first.slots else f"{len(mine)}"
        lines.append(f"{name} ({kind.says}): {count}{f' at {who}' if who else ''}.")
        place = f"{first.member} {example}".strip()
        said = f"e.g. {place}: {first.found}" if place else first.found
        lines.append(f"    {said}. {kind.done[0].upper()}{kind.done[1:]}.")
    return lines
