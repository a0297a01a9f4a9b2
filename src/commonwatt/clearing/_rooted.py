"""A feeder's buses numbered from the root outwards: who hangs on whom, level by level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from commonwatt.core.units import Ints

NO_PRICE: Final = 2**40
"""Beyond all limits and costs."""


@dataclass(frozen=True)
class Rooted:
    """A radial feeder as one tree: number 0 is the far side of every root, where orders without a place are."""

    number: Ints
    """Of each bus; the last is the root's, so that `NO_PLACE` finds it as an index, too."""
    parent: tuple[int, ...]
    """Number of the next bus towards the root, -1 at the root."""
    kids: tuple[tuple[int, ...], ...]
    """Numbers of the buses next farther out, ascending."""
    levels: tuple[tuple[int, int], ...]
    """First number, and first number after it, of the buses as many lines away: the root's first."""
    inwards: tuple[tuple[int, int], ...]
    """All numbers, the farthest level first, each with its parent's."""

    @cached_property
    def toward(self) -> Ints:
        """`parent` as a column."""
        return np.array(self.parent)

    @classmethod
    def of(cls, toward: Ints) -> Rooted:
        """From the next bus towards the root of each bus (-1: a root); must be a forest."""
        root = len(toward)
        behind: list[list[int]] = [[] for _ in range(root + 1)]
        for bus, near in enumerate(toward.tolist()):
            behind[near if near >= 0 else root].append(bus)
        order, parent, levels = [root], [-1], [(0, 1)]
        kids: list[tuple[int, ...]] = [()] * (root + 1)
        while levels[-1][1] > levels[-1][0]:
            begin, end = levels[-1]
            level = sorted((bus, above) for above in range(begin, end) for bus in behind[order[above]])
            order += [bus for bus, _ in level]
            parent += [above for _, above in level]
            levels.append((end, len(order)))
        levels.pop()
        for at, above in enumerate(parent):
            if above >= 0:
                kids[above] += (at,)
        number = np.empty(root + 1, np.int64)
        number[order] = np.arange(root + 1)
        inwards = tuple((at, parent[at]) for begin, end in reversed(levels) for at in range(begin, end))
        return cls(number, tuple(parent), tuple(kids), tuple(levels), inwards)


def between(low: int, high: int) -> int:
    """The price of the root: half way between what its orders allow, or what they allow at the one end they have."""
    if low == -NO_PRICE or high == NO_PRICE:
        return 0 if low == -NO_PRICE and high == NO_PRICE else low if high == NO_PRICE else high
    return (low + high) >> 1
