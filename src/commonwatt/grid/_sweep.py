"""Power flow of a radial feeder: backward and forward sweeps over the tree, for many slots at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from commonwatt.core.units import SECONDS_PER_HOUR, Flags, Floats, Ints, whole_wh
from commonwatt.grid._compiled import compiled

if TYPE_CHECKING:
    from commonwatt.grid._compiled import Kernel
    from commonwatt.grid._feeder import Feeder, Tree

TOLERANCE: Final = 1e-7
"""Largest change of a voltage in the last sweep, of the nominal one."""
MOST_SWEEPS: Final = 60
"""A slot that has not settled by then has no solution; far from collapse one settles in five to a dozen."""
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
        """Losses of each slot that the community answers for, in whole Wh."""
        return community_losses_wh(self.losses_w, self.spared_w, slot_s)


def community_losses_wh(losses_w: Floats, spared_w: float, slot_s: int) -> Ints:
    """Losses that the community answers for, in whole Wh: the one place where a power flow becomes energy.

    What is lost beyond `spared_w`, the losses of the feeder's own loads alone, at least 0; rounded to the nearest, halves up.
    """
    return whole_wh(np.maximum(losses_w - spared_w, 0.0) * (slot_s / SECONDS_PER_HOUR))


def power_flow(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> PowerFlow:
    """Solve every slot on its own; arrays of shape (buses, slots) in the order of the feeder's buses, positive: into the feeder.

    Constant power at every bus, the feeder's own loads beside what is injected, three phases alike. Backward: the current of every
    branch from those of the nodes it feeds; forward: the voltage of every node from the one that feeds it; again until no voltage changes by more than `TOLERANCE`.
    By machine code where numba is installed (extra `fast`), else by NumPy: the same sweeps, and the same to 1e-9.
    """
    injected_w, injected_var = np.asarray(injected_w, np.float64), np.asarray(injected_var, np.float64)
    if not feeder.loads:
        return solved_flow(feeder, injected_w, injected_var, compiled())
    # One column more: the feeder without the community.
    own, slots = feeder.own_va[:, None], injected_w.shape[1]
    power_w, power_var = np.hstack([injected_w + own.real, own.real]), np.hstack([injected_var + own.imag, own.imag])
    flow = solved_flow(feeder, power_w, power_var, compiled())
    return PowerFlow(
        flow.is_solved[:slots],
        flow.voltage_share[:, :slots],
        flow.loading_share[:, :slots],
        flow.losses_w[:slots],
        float(flow.losses_w[slots]),
    )


def solved_flow(feeder: Feeder, power_w: Floats, power_var: Floats, kernel: Kernel | None) -> PowerFlow:
    """`power_flow` with everything that is injected, the feeder's own loads in it; by a kernel, or by NumPy."""
    tree, base_va, shape = feeder.tree, feeder.transformer.rating_va, (len(feeder.tree.toward), power_w.shape[1])
    solved, voltage, loading = np.zeros(shape[1], np.bool_), np.zeros(shape), np.zeros(shape)
    if kernel is None:
        power = np.zeros(shape, np.complex128)
        np.add.at(power, tree.node, (power_w + 1j * power_var) / base_va)
        for first in range(0, shape[1], _SLOTS_AT_ONCE):
            part = slice(first, first + _SLOTS_AT_ONCE)
            # What overflows has collapsed, and is found by that.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                _swept(tree, feeder.source_share, power[:, part], solved[part], voltage[:, part], loading[:, part])
        lost = tree.impedance.real @ (loading * loading)
        loading /= tree.rating[:, None]
    else:
        lost = np.zeros(shape[1])
        limits = (feeder.source_share, base_va, TOLERANCE, COLLAPSED, MOST_SWEEPS)
        kernel(*tree.columns, tree.node, power_w, power_var, *limits, solved, voltage, loading, lost)
    if (tree.gain != 1.0).any():
        voltage *= tree.gain[:, None]
    return PowerFlow(solved, voltage, loading, np.where(solved, lost * base_va + feeder.no_load_loss_w, 0.0))


def _swept(tree: Tree, source: float, power: Any, solved: Flags, sizes: Floats, currents: Floats) -> None:
    """Fill in which slots have a solution, and the sizes of their voltages and currents, per unit; a slot leaves when it has settled."""
    # What a load draws is a current out of the node; conj(S / V) = conj(S) V / |V|^2 needs no complex division.
    drawn = -np.conj(power)
    voltage = np.full(power.shape, complex(source), np.complex128)
    left = np.arange(power.shape[1])
    for _ in range(MOST_SWEEPS):
        inverse = 1.0 / (voltage.real**2 + voltage.imag**2)
        current = drawn * voltage
        current.real *= inverse
        current.imag *= inverse
        after, current = _forward(tree, source, current)
        voltage -= after
        change = np.maximum(np.abs(voltage.real), np.abs(voltage.imag)).max(axis=0)
        voltage = after
        # Written so that what is no number is collapsed, too.
        stands = (voltage.real**2 + voltage.imag**2).min(axis=0) > COLLAPSED**2
        settled = stands & (change <= TOLERANCE)
        going = stands & ~settled
        if going.all():
            continue
        solved[left[settled]] = True
        sizes[:, left[settled]] = np.abs(voltage[:, settled])
        currents[1:, left[settled]] = np.abs(current[1:, settled])
        if not going.any():
            return
        left, drawn, voltage = left[going], drawn[:, going], voltage[:, going]


def _forward(tree: Tree, source: float, current: Any) -> tuple[Any, Any]:
    """Voltages of the nodes, and the currents of the branches from those out of the nodes, which it may use up."""
    if current.shape[1] <= _FEW:
        current = _summed(tree.feeds, current)
        return source - _summed(tree.feeds.T, current * tree.impedance[:, None]), current
    up = [(node, toward) for node, toward in enumerate(tree.toward) if toward >= 0]
    for node, toward in up[::-1]:
        np.add(current[toward], current[node], out=current[toward])
    after = current * tree.impedance[:, None]
    after[0] = source
    for node, toward in up:
        np.subtract(after[toward], after[node], out=after[node])
    return after, current


def _summed(which: Floats, parts: Any) -> Any:
    """The product of a real and a complex matrix, without making the real one complex."""
    return (which @ np.ascontiguousarray(parts).view(np.float64)).view(np.complex128)
