"""Events: what reaches the market of a slot, one after the other: orders placed and withdrawn, requests and answers, seals opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np

from commonwatt.core.columns import Columns
from commonwatt.core.findings import Finding
from commonwatt.core.units import ENERGY_LIMIT_WH, PRICE_LIMIT_MICRO_PER_KWH, Bytes2D, Flags, Ints


class EventKind(IntEnum):
    """What is sent."""

    PLACE = 0
    """An order, open for whoever accepts it."""
    CANCEL = 1
    """Its member withdraws what is left of an order."""
    REQUEST = 2
    """A buyer asks sellers for the energy of its order."""
    ANSWER = 3
    """A seller offers energy of its order for a request, at a price."""
    COMMIT = 4
    """The seal of an order, which says nothing of it."""
    REVEAL = 5
    """What was sealed, and what opens the seal."""
    FINALISE = 6
    """The auction is over; nobody's in particular."""


class EventOutcome(IntEnum):
    """What became of an event."""

    TAKEN = 0
    """It counted."""
    EARLY = 1
    """Before its time."""
    LATE = 2
    """After its time: the market, the phase or the window for answers had closed."""
    REPEATED = 3
    """The same had been sent before."""
    NOT_THEIRS = 4
    """The order is another member's, or it was said for the other side."""
    UNKNOWN = 5
    """There was no such order or request yet."""
    FILLED = 6
    """Nothing was left of the order."""
    OUTSIDE = 7
    """More energy than the order has, or a price outside its limit."""
    MISMATCH = 8
    """It does not open the seal."""
    VOID = 9
    """The slot failed."""


NOBODY = -1
"""In place of a row or a member where there is none."""


@dataclass(frozen=True)
class Events(Columns):
    """The events of one slot in the order in which they arrived: that order is their sequence, their times never fall."""

    time_ms: Ints
    """Milliseconds since the market of the slot opened."""
    kind: Ints
    """`EventKind`."""
    member: Ints
    """Who sent it, by dense index; `NOBODY` for `FINALISE`."""
    order: Ints
    """Row of the slot's book that it is about; `NOBODY` for `FINALISE`."""
    request: Ints
    """Of an answer: row of the buyer's order that it answers; else `NOBODY`."""
    energy_wh: Ints
    """Of an answer: the most that is offered; else 0."""
    price_micro_per_kwh: Ints
    """Of an answer: what is asked per kWh, fees and taxes apart; else 0."""
    commitment: Bytes2D
    """Of a commit: the seal, 32 bytes; else zeros."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {"kind": ("int8", 0), "commitment": ("uint8", 32)}

    def are(self, kind: EventKind) -> Flags:
        """Which events are of a kind."""
        flags: Flags = self.kind == int(kind)
        return flags


def events_of(kind: EventKind, time_ms: Ints, member: Ints, order: Ints, **columns: Ints | Bytes2D) -> Events:
    """Events of one kind; columns that are not given say nothing."""
    said: dict[str, Ints | Bytes2D | int] = {"request": NOBODY, **columns}
    return Events.of(len(time_ms), time_ms=time_ms, kind=int(kind), member=member, order=order, **said)


def in_time(*parts: Events) -> Events:
    """Events by time; at the same instant those of an earlier part first, and within a part as they stand."""
    events = Events.joined(parts)
    return events.take(np.argsort(events.time_ms, kind="stable"))


def is_first(order: Ints) -> Flags:
    """Whether an event is the first about its order, shape (events,)."""
    _, first = np.unique(order, return_index=True)
    flags = np.zeros(len(order), np.bool_)
    flags[first] = True
    return flags


def event_findings(events: Events, orders: int, kinds: frozenset[EventKind], where: str = "events") -> list[Finding]:
    """What is wrong with the form of events: times that fall, rows that are not there, kinds that the market does not know.

    Args: `orders` is the number of orders in the book, `kinds` what the venue takes.

    """
    found: list[Finding] = []
    if not len(events):
        return found
    for row in np.flatnonzero(np.diff(events.time_ms) < 0).tolist():
        later, earlier = events.time_ms[row : row + 2].tolist()
        found.append(Finding(f"{where} row {row + 1} time_ms", f"at least {later}", str(earlier)))
    if int(events.time_ms[0]) < 0:
        found.append(Finding(f"{where} row 0 time_ms", "at least 0", str(events.time_ms[0])))
    known = {int(kind) for kind in kinds}
    names = ", ".join(kind.name.lower() for kind in sorted(kinds)) or "none at all"
    for row in np.flatnonzero(~np.isin(events.kind, list(known))).tolist():
        found.append(Finding(f"{where} row {row} kind", names, _kind_name(int(events.kind[row]))))
    is_final, is_answer = events.are(EventKind.FINALISE), events.are(EventKind.ANSWER)
    for name, is_named in (("order", ~is_final), ("request", is_answer)):
        rows = getattr(events, name)
        expected = f"a row of the book, 0..{orders - 1}" if orders else "no row, for the book is empty"
        for row in np.flatnonzero(is_named & ((rows < 0) | (rows >= orders))).tolist():
            found.append(Finding(f"{where} row {row} {name}", expected, str(rows[row])))
        for row in np.flatnonzero(~is_named & (rows != NOBODY)).tolist():
            found.append(Finding(f"{where} row {row} {name}", "none", str(rows[row])))
    return found + _answer_findings(events, where)


def _answer_findings(events: Events, where: str) -> list[Finding]:
    found, is_answer = [], events.are(EventKind.ANSWER)
    bounds = {"energy_wh": (1, ENERGY_LIMIT_WH - 1), "price_micro_per_kwh": (-_PRICE, _PRICE)}
    for name, (low, high) in bounds.items():
        values = getattr(events, name)
        for row in np.flatnonzero(is_answer & ((values < low) | (values > high))).tolist():
            found.append(Finding(f"{where} row {row} {name}", f"{low}..{high}", str(values[row])))
        for row in np.flatnonzero(~is_answer & (values != 0)).tolist():
            found.append(Finding(f"{where} row {row} {name}", "0 but for an answer", str(values[row])))
    return found


_PRICE = PRICE_LIMIT_MICRO_PER_KWH - 1


def _kind_name(kind: int) -> str:
    return EventKind(kind).name.lower() if kind in list(EventKind) else str(kind)
