"""The packet of a reading at level `plain`: its canonical bytes and the hash that commits to them."""

import hashlib
import struct
from functools import cache
from typing import Any, Final

import numpy as np

from commonwatt.core.records import Readings
from commonwatt.core.units import Bytes2D

LABEL: Final = b"commonwatt/packet/plain/1"
"""Protocol and version; another layout is another label, so that no bytes mean two things."""

OPENING_BYTES: Final = 32
_NUMBERS: Final = ("member", "slot", "counter", "revision", "import_wh", "export_wh")
_BODY = struct.Struct(">6q")
_COLUMNS: Final = [(name, ">i8") for name in _NUMBERS]


def packet_head(community: str) -> bytes:
    """The part of a packet that is the same for every reading of a community: label and name, each with its length before it."""
    name = community.encode()
    return struct.pack(">I", len(LABEL)) + LABEL + struct.pack(">I", len(name)) + name


def packet_body(member: int, slot: int, counter: int, revision: int, import_wh: int, export_wh: int) -> bytes:
    """The part of a packet that differs: six signed 64-bit integers, big-endian, in this order."""
    return _BODY.pack(member, slot, counter, revision, import_wh, export_wh)


def packet_leaves(slot: int, readings: Readings) -> list[bytes]:
    """Leaf data of a slot's packets in their signer's Merkle tree, one a row: `packet_body` (48 bytes), then the commitment (32 bytes)."""
    return _rows(b"", slot, readings, readings.packet_hash)


def packets(community: str, slot: int, readings: Readings) -> list[bytes]:
    """The packet of every reading, one a row: what its opening is drawn for."""
    return _rows(packet_head(community), slot, readings)


def packet_hashes(community: str, slot: int, readings: Readings) -> bytes:
    """`packet_hash` of every reading under its opening, one after the other."""
    rows = _rows(packet_head(community), slot, readings, readings.opening)
    return b"".join([hashlib.sha3_256(row).digest() for row in rows])


def _rows(head: bytes, slot: int, readings: Readings, tail: Bytes2D | None = None) -> list[bytes]:
    """`head`, then the numbers as `packet_body` packs them, then the row of `tail`: all rows in one array, then cut."""
    width = 0 if tail is None else tail.shape[1]
    table = np.zeros(len(readings), _layout(len(head), width))
    table["head"], table["slot"] = np.frombuffer(head, np.uint8), slot
    for name in _NUMBERS:
        if name != "slot":
            table[name] = getattr(readings, name)
    if tail is not None:
        table["tail"] = tail
    raw, size = table.tobytes(), table.dtype.itemsize
    return [raw[start : start + size] for start in range(0, len(raw), size)]


@cache
def _layout(head: int, tail: int) -> np.dtype[Any]:
    """A packet's numbers between a head and a tail of so many bytes."""
    return np.dtype([("head", "u1", (head,)), *_COLUMNS, ("tail", "u1", (tail,))])


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
