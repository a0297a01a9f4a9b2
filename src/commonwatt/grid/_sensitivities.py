"""Sensitivities of a radial feeder: what one more watt at a bus changes in losses, currents and voltages, and what a pair of buses could still trade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from commonwatt.core.units import Flags, Floats, Ints
from commonwatt.grid._sweep import MOST_SWEEPS, TOLERANCE, power_flow

if TYPE_CHECKING:
    from commonwatt.grid._feeder import Feeder, Tree

REFERENCE_LOADING: Final = 0.5
"""Loading at which `loss_shares` takes a line's marginal loss, unless somebody says another: half of what it carries."""


@dataclass(frozen=True)
class Sensitivities:
    """First order about one operating point, buses in the order of the feeder's; a watt is injected into the feeder at a bus, and ahead of the transformer that much less comes in.

    Changes per W (or VAr) injected; of branches and nodes as in `Tree`.
    """

    loss_factor: Floats
    """W lost per W injected, shape (buses,); negative where injecting relieves the lines on the way."""
    reactive_loss_factor: Floats
    """W lost per VAr injected, shape (buses,)."""
    loading_per_w: Floats
    """Of every branch's loading (share of what it carries), shape (nodes, buses); 0 of branch 0."""
    loading_per_var: Floats
    voltage_per_w: Floats
    """Of every node's voltage (share of the nominal one), shape (nodes, buses)."""
    voltage_per_var: Floats
    loading_share: Floats
    """Of every branch at the operating point, shape (nodes,)."""
    voltage_share: Floats
    """Of every node, shape (nodes,)."""
    towards_root_w: Floats
    """Real power that every branch carries towards the transformer, at its far end, shape (nodes,); negative: away from it."""
    carried_w: Floats
    """The most that it carries at that voltage, shape (nodes,); infinite of branch 0."""

    def pair_losses(self) -> Floats:
        """W lost more per W that bus i (row) sends to bus j (column): `l_ij`, shape (buses, buses); negative against the flow that is there."""
        return self.loss_factor[:, None] - self.loss_factor[None, :]

    def losses_after_w(self, losses_w: float, injected_w: Floats, injected_var: Floats) -> float:
        """Losses, linearised, after these changes of what buses inject, shape (buses,)."""
        return losses_w + float(self.loss_factor @ injected_w + self.reactive_loss_factor @ injected_var)

    def voltage_after(self, injected_w: Floats, injected_var: Floats) -> Floats:
        """Voltages, linearised, after these changes, shape (nodes,)."""
        after: Floats = self.voltage_share + self.voltage_per_w @ injected_w + self.voltage_per_var @ injected_var
        return after


def sensitivities(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> Sensitivities:
    """Everything about one operating point, arrays of shape (buses,), positive: into the feeder.

    Constant power at every bus, as in the power flow: the change of a voltage changes what its bus draws, so that the derivatives solve one
    linear system of twice as many unknowns as nodes. Exact to first order (a test holds them against differences of the power flow).

    Raises:
        ValueError: the operating point has no power flow.

    """
    tree, base_va = feeder.tree, feeder.transformer.rating_va
    power = np.zeros(len(tree.toward), np.complex128)
    np.add.at(power, tree.node, (injected_w + 1j * injected_var + feeder.own_va) / base_va)
    flow = power_flow(feeder, injected_w[:, None], injected_var[:, None])
    if not flow.is_solved[0]:
        raise ValueError("expected an operating point with a power flow, was one without")
    voltage = _voltages(tree, feeder.source_share, power)
    current = tree.feeds @ (-np.conj(power / voltage))
    by_w = _changes(tree, voltage, power, 1.0)
    by_var = _changes(tree, voltage, power, 1j)
    loss_w, loading_w, voltage_w = _observed(tree, voltage, current, power, by_w, 1.0)
    loss_var, loading_var, voltage_var = _observed(tree, voltage, current, power, by_var, 1j)
    at, size = tree.node, np.abs(voltage)
    current[0] = 0.0
    return Sensitivities(
        loss_factor=loss_w[at],
        reactive_loss_factor=loss_var[at],
        loading_per_w=loading_w[:, at] / base_va,
        loading_per_var=loading_var[:, at] / base_va,
        voltage_per_w=voltage_w[:, at] * tree.gain[:, None] / base_va,
        voltage_per_var=voltage_var[:, at] * tree.gain[:, None] / base_va,
        loading_share=np.abs(current) / tree.rating,
        voltage_share=size * tree.gain,
        towards_root_w=-(voltage * np.conj(current)).real * base_va,
        carried_w=tree.rating * size * base_va,
    )


def loss_shares(feeder: Feeder, loading_share: float = REFERENCE_LOADING) -> Floats:
    """Of the branch towards the root of every node, the part of one more W that is lost on it at a part of its rating, shape (nodes,); 0 of branch 0.

    The written rule by which a run knows losses beforehand: from the feeder's file alone, so that every slot and every audit has the same.
    `2 R I` at `I = loading_share x rating`, nominal voltage, either way.
    """
    tree = feeder.tree
    share: Floats = 2 * loading_share * tree.impedance.real * np.where(np.isfinite(tree.rating), tree.rating, 0.0)
    return share


def pair_capacity_w(tree: Tree, towards_root_w: Floats, carried_w: Floats) -> Floats:
    """`T_ij`: W more that bus i (row) could send to bus j (column) before a branch on the way is full, shape (buses, buses); infinite at one bus.

    From i up to where both ways meet, and down from there to j; a flow that is there the other way makes room.
    """
    up, down = np.maximum(carried_w - towards_root_w, 0.0), np.maximum(carried_w + towards_root_w, 0.0)
    nodes = len(tree.toward)
    spare = np.full((nodes, nodes), np.inf)
    # No node with a smaller number hangs behind this one: the way to it begins with this one's branch.
    for node in range(1, nodes):
        nearer = tree.toward[node]
        spare[node, :node] = np.minimum(up[node], spare[nearer, :node])
        spare[:node, node] = np.minimum(down[node], spare[:node, nearer])
    return spare[np.ix_(tree.node, tree.node)]


def zones(tree: Tree, is_full: Flags) -> Ints:
    """For every bus the number of its zone: buses between which no full branch lies; numbered from the root outwards, shape (buses,)."""
    zone = np.zeros(len(tree.toward), np.int64)
    for node in range(1, len(tree.toward)):
        zone[node] = node if is_full[node] else zone[tree.toward[node]]
    _, numbers = np.unique(zone[tree.node], return_inverse=True)
    return numbers.astype(np.int64)


def _voltages(tree: Tree, source: float, power: Any) -> Any:
    """The complex voltages, of which the power flow tells the sizes only, shape (nodes,); its iteration, which ends where that one ended."""
    voltage = np.full(len(power), complex(source), np.complex128)
    for _ in range(MOST_SWEEPS):
        current = tree.feeds @ (-np.conj(power / voltage))
        after = source - tree.feeds.T @ (current * tree.impedance)
        settled = bool(np.abs(after - voltage).max() <= TOLERANCE**2)
        voltage = after
        if settled:
            break
    return voltage


def _changes(tree: Tree, voltage: Any, power: Any, unit: complex) -> Any:
    """D V / d S in the direction `unit`, complex, row a node, column where it is injected.

    From V = source - Z I(V) with I = -conj(S / V): dV = Z (conj(dS) / conj(V)) - Z conj(S) / conj(V)^2 conj(dV), split into real and
    imaginary parts because of the conjugate.
    """
    ohm = tree.feeds.T @ (tree.impedance[:, None] * tree.feeds)
    own = ohm * (np.conj(unit) / np.conj(voltage))[None, :]
    back = ohm * (np.conj(power) / np.conj(voltage) ** 2)[None, :]
    eye = np.eye(len(voltage))
    system = np.block([[eye + back.real, back.imag], [back.imag, eye - back.real]])
    parts = np.linalg.solve(system, np.concatenate([own.real, own.imag]))
    return parts[: len(voltage)] + 1j * parts[len(voltage) :]


def _observed(
    tree: Tree, voltage: Any, current: Any, power: Any, changed: Any, unit: complex
) -> tuple[Floats, Floats, Floats]:
    """Changes of losses (per unit, by where it is injected), of loadings and of sizes of voltages (rows: nodes)."""
    drawn = (np.conj(power) / np.conj(voltage) ** 2)[:, None] * np.conj(changed)
    drawn = drawn - np.diag(np.conj(unit) / np.conj(voltage))
    flowing = tree.feeds @ drawn
    along = (np.conj(current)[:, None] * flowing).real
    along[0] = 0.0
    loss: Floats = 2 * tree.impedance.real @ along
    size = np.abs(current)
    # Without any current its size has no derivative: the change of its real part stands for it.
    still = size <= TOLERANCE
    loading = np.where(still[:, None], np.abs(flowing), along / np.where(still, 1.0, size)[:, None])
    loading[0] = 0.0
    return loss, loading / tree.rating[:, None], (np.conj(voltage)[:, None] * changed).real / np.abs(voltage)[:, None]
