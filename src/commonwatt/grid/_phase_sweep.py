"""Power flow of a feeder with three phases: backward and forward sweeps with coupled lines and loads of every kind, by NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from commonwatt.core.units import Flags, Floats
from commonwatt.grid._phase_feeder import PAIRS, PHASES, TAP_SHARE, PhaseFeeder, PhaseRegulator, has, node_of

TOLERANCE: Final = 1e-9
"""Largest change of a voltage in the last sweep, of the nominal one."""
MOST_SWEEPS: Final = 200
Taps = Mapping[str, tuple[int, int, int]]
"""Of each regulator, by the bus behind it, the steps of its three phases."""
_SOURCE: Final = np.exp(-2j * np.pi / 3 * np.arange(3))
"""Three phases of a positive sequence."""
_MODELS: Final = ("PQ", "I", "Z")
_BETWEEN: Final = np.array([[1, -1, 0], [0, 1, -1], [-1, 0, 1]])
"""Voltages AB, BC, CA from those of A, B, C."""


@dataclass(frozen=True)
class PhaseFlow:
    """What flows; voltages are 0 where a phase is not there. Where there is no solution everything is 0 and `is_solved` is false."""

    is_solved: bool
    nodes: tuple[str, ...]
    """Buses, and the places half way along lines with loads (`m802-806`), the root first."""
    voltage: Any
    """Of every node and phase, of the nominal voltage to ground there, complex, shape (nodes, 3)."""
    current_a: Any
    """Into every node from the one that feeds it, complex, shape (nodes, 3); of the root what the source gives."""
    drawn_va: Any
    """At every node, its phases together, complex, shape (nodes,): loads, less what capacitors and lines' capacitance give."""
    source_va: complex
    losses_va: complex
    """In lines and transformers, what the lines' capacitance gives counted against it."""

    def at(self, node: str) -> Floats:
        """Sizes of the voltages of a node, shape (3,)."""
        sizes: Floats = np.abs(self.voltage[self.nodes.index(node)])
        return sizes


@dataclass(frozen=True)
class _Branch:
    """What feeds a node: `ratio` of its voltages to those ahead of it at no current, 0 of a phase that is not there."""

    toward: int
    ratio: Floats
    ohm: Any


class _Network:
    """The feeder as nodes, each after the one that feeds it."""

    def __init__(self, feeder: PhaseFeeder, taps: Taps) -> None:
        self.names, self.base_v = [feeder.root], [feeder.base_v]
        self.branches = [_Branch(-1, np.ones(3), np.zeros((3, 3)))]
        links = _links(feeder, taps)
        for here, name in enumerate(self.names):
            for there, base_v, ratio, ohm in links.get(name, []):
                if there not in self.names:
                    self.names.append(there)
                    self.base_v.append(base_v or self.base_v[here])
                    self.branches.append(_Branch(here, ratio, ohm))
        self.at = {name: number for number, name in enumerate(self.names)}
        self.present: Flags = np.ones((len(self.names), 3), np.bool_)
        for number, branch in enumerate(self.branches[1:], 1):
            self.present[number] = self.present[branch.toward] & (branch.ratio != 0)
        self.shunt = self._shunts(feeder)
        self.wye, self.delta = self._loads(feeder)
        base = np.array(self.base_v)[:, None]
        self.nominal = {"wye": base / np.sqrt(3), "delta": base}

    def _shunts(self, feeder: PhaseFeeder) -> Any:
        """Admittance at every node, S, shape (nodes, 3, 3): half of each line's, and capacitors."""
        shunt = np.zeros((len(self.names), 3, 3), np.complex128)
        for line in feeder.sections:
            for end in (line.begin, line.end):
                shunt[self.at[end]] += feeder.siemens(line) / 2
        for each in feeder.capacitors:
            at = self.at[each.bus]
            shunt[at] += 1j * np.eye(3) * each.var / self.base_v[at] ** 2
        return shunt

    def _loads(self, feeder: PhaseFeeder) -> tuple[dict[str, Any], dict[str, Any]]:
        """By model what draws to ground and between phases at nominal voltage, VA, shape (nodes, 3)."""
        wye, delta = ({model: np.zeros((len(self.names), 3), np.complex128) for model in _MODELS} for _ in range(2))
        for load in feeder.loads:
            drawn, at = complex(load.draw_w, load.draw_var), self.at[node_of(load)]
            if load.connection == "wye":
                wye[load.model][at] += drawn * has(load.phases) / len(load.phases)
            elif len(load.phases) == len(PHASES):
                delta[load.model][at] += drawn / 3
            else:
                delta[load.model][at] += drawn * np.array([load.phases in (pair, pair[::-1]) for pair in PAIRS])
        return wye, delta

    def drawn_a(self, volt: Any) -> Any:
        """Currents out of the nodes to ground and to other phases, shape (nodes, 3)."""
        between = volt @ _BETWEEN.T
        current = _current(self.wye, volt, self.nominal["wye"])
        current += _current(self.delta, between, self.nominal["delta"]) @ _BETWEEN
        return current + self.charged_a(volt)

    def charged_a(self, volt: Any) -> Any:
        """What capacitance and capacitors draw."""
        return np.einsum("nij,nj->ni", self.shunt, volt)

    def swept(self, volt: Any, source: Any) -> tuple[Any, Any]:
        """Voltages and currents after one sweep backward and forward."""
        current, after = self.drawn_a(volt), volt.copy()
        for number in range(len(self.branches) - 1, 0, -1):
            branch = self.branches[number]
            current[branch.toward] += branch.ratio * current[number]
        after[0] = source
        for number, branch in enumerate(self.branches[1:], 1):
            after[number] = branch.ratio * after[branch.toward] - branch.ohm @ current[number]
        after[~self.present] = 0.0
        return after, current


def _current(loads: Mapping[str, Any], volt: Any, nominal: Any) -> Any:
    """What loads draw at these voltages: constant power, constant current at their power factor, constant impedance."""
    size = np.abs(volt) / nominal
    # Where there is no voltage there is no load: anything but 0 keeps the division quiet.
    there = np.where(size > 0, volt, nominal)
    share = np.where(size > 0, size, 1.0)
    return np.conj((loads["PQ"] + loads["I"] * share + loads["Z"] * share**2) / there)


def _links(feeder: PhaseFeeder, taps: Taps) -> dict[str, list[tuple[str, float, Floats, Any]]]:
    """At every node (the other end, its nominal voltage where that is another, ratio, impedance); transformers lead away from the root."""
    links: dict[str, list[tuple[str, float, Floats, Any]]] = {}
    for line in feeder.sections:
        ratio = has(line.phases).astype(float)
        for here, there in ((line.begin, line.end), (line.end, line.begin)):
            links.setdefault(here, []).append((there, 0.0, ratio, feeder.ohm(line)))
    for each in feeder.regulators:
        ratio = 1 + TAP_SHARE * np.array(taps[each.end], float)
        links.setdefault(each.begin, []).append((each.end, 0.0, ratio, np.zeros((3, 3))))
    bases = {each.begin: feeder.base_v for each in feeder.transformers}
    for step in feeder.transformers:
        ohm = np.eye(3) * complex(step.r_share, step.x_share) * step.base_v**2 / step.rating_va
        ratio = np.full(3, step.base_v / bases[step.begin])
        links.setdefault(step.begin, []).append((step.end, step.base_v, ratio, ohm))
    return links


def published_taps(feeder: PhaseFeeder) -> Taps:
    """The taps that the feeder's data names."""
    return {each.end: each.taps for each in feeder.regulators}


def phase_flow(feeder: PhaseFeeder, taps: Taps | None = None) -> PhaseFlow:
    """Solve the feeder at fixed taps; those of its data where none are given."""
    network = _Network(feeder, published_taps(feeder) if taps is None else taps)
    nominal = network.nominal["wye"]
    source = feeder.source_share * nominal[0] * _SOURCE
    volt = np.where(network.present, nominal * _SOURCE, 0)
    is_solved = False
    with np.errstate(all="ignore"):
        for _ in range(MOST_SWEEPS):
            after, current = network.swept(volt, source)
            change = np.abs((after - volt) / nominal).max()
            volt = after
            # Written so that what is no number ends it, too.
            if not change < 10:
                break
            if change <= TOLERANCE:
                is_solved = True
                break
    names = tuple(network.names)
    if not is_solved:
        nothing = np.zeros((len(names), 3), np.complex128)
        return PhaseFlow(False, names, nothing, nothing, nothing[:, 0], 0j, 0j)
    given = complex(np.sum(volt[0] * np.conj(current[0])))
    capacitors = np.zeros_like(volt)
    for each in feeder.capacitors:
        at = network.at[each.bus]
        capacitors[at] += 1j * each.var / network.base_v[at] ** 2 * volt[at]
    drawn = network.drawn_a(volt)
    used = drawn - network.charged_a(volt) + capacitors
    lost = given - complex(np.sum(volt * np.conj(used)))
    return PhaseFlow(True, names, volt / nominal, current, np.sum(volt * np.conj(drawn), axis=1), given, lost)


def relay_v(feeder: PhaseFeeder, flow: PhaseFlow, regulator: PhaseRegulator) -> Floats:
    """What the controls of a regulator see of its three phases: the voltage behind it less the compensator's drop."""
    at = flow.nodes.index(regulator.end)
    volt = flow.voltage[at] * feeder.base_v / np.sqrt(3) / regulator.voltage_ratio
    drop = complex(regulator.r_v, regulator.x_v) * flow.current_a[at] / regulator.current_a
    seen: Floats = np.abs(volt - drop)
    return seen
