"""The tariff slot by slot: base prices and time-of-use windows on the local wall clock."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from commonwatt.core.slots import SlotGrid
from commonwatt.core.tariff import Rates
from commonwatt.core.time_of_use import is_open, minute_of, resolved
from commonwatt.settings.sections import PRICE_KEYS, Prices, Tariff, Window


class RateBook:
    """What holds in a slot. A slot has the prices of the instant it begins; the work is done once per minute of the week."""

    def __init__(self, tariff: Tariff, slots: SlotGrid, zone: ZoneInfo) -> None:
        self._tariff, self._slots, self._zone = tariff, slots, zone
        self._spans = tuple((w, minute_of(w.from_), minute_of(w.to)) for w in tariff.windows)
        self._known: dict[tuple[int, int], Rates] = {}

    def rates(self, slot: int) -> Rates:
        """The rates of a slot, micro-currency per kWh."""
        if not self._spans:
            return self._at(0, 0)
        start = self._slots.local_start(slot, self._zone)
        return self._at(start.weekday(), start.hour * 60 + start.minute)

    def every(self) -> tuple[Rates, ...]:
        """All rates that occur in a week, each once."""
        minutes = {0, *(m % 1440 for _, begin, end in self._spans for m in (begin, end))}
        return tuple(dict.fromkeys(self._at(day, minute) for day in range(7) for minute in sorted(minutes)))

    def _at(self, weekday: int, minute: int) -> Rates:
        if (weekday, minute) not in self._known:
            layers: list[Prices] = [self._tariff, *self._open(weekday, minute)]
            self._known[weekday, minute] = resolved(
                ({k: getattr(layer, k) for k in PRICE_KEYS} for layer in layers), self._tariff.local_relief_share or 0.0
            )
        return self._known[weekday, minute]

    def _open(self, weekday: int, minute: int) -> list[Window]:
        return [window for window, begin, end in self._spans if is_open(window.days, begin, end, weekday, minute)]
