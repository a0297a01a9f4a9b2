"""Metering: packets of readings, committed and signed; what each level reveals to whom."""

from commonwatt.metering._packet import packet_hash
from commonwatt.metering.base import METERINGS, Metering, MeterKeys

__all__ = ["METERINGS", "MeterKeys", "Metering", "packet_hash"]
