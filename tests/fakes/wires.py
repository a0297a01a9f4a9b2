"""Feeders as they are built, for tests, and a power flow by other means: Newton's method on the matrix of admittances."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from commonwatt.adapters.feeder_file import read_feeder
from commonwatt.core.units import Floats
from commonwatt.grid import Bus, Feeder, InnerTransformer, Line, Regulator, Transformer

IRON = Transformer(rating_va=100_000, short_circuit_share=0.04, load_loss_w=1500, no_load_loss_w=0)


def line(begin: str, end: str, length_m: float = 100, ohm_per_km: float = 0.3, rating_a: float = 200) -> Line:
    return Line(f"{begin}-{end}", begin, end, length_m, ohm_per_km, 0.08, rating_a)


def wires(*lines: Line, root: str = "a", **changed: Any) -> Feeder:
    """A feeder of 400 V whose buses are those of its lines."""
    names = dict.fromkeys(name for each in lines for name in (each.begin, each.end))
    buses = tuple(Bus(name) for name in names or (root,))
    return replace(Feeder("test", "", 400, 1.0, 0.9, 1.1, root, IRON, buses, lines), **changed)


def regulated() -> Feeder:
    """Two lines with a regulator between them, and a transformer to 230 V at the end of the second."""
    plain = wires(line("a", "b", 300), line("r", "c", 300), line("d", "e", 50))
    buses = tuple(Bus(name) for name in "abrcde")
    step = InnerTransformer("step", "c", "d", 50_000, 230, 0.04, 600, 50)
    return replace(plain, buses=buses, inner_transformers=(step,), regulators=(Regulator("reg", "b", "r", 1.08, 200),))


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


def _two_ports(feeder: Feeder) -> list[tuple[int, int, complex, float]]:
    """(near node, far node, impedance, ratio) of every branch, per unit of nominal voltages; a regulator has next to no impedance."""
    base_va, at = feeder.transformer.rating_va, {bus.id: i + 1 for i, bus in enumerate(feeder.buses)}
    own = feeder.transformer
    r = own.load_loss_w / base_va
    ports = [(0, at[feeder.root], complex(r, (own.short_circuit_share**2 - r**2) ** 0.5), 1.0)]
    base_v, left = {feeder.root: feeder.base_v}, list(feeder.lines)
    steps = {each.begin: each for each in feeder.inner_transformers}
    reached = [feeder.root]
    for bus in reached:
        there = {
            (each.end if each.begin == bus else each.begin): each for each in left if bus in (each.begin, each.end)
        }
        for name, each in there.items():
            left.remove(each)
            ohm = complex(each.r_ohm_per_km, each.x_ohm_per_km) * each.length_m / 1000
            ports.append((at[bus], at[name], ohm * base_va / base_v[bus] ** 2, 1.0))
            base_v[name] = base_v[bus]
            reached.append(name)
        for regulator in (each for each in feeder.regulators if each.begin == bus):
            ports.append((at[bus], at[regulator.end], 1e-8j, regulator.ratio))
            base_v[regulator.end] = base_v[bus]
            reached.append(regulator.end)
        if step := steps.get(bus):
            z = complex(step.load_loss_w / step.rating_va, 0)
            z += 1j * (step.short_circuit_share**2 - z.real**2) ** 0.5
            ports.append((at[bus], at[step.end], z * base_va / step.rating_va, 1.0))
            base_v[step.end] = step.base_v
            reached.append(step.end)
    return ports


def newton(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> tuple[Floats, float]:
    """Voltages of the buses (share of nominal) and losses in branches (W) of one slot: no tree, no sweep; the feeder's own loads are not looked at."""
    base_va, size = feeder.transformer.rating_va, len(feeder.buses) + 1
    admittance = np.zeros((size, size), complex)
    for begin, end, ohm, ratio in _two_ports(feeder):
        for i, j, part in ((begin, begin, ratio**2), (end, end, 1.0), (begin, end, -ratio), (end, begin, -ratio)):
            admittance[i, j] += part / ohm
    wanted = np.append(0, injected_w + 1j * injected_var) / base_va
    voltage = np.full(size, feeder.source_share, complex)
    # From where nothing flows: ratios are in it already.
    voltage[1:] = np.linalg.solve(admittance[1:, 1:], -admittance[1:, 0] * feeder.source_share)
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
