"""Metering: packets of readings, committed and signed; what each level reveals to whom."""

from commonwatt.metering._packet import packet_body, packet_hash, packet_leaves
from commonwatt.metering._signing import GATEWAY, METER, enrolment_digest, packets_digest
from commonwatt.metering.base import METERINGS, Metering, MeterKeys

__all__ = [
    "GATEWAY",
    "METER",
    "METERINGS",
    "MeterKeys",
    "Metering",
    "enrolment_digest",
    "packet_body",
    "packet_hash",
    "packet_leaves",
    "packets_digest",
]
