"""What is signed of packets: one root a signer and slot, by a meter over its own packet or by a gateway over those of its meters."""

from functools import lru_cache
from hashlib import sha256
from typing import Final

from commonwatt.crypto.keccak import keccak256

METER: Final = "meter"
"""Every meter signs the root of its own packet."""
GATEWAY: Final = "gateway"
"""One gateway signs the root of all its meters' packets; each meter has enrolled it once."""

_WORD: Final = 32
_PACKETS: Final = b"commonwatt/packets/1".ljust(_WORD, b"\0")
_ENROLMENT: Final = b"commonwatt/gateway/1".ljust(_WORD, b"\0")


def packets_digest(community: str, slot: int, root: bytes) -> bytes:
    """What is signed of a slot's packets: 32 bytes over label, Keccak-256 of the community's name, slot and the packets' Merkle root."""
    return sha256(_PACKETS + _name_hash(community) + slot.to_bytes(_WORD, "big") + root).digest()


def enrolment_digest(community: str, gateway: bytes) -> bytes:
    """What a meter signs once for the gateway (20-byte address) that may sign its packets: 32 bytes."""
    return sha256(_ENROLMENT + _name_hash(community) + gateway.rjust(_WORD, b"\0")).digest()


# A name is hashed once, not once a packet.
@lru_cache(maxsize=16)
def _name_hash(community: str) -> bytes:
    return keccak256(community.encode())
