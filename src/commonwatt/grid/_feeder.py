"""A radial feeder as it is built: buses, lines, transformers, limits of voltage; and its tree, the shape in which power flows are computed."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.grid._equipment import (
    InnerTransformer,
    Load,
    Regulator,
    equipment_findings,
    number_findings,
    transformer_findings,
)

if TYPE_CHECKING:
    from commonwatt.core.units import Flags, Floats, Ints


_MOST: Final = {
    "base_v": 10**6,
    "rating_va": 10**10,
    "length_m": 10**6,
    "rating_a": 10**6,
    "r_ohm_per_km": 10**4,
    "x_ohm_per_km": 10**4,
    "x_m": 10**9,
}
"""Nothing of a feeder is larger."""


@dataclass(frozen=True)
class Bus:
    """A place on the feeder where members may be connected."""

    id: str
    x_m: float = 0.0
    """Where it is drawn, metres to the right."""
    y_m: float = 0.0
    """Where it is drawn, metres upwards."""
    zone: str = ""
    """Part of the feeder that it belongs to, for fees by zone; of all buses or of none."""


@dataclass(frozen=True)
class Line:
    """A cable between two buses; figures of one conductor, the three phases alike."""

    id: str
    begin: str
    end: str
    length_m: float
    r_ohm_per_km: float
    x_ohm_per_km: float
    rating_a: float
    """Current that it carries for good."""

    @property
    def ohm(self) -> complex:
        """Its impedance."""
        return complex(self.r_ohm_per_km, self.x_ohm_per_km) * self.length_m / 1000


Branch: TypeAlias = Line | InnerTransformer | Regulator
"""What joins two buses."""


@dataclass(frozen=True)
class Transformer:
    """Where the feeder begins; impedances follow from its nameplate."""

    rating_va: float
    short_circuit_share: float
    """Part of the nominal voltage that drives the nominal current through it when its far side is shorted."""
    load_loss_w: float
    """Lost at nominal current."""
    no_load_loss_w: float
    """Lost whenever it is switched on."""


@dataclass(frozen=True)
class Feeder:
    """A low- or medium-voltage feeder behind one transformer, three phases loaded alike."""

    name: str
    about: str
    """Where its figures come from."""
    base_v: float
    """Nominal voltage between phases behind the transformer."""
    source_share: float
    """Voltage ahead of the transformer, of the nominal one."""
    voltage_low_share: float
    voltage_high_share: float
    root: str
    """The bus behind the transformer."""
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
    rank = {name: number for number, name in enumerate(_outwards(feeder.root, _ways(feeder)))}
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
        found.append(Finding(f"{where} root", "the id of a bus", repr(feeder.root)))
    if any(bus.zone for bus in feeder.buses):
        whole = "a zone, as other buses have one"
        found += [Finding(f"{where} bus {bus.id} zone", whole, "none") for bus in feeder.buses if not bus.zone]
    for branch in feeder.branches:
        for key, name in (("begin", branch.begin), ("end", branch.end)):
            if name not in feeder.places:
                at = f"{where} {_kind(branch)} {branch.id} {key}"
                found.append(Finding(at, "the id of a bus", repr(name)))
    for number, load in enumerate(feeder.loads, 1):
        if load.bus not in feeder.places:
            found.append(Finding(f"{where} load {number} bus", "the id of a bus", repr(load.bus)))
    return found


def _number_findings(feeder: Feeder, where: str) -> list[Finding]:
    own = feeder.transformer
    checks = [
        ("base_v", feeder.base_v, feeder.base_v > 0, "more than 0"),
        ("source_share", feeder.source_share, 0.5 < feeder.source_share < 1.5, "a part of base_v between 0.5 and 1.5"),
        ("voltage_low_share", feeder.voltage_low_share, 0 < feeder.voltage_low_share < 1, "between 0 and 1"),
        ("voltage_high_share", feeder.voltage_high_share, 1 < feeder.voltage_high_share < 2, "between 1 and 2"),
    ]
    found = number_findings(checks, where)
    found += _beyond(where, base_v=feeder.base_v)
    found += _beyond(f"{where} transformer", rating_va=own.rating_va)
    found += [
        Finding(f"{where} bus {bus.id} {key}", "a place on the plan", f"{value:g}")
        for bus in feeder.buses
        for key, value in (("x_m", bus.x_m), ("y_m", bus.y_m))
        if not abs(value) < _MOST["x_m"]
    ]
    found += transformer_findings(
        own.rating_va, own.short_circuit_share, own.load_loss_w, own.no_load_loss_w, f"{where} transformer"
    )
    for line in feeder.lines:
        checks = [
            ("length_m", line.length_m, line.length_m > 0, "more than 0"),
            ("rating_a", line.rating_a, line.rating_a > 0, "more than 0: a line of no capacity is none"),
            ("r_ohm_per_km", line.r_ohm_per_km, line.r_ohm_per_km >= 0, "at least 0"),
            ("x_ohm_per_km", line.x_ohm_per_km, line.x_ohm_per_km >= 0, "at least 0"),
            (
                "impedance",
                0.0,
                line.r_ohm_per_km != 0 or line.x_ohm_per_km != 0,
                "r_ohm_per_km or x_ohm_per_km of more than 0",
            ),
        ]
        at = f"{where} line {line.id}"
        found += number_findings(checks, at)
        figures = {key: getattr(line, key) for key in ("length_m", "rating_a", "r_ohm_per_km", "x_ohm_per_km")}
        found += _beyond(at, **figures)
    return found + equipment_findings(feeder.inner_transformers, feeder.regulators, feeder.loads, where)


def _beyond(where: str, **figures: float) -> list[Finding]:
    """Figures that are larger than anything that was ever built, so that no product of them overflows; infinity is found as no number."""
    return [
        Finding(f"{where} {key}", f"{_MOST[key]:,} at most", f"{value:g}")
        for key, value in figures.items()
        if math.isfinite(value) and value > _MOST[key]
    ]


def _tree(feeder: Feeder) -> Tree:
    own, base_va = feeder.transformer, feeder.transformer.rating_va
    resistance = own.load_loss_w / base_va
    toward, names, buses = [-1, 0], ["", "transformer"], ["source", feeder.root]
    impedance = [0j, complex(resistance, math.sqrt(own.short_circuit_share**2 - resistance**2))]
    rating, base_v, gain = [math.inf, 1.0], [feeder.base_v] * 2, [1.0, 1.0]
    ways, at = _ways(feeder), {feeder.root: 1}
    for here in _outwards(feeder.root, ways):
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


def _ways(feeder: Feeder) -> dict[str, list[Branch]]:
    """The branches at every bus."""
    ways: dict[str, list[Branch]] = {bus.id: [] for bus in feeder.buses}
    for branch in feeder.branches:
        ways[branch.begin].append(branch)
        ways[branch.end].append(branch)
    return ways


def _outwards(root: str, ways: dict[str, list[Branch]]) -> list[str]:
    """Every bus, the ones nearer to the root first."""
    order, known = [root], {root}
    for here in order:
        for branch in ways[here]:
            there = branch.end if branch.begin == here else branch.begin
            if there not in known:
                known.add(there)
                order.append(there)
    return order
