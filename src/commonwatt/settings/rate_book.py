"""The tariff slot by slot: base prices and time-of-use windows on the local wall clock."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from commonwatt.core.slots import SlotGrid
from commonwatt.core.tariff import SUPPLY, Rates
from commonwatt.core.time_of_use import is_open, minute_of, resolved
from commonwatt.settings.sections import PRICE_KEYS, Prices, Tariff, Window


class RateBook:
    """What holds in a slot. A slot has the prices of the instant it begins; the work is done once per minute of the week."""

    def __init__(self, tariff: Tariff, slots: SlotGrid, zone: ZoneInfo) -> None:
        self._tariff, self._slots, self._zone = tariff, slots, zone
        self._spans = tuple((w, minute_of(w.from_), minute_of(w.to)) for w in tariff.windows)
        self._known: dict[tuple[int, int], Rates] = {}
        self._suppliers = {own.name: {key: getattr(own, key) for key in SUPPLY} for own in tariff.suppliers}
        self._own: dict[tuple[Rates, str], Rates] = {}

    def rates(self, slot: int, supplier: str = "") -> Rates:
        """The rates of a slot, micro-currency per kWh; those of a member whose own supplier has this name."""
        return self._supplied(self._of_slot(slot), supplier)

    def _supplied(self, rates: Rates, supplier: str) -> Rates:
        if supplier not in self._suppliers:
            return rates
        if (rates, supplier) not in self._own:
            self._own[rates, supplier] = rates.of_supplier(self._suppliers[supplier])
        return self._own[rates, supplier]

    def _of_slot(self, slot: int) -> Rates:
        if not self._spans:
            return self._at(0, 0)
        start = self._slots.local_start(slot, self._zone)
        return self._at(start.weekday(), start.hour * 60 + start.minute)

    def every(self) -> tuple[Rates, ...]:
        """All rates that occur in a week, of every supplier, each once."""
        minutes = {0, *(m % 1440 for _, begin, end in self._spans for m in (begin, end))}
        base = dict.fromkeys(self._at(day, minute) for day in range(7) for minute in sorted(minutes))
        return tuple(dict.fromkeys(self._supplied(rates, name) for name in ("", *self._suppliers) for rates in base))

    def _at(self, weekday: int, minute: int) -> Rates:
        if (weekday, minute) not in self._known:
            layers: list[Prices] = [self._tariff, *self._open(weekday, minute)]
            self._known[weekday, minute] = resolved(
                ({k: getattr(layer, k) for k in PRICE_KEYS} for layer in layers), self._tariff.local_relief_share or 0.0
            )
        return self._known[weekday, minute]

    def _open(self, weekday: int, minute: int) -> list[Window]:
        return [window for window, begin, end in self._spans if is_open(window.days, begin, end, weekday, minute)]
