"""Persistence: the coming slot is like the newest settled one."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.core.records import Forecasts, Observed
from commonwatt.forecasting.base import settled


@dataclass(frozen=True)
class Persistence:
    """The newest settled reading (of the slot two before the gate's) stands for the coming slot; zeros before there is one."""

    needs: ClassVar[frozenset[str]] = frozenset({"readings"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    def forecast(self, observed: Observed, slot: int) -> Forecasts:  # noqa: ARG002 - the same answer for both slots
        """Expected load and PV of `slot` per member, Wh (`mechanisms`, section 0)."""
        history = settled(observed)
        if len(history) == 0:
            nothing = np.zeros(history.load_wh.shape[1], np.int64)
            return Forecasts(nothing, nothing)
        return Forecasts(history.load_wh[-1], history.pv_wh[-1])
