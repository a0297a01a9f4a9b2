"""A radial feeder as it is built: buses, lines, a transformer, limits of voltage; and its tree, the shape in which power flows are computed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from commonwatt.core.findings import Finding

if TYPE_CHECKING:
    from commonwatt.core.units import Flags, Floats, Ints


@dataclass(frozen=True)
class Bus:
    """A place on the feeder where members may be connected."""

    id: str
    x_m: float = 0.0
    """Where it is drawn, metres to the right."""
    y_m: float = 0.0
    """Where it is drawn, metres upwards."""


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

    Per unit of the transformer's rating and the nominal voltage.
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
    """Of each branch: `transformer`, or the line's id; empty of branch 0."""
    bus_names: tuple[str, ...]
    """Of each node: its bus's id; `source` of node 0."""

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


def feeder_findings(feeder: Feeder, where: str = "feeder") -> list[Finding]:
    """Why a feeder cannot be computed with, all at once: what is not connected, loops, impedances and ratings of zero, voltages."""
    found = [*_number_findings(feeder, where), *_name_findings(feeder, where)]
    known = [line for line in feeder.lines if {line.begin, line.end} <= feeder.places.keys()]
    # A forest grown line by line: one between two buses that are joined already closes a loop.
    group = {bus.id: bus.id for bus in feeder.buses}
    for line in known:
        ends = _end(group, line.begin), _end(group, line.end)
        if ends[0] == ends[1]:
            found.append(
                Finding(f"{where} line {line.id}", "a radial feeder: one way to every bus", f"a loop over {line.begin}")
            )
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
    return found


def _end(group: dict[str, str], name: str) -> str:
    while group[name] != name:
        name = group[name]
    return name


def _name_findings(feeder: Feeder, where: str) -> list[Finding]:
    found = []
    for kind, names in (("bus", [bus.id for bus in feeder.buses]), ("line", [line.id for line in feeder.lines])):
        twice = sorted({name for name in names if names.count(name) > 1})
        found += [Finding(f"{where} {kind} {name}", "an id of its own", "the id twice") for name in twice]
    if feeder.root not in feeder.places:
        found.append(Finding(f"{where} root", "the id of a bus", repr(feeder.root)))
    for line in feeder.lines:
        for key, name in (("begin", line.begin), ("end", line.end)):
            if name not in feeder.places:
                found.append(Finding(f"{where} line {line.id} {key}", "the id of a bus", repr(name)))
    return found


def _number_findings(feeder: Feeder, where: str) -> list[Finding]:
    own = feeder.transformer
    checks = [
        ("base_v", feeder.base_v, feeder.base_v > 0, "more than 0"),
        ("source_share", feeder.source_share, 0.5 < feeder.source_share < 1.5, "a part of base_v between 0.5 and 1.5"),
        ("voltage_low_share", feeder.voltage_low_share, 0 < feeder.voltage_low_share < 1, "between 0 and 1"),
        ("voltage_high_share", feeder.voltage_high_share, 1 < feeder.voltage_high_share < 2, "between 1 and 2"),
        ("transformer rating_va", own.rating_va, own.rating_va > 0, "more than 0"),
        ("transformer no_load_loss_w", own.no_load_loss_w, own.no_load_loss_w >= 0, "at least 0"),
        (
            "transformer short_circuit_share",
            own.short_circuit_share,
            0 < own.short_circuit_share < 1,
            "between 0 and 1: without it the transformer had no impedance",
        ),
        (
            "transformer load_loss_w",
            own.load_loss_w,
            0 <= own.load_loss_w <= own.short_circuit_share * own.rating_va,
            "0 to short_circuit_share x rating_va",
        ),
    ]
    for line in feeder.lines:
        checks += [
            (f"line {line.id} length_m", line.length_m, line.length_m > 0, "more than 0"),
            (
                f"line {line.id} rating_a",
                line.rating_a,
                line.rating_a > 0,
                "more than 0: a line of no capacity is none",
            ),
            (f"line {line.id} r_ohm_per_km", line.r_ohm_per_km, line.r_ohm_per_km >= 0, "at least 0"),
            (f"line {line.id} x_ohm_per_km", line.x_ohm_per_km, line.x_ohm_per_km >= 0, "at least 0"),
            (
                f"line {line.id} impedance",
                0.0,
                line.r_ohm_per_km != 0 or line.x_ohm_per_km != 0,
                "r_ohm_per_km or x_ohm_per_km of more than 0",
            ),
        ]
    # Written so that NaN and infinity are out of range.
    return [
        Finding(f"{where} {key}", expected, f"{value:g}")
        for key, value, holds, expected in checks
        if not (holds and math.isfinite(value))
    ]


def _tree(feeder: Feeder) -> Tree:
    own, base_va = feeder.transformer, feeder.transformer.rating_va
    base_ohm = feeder.base_v**2 / base_va
    nominal_a = base_va / (math.sqrt(3) * feeder.base_v)
    resistance = own.load_loss_w / base_va
    toward, names, buses = [-1, 0], ["", "transformer"], ["source", feeder.root]
    impedance = [0j, complex(resistance, math.sqrt(own.short_circuit_share**2 - resistance**2))]
    rating = [math.inf, 1.0]
    ways: dict[str, list[Line]] = {bus.id: [] for bus in feeder.buses}
    for line in feeder.lines:
        ways[line.begin].append(line)
        ways[line.end].append(line)
    at = {feeder.root: 1}
    for here in _outwards(feeder.root, ways):
        for line in ways[here]:
            there = line.end if line.begin == here else line.begin
            if there in at:
                continue
            at[there] = len(toward)
            toward.append(at[here])
            names.append(line.id)
            buses.append(there)
            ohm = complex(line.r_ohm_per_km, line.x_ohm_per_km) * line.length_m / 1000
            impedance.append(ohm / base_ohm)
            rating.append(line.rating_a / nominal_a)
    return Tree(
        tuple(toward),
        np.array(impedance, np.complex128),
        np.array(rating),
        np.array([at[bus.id] for bus in feeder.buses], np.int64),
        tuple(names),
        tuple(buses),
    )


def _outwards(root: str, ways: dict[str, list[Line]]) -> list[str]:
    """Every bus, the ones nearer to the root first."""
    order, known = [root], {root}
    for here in order:
        for line in ways[here]:
            there = line.end if line.begin == here else line.begin
            if there not in known:
                known.add(there)
                order.append(there)
    return order
