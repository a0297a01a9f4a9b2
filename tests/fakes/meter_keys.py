"""Meter keys without a file: the secrets of a test."""

import hashlib
from collections.abc import Sequence

from commonwatt.core.units import Ints
from commonwatt.crypto.signatures import Signer


class FakeMeterKeys:
    """Fulfils `metering.MeterKeys`; keeps every blinding it gave and for what."""

    def __init__(self, members: int) -> None:
        self.meters = [Signer((member + 1).to_bytes(32, "big")) for member in range(members)]
        self.gateway = Signer((members + 1).to_bytes(32, "big"))
        self.asked: list[tuple[int, int, str, bytes]] = []

    @property
    def addresses(self) -> list[bytes]:
        return [signer.address for signer in self.meters]

    def meter_blindings(self, slot: int, members: Ints, label: str, values: Sequence[bytes]) -> bytes:
        asked = [(member, slot, label, value) for member, value in zip(members.tolist(), values, strict=True)]
        self.asked += asked
        return b"".join(hashlib.sha256(repr(one).encode()).digest() for one in asked)

    @property
    def signers(self) -> list[tuple[bytes, ...]]:
        """Every meter for itself."""
        return [(address,) for address in self.addresses]

    @property
    def enrolled(self) -> list[tuple[bytes, ...]]:
        """Every meter has enrolled the gateway."""
        return [(address, self.gateway.address) for address in self.addresses]

    def gateway_address(self) -> bytes:
        return self.gateway.address

    def sign_gateway(self, digest: bytes) -> bytes:
        return self.gateway.sign(digest)

    def sign_meter(self, member: int, digest: bytes) -> bytes:
        return self.meters[member].sign(digest)
