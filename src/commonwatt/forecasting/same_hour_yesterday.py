"""Same hour yesterday: the coming slot is like the newest settled one of its time of day."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.core.records import Forecasts, Observed
from commonwatt.forecasting.base import same_time_rows, settled


@dataclass(frozen=True)
class SameHourYesterday:
    """The newest settled reading at the same time of day (UTC), which is yesterday's; zeros before there is one."""

    needs: ClassVar[frozenset[str]] = frozenset({"readings"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    def forecast(self, observed: Observed, slot: int) -> Forecasts:
        """Expected load and PV of `slot` per member, Wh."""
        history = settled(observed)
        rows = same_time_rows(history, observed.slot_s, slot)[:1]
        if not len(rows):
            nothing = np.zeros(history.load_wh.shape[1], np.int64)
            return Forecasts(nothing, nothing)
        return Forecasts(history.load_wh[rows[0]], history.pv_wh[rows[0]])
