"""Meter keys without a file: the secrets of a test."""

import hashlib

from commonwatt.crypto.signatures import Signer


class FakeMeterKeys:
    """Fulfils `metering.MeterKeys`; keeps every blinding it gave and for what."""

    def __init__(self, members: int) -> None:
        self.signers = [Signer((member + 1).to_bytes(32, "big")) for member in range(members)]
        self.asked: list[tuple[int, int, str, bytes]] = []

    @property
    def addresses(self) -> list[bytes]:
        return [signer.address for signer in self.signers]

    def meter_blinding(self, member: int, slot: int, label: str, value: bytes) -> bytes:
        self.asked.append((member, slot, label, value))
        return hashlib.sha256(repr((member, slot, label, value)).encode()).digest()

    def sign_meter(self, member: int, digest: bytes) -> bytes:
        return self.signers[member].sign(digest)
