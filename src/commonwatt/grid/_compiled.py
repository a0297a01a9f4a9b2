"""The sweep as machine code (numba): one slot after the other, by the stopping rule and the order of sums of the NumPy path."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from commonwatt.core.units import Flags, Floats, Ints

Kernel = Callable[..., None]
"""`sweep_slots` below, compiled or not."""

_SIGNATURE: Final = (
    "void(int64[::1], float64[::1], float64[::1], float64[::1], int64[::1], float64[:, :], float64[:, :],"
    " float64, float64, float64, float64, int64, boolean[::1], float64[:, ::1], float64[:, ::1], float64[::1])"
)


@cache
def compiled() -> Kernel | None:
    """The kernel as machine code, kept on disk where that can be written; None where numba (extra `fast`) is not installed."""
    if importlib.util.find_spec("numba") is None:
        return None
    import numba

    # What is recorded hangs on it: no threads, no reordering of sums; what overflows is infinite, as in NumPy.
    options: dict[str, Any] = {"parallel": False, "fastmath": False, "error_model": "numpy"}
    kernel: Kernel
    try:
        kernel = numba.njit(_SIGNATURE, cache=True, **options)(sweep_slots)
    except (RuntimeError, OSError):
        # No folder that may be written, or a full one: compiled anew in every process.
        kernel = numba.njit(_SIGNATURE, **options)(sweep_slots)
    return kernel


def sweep_slots(
    toward: Ints,
    resistance: Floats,
    reactance: Floats,
    rating: Floats,
    node: Ints,
    injected: Floats,
    reactive: Floats,
    source: float,
    base_va: float,
    tolerance: float,
    collapsed: float,
    most_sweeps: int,
    solved: Flags,
    voltage: Floats,
    loading: Floats,
    lost: Floats,
) -> None:
    """Fill `solved`, `voltage`, `loading` and `lost` (per unit) of every slot; they come as zeros, which stay where there is no solution.

    `toward` to `rating` are per node as in `Tree`, `injected` and `reactive` W and VAr of shape (buses, slots), `node` the node of each bus.
    """
    nodes, slots = voltage.shape
    power_re, power_im, at_re, at_im, flow_re, flow_im = np.empty((6, nodes))
    for slot in range(slots):
        power_re[:], power_im[:], at_re[:], at_im[:] = 0.0, 0.0, source, 0.0
        for bus in range(len(node)):
            power_re[node[bus]] += injected[bus, slot] / base_va
            power_im[node[bus]] += reactive[bus, slot] / base_va
        for _ in range(most_sweeps):
            # What a load draws is a current out of the node: -conj(S) V / |V|^2.
            for k in range(nodes):
                inverse = 1.0 / (at_re[k] * at_re[k] + at_im[k] * at_im[k])
                flow_re[k] = -(power_re[k] * at_re[k] + power_im[k] * at_im[k]) * inverse
                flow_im[k] = (power_im[k] * at_re[k] - power_re[k] * at_im[k]) * inverse
            for k in range(nodes - 1, 0, -1):
                flow_re[toward[k]] += flow_re[k]
                flow_im[toward[k]] += flow_im[k]
            change, least, total = 0.0, np.inf, 0.0
            for k in range(1, nodes):
                new_re = at_re[toward[k]] - (resistance[k] * flow_re[k] - reactance[k] * flow_im[k])
                new_im = at_im[toward[k]] - (resistance[k] * flow_im[k] + reactance[k] * flow_re[k])
                size = new_re * new_re + new_im * new_im
                change = max(change, abs(new_re - at_re[k]), abs(new_im - at_im[k]))
                least = min(least, size)
                total += size
                at_re[k], at_im[k] = new_re, new_im
            # Once a size is no number or infinite, so is their sum.
            stands = least > collapsed * collapsed and total < np.inf
            if not stands or change <= tolerance:
                break
        if not stands or change > tolerance:
            continue
        solved[slot], voltage[0, slot] = True, source
        for k in range(1, nodes):
            squared = flow_re[k] * flow_re[k] + flow_im[k] * flow_im[k]
            voltage[k, slot] = math.sqrt(at_re[k] * at_re[k] + at_im[k] * at_im[k])
            loading[k, slot] = math.sqrt(squared) / rating[k]
            lost[slot] += resistance[k] * squared
