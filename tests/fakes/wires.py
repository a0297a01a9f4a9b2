"""Feeders as they are built, for tests, and a power flow by other means: Newton's method on the matrix of admittances."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from commonwatt.adapters.feeder_file import read_feeder
from commonwatt.core.units import Floats
from commonwatt.grid import Bus, Feeder, Line, Transformer

IRON = Transformer(rating_va=100_000, short_circuit_share=0.04, load_loss_w=1500, no_load_loss_w=0)


def line(begin: str, end: str, length_m: float = 100, ohm_per_km: float = 0.3, rating_a: float = 200) -> Line:
    return Line(f"{begin}-{end}", begin, end, length_m, ohm_per_km, 0.08, rating_a)


def wires(*lines: Line, root: str = "a", **changed: Any) -> Feeder:
    """A feeder of 400 V whose buses are those of its lines."""
    names = dict.fromkeys(name for each in lines for name in (each.begin, each.end))
    buses = tuple(Bus(name) for name in names or (root,))
    return replace(Feeder("test", "", 400, 1.0, 0.9, 1.1, root, IRON, buses, lines), **changed)


def street() -> Feeder:
    """The bundled one."""
    file, found = read_feeder("street", Path(), "test")
    assert file is not None, found
    return file.feeder


@st.composite
def trees(draw: st.DrawFn, most_buses: int = 12) -> Feeder:
    """Any radial feeder, its lines named in any direction."""
    buses = draw(st.integers(2, most_buses))
    lines = []
    for bus in range(1, buses):
        ends = [f"b{draw(st.integers(0, bus - 1))}", f"b{bus}"]
        if draw(st.booleans()):
            ends.reverse()
        lines.append(line(ends[0], ends[1], draw(st.sampled_from([20, 60, 150])), draw(st.sampled_from([0.1, 0.6]))))
    return wires(*draw(st.permutations(lines)), root="b0")


def newton(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> tuple[Floats, float]:
    """Voltages of the buses (share of nominal) and losses in branches (W) of one slot: no tree, no sweep."""
    base_va, at = feeder.transformer.rating_va, {bus.id: i + 1 for i, bus in enumerate(feeder.buses)}
    base_ohm = feeder.base_v**2 / base_va
    own = feeder.transformer
    r = own.load_loss_w / base_va
    branches = [(0, at[feeder.root], complex(r, (own.short_circuit_share**2 - r**2) ** 0.5))]
    branches += [
        (at[each.begin], at[each.end], complex(each.r_ohm_per_km, each.x_ohm_per_km) * each.length_m / 1000 / base_ohm)
        for each in feeder.lines
    ]
    size = len(feeder.buses) + 1
    admittance = np.zeros((size, size), complex)
    for begin, end, ohm in branches:
        for i, j, sign in ((begin, begin, 1), (end, end, 1), (begin, end, -1), (end, begin, -1)):
            admittance[i, j] += sign / ohm
    wanted = np.append(0, injected_w + 1j * injected_var) / base_va
    voltage = np.full(size, feeder.source_share, complex)
    for _ in range(30):
        current = admittance @ voltage
        off = (voltage * np.conj(current) - wanted)[1:]
        # d(V conj(YV)) by the real and the imaginary part of every voltage.
        straight, crossed = np.diag(np.conj(current)), voltage[:, None] * np.conj(admittance)
        real, imaginary = straight + crossed, 1j * (straight - crossed)
        jacobian = np.hstack([real[1:, 1:], imaginary[1:, 1:]])
        step = np.linalg.solve(np.vstack([jacobian.real, jacobian.imag]), -np.concatenate([off.real, off.imag]))
        voltage[1:] += step[: size - 1] + 1j * step[size - 1 :]
        if np.abs(step).max() < 1e-13:
            break
    lost = float((voltage * np.conj(admittance @ voltage)).real.sum()) * base_va
    return np.abs(voltage[1:]), lost
