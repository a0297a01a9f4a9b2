"""OpenDSS as the reference for three phases: writes its commands from a feeder's tables, has them solved and reads what it says (extra `opendss`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from commonwatt.core.errors import MissingExtra
from commonwatt.grid import MOST_TAPS, PHASES, TAP_SHARE, PhaseFeeder, PhaseFlow, PhaseLoad, Taps, node_of

_MODELS: Final = {"PQ": 1, "Z": 2, "I": 5}
_STIFF_MVA: Final = 1e9
_IDEAL: Final = 1e-6
"""Percent: the impedance of a regulator, which has none here and must have one there."""


def opendss_flow(feeder: PhaseFeeder, taps: Taps | None = None) -> tuple[PhaseFlow, Taps]:
    """What OpenDSS says flows, and the taps: those given, or the ones its own controls find from neutral where none are.

    Voltages of the nodes, the source's power and the losses as in `PhaseFlow`; currents and what nodes draw are left 0.

    Raises:
        MissingExtra: OpenDSSDirect.py is not installed.

    """
    try:
        from opendssdirect import dss as engine
    except ImportError as error:
        raise MissingExtra(
            "expected the package OpenDSSDirect.py to be installed, was not: pip install 'commonwatt[opendss]'"
        ) from error
    # A circuit of its own: nobody else's commands reach it.
    dss = engine.NewContext()
    for command in commands(feeder, taps):
        dss.Text.Command(command)
    return _flow(dss, feeder), _taps(dss, feeder)


def commands(feeder: PhaseFeeder, taps: Taps | None = None) -> Iterator[str]:
    """The feeder in OpenDSS's language, and the command to solve it; with controls where no taps are given."""
    yield "clear"
    yield f"set defaultbasefrequency={feeder.frequency_hz:g}"
    yield (
        f"new circuit.{feeder.name} bus1={feeder.root} basekv={feeder.base_v / 1000:g} pu={feeder.source_share:g} "
        f"phases=3 angle=0 mvasc3={_STIFF_MVA:g} mvasc1={_STIFF_MVA:g}"
    )
    yield from _lines(feeder)
    for each in feeder.transformers:
        kvas, kvs = each.rating_va / 1000, (feeder.base_v / 1000, each.base_v / 1000)
        yield (
            f"new transformer.t{each.end} phases=3 windings=2 buses=({each.begin} {each.end}) conns=(wye wye) "
            f"kvs=({kvs[0]:g} {kvs[1]:g}) kvas=({kvas:g} {kvas:g}) %rs=({50 * each.r_share:.9g} {50 * each.r_share:.9g}) "
            f"xhl={100 * each.x_share:.9g} ppm_antifloat=0"
        )
    yield from _regulators(feeder, taps)
    for number, load in enumerate(feeder.loads):
        yield _load(feeder, number, load)
    for capacitor in feeder.capacitors:
        yield (
            f"new capacitor.c{capacitor.bus} bus1={capacitor.bus} phases=3 conn=wye kv={feeder.base_v / 1000:g} "
            f"kvar={capacitor.var / 1000:.9g}"
        )
    yield "set tolerance=1e-10 maxiterations=200 maxcontroliter=200"
    yield f"set controlmode={'off' if taps is not None else 'static'}"
    yield "solve"


def _lines(feeder: PhaseFeeder) -> Iterator[str]:
    for number, line in enumerate(feeder.sections):
        hung, rows = feeder.configuration(line), [PHASES.index(phase) for phase in line.phases]
        figures = {"r": hung.r_ohm_per_kft, "x": hung.x_ohm_per_kft, "c": hung.c_nf_per_kft}
        matrices = {key: hung.matrix(each, line.phases)[np.ix_(rows, rows)] for key, each in figures.items()}
        written = " ".join(f"{key}matrix=({_matrix(each)})" for key, each in matrices.items())
        ends = ".".join(str(row + 1) for row in rows)
        yield (
            f"new line.l{number} phases={len(rows)} bus1={line.begin}.{ends} bus2={line.end}.{ends} {written} "
            f"length={line.length_ft / 1000:.12g} units=kft"
        )


def _matrix(figures: Any) -> str:
    """The lower triangle, row by row."""
    return " | ".join(" ".join(f"{value:.12g}" for value in row[: at + 1]) for at, row in enumerate(figures.tolist()))


def _regulators(feeder: PhaseFeeder, taps: Taps | None) -> Iterator[str]:
    to_ground_kv = feeder.base_v / np.sqrt(3) / 1000
    for each in feeder.regulators:
        for phase in range(len(PHASES)):
            name, tap = f"{each.end}_{phase + 1}", taps[each.end][phase] if taps is not None else 0
            yield (
                f"new transformer.{name} phases=1 windings=2 buses=({each.begin}.{phase + 1} {each.end}.{phase + 1}) "
                f"conns=(wye wye) kvs=({to_ground_kv:.12g} {to_ground_kv:.12g}) kvas=(20000 20000) xhl={_IDEAL:g} "
                f"%rs=({_IDEAL:g} {_IDEAL:g}) wdg=2 maxtap={1 + MOST_TAPS * TAP_SHARE:g} mintap={1 - MOST_TAPS * TAP_SHARE:g} "
                f"numtaps={2 * MOST_TAPS} tap={1 + tap * TAP_SHARE:.9g} ppm_antifloat=0"
            )
            if taps is None:
                yield (
                    f"new regcontrol.{name} transformer={name} winding=2 vreg={each.hold_v:g} band={each.band_v:g} "
                    f"ptratio={each.voltage_ratio:g} ctprim={each.current_a:g} r={each.r_v:g} x={each.x_v:g}"
                )


def _load(feeder: PhaseFeeder, number: int, load: PhaseLoad) -> str:
    behind = {each.end: each.base_v for each in feeder.transformers}
    # Loads behind a transformer: at its bus, or at what lines lead to from there.
    base_kv = next((volt for bus, volt in behind.items() if node_of(load) in _fed(feeder, bus)), feeder.base_v) / 1000
    phases = 1 if (load.connection == "wye" and len(load.phases) == 1) or len(load.phases) == 2 else 3
    kv = base_kv / np.sqrt(3) if phases == 1 and load.connection == "wye" else base_kv
    ends = ".".join(str(PHASES.index(phase) + 1) for phase in load.phases)
    return (
        f"new load.d{number} phases={phases} bus1={node_of(load)}.{ends} conn={load.connection} model={_MODELS[load.model]} "
        f"kv={kv:.12g} kw={load.draw_w / 1000:.9g} kvar={load.draw_var / 1000:.9g} vminpu=0.3 vmaxpu=2"
    )


def _fed(feeder: PhaseFeeder, bus: str) -> set[str]:
    """A bus and what its lines lead to; nothing beyond a transformer or regulator."""
    known = [bus]
    for here in known:
        ends = [(line.begin, line.end) for line in feeder.sections if here in (line.begin, line.end)]
        known += [name for pair in ends for name in pair if name not in known]
    return set(known)


def _flow(dss: Any, feeder: PhaseFeeder) -> PhaseFlow:
    base_v: dict[str, float] = {}
    for each in feeder.transformers:
        base_v |= dict.fromkeys(_fed(feeder, each.end), each.base_v)
    names = [str(name) for name in dss.Circuit.AllBusNames()]
    voltage = np.zeros((len(names), 3), np.complex128)
    for row, name in enumerate(names):
        dss.Circuit.SetActiveBus(name)
        parts = np.array(dss.Bus.Voltages()).reshape(-1, 2)
        nominal = base_v.get(name, feeder.base_v) / np.sqrt(3)
        voltage[row, np.array(dss.Bus.Nodes()) - 1] = (parts[:, 0] + 1j * parts[:, 1]) / nominal
    watt, var = (-1000 * value for value in dss.Circuit.TotalPower())
    return PhaseFlow(
        bool(dss.Solution.Converged()),
        tuple(names),
        voltage,
        np.zeros_like(voltage),
        np.zeros(len(names), np.complex128),
        complex(watt, var),
        complex(*dss.Circuit.Losses()),
    )


def _taps(dss: Any, feeder: PhaseFeeder) -> Taps:
    found = {}
    for each in feeder.regulators:
        steps = []
        for phase in range(len(PHASES)):
            dss.Transformers.Name(f"{each.end}_{phase + 1}")
            dss.Transformers.Wdg(2)
            steps.append(round((dss.Transformers.Tap() - 1) / TAP_SHARE))
        found[each.end] = (steps[0], steps[1], steps[2])
    return found
