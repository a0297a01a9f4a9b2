"""A low-voltage feeder of any size, drawn by seed, and what its homes draw and give: for power flows that are timed or compared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.core.determinism import stream
from commonwatt.grid import Bus, Feeder, Line, Transformer

if TYPE_CHECKING:
    from commonwatt.core.units import Floats

SEED: Final = 129
BUSES_A_STRAND: Final = 16
"""Buses on one cable out of the transformer: LV-rural3 of SimBench has nine such cables."""
GOES_ON_SHARE: Final = 0.8
"""Of the buses, how many continue their cable; the others branch off anywhere on it."""
SPAN_M: Final = (15.0, 45.0)
SLOTS_A_DAY: Final = 96
PV_SHARE: Final = 0.4
"""Of the homes."""
MOST_LOAD_W: Final = 2_000
MOST_PV_W: Final = 5_000
_TAN: Final = math.tan(math.acos(0.95))


def low_voltage(buses: int, seed: int = SEED) -> Feeder:
    """Homes on cables behind a transformer that carries 2 kVA a home; cables and transformer as on the bundled street, layout by chance."""
    draw = stream(seed, "bench", "low voltage", buses)
    strands = max(1, round((buses - 1) / BUSES_A_STRAND))
    own: list[list[int]] = [[0] for _ in range(strands)]
    lines = []
    for bus in range(1, buses):
        strand = own[bus % strands]
        begin = strand[-1] if draw.random() < GOES_ON_SHARE else strand[int(draw.integers(len(strand)))]
        strand.append(bus)
        lines.append(Line(f"l{bus}", f"n{begin}", f"n{bus}", float(draw.uniform(*SPAN_M)), 0.208, 0.080, 270))
    rating_va = 2000.0 * buses
    transformer = Transformer(rating_va, 0.04, 0.011 * rating_va, 0.0012 * rating_va)
    homes = tuple(Bus(f"n{bus}") for bus in range(buses))
    return Feeder(f"drawn-{buses}", "drawn by seed", 400, 1.0, 0.9, 1.1, "n0", transformer, homes, tuple(lines))


def flows_w(buses: int, slots: int, seed: int = SEED) -> tuple[Floats, Floats]:
    """What every bus gives (negative: draws), W and VAr, shape (buses, slots): a load by chance and, on some, sun by the hour; none at the root."""
    draw = stream(seed, "bench", "flows", buses, slots)
    load = draw.uniform(0.05, 1.0, (buses, slots)) ** 2 * MOST_LOAD_W
    hour = np.arange(slots) % SLOTS_A_DAY / SLOTS_A_DAY
    sun = np.maximum(np.sin((hour - 0.25) * 2 * math.pi), 0.0) * draw.uniform(0.2, 1.0, slots)
    peak = np.where(draw.random(buses) < PV_SHARE, draw.uniform(0.3, 1.0, buses) * MOST_PV_W, 0.0)
    net = peak[:, None] * sun - load
    net[0] = 0.0
    return net, np.minimum(net, 0.0) * _TAN
