"""The packet of a reading at level `plain`: its canonical bytes and the hash that commits to them."""

import hashlib
import struct
from typing import Final

import numpy as np

from commonwatt.core.records import Readings

LABEL: Final = b"commonwatt/packet/plain/1"
"""Protocol and version; another layout is another label, so that no bytes mean two things."""

OPENING_BYTES: Final = 32
_BODY = struct.Struct(">6q")
_LEAF = np.dtype(
    [(name, ">i8") for name in ("member", "slot", "counter", "revision", "import_wh", "export_wh")]
    + [("packet_hash", "u1", (32,))]
)


def packet_head(community: str) -> bytes:
    """The part of a packet that is the same for every reading of a community: label and name, each with its length before it."""
    name = community.encode()
    return struct.pack(">I", len(LABEL)) + LABEL + struct.pack(">I", len(name)) + name


def packet_body(member: int, slot: int, counter: int, revision: int, import_wh: int, export_wh: int) -> bytes:
    """The part of a packet that differs: six signed 64-bit integers, big-endian, in this order."""
    return _BODY.pack(member, slot, counter, revision, import_wh, export_wh)


def packet_leaves(slot: int, readings: Readings) -> list[bytes]:
    """Leaf data of a slot's packets in their signer's Merkle tree, one a row: `packet_body` (48 bytes), then the commitment (32 bytes)."""
    table = np.zeros(len(readings), _LEAF)
    table["slot"] = slot
    for name in ("member", "counter", "revision", "import_wh", "export_wh", "packet_hash"):
        table[name] = getattr(readings, name)
    raw, width = table.tobytes(), _LEAF.itemsize
    return [raw[start : start + width] for start in range(0, len(raw), width)]


def packet_hash(
    community: str,
    *,
    member: int,
    slot: int,
    counter: int,
    revision: int,
    import_wh: int,
    export_wh: int,
    opening: bytes,
) -> bytes:
    """SHA3-256 of packet || opening: the 32-byte commitment that a meter signs, recomputed by anyone who has the values.

    Args: `community` is its name, `member` the dense index of the metering point (the row of the members' table), energies are Wh,
    `opening` the 32-byte blinding. Hiding while the opening is secret, binding always (`privacy`, Metering).

    Raises:
        ValueError: an opening of another length: with a fixed length no two packets share their bytes.

    """
    if len(opening) != OPENING_BYTES:
        raise ValueError(f"expected an opening of {OPENING_BYTES} bytes, was {len(opening)}")
    body = packet_body(member, slot, counter, revision, import_wh, export_wh)
    return hashlib.sha3_256(packet_head(community) + body + opening).digest()
