"""Power flow of a radial feeder: backward and forward sweeps over the tree, for many slots at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from commonwatt.core.units import SECONDS_PER_HOUR, Flags, Floats, Ints, whole_wh

if TYPE_CHECKING:
    from commonwatt.grid._feeder import Feeder, Tree

TOLERANCE: Final = 1e-7
"""Largest change of a voltage in the last sweep, of the nominal one."""
MOST_SWEEPS: Final = 60
"""A slot that has not settled by then has no solution; one that has one settles in less than ten."""
COLLAPSED: Final = 0.3
"""A voltage below this part of the nominal one: more is drawn than the feeder can bring."""
_SLOTS_AT_ONCE: Final = 1024
"""So many slots' voltages stay near the processor."""
_FEW: Final = 8
"""Up to so many slots a product with the matrix of who feeds whom is faster than to walk the tree; the sums are the same."""


@dataclass(frozen=True)
class PowerFlow:
    """What flows in some slots; columns are slots. Where a slot has no solution its figures are 0 and `is_solved` is false: never NaN."""

    is_solved: Flags
    """Shape (slots,)."""
    voltage_share: Floats
    """Of every node, of the nominal voltage there, shape (nodes, slots)."""
    loading_share: Floats
    """Current of every branch, of what it carries, shape (nodes, slots); 0 of branch 0."""
    losses_w: Floats
    """In all branches together and in the transformers' cores, shape (slots,)."""
    spared_w: float = 0.0
    """What of it were lost if nobody but the feeder's own loads drew or gave anything; 0 where it has none."""

    def losses_wh(self, slot_s: int) -> Ints:
        """Losses of each slot that the community answers for, in whole Wh: the one place where the power flow becomes energy.

        What is lost beyond the losses of the feeder's own loads, at least 0; rounded to the nearest, halves up.
        """
        return whole_wh(np.maximum(self.losses_w - self.spared_w, 0.0) * (slot_s / SECONDS_PER_HOUR))


def power_flow(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> PowerFlow:
    """Solve every slot on its own; arrays of shape (buses, slots) in the order of the feeder's buses, positive: into the feeder.

    Constant power at every bus, the feeder's own loads beside what is injected, three phases alike. Backward: the current of every
    branch from those of the nodes it feeds; forward: the voltage of every node from the one that feeds it; again until no voltage changes by more than `TOLERANCE`.
    """
    injected_va = injected_w + 1j * injected_var
    if not feeder.loads:
        return _solved(feeder, injected_va)
    # One column more: the feeder without the community.
    own = feeder.own_va[:, None]
    flow, slots = _solved(feeder, np.hstack([injected_va + own, own])), injected_va.shape[1]
    return PowerFlow(
        flow.is_solved[:slots],
        flow.voltage_share[:, :slots],
        flow.loading_share[:, :slots],
        flow.losses_w[:slots],
        float(flow.losses_w[slots]),
    )


def _solved(feeder: Feeder, injected_va: Any) -> PowerFlow:
    tree, base_va = feeder.tree, feeder.transformer.rating_va
    nodes, slots = len(tree.toward), injected_va.shape[1]
    power = np.zeros((nodes, slots), np.complex128)
    np.add.at(power, tree.node, injected_va / base_va)
    solved, voltage, current = np.zeros(slots, np.bool_), np.empty((nodes, slots)), np.empty((nodes, slots))
    for first in range(0, slots, _SLOTS_AT_ONCE):
        part = slice(first, first + _SLOTS_AT_ONCE)
        # What overflows has collapsed, and is found by that.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            solved[part], voltage[:, part], current[:, part] = _swept(tree, feeder.source_share, power[:, part])
    lost = tree.impedance.real @ (current * current) * base_va + feeder.no_load_loss_w
    shares = voltage * tree.gain[:, None], current / tree.rating[:, None]
    return PowerFlow(solved, *shares, np.where(solved, lost, 0.0))


def _swept(tree: Tree, source: float, power: Any) -> tuple[Flags, Floats, Floats]:
    """Which slots have a solution, and the sizes of voltages and currents, per unit."""
    up = [(node, toward) for node, toward in enumerate(tree.toward) if toward >= 0]
    down = up[::-1]
    few = power.shape[1] <= _FEW
    # What a load draws is a current out of the node; conj(S / V) = conj(S) V / |V|^2 needs no complex division.
    drawn = -np.conj(power)
    voltage = np.full(power.shape, complex(source), np.complex128)
    current, after = np.empty_like(voltage), np.empty_like(voltage)
    alive = np.ones(power.shape[1], np.bool_)
    change = np.full(power.shape[1], np.inf)
    for _ in range(MOST_SWEEPS):
        inverse = 1.0 / (voltage.real**2 + voltage.imag**2)
        np.multiply(drawn, voltage, out=current)
        current.real *= inverse
        current.imag *= inverse
        if few:
            current = tree.feeds @ current
            after = source - tree.feeds.T @ (current * tree.impedance[:, None])
        else:
            for node, toward in down:
                np.add(current[toward], current[node], out=current[toward])
            np.multiply(current, tree.impedance[:, None], out=after)
            after[0] = source
            for node, toward in up:
                np.subtract(after[toward], after[node], out=after[node])
        voltage -= after
        change = np.maximum(np.abs(voltage.real), np.abs(voltage.imag)).max(axis=0)
        voltage, after = after, voltage
        # Written so that what is no number is collapsed, too.
        gone = alive & ~((voltage.real**2 + voltage.imag**2).min(axis=0) > COLLAPSED**2)
        if gone.any():
            # Nothing more flows in a slot without a solution, so that it keeps no other waiting.
            alive &= ~gone
            drawn[:, gone], voltage[:, gone], change[gone] = 0.0, source, 0.0
        if (change <= TOLERANCE).all():
            break
    solved = alive & (change <= TOLERANCE)
    current[0] = 0.0
    return solved, np.where(solved, np.abs(voltage), 0.0), np.where(solved, np.abs(current), 0.0)
