"""Seasonal: what was usual at this time of day on days like this one, recent weeks counting most."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.records import Forecasts, Observed
from commonwatt.core.registry import parameter
from commonwatt.core.units import MICRO_PER_UNIT, SECONDS_PER_DAY, Flags, Ints
from commonwatt.forecasting.base import same_time_rows, settled

THURSDAY: Final = 3
"""Day 0 of the epoch, counted from Monday."""
SATURDAY: Final = 5


@dataclass(frozen=True)
class Seasonal:
    """Mean per member over the same time of day of the same day type (weekdays or weekend, UTC), weights halving every so many days.

    A day that lies d days back weighs 2 ** (-d / half_life_days), in whole millionths. Load is a matter of the day type, PV is not: it is
    averaged over all days. Without a day of the type on record all days count; without any: zeros.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"readings"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    half_life_days: float = parameter(
        7.0, doc="age at which a day counts half as much as today would", unit="days", low=0.5, high=365.0
    )
    weeks: int = parameter(8, doc="how far back days count at all", unit="weeks", low=1, high=52)

    def forecast(self, observed: Observed, slot: int) -> Forecasts:
        """Expected load and PV of `slot` per member, Wh; a mean between two whole Wh is rounded half up."""
        history = settled(observed)
        rows = same_time_rows(history, observed.slot_s, slot)[: 7 * self.weeks]
        days_back = (slot - history.first_slot - rows) * observed.slot_s // SECONDS_PER_DAY
        weights = np.round(MICRO_PER_UNIT * 0.5 ** (days_back / self.half_life_days)).astype(np.int64)
        today = slot * observed.slot_s // SECONDS_PER_DAY
        alike = _is_weekend(today - days_back) == _is_weekend(np.array([today]))
        of_type = np.where(alike, weights, 0)
        if not of_type.any():
            of_type = weights
        return Forecasts(_weighted_wh(history.load_wh[rows], of_type), _weighted_wh(history.pv_wh[rows], weights))


def _is_weekend(day: Ints) -> Flags:
    return (day + THURSDAY) % 7 >= SATURDAY


def _weighted_wh(energy_wh: Ints, weights: Ints) -> Ints:
    """Weighted mean of each column of (days, members), Wh, half up; zeros where nothing weighs anything."""
    whole = int(weights.sum())
    if whole == 0:
        return np.zeros(energy_wh.shape[1], np.int64)
    total: Ints = weights @ energy_wh  # below 52 x 7 x 10**6 x 2**31, which int64 holds
    return (2 * total + whole) // (2 * whole)
