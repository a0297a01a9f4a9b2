"""Allocation of connection capacity: how much each member may export and import so that, whatever it does below that, the feeder keeps its limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np

from commonwatt.core.records import Envelope
from commonwatt.core.units import SECONDS_PER_HOUR, Flags, Ints, slot_energy_wh
from commonwatt.grid._excess import NEAR
from commonwatt.grid._feeder import Feeder
from commonwatt.grid._positions import injections
from commonwatt.grid._sweep import power_flow
from commonwatt.grid.base import Expected, GridContext

_LEVELS: Final = 16
"""Levels that are tried in one power flow."""


@dataclass(frozen=True)
class Limits:
    """A feeder, where its members are, and what it may carry."""

    feeder: Feeder
    bus: tuple[int, ...]
    """Of each member."""
    slot_s: int
    rating_share: float
    power_factor: float
    """Of what members draw; what they export has none but real power."""

    def pressed(self, caps_wh: Ints, counted_wh: Ints, *, is_export: bool) -> tuple[Flags, Flags]:
        """Which branches and which voltages are beyond their limits with everybody at its cap, shape (nodes, columns) each; all where nothing is solved.

        `caps_wh` has shape (members, columns), `counted_wh` (members,): what is drawn at least while others export. The feeder's own loads
        are there in any case.

        Export: a branch that carries energy towards the transformer is judged by the whole of what is behind it (no losses taken off) at the
        lowest voltage that is allowed. So its limit holds whatever others do: less export elsewhere lowers voltages and raises currents.
        """
        tree, base_va = self.feeder.tree, self.feeder.transformer.rating_va
        net_wh = caps_wh - counted_wh[:, None] if is_export else -caps_wh
        tangent = math.tan(math.acos(self.power_factor))
        at_bus = injections(net_wh, np.array(self.bus, np.int64), len(self.feeder.buses), self.slot_s, tangent)
        flow = power_flow(self.feeder, *at_bus)
        most = self.rating_share * (1 + NEAR)
        if not is_export:
            full = flow.loading_share > most
            off = flow.voltage_share < self.feeder.voltage_low_share - NEAR
        else:
            # In W, which are whole numbers: a sum of 0 is 0 in whatever order it was added up, here and in an audit.
            power = np.zeros((len(tree.toward), caps_wh.shape[1]), np.complex128)
            np.add.at(power, tree.node, at_bus[0] + 1j * at_bus[1] + self.feeder.own_va[:, None])
            behind = tree.feeds @ power
            apparent = np.maximum(
                np.abs(behind) / (base_va * tree.rating[:, None]),
                flow.loading_share * flow.voltage_share / tree.gain[:, None],
            )
            full = (behind.real > 0) & (apparent * tree.gain[:, None] / self.feeder.voltage_low_share > most)
            off = flow.voltage_share > self.feeder.voltage_high_share + NEAR
        full[0] = off[0] = False
        return full | ~flow.is_solved, off | ~flow.is_solved


@lru_cache(maxsize=64)
def _fixed_w(limits: Limits, connection_w: tuple[int, ...], is_export: bool) -> int:
    """The most whole W per member with which everybody at it at once (or at its connection, if that is less) keeps every limit; at least 0.

    Kept, because every slot of a run and of its audit asks the same.
    """
    most_w, nothing = np.array(connection_w), np.zeros(len(connection_w), np.int64)

    def holds(levels: Ints) -> Flags:
        return _holds(limits, np.minimum(levels[None, :], most_w[:, None]), nothing, is_export=is_export)

    level, _ = _highest(holds, int(most_w.max()))
    return level


def filled(limits: Limits, wanted_wh: Ints, most_wh: Ints, counted_wh: Ints, *, is_export: bool) -> Ints:
    """Caps per member, Wh: progressive filling, first up to what each is expected to want, then alike beyond that, up to `most_wh`.

    All caps rise together; who has what it wants stops, and where a limit is met, those behind the full line, or behind the same line out of
    the transformer's bus as the voltage, stop too, the others go on. So nobody could have more but by taking it from somebody with no more
    than it (max-min), first of what is wanted, then of the room that is left.
    """
    caps = np.zeros(len(wanted_wh), np.int64)
    stopped = np.zeros(len(wanted_wh), np.bool_)
    if _holds(limits, most_wh[:, None], counted_wh, is_export=is_export)[0]:
        return most_wh
    for goal in (np.minimum(wanted_wh, most_wh), most_wh):
        caps, stopped = _risen(limits, caps, goal, stopped, counted_wh, is_export=is_export)
    return caps


def _risen(
    limits: Limits, start_wh: Ints, goal_wh: Ints, stopped: Flags, counted_wh: Ints, *, is_export: bool
) -> tuple[Ints, Flags]:
    """Caps that rose together from `start_wh` to at most `goal_wh`, and who was stopped by a limit."""
    caps, level = start_wh, 0
    # Every round stops somebody for good.
    while (rising := ~stopped & (caps < goal_wh)).any():
        step = _Step(limits, start_wh, goal_wh, caps, rising, counted_wh, is_export)
        level, is_most = _highest(step.holds, int((goal_wh - start_wh)[rising].max()), level)
        caps = step.at(np.array([level]))[:, 0]
        if is_most:
            break
        full, off = limits.pressed(step.at(np.array([level + 1])), counted_wh, is_export=is_export)
        pushing = rising & _behind(limits, full[:, 0], off[:, 0])
        stopped = np.where(pushing if pushing.any() else rising, True, stopped)
    return caps, stopped


@dataclass(frozen=True)
class _Step:
    """Some members' caps rise together, the others' stay."""

    limits: Limits
    start_wh: Ints
    goal_wh: Ints
    caps_wh: Ints
    rising: Flags
    counted_wh: Ints
    is_export: bool

    def at(self, levels: Ints) -> Ints:
        """Caps at these levels above the start, shape (members, levels)."""
        risen = np.minimum(self.start_wh[:, None] + levels[None, :], self.goal_wh[:, None])
        return np.where(self.rising[:, None], risen, self.caps_wh[:, None])

    def holds(self, levels: Ints) -> Flags:
        """At which levels every limit is kept."""
        return _holds(self.limits, self.at(levels), self.counted_wh, is_export=self.is_export)


def _holds(limits: Limits, caps_wh: Ints, counted_wh: Ints, *, is_export: bool) -> Flags:
    """In which columns every limit is kept."""
    full, off = limits.pressed(caps_wh, counted_wh, is_export=is_export)
    kept: Flags = np.logical_not(np.any(full | off, axis=0))
    return kept


def _highest(holds: Callable[[Ints], Flags], most: int, least: int = 0) -> tuple[int, bool]:
    """The highest level from `least` to `most` up to which every level tried holds, and whether that is `most`; `least` is not asked."""
    low, high = least, most + 1
    while high - low > 1:
        tried = np.unique(low + (high - low) * np.arange(1, _LEVELS + 1) // (_LEVELS + 1))
        tried = tried[(tried > low) & (tried < high)]
        kept = holds(tried)
        first = int(np.argmin(kept)) if not kept.all() else len(tried)
        high = int(tried[first]) if first < len(tried) else high
        low = int(tried[first - 1]) if first else low
    return low, low == most


def _behind(limits: Limits, full: Flags, off: Flags) -> Flags:
    """Which members push a branch or a voltage over its limit, shape (members,)."""
    tree, at = limits.feeder.tree, limits.feeder.tree.node[np.array(limits.bus, np.int64)]
    branches = {*np.flatnonzero(full).tolist(), *(tree.trunk(node) for node in np.flatnonzero(off).tolist())} - {0}
    pushing = np.zeros(len(limits.bus), np.bool_)
    for branch in branches:
        pushing |= tree.behind(branch)[at]
    return pushing


def envelope(limits: Limits, expected: Expected, context: GridContext, counted_ppm: int) -> Envelope:
    """The caps of a slot from what is known at its gate; who can feed nothing in has an export cap of 0, and `counted_ppm` of its load may count."""
    most_wh = slot_energy_wh(context.fleet.connection_w, context.slot_s)
    feeds = expected.feeds_in
    counted_wh = np.where(feeds, 0, expected.load_wh * counted_ppm // 10**6)
    nothing = np.zeros(len(most_wh), np.int64)
    return Envelope(
        export_wh=filled(limits, expected.export_wh, np.where(feeds, most_wh, 0), counted_wh, is_export=True),
        import_wh=filled(limits, expected.import_wh, most_wh, nothing, is_export=False),
        counted_wh=counted_wh,
    )


def fixed(limits: Limits, context: GridContext) -> Envelope:
    """The same caps in every slot: what everybody may do at once, by the feeder and the members' connections alone."""
    connection_w = context.fleet.connection_w
    hourly = replace(limits, slot_s=SECONDS_PER_HOUR)
    out, into = (
        slot_energy_wh(
            np.minimum(_fixed_w(hourly, tuple(connection_w.tolist()), is_export), connection_w), context.slot_s
        )
        for is_export in (True, False)
    )
    return Envelope(out, into, counted_wh=np.zeros(len(connection_w), np.int64))


def envelope_faults(limits: Limits, allotted: Envelope, context: GridContext) -> list[str]:
    """Why caps are none that the feeder carries, in words; empty where all is well. Losing nothing: no optimum is asked for."""
    most_wh = slot_energy_wh(context.fleet.connection_w, context.slot_s)
    found = []
    if (np.maximum(allotted.export_wh, allotted.import_wh) > most_wh).any():
        found.append("a cap beyond what the member's connection carries")
    if ((allotted.counted_wh > 0) & (allotted.export_wh > 0)).any():
        found.append("load counted on of a member that may export")
    nothing = np.zeros(len(most_wh), np.int64)
    for name, caps, counted, is_export in (
        ("export", allotted.export_wh, allotted.counted_wh, True),
        ("import", allotted.import_wh, nothing, False),
    ):
        full, off = limits.pressed(caps[:, None], counted, is_export=is_export)
        tree = limits.feeder.tree
        places = [tree.names[node] for node in np.flatnonzero(full[:, 0])]
        places += [f"the voltage at {tree.bus_names[node]}" for node in np.flatnonzero(off[:, 0])]
        # Where not even caps of 0 help (the source itself is off), caps of 0 are right.
        if places and caps.any():
            found.append(f"everybody at its {name} cap presses {', '.join(places[:3])} beyond its limit")
    return found
