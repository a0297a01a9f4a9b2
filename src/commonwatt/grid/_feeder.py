"""A radial feeder as it is built: buses, lines, transformers, limits of voltage; and its tree, the shape in which power flows are computed."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.grid._equipment import (
    LOAD_LOSS,
    MOST_A,
    MOST_V,
    MOST_VA,
    NO_IMPEDANCE,
    NO_LOAD_LOSS,
    SHORT_CIRCUIT,
    InnerTransformer,
    Load,
    Regulator,
    equipment_findings,
    nameplate_findings,
)
from commonwatt.grid._figures import Figure, figure_findings

if TYPE_CHECKING:
    from commonwatt.core.units import Flags, Floats, Ints


_MOST_M: Final = 10**6
_FARTHEST_M: Final = 10**9
_MOST_OHM: Final = 10**4
"""Nothing of a feeder is larger."""
_HINTS: Final = 20
"""After so many findings no nearest name is looked for: ten thousand of them would take minutes."""


@dataclass(frozen=True)
class Bus:
    """A place on the feeder where members may be connected."""

    id: Annotated[str, Figure("name of its own; `bus` in members.csv")]
    x_m: Annotated[float, Figure("drawn so far to the right", "m", low=-_FARTHEST_M, high=_FARTHEST_M)] = 0.0
    y_m: Annotated[float, Figure("drawn so far upwards", "m", low=-_FARTHEST_M, high=_FARTHEST_M)] = 0.0
    zone: Annotated[str, Figure("part of the feeder, for fees by zone; of all buses or of none")] = ""


@dataclass(frozen=True)
class Line:
    """A cable between two buses; figures of one conductor, the three phases alike."""

    id: Annotated[str, Figure("name of its own, among lines, transformers and regulators")]
    begin: Annotated[str, Figure("bus at one end")]
    end: Annotated[str, Figure("bus at the other")]
    length_m: Annotated[float, Figure("its length", "m", above=0, high=_MOST_M)]
    r_ohm_per_km: Annotated[float, Figure("resistance of a conductor", "ohm/km", low=0, high=_MOST_OHM)]
    x_ohm_per_km: Annotated[float, Figure("reactance of a conductor", "ohm/km", low=0, high=_MOST_OHM)]
    rating_a: Annotated[
        float,
        Figure("current that it carries for good", "A", above=0, high=MOST_A, why="a line of no capacity is none"),
    ]

    @property
    def ohm(self) -> complex:
        """Its impedance."""
        return complex(self.r_ohm_per_km, self.x_ohm_per_km) * self.length_m / 1000


Branch: TypeAlias = Line | InnerTransformer | Regulator
"""What joins two buses."""


@dataclass(frozen=True)
class Transformer:
    """Where the feeder begins; impedances follow from its nameplate."""

    rating_va: Annotated[float, Figure("what it carries for good", "VA", above=0, high=MOST_VA)]
    short_circuit_share: Annotated[float, Figure(SHORT_CIRCUIT, "share", above=0, below=1, why=NO_IMPEDANCE)]
    load_loss_w: Annotated[float, Figure(LOAD_LOSS, "W", low=0, high=MOST_VA)]
    no_load_loss_w: Annotated[float, Figure(NO_LOAD_LOSS, "W", low=0, high=MOST_VA)]


@dataclass(frozen=True)
class Feeder:
    """A low- or medium-voltage feeder behind one transformer, three phases loaded alike."""

    name: Annotated[str, Figure("what it is called")]
    about: Annotated[str, Figure("where its figures come from; may be empty")]
    base_v: Annotated[float, Figure("nominal voltage between phases behind the transformer", "V", above=0, high=MOST_V)]
    source_share: Annotated[
        float, Figure("voltage ahead of the transformer, of the nominal one", "share", above=0.5, below=1.5)
    ]
    voltage_low_share: Annotated[float, Figure("lowest voltage allowed, of the nominal one", "share", above=0, below=1)]
    voltage_high_share: Annotated[
        float, Figure("highest voltage allowed, of the nominal one", "share", above=1, below=2)
    ]
    root: Annotated[str, Figure("the bus behind the transformer")]
    transformer: Transformer
    buses: tuple[Bus, ...]
    lines: tuple[Line, ...]
    inner_transformers: tuple[InnerTransformer, ...] = ()
    regulators: tuple[Regulator, ...] = ()
    loads: tuple[Load, ...] = ()
    """What is drawn at all times by nobody of the community."""

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Everything between two buses: lines, transformers on the way, regulators."""
        return (*self.lines, *self.inner_transformers, *self.regulators)

    @property
    def no_load_loss_w(self) -> float:
        """Lost in the cores of all transformers whenever they are switched on."""
        return self.transformer.no_load_loss_w + sum(own.no_load_loss_w for own in self.inner_transformers)

    @cached_property
    def own_va(self) -> Any:
        """What the feeder's own loads inject, complex, VA, shape (buses,)."""
        power = np.zeros(len(self.buses), np.complex128)
        for load in self.loads:
            power[self.places[load.bus]] -= complex(load.draw_w, load.draw_var)
        return power

    @cached_property
    def places(self) -> dict[str, int]:
        """Number of each bus by its id, as members name it."""
        return {bus.id: number for number, bus in enumerate(self.buses)}

    @cached_property
    def tree(self) -> Tree:
        """The feeder from its transformer outwards.

        Raises:
            ValueError: it is no tree (`feeder_findings` says why).

        """
        if found := feeder_findings(self):
            raise ValueError("; ".join(str(fault) for fault in found))
        return _tree(self)


@dataclass(frozen=True)
class Tree:
    """A feeder for the sweep: branch k leads from node `toward[k]` to node k; node 0 is ahead of the transformer, branch 0 is none.

    Per unit of the first transformer's rating and, at each node, of the voltage there with nothing flowing: the nominal one times
    what the regulators on the way make of it. So a ratio is in no equation of the sweep, only in what its voltages are shares of.
    """

    toward: tuple[int, ...]
    """Smaller than k, so that every node comes after the one that feeds it; -1 of node 0."""
    impedance: Any
    """Of each branch, complex, shape (nodes,); 0 of branch 0."""
    rating: Floats
    """Most current of each branch, shape (nodes,); infinite of branch 0."""
    node: Ints
    """The node of each bus, in the order of the feeder's buses."""
    names: tuple[str, ...]
    """Of each branch: `transformer`, or the branch's id; empty of branch 0."""
    bus_names: tuple[str, ...]
    """Of each node: its bus's id; `source` of node 0."""
    gain: Floats
    """Of each node, by what its voltage of the sweep is multiplied to be of the nominal one: ratios of the regulators on the way, shape (nodes,)."""

    @cached_property
    def columns(self) -> tuple[Ints, Floats, Floats, Floats]:
        """`toward`, resistance, reactance and `rating` of each branch, as machine code reads them."""
        parts = (self.impedance.real, self.impedance.imag, self.rating)
        return np.array(self.toward, np.int64), *(np.ascontiguousarray(part, np.float64) for part in parts)  # type: ignore[return-value]

    @cached_property
    def feeds(self) -> Floats:
        """1 where a branch (row) feeds a node (column), else 0, shape (nodes, nodes)."""
        matrix = np.eye(len(self.toward))
        for node in range(1, len(self.toward)):
            matrix[:, node] += matrix[:, self.toward[node]]
        return matrix

    def behind(self, branch: int) -> Flags:
        """Which nodes a branch feeds, shape (nodes,)."""
        fed: Flags = self.feeds[branch] > 0
        return fed

    def trunk(self, node: int) -> int:
        """The first line from the transformer's bus on the way to a node; the transformer itself for its own bus."""
        while node > 1 and self.toward[node] != 1:
            node = self.toward[node]
        return node


def feeder_findings(feeder: Feeder, where: str = "feeder", *, may_loop: bool = False) -> list[Finding]:
    """Why a feeder cannot be computed with, all at once: what is not connected, loops, impedances and ratings of zero, voltages.

    Where it `may_loop`, a feeder with loops is one of lines alone: what changes a voltage stands on the only way to what is behind it.
    """
    found = [*_number_findings(feeder, where), *_name_findings(feeder, where)]
    known = [branch for branch in feeder.branches if {branch.begin, branch.end} <= feeder.places.keys()]
    # A forest grown branch by branch: one between two buses that are joined already closes a loop.
    group = {bus.id: bus.id for bus in feeder.buses}
    for branch in known:
        ends = _end(group, branch.begin), _end(group, branch.end)
        if ends[0] == ends[1] and (
            not may_loop or branch.begin == branch.end or len(feeder.branches) > len(feeder.lines)
        ):
            at = f"{where} {_kind(branch)} {branch.id}"
            found.append(Finding(at, "a radial feeder: one way to every bus", f"a loop over {branch.begin}"))
        group[ends[0]] = ends[1]
    if feeder.root in feeder.places:
        home = _end(group, feeder.root)
        islands: dict[str, list[str]] = {}
        for bus in feeder.buses:
            if (island := _end(group, bus.id)) != home:
                islands.setdefault(island, []).append(bus.id)
        for names in islands.values():
            listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            found.append(Finding(f"{where} bus {names[0]}", f"a way to {feeder.root}", f"none from {listed}"))
    return found or _direction_findings(feeder, where)


def _direction_findings(feeder: Feeder, where: str) -> list[Finding]:
    """Of a feeder that is a tree: transformers and regulators that are named against the way from the root."""
    rank = {name: number for number, name in enumerate(outwards(feeder.root, ways_of(feeder)))}
    directed: tuple[InnerTransformer | Regulator, ...] = (*feeder.inner_transformers, *feeder.regulators)
    return [
        Finding(f"{where} {_kind(own)} {own.id} begin", f"the end on the side of {feeder.root}", f"{own.begin!r}")
        for own in directed
        if rank[own.begin] > rank[own.end]
    ]


def _kind(branch: Branch) -> str:
    """What a branch is called in a feeder's file."""
    if isinstance(branch, Line):
        return "line"
    return "regulator" if isinstance(branch, Regulator) else "inner_transformer"


def _end(group: dict[str, str], name: str) -> str:
    while group[name] != name:
        # Halved on the way, so that a chain of ten thousand buses is not walked for each of them.
        group[name] = group[group[name]]
        name = group[name]
    return name


def _name_findings(feeder: Feeder, where: str) -> list[Finding]:
    found = []
    ids = [branch.id for branch in feeder.branches]
    for kind, names in (("bus", [bus.id for bus in feeder.buses]), ("line", ids)):
        twice = sorted(name for name, times in Counter(names).items() if times > 1)
        found += [Finding(f"{where} {kind} {name}", "an id of its own", "the id twice") for name in twice]
    if feeder.root not in feeder.places:
        found.append(_unknown(f"{where} root", feeder.root, feeder))
    if any(bus.zone for bus in feeder.buses):
        whole = "a zone, as other buses have one"
        found += [Finding(f"{where} bus {bus.id} zone", whole, "none") for bus in feeder.buses if not bus.zone]
    for branch in feeder.branches:
        for key, name in (("begin", branch.begin), ("end", branch.end)):
            if name not in feeder.places:
                at = f"{where} {_kind(branch)} {branch.id} {key}"
                found.append(_unknown(at, name, feeder, has_hint=len(found) < _HINTS))
    for number, load in enumerate(feeder.loads, 1):
        if load.bus not in feeder.places:
            found.append(_unknown(f"{where} load {number} bus", load.bus, feeder, has_hint=len(found) < _HINTS))
    return found


def _unknown(at: str, name: str, feeder: Feeder, *, has_hint: bool = True) -> Finding:
    """That there is no bus of this name, and which one is nearest."""
    near = difflib.get_close_matches(name, feeder.places, n=1, cutoff=0.6) if has_hint else []
    return Finding(at, "the id of a bus" + (f" (did you mean {near[0]}?)" if near else ""), repr(name))


def _number_findings(feeder: Feeder, where: str) -> list[Finding]:
    found = figure_findings(feeder, where)
    for bus in feeder.buses:
        found += figure_findings(bus, f"{where} bus {bus.id}")
    found += nameplate_findings(feeder.transformer, f"{where} transformer")
    for line in feeder.lines:
        at = f"{where} line {line.id}"
        found += figure_findings(line, at)
        if line.r_ohm_per_km == 0 and line.x_ohm_per_km == 0:
            found.append(Finding(f"{at} impedance", "r_ohm_per_km or x_ohm_per_km of more than 0", "0"))
    return found + equipment_findings(feeder.inner_transformers, feeder.regulators, feeder.loads, where)


def _tree(feeder: Feeder) -> Tree:
    own, base_va = feeder.transformer, feeder.transformer.rating_va
    resistance = own.load_loss_w / base_va
    toward, names, buses = [-1, 0], ["", "transformer"], ["source", feeder.root]
    impedance = [0j, complex(resistance, math.sqrt(own.short_circuit_share**2 - resistance**2))]
    rating, base_v, gain = [math.inf, 1.0], [feeder.base_v] * 2, [1.0, 1.0]
    ways, at = ways_of(feeder), {feeder.root: 1}
    for here in outwards(feeder.root, ways):
        for branch in ways[here]:
            there = branch.end if branch.begin == here else branch.begin
            if there in at:
                continue
            at[there] = len(toward)
            toward.append(at[here])
            names.append(branch.id)
            buses.append(there)
            base_v.append(branch.base_v if isinstance(branch, InnerTransformer) else base_v[at[here]])
            gain.append(gain[at[here]] * (branch.ratio if isinstance(branch, Regulator) else 1.0))
            base_ohm = base_v[-1] ** 2 / base_va
            impedance.append(branch.ohm / base_ohm / gain[-1] ** 2)
            rating.append(branch.rating_a / (base_va / (math.sqrt(3) * base_v[-1])) * gain[-1])
    return Tree(
        tuple(toward),
        np.array(impedance, np.complex128),
        np.array(rating),
        np.array([at[bus.id] for bus in feeder.buses], np.int64),
        tuple(names),
        tuple(buses),
        np.array(gain),
    )


def ways_of(feeder: Feeder) -> dict[str, list[Branch]]:
    """The branches at every bus."""
    ways: dict[str, list[Branch]] = {bus.id: [] for bus in feeder.buses}
    for branch in feeder.branches:
        ways[branch.begin].append(branch)
        ways[branch.end].append(branch)
    return ways


def outwards(root: str, ways: dict[str, list[Branch]]) -> list[str]:
    """Every bus, the ones nearer to the root first."""
    order, known = [root], {root}
    for here in order:
        for branch in ways[here]:
            there = branch.end if branch.begin == here else branch.begin
            if there not in known:
                known.add(there)
                order.append(there)
    return order
