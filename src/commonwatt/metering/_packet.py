"""The packet of a reading at level `plain`: its canonical bytes and the hash that commits to them."""

import hashlib
import struct
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from commonwatt.core.records import Readings

LABEL: Final = b"commonwatt/packet/plain/1"
"""Protocol and version; another layout is another label, so that no bytes mean two things."""

OPENING_BYTES: Final = 32
_NUMBERS: Final = ("member", "slot", "counter", "revision", "import_wh", "export_wh")
_BODY = struct.Struct(">6q")


def packet_head(community: str) -> bytes:
    """The part of a packet that is the same for every reading of a community: label and name, each with its length before it."""
    name = community.encode()
    return struct.pack(">I", len(LABEL)) + LABEL + struct.pack(">I", len(name)) + name


def packet_body(member: int, slot: int, counter: int, revision: int, import_wh: int, export_wh: int) -> bytes:
    """The part of a packet that differs: six signed 64-bit integers, big-endian, in this order."""
    return _BODY.pack(member, slot, counter, revision, import_wh, export_wh)


def packet_leaves(slot: int, readings: Readings) -> list[bytes]:
    """Leaf data of a slot's packets in their signer's Merkle tree, one a row: `packet_body` (48 bytes), then the commitment (32 bytes)."""
    return leaves_of(packet_bodies(slot, readings), cut(readings.packet_hash))


def leaves_of(bodies: Sequence[bytes], hashes: Sequence[bytes]) -> list[bytes]:
    """`packet_leaves` of bodies and commitments."""
    return [body + committed for body, committed in zip(bodies, hashes, strict=True)]


def packet_bodies(slot: int, readings: Readings) -> list[bytes]:
    """`packet_body` of every reading, one a row: all rows in one array, then cut."""
    table = np.zeros((len(readings), len(_NUMBERS)), ">i8")
    for column, name in enumerate(_NUMBERS):
        table[:, column] = slot if name == "slot" else getattr(readings, name)
    return cut(table)


def packets(community: str, bodies: Sequence[bytes]) -> list[bytes]:
    """The packet of every body, one a row: what its opening is drawn for."""
    head = packet_head(community)
    return [head + body for body in bodies]


def packet_hashes(packets_: Sequence[bytes], openings: Sequence[bytes]) -> list[bytes]:
    """`packet_hash` of every packet under its opening."""
    hashed = hashlib.sha3_256
    return [hashed(packet + opening).digest() for packet, opening in zip(packets_, openings, strict=True)]


def cut(rows: npt.NDArray[np.generic]) -> list[bytes]:
    """The bytes of each row of a matrix."""
    raw, size = rows.tobytes(), rows.shape[1] * rows.itemsize
    return [raw[start : start + size] for start in range(0, len(raw), size)]


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
