"""Determinism: named random streams from the run's seed, and Merkle roots. The same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """An independent random stream for a purpose: `stream(seed, "sequence", slot)`. Never for secrets: the seed is published."""
    digest = sha256(repr((int(seed), *name)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root of a binary Merkle tree over leaf data in order; leaf and node hashes are told apart by a prefix byte.

    SHA-256, which the EVM computes too (it has no SHA3-256). An odd node moves up unchanged. The root of no leaves is the hash of the
    empty string under the leaf prefix.
    """
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves] or [sha256(b"\x00").digest()]
    while len(level) > 1:
        level = _above(level)
    return level[0]


def merkle_path(leaves: Sequence[bytes], index: int) -> tuple[list[bytes], int]:
    """What shows that a leaf is under the root of `leaves`: sibling hashes from the bottom up, and their sides.

    Bit k of the sides is set where sibling k stands on the left. A node that moves up unchanged adds no sibling.

    Raises:
        IndexError: no leaf of that index.

    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"expected a leaf of 0..{len(leaves) - 1}, was {index}")
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    siblings: list[bytes] = []
    sides = 0
    while len(level) > 1:
        if index ^ 1 < len(level):
            sides |= (index & 1) << len(siblings)
            siblings.append(level[index ^ 1])
        level, index = _above(level), index // 2
    return siblings, sides


def merkle_holds(root: bytes, leaf: bytes, siblings: Sequence[bytes], sides: int) -> bool:
    """Whether a path of `merkle_path` leads from the leaf's data to the root."""
    return root_over(leaf, siblings, sides) == root


def root_over(leaf: bytes, siblings: Sequence[bytes], sides: int) -> bytes:
    """The root to which a path of `merkle_path` leads from the leaf's data."""
    node = sha256(b"\x00" + leaf).digest()
    for level, sibling in enumerate(siblings):
        pair = sibling + node if sides >> level & 1 else node + sibling
        node = sha256(b"\x01" + pair).digest()
    return node


def _above(level: list[bytes]) -> list[bytes]:
    """The nodes over those of a level."""
    pairs = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
    return pairs + level[2 * len(pairs) :]
