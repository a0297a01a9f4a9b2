"""Determinism: named random streams from the run's seed, content hashes and Merkle roots. The same input gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """An independent random stream for a purpose: `stream(seed, "sequence", slot)`. Never for secrets: the seed is published."""
    digest = hashlib.sha256(repr((int(seed), *name)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def content_hash(data: bytes) -> bytes:
    """SHA3-256 of bytes."""
    return hashlib.sha3_256(data).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root of a binary Merkle tree (SHA3-256) over leaf data in order; leaf and node hashes are told apart by a prefix byte.

    An odd node moves up unchanged. The root of no leaves is the hash of the empty string under the leaf prefix.
    """
    level = [hashlib.sha3_256(b"\x00" + leaf).digest() for leaf in leaves] or [hashlib.sha3_256(b"\x00").digest()]
    while len(level) > 1:
        pairs = [hashlib.sha3_256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]
