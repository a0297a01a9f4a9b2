"""Deviating: how far a settled slot was from its orders, which prices of a later slot may follow; a run and its audit ask the same."""

from collections import deque

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Deviation, Quality, Readings
from commonwatt.core.smoothing import NOT_SMOOTHED, smoothed_mwh
from commonwatt.core.units import Flags, Ints, exact_sum
from commonwatt.services.judging import ordered_wh
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import EX_POST, Rules

SETTLED = 2
"""At the gate of slot s the newest settled slot is s - 2; s - 1 is being delivered."""


def deviation_of(book: OrderBook, accepted: int, readings: Readings) -> Deviation:
    """Of a slot whose first `accepted` orders were sealed; `readings` are revision 0, one row a member.

    What was ordered counts whether it traded or not, and whether the trades stood or not: it was a forecast.
    """
    short_wh, _ = _short(book, accepted, readings)
    return Deviation(short_wh, silent_share(readings))


def _short(book: OrderBook, accepted: int, readings: Readings) -> tuple[Ints, Flags]:
    """Ordered less metered per member, 0 where nothing was ordered, and where something was."""
    taken = book.take(np.arange(accepted))
    has_ordered = np.zeros(len(readings), np.bool_)
    has_ordered[taken.member] = True
    short_wh = ordered_wh(taken, len(readings)) - (readings.export_wh - readings.import_wh)
    return np.where(has_ordered, short_wh, 0), has_ordered


def errors_after(errors_mwh: Ints, book: OrderBook, accepted: int, readings: Readings, weight_ppm: int) -> Ints:
    """Members' smoothed forecast errors after a slot; `readings` are revision 0. Who ordered nothing keeps the error that it had.

    A slot that failed counts like any other: an order is a forecast whether its trades stand or not, and whether they stand can still
    change when a settlement is voided, long after later slots were settled on this error.
    """
    if weight_ppm == NOT_SMOOTHED:
        return errors_mwh
    short_wh, has_ordered = _short(book, accepted, readings)
    return np.where(has_ordered, smoothed_mwh(errors_mwh, np.abs(short_wh), weight_ppm), errors_mwh)


def silent_share(readings: Readings) -> float:
    """Of the energy that all meters moved, what stands for silent ones; 0 where nothing flows (He 2025, Eq. 30)."""
    flow_wh: Ints = readings.export_wh + readings.import_wh
    silent = readings.quality == Quality.SUBSTITUTED
    return exact_sum(flow_wh[silent]) / max(exact_sum(flow_wh), 1)


def after_the_fact(readings: Readings) -> Deviation:
    """What prices of an `ex_post` slot may follow: orders were made of these very readings, so nobody was short."""
    return Deviation(np.zeros(len(readings), np.int64), silent_share(readings))


def published_deviation(public: PublicTables, rules: Rules, slot: int) -> Deviation | None:
    """What the prices of a slot followed, from the public tables; None where they followed nothing of the kind."""
    if not rules.follows_deviation:
        return None
    if rules.timing == EX_POST:
        return after_the_fact(public.readings(slot, 0))
    if slot - SETTLED < public.slots[0]:
        return None
    book, accepted, _, _ = public.orders(slot - SETTLED)
    return deviation_of(book, accepted, public.readings(slot - SETTLED, 0))


class PublishedErrors:
    """Members' smoothed forecast errors before each slot, from the public tables; best asked slot by slot in order."""

    def __init__(self, public: PublicTables, rules: Rules) -> None:
        self._public, self._weight_ppm = public, rules.error_weight_ppm
        self._begin()

    def _begin(self) -> None:
        self._errors_mwh: Ints = np.zeros(len(self._public.pseudonyms), np.int64)
        self._slots = deque(self._public.slots)
        self._last: int | None = None

    def before(self, slot: int) -> Ints | None:
        """Thousandths of a Wh, shape (members,); None where settlement hangs on no error before."""
        if self._weight_ppm == NOT_SMOOTHED:
            return None
        if self._last is not None and slot <= self._last:
            self._begin()
        while self._slots and self._slots[0] < slot:
            self._last = self._slots.popleft()
            book, accepted, _, _ = self._public.orders(self._last)
            readings = self._public.readings(self._last, 0)
            self._errors_mwh = errors_after(self._errors_mwh, book, accepted, readings, self._weight_ppm)
        return self._errors_mwh
