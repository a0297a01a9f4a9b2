"""Forecasting: generation and load of the coming slot from what was settled."""

from typing import Protocol

from commonwatt.core.records import Forecasts, Observed
from commonwatt.core.registry import Answer, Registry


class Forecasting(Answer, Protocol):
    """Promises: looks at nothing but `observed` (the newest settled slot is slot - 2); whole Wh, never negative; deterministic."""

    def forecast(self, observed: Observed, slot: int) -> Forecasts:
        """Expected load and PV of `slot` per member, Wh; `slot` is `observed.slot` or the one before it (being delivered)."""
        ...


FORECASTINGS = Registry[Forecasting]("forecasting", "model")
