"""The feeder of one phase that stands for three: what a feeder with phases would be if every phase were loaded like the others."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from commonwatt.grid._equipment import InnerTransformer, Load, Regulator
from commonwatt.grid._feeder import Bus, Feeder, Line, Transformer
from commonwatt.grid._phase_feeder import PHASES, TAP_SHARE, PhaseFeeder, PhaseLine, middle
from commonwatt.grid._phase_sweep import phase_flow

KM_PER_KFT: Final = 0.3048
_STIFF: Final = 1e-6
"""Impedance of a source that holds its voltage, of its rating: the file knows no transformer without any."""
_DIGITS: Final = 9
_BARE: Final = "Nothing of its own is connected and its regulators are neutral."
_LOADED: Final = "Its own loads are connected at their published peak, regulators at their published taps."


def balanced(feeder: PhaseFeeder, *, with_loads: bool) -> Feeder:
    """The balanced equivalent of a feeder with phases.

    Lines have the impedance of the positive sequence, (mean of the own) - (mean of the mutual) ones. What hangs on one phase is spread over
    three: a line of one phase gets three times its impedance and a third of its rating, so that its drop and its losses at the same power
    are those it has. A regulator has the mean of its three published taps and the rating of the line behind it. Loads draw constant power,
    whatever their model is: what each draws in the power flow with three phases, capacitors and lines' capacitance with them. Without loads
    nothing is drawn and the regulators are neutral.
    """
    behind = {line.begin: feeder.configuration(line).rating_a for line in reversed(feeder.lines)}
    regulators = tuple(
        Regulator(
            f"{each.begin}-{each.end}",
            each.begin,
            each.end,
            _rounded(1 + TAP_SHARE * float(np.mean(each.taps)) * with_loads),
            behind[each.end],
        )
        for each in feeder.regulators
    )
    transformers = tuple(
        InnerTransformer(
            f"{each.begin}-{each.end}",
            each.begin,
            each.end,
            each.rating_va,
            each.base_v,
            _rounded(math.hypot(each.r_share, each.x_share)),
            _rounded(each.r_share * each.rating_va),
            0.0,
        )
        for each in feeder.transformers
    )
    about = f"Balanced equivalent. {feeder.about}"
    return Feeder(
        name=f"{feeder.name}_loaded" if with_loads else feeder.name,
        about=f"{about} {_LOADED if with_loads else _BARE}",
        base_v=feeder.base_v,
        source_share=feeder.source_share,
        voltage_low_share=0.9,
        voltage_high_share=1.1,
        root=feeder.root,
        transformer=Transformer(feeder.rating_va, _STIFF, 0.0, 0.0),
        buses=tuple(Bus(bus.id, float(bus.x), float(bus.y)) for bus in feeder.buses),
        lines=tuple(_line(feeder, line) for line in feeder.lines),
        inner_transformers=transformers,
        regulators=regulators,
        loads=_loads(feeder) if with_loads else (),
    )


def _line(feeder: PhaseFeeder, line: PhaseLine) -> Line:
    km, parts = line.length_ft / 1000 * KM_PER_KFT, len(PHASES) // len(line.phases)
    ohm = _positive(feeder.ohm(line)) if parts == 1 else parts * complex(feeder.ohm(line).sum())
    return Line(
        f"{line.begin}-{line.end}",
        line.begin,
        line.end,
        _rounded(1000 * km),
        _rounded(ohm.real / km),
        _rounded(ohm.imag / km),
        _rounded(feeder.configuration(line).rating_a / parts),
    )


def _positive(matrix: Any) -> complex:
    """Positive sequence of a matrix of three phases, its lines transposed."""
    own, mutual = matrix.trace() / 3, (matrix.sum() - matrix.trace()) / 6
    return complex(own - mutual)


def _loads(feeder: PhaseFeeder) -> tuple[Load, ...]:
    """What every bus draws in the power flow with three phases; half of what is drawn along a line at either end of it."""
    flow = phase_flow(feeder)
    drawn = dict(zip(flow.nodes, flow.drawn_va.tolist(), strict=True))
    for line in feeder.lines:
        along = drawn.pop(middle(line.begin, line.end), 0j)
        for bus in (line.begin, line.end):
            drawn[bus] += along / 2
    return tuple(
        Load(bus.id, round(drawn[bus.id].real, 1), round(drawn[bus.id].imag, 1))
        for bus in feeder.buses
        if abs(drawn[bus.id]) >= 1
    )


def _rounded(value: float) -> float:
    """To as many digits as a file needs, so that it does not follow the last bits of a sum."""
    return float(f"{value:.{_DIGITS}g}")
