"""What a mechanism may know beside a book: facts of orders or members, and the lines between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np

from commonwatt.clearing._rooted import Rooted
from commonwatt.core.columns import Columns
from commonwatt.core.units import ENERGY_LIMIT_WH, Flags, Floats, Ints

NO_PLACE: Final = -1
"""Bus or microgrid of an order whose place nobody said: all such orders are at one place, where every line begins."""

NO_BUDGET: Final = 2**62
"""Budget of an order without one, nano: more than any order costs."""

NO_PARTS: Final = -1
"""Parts of a member to whom no key gives any by name."""


@dataclass(frozen=True)
class OrderFacts(Columns):
    """What some mechanisms look at beside the book, one row an order or one row a member; what nobody said stands in no order's way."""

    bus: Ints
    """Dense index of the feeder's node, `NO_PLACE` where nobody said."""
    microgrid: Ints
    """Dense index, `NO_PLACE` where nobody said."""
    trust: Floats
    """On the scale of whoever gives it (0 to 5 in a community file); NaN where nobody said."""
    budget_nano: Ints
    """The most that a buyer's order may cost, `NO_BUDGET` where nobody said."""
    is_proven: Flags
    """Whether the seller's meter proved what it says; true where nobody asks."""
    parts: Ints
    """Parts of local production that a fixed key gives the member, `NO_PARTS` where nobody said."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {"trust": ("float64", 0), "is_proven": ("bool", 0)}

    @classmethod
    def unknown(cls, rows: int) -> OrderFacts:
        """Nothing is said of any of them."""
        return cls.of(
            rows,
            bus=NO_PLACE,
            microgrid=NO_PLACE,
            trust=np.full(rows, np.nan),
            budget_nano=NO_BUDGET,
            is_proven=np.ones(rows, np.bool_),
            parts=NO_PARTS,
        )


@dataclass(frozen=True)
class Lines(Columns):
    """A radial feeder, one row a bus: the line from it towards the root. Orders without a place are at the root's far side, which no line reaches."""

    toward: Ints
    """The next bus towards the root, -1 at a root (which has no line)."""
    limit_wh: Ints
    """What the line carries in the slot, either way, Wh."""
    loss_share: Floats
    """Part of the energy on the line that is lost, for what losses are worth; energy itself is traded without them."""
    fee_micro_per_kwh: Ints
    """What a kWh that crosses the line pays for its use, either way, micro per kWh (>= 0)."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {"loss_share": ("float64", 0)}

    def __post_init__(self) -> None:
        super().__post_init__()
        depth_findings(self.toward)
        if int(self.fee_micro_per_kwh.min(initial=0)) < 0:
            raise ValueError(f"expected fees of at least 0, was {self.fee_micro_per_kwh.min()}")

    @cached_property
    def rooted(self) -> Rooted:
        """Which bus hangs on which, worked out once: slot after slot a feeder stays the same."""
        return Rooted.of(self.toward)

    @cached_property
    def depth(self) -> Ints:
        """How many lines lie between each bus and its root; worked out once, too."""
        return depths(self.toward)

    @cached_property
    def is_charged(self) -> bool:
        """Whether any line charges a fee."""
        return bool(self.tolls.any())

    @cached_property
    def tolls(self) -> Ints:
        """The fee of the line of each number of `rooted`, micro per kWh; 0 where there is no line."""
        tolls = np.zeros(len(self) + 1, np.int64)
        tolls[self.rooted.number[:-1]] = np.where(self.toward >= 0, self.fee_micro_per_kwh, 0)
        return tolls

    @cached_property
    def climbed_micro_per_kwh(self) -> Ints:
        """The fees of all lines from each number of `rooted` to its root."""
        climbed, parent = self.tolls.copy(), self.rooted.toward
        for begin, end in self.rooted.levels[1:]:
            climbed[begin:end] += climbed[parent[begin:end]]
        return climbed

    @classmethod
    def none(cls) -> Lines:
        """No bus, no line."""
        return cls.empty()

    def paths(self, begin: Ints, end: Ints) -> tuple[Ints, Floats]:
        """The least limit (Wh) and the sum of losses (share) of the lines between each two buses; `NO_PLACE` is every root's."""
        least, lost = np.full(len(begin), ENERGY_LIMIT_WH - 1), np.zeros(len(begin))
        for _, rows, line in self._ways(begin, end):
            least[rows] = np.minimum(least[rows], self.limit_wh[line])
            lost[rows] += self.loss_share[line]
        return least, lost

    def fees(self, begin: Ints, end: Ints) -> tuple[Ints, Ints]:
        """What a kWh pays from each `begin`, and from each `end`, to where their ways to the root meet, micro per kWh."""
        if not self.is_charged:
            return np.zeros(len(begin), np.int64), np.zeros(len(end), np.int64)
        number, parent, climbed = self.rooted.number, self.rooted.toward, self.climbed_micro_per_kwh
        here, there = number[begin], number[end]
        near, far = np.minimum(here, there), np.maximum(here, there)
        # Who is numbered later is never nearer to the root: it steps until both are at one place.
        while (apart := np.flatnonzero(near != far)).size:
            above = parent[far[apart]]
            near[apart], far[apart] = np.minimum(near[apart], above), np.maximum(near[apart], above)
        return climbed[here] - climbed[near], climbed[there] - climbed[near]

    def use(self, begin: Ints, end: Ints) -> Any:
        """How each way uses each line, sparse (lines, ways): 1 towards the root, -1 away from it."""
        from scipy.sparse import csr_array

        steps = [(line, rows, np.full(len(rows), (1.0, -1.0)[side])) for side, rows, line in self._ways(begin, end)]
        nothing = (begin[:0], begin[:0], np.zeros(0))
        line, way, sign = (np.concatenate(column) for column in zip(nothing, *steps, strict=True))
        return csr_array((sign, (line, way)), shape=(len(self), len(begin)))

    def _ways(self, begin: Ints, end: Ints) -> Iterator[tuple[int, Ints, Ints]]:
        """Step by step from both ends of each way to where they meet: which end (0, 1), the ways that step, the line each crosses."""
        depth = self.depth
        here, there = begin.copy(), end.copy()
        while (apart := here != there).any():
            for side, (near, far) in enumerate(((here, there), (there, here))):
                at_depth, other = _depth_of(depth, near), _depth_of(depth, far)
                # The deeper end steps towards the root; of equally deep ones both do, one after the other.
                steps = np.flatnonzero(apart & (near != far) & (at_depth >= other) & (near >= 0))
                line = near[steps]
                is_line = self.toward[line] >= 0
                yield side, steps[is_line], line[is_line]
                near[steps] = self.toward[line]


def depths(toward: Ints) -> Ints:
    """How many lines lie between each bus and its root."""
    depth, at = np.zeros(len(toward), np.int64), toward.copy()
    while (below := at >= 0).any():
        depth[below] += 1
        at = np.where(below, toward[at], -1)
    return depth


def depth_findings(toward: Ints) -> None:
    """Refuse what is no forest.

    Raises:
        ValueError: a bus beyond the table, or lines in a circle.

    """
    if len(toward) and (int(toward.min()) < -1 or int(toward.max()) >= len(toward)):
        raise ValueError(f"expected buses -1..{len(toward) - 1}, was {toward.min()}..{toward.max()}")
    at, steps = toward, 0
    while (at >= 0).any():
        steps += 1
        if steps > len(toward):
            raise ValueError("expected lines that end at a root, was a circle")
        at = np.where(at >= 0, toward[at], -1)


def _depth_of(depth: Ints, bus: Ints) -> Ints:
    return np.where(bus >= 0, depth[bus], -1)


@dataclass(frozen=True)
class Duals:
    """What one more unit of a limit adds to the objective of a mechanism, and the prices of places; floats, and reported only.

    None where the mechanism has no such limits.
    """

    energy_micro_per_kwh: Floats
    """One more Wh of each order of the book, shape (orders,)."""
    budget: Floats | None = None
    """One more nano of each order's budget, nano, shape (orders,)."""
    bus_micro_per_kwh: Floats | None = None
    """What a Wh is worth at each bus, shape (buses,)."""
    line_micro_per_kwh: Floats | None = None
    """One more Wh that the line of each bus could carry, shape (buses,)."""
