"""Forecasting: generation and load of the coming slot from what was settled."""

from commonwatt.forecasting.base import FORECASTINGS, Forecasting

__all__ = ["FORECASTINGS", "Forecasting"]
