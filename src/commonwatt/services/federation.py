"""The federation: many communities that trade with each other; all gates, then level 2 between them, then quotes back into each."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from commonwatt.clearing import Position, meet_between
from commonwatt.core.columns import Columns
from commonwatt.core.encoding import decode, encode
from commonwatt.core.errors import ConservationBroken, JournalError
from commonwatt.core.records import NO_EXCHANGE, Exchange
from commonwatt.core.units import Bytes2D, Ints
from commonwatt.services.journal import Journal

LEVEL_TWO = "level_two"
"""Kind of the rows of a federation's journal."""


class Others(Protocol):
    """The other communities, as one of them sees them."""

    def exchange(self, slot: int, position: Position) -> Exchange:
        """What crosses in a slot; waits until every community has said its position.

        Raises:
            KeyboardInterrupt: the federation stops; nothing of this slot was journalled.

        """
        ...


@dataclass(frozen=True)
class CrossingRows(Columns):
    """One row a community, in the order of the federation."""

    long_wh: Ints
    """What its sellers offered beyond all that its own members asked for."""
    short_wh: Ints
    energy_wh: Ints
    """What crosses; positive: leaves the community."""
    price_micro_per_kwh: Ints
    """0 where nothing crosses."""
    position_hash: Bytes2D
    """SHA3-256 of what the community said."""

    dtypes: ClassVar = {"position_hash": ("uint8", 32)}


@dataclass(frozen=True)
class Crossing:
    """Level 2 of a slot, as it is journalled."""

    slot: int
    rows: CrossingRows

    def exchange(self, community: int) -> Exchange:
        """What one community trades with the others."""
        energy_wh = int(self.rows.energy_wh[community])
        return Exchange(energy_wh, int(self.rows.price_micro_per_kwh[community])) if energy_wh else NO_EXCHANGE


class Barrier:
    """Where communities wait for each other, slot by slot; what was agreed is journalled before anybody hears of it.

    A community that comes back after a stop asks again for slots that were agreed, and hears the same; it has to bring the same position.
    Only one that had brought no orders, because its supplier's deposit did not cover the slot, may have some after a top-up: nothing crosses then.
    """

    def __init__(self, communities: int, areas: Sequence[Sequence[int]], first_slot: int, journal: Journal) -> None:
        """Take up what was agreed before.

        Args: `areas` are the communities that energy can flow between, each in at most one.

        Raises:
            JournalError: the journal is of another federation or out of order.

        """
        self._communities, self._areas, self._journal = communities, areas, journal
        self._waiting: dict[int, Position] = {}
        self._agreed: dict[int, Crossing] = {}
        self._next = first_slot
        for slot, kind, payload in journal.rows():
            crossing = _restored(payload)
            if (slot, kind) != (self._next, LEVEL_TWO) or len(crossing.rows) != communities:
                raise JournalError(f"expected level 2 of slot {self._next}, was {kind} of slot {slot}")
            self._agreed[slot] = crossing
            self._next += 1

    def heard(self, community: int, slot: int, position: Position) -> list[tuple[int, Exchange]]:
        """Take a community's position of a slot; returns who can now be told what crosses: nobody, this one, or all.

        Raises:
            JournalError: a slot that is not its turn, or another position than the one that was journalled.

        """
        if slot in self._agreed:
            crossing = self._agreed[slot]
            said = crossing.rows.position_hash[community].tobytes()
            if said not in (position_hash(position), position_hash(position.without_orders())):
                raise JournalError(
                    f"slot {slot}: expected community {community} to bring the position it had, was another"
                )
            return [(community, crossing.exchange(community))]
        if slot != self._next or community in self._waiting:
            raise JournalError(f"expected the positions of slot {self._next}, was slot {slot} of community {community}")
        self._waiting[community] = position
        if len(self._waiting) < self._communities:
            return []
        crossing = level_two(slot, [self._waiting[at] for at in range(self._communities)], self._areas)
        self._journal.append(slot, LEVEL_TWO, encode(crossing))
        self._agreed[slot] = crossing
        self._next += 1
        self._waiting.clear()
        return [(at, crossing.exchange(at)) for at in range(self._communities)]

    def crossings(self) -> list[Crossing]:
        """Every slot so far, in order."""
        return [self._agreed[slot] for slot in sorted(self._agreed)]


def level_two(slot: int, positions: Sequence[Position], areas: Sequence[Sequence[int]]) -> Crossing:
    """Level 2 of a slot, area by area; who is in no area trades with nobody."""
    count = len(positions)
    columns = {name: np.zeros(count, np.int64) for name in ("long_wh", "short_wh", "energy_wh", "price_micro_per_kwh")}
    for area in areas:
        met = meet_between([positions[at] for at in area])
        rows = list(area)
        columns["long_wh"][rows], columns["short_wh"][rows] = met.long_wh, met.short_wh
        columns["energy_wh"][rows] = [exchange.energy_wh for exchange in met.exchanges]
        columns["price_micro_per_kwh"][rows] = [exchange.price_micro_per_kwh for exchange in met.exchanges]
    hashes = b"".join(position_hash(position) for position in positions)
    return Crossing(slot, CrossingRows(**columns, position_hash=np.frombuffer(hashes, np.uint8).reshape(count, 32)))


def position_hash(position: Position) -> bytes:
    """SHA3-256 of a position."""
    return hashlib.sha3_256(encode(position)).digest()


def areas_of(communities: int, links: Sequence[tuple[int, int]] | None) -> tuple[tuple[int, ...], ...]:
    """Communities between which energy can flow, over as many links as it takes; without links (None) all of them. One alone is no area."""
    if links is None:
        return (tuple(range(communities)),)
    area = list(range(communities))
    for one, other in links:
        joined, left = area[one], area[other]
        area = [joined if at == left else at for at in area]
    members = [tuple(at for at in range(communities) if area[at] == name) for name in dict.fromkeys(area)]
    return tuple(group for group in members if len(group) > 1)


Runner = Callable[[Barrier], bool]
"""Runs every community to its end, each in its own process or thread: brings their positions to the barrier and what crosses back to
them. Whether all came to their end."""


def federate(
    communities: int, areas: Sequence[Sequence[int]], slots: range, journal: Journal, runner: Runner
) -> tuple[Crossing, ...] | None:
    """Run a federation; returns level 2 of every slot, or None where a community did not come to its end (resumable).

    Raises:
        JournalError: the journal is of another federation, or a community brings another position than before.
        ConservationBroken: what left the communities is not what entered them.

    """
    barrier = Barrier(communities, areas, slots.start, journal)
    if not runner(barrier):
        return None
    crossings = tuple(barrier.crossings())
    for crossing in crossings:
        rows = crossing.rows
        energy_wh, amount_nano = int(rows.energy_wh.sum()), int((rows.energy_wh * rows.price_micro_per_kwh).sum())
        if energy_wh or amount_nano:
            raise ConservationBroken(
                f"slot {crossing.slot}: {energy_wh} Wh and {amount_nano} nano lost between communities"
            )
    return crossings


def _restored(payload: bytes) -> Crossing:
    try:
        crossing: Crossing = decode(Crossing, payload)
    except ValueError as error:
        raise JournalError(f"expected a journalled crossing, was of another version ({error})") from error
    return crossing
