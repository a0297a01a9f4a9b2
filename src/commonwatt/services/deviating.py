"""Deviating: how far a settled slot was from its orders, which prices of a later slot may follow; a run and its audit ask the same."""

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Deviation, Quality, Readings
from commonwatt.core.units import Ints, exact_sum
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import EX_POST, Rules

SETTLED = 2
"""At the gate of slot s the newest settled slot is s - 2; s - 1 is being delivered."""


def deviation_of(book: OrderBook, accepted: int, readings: Readings) -> Deviation:
    """Of a slot whose first `accepted` orders were sealed; `readings` are revision 0, one row a member.

    What was ordered counts whether it traded or not, and whether the trades stood or not: it was a forecast.
    """
    members, taken = len(readings), np.arange(accepted)
    ordered_wh = np.zeros(members, np.int64)
    own = book.member[taken]
    np.add.at(ordered_wh, own, np.where(book.is_sell[taken], 1, -1) * book.energy_wh[taken])
    has_ordered = np.zeros(members, np.bool_)
    has_ordered[own] = True
    short_wh = np.where(has_ordered, ordered_wh - (readings.export_wh - readings.import_wh), 0)
    return Deviation(short_wh, silent_share(readings))


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
