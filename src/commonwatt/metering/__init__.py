"""Metering: packets of readings, committed and signed; what each level reveals to whom."""

from commonwatt.metering.base import METERINGS, Metering, MeterKeys

__all__ = ["METERINGS", "MeterKeys", "Metering"]
