"""Forecasting: generation and load of the coming slot from what was settled."""

from typing import Final, Protocol

import numpy as np

from commonwatt.core.records import Forecasts, History, Observed
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.units import SECONDS_PER_DAY, Ints

SETTLED_BEHIND: Final = 2
"""At the gate of slot s the newest settled slot is s - 2; s - 1 is being delivered."""


class Forecasting(Answer, Protocol):
    """Promises: looks at nothing but `observed` (the newest settled slot is slot - 2); whole Wh, never negative; deterministic."""

    def forecast(self, observed: Observed, slot: int) -> Forecasts:
        """Expected load and PV of `slot` per member, Wh; `slot` is `observed.slot` or the one before it (being delivered)."""
        ...


def settled(observed: Observed) -> History:
    """The part of the history that is settled at the gate; rows of later slots, should there be any, are cut off."""
    history = observed.history
    rows = max(0, observed.slot - SETTLED_BEHIND - history.first_slot + 1)
    return History(history.first_slot, history.load_wh[:rows], history.pv_wh[:rows])


def same_time_rows(history: History, slot_s: int, slot: int) -> Ints:
    """Rows of a history at the time of day (UTC) of `slot`, the newest first; `slot` lies behind the history's end."""
    slots_per_day = SECONDS_PER_DAY // slot_s
    newest = history.first_slot + len(history) - 1
    back = (newest - slot) % slots_per_day  # how far before the newest row the same time of day lies
    return np.arange(len(history) - 1 - back, -1, -slots_per_day)


FORECASTINGS = Registry[Forecasting]("forecasting", "model")
