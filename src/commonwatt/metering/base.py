"""Metering: packets of readings, committed and signed; what each level reveals to whom."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from commonwatt.core.findings import Finding
from commonwatt.core.records import Readings
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.units import Ints


class MeterKeys(Protocol):
    """The secrets of the meters, by member index."""

    def meter_blindings(self, slot: int, members: Ints, label: str, values: Sequence[bytes]) -> bytes:
        """32 bytes a value, one after the other, that serve it only: pseudorandom over label, slot, member and value."""
        ...

    def sign_meter(self, member: int, digest: bytes) -> bytes:
        """The meter's signature over a 32-byte digest: 65 bytes r, s, v."""
        ...

    def gateway_address(self) -> bytes:
        """The 20-byte address of the gateway's key."""
        ...

    def sign_gateway(self, digest: bytes) -> bytes:
        """The gateway's signature over a 32-byte digest: 65 bytes r, s, v."""
        ...


class Metering(Answer, Protocol):
    """Promises: a packet of one meter, slot and counter verifies, any other does not; a counter is never used twice."""

    reveals: ClassVar[frozenset[str]]
    """What others than the member learn, from `core.registry.NEEDS`."""

    def read(self, slot: int, readings: Readings, keys: MeterKeys, community: str, signing: str) -> Readings:
        """Turn raw registers into packets: fills packet hash, opening and signature of every row that has a counter (>= 0).

        Rows are in order of member, of one revision; `signing` is `meter` (each signs its own) or `gateway` (one signature for all rows).
        """
        ...

    def findings(
        self, slot: int, readings: Readings, signers: Sequence[tuple[bytes, ...]], last_counter: Ints, community: str
    ) -> list[Finding]:
        """What is wrong with packets: hash, signature, a counter not above the last one.

        `signers` are by member index the 20-byte addresses that may sign its packets: its meter's key, then gateways that this enrolled.
        """
        ...


METERINGS = Registry[Metering]("metering", "level")
