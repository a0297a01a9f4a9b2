"""Median of 14 days: what was usual at this time of day."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.records import Forecasts, Observed
from commonwatt.core.units import Ints
from commonwatt.forecasting.base import same_time_rows, settled

DAYS: Final = 14


@dataclass(frozen=True)
class Median14d:
    """Median per member over the same time of day (UTC) of the last 14 days on record; fewer at the start, zeros without any."""

    needs: ClassVar[frozenset[str]] = frozenset({"readings"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    def forecast(self, observed: Observed, slot: int) -> Forecasts:
        """Expected load and PV of `slot` per member, Wh; a median between two whole Wh is rounded half up."""
        history = settled(observed)
        rows = same_time_rows(history, observed.slot_s, slot)[:DAYS]
        return Forecasts(_median_wh(history.load_wh[rows]), _median_wh(history.pv_wh[rows]))


def _median_wh(energy_wh: Ints) -> Ints:
    """Median of each column of (days, members), Wh, half up; zeros where there is no day."""
    days = len(energy_wh)
    if days == 0:
        return np.zeros(energy_wh.shape[1], np.int64)
    ordered = np.sort(energy_wh, axis=0)
    both: Ints = ordered[(days - 1) // 2] + ordered[days // 2]
    return (both + 1) >> 1
