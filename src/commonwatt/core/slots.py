"""Slots of time, numbered from the Unix epoch in UTC."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class SlotGrid:
    """Slots of `slot_s` seconds; slot n covers [n * slot_s, (n + 1) * slot_s) in UTC."""

    slot_s: int
    """Length in seconds, a divisor of 3600."""

    def __post_init__(self) -> None:
        if self.slot_s <= 0 or 3600 % self.slot_s:
            raise ValueError(f"expected a slot length that divides 3600 s, was {self.slot_s}")

    def start_s(self, slot: int) -> int:
        """When the slot begins, seconds since the epoch."""
        return slot * self.slot_s

    def slot_of(self, instant_s: int) -> int:
        """The slot an instant lies in."""
        return instant_s // self.slot_s

    def start_utc(self, slot: int) -> dt.datetime:
        """When the slot begins, as an aware datetime in UTC."""
        return dt.datetime.fromtimestamp(self.start_s(slot), dt.UTC)

    def local_start(self, slot: int, zone: ZoneInfo) -> dt.datetime:
        """When the slot begins, on the community's wall clock."""
        return self.start_utc(slot).astimezone(zone)

    def slots_of_days(self, first: dt.date, end: dt.date, zone: ZoneInfo) -> range:
        """The slots of the local days from `first` until before `end`; a day has 23 or 25 hours where the clock changes."""
        if end < first:
            raise ValueError(f"expected an end date not before {first}, was {end}")
        return range(self._midnight(first, zone), self._midnight(end, zone))

    def _midnight(self, day: dt.date, zone: ZoneInfo) -> int:
        midnight = dt.datetime.combine(day, dt.time(), zone)
        return -(-int(midnight.timestamp()) // self.slot_s)
