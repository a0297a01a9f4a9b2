"""Our power flow on the grids of SimBench, beside power-grid-model on the same feeder and pandapower on the grid itself: docs/reference/feeders.{csv,md}.

    pip install 'commonwatt[simbench,grid,fast]'       # 0.6 GB
    python scripts/feeder_check.py                 # writes both files; some minutes

Two comparisons: the first is of solvers (the same feeder), the second of models (what a conversion leaves out, too).
"""

import csv
import io
import warnings
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import simbench

from commonwatt.adapters.feeder_file import read_feeder
from commonwatt.core.units import Floats
from commonwatt.grid import Feeder, PowerFlow, power_flow
from commonwatt.grid._pgm import matrix_flow

ROOT = Path(__file__).resolve().parents[1]
CODES = (
    *(f"1-LV-{name}--0-sw" for name in ("rural1", "rural2", "rural3", "semiurb4", "semiurb5", "urban6")),
    *(f"1-MV-{name}--0-sw" for name in ("rural", "comm")),
)
QUARTERS, EVERY = 35_136, 366
"""A year of quarter hours, of which one in so many is looked at: 96 of them, each at another time of day."""
MILLION = 1e6
PAGE = ROOT / "docs" / "reference" / "feeders.md"
VERSIONS = ", ".join(
    f"{name} {version(name)}" for name in ("power-grid-model", "pandapower", "simbench", "numpy", "numba")
)
HEAD = f"""# Feeders of SimBench

*Written by `scripts/feeder_check.py`, with {VERSIONS}.*

Each grid was converted by its code ([the grid](../explain/grid-feeders.md#feeders-from-elsewhere)). Then the power flow was computed for the loads and generators of
SimBench: as they are rated, all at once, and as they are in every {EVERY}th quarter hour of its year (96 states, each at another time of day).

| column | says |
|---|---|
| `buses`, `lines`, `states` | of the converted feeder; how many power flows were compared |
| `lowest`, `highest` | voltage over all states, of the nominal one |
| `fullest` | loading of the fullest line or transformer over all states |
| `solver: voltage` | largest difference to power-grid-model on the **same feeder**, of the nominal voltage |
| `solver: losses` | largest difference of the losses of a state, of the losses |
| `model: voltage`, `model: losses` | the same to pandapower on the **grid itself**: what the conversion leaves out (magnetising current, capacitance of lines, iron losses that follow the voltage) is in them |
| `model: year` | difference of the losses of all states together |
"""


@dataclass(frozen=True)
class Row:
    """What the comparisons say of one grid."""

    code: str
    buses: int
    lines: int
    states: int
    lowest: float
    highest: float
    fullest: float
    solver_voltage: float
    solver_losses: float
    model_voltage: float
    model_losses: float
    model_year: float


def main() -> None:
    """Write the table and its page."""
    warnings.simplefilter("ignore")
    rows = []
    for code in CODES:
        rows.append(compared(code))
        print(rows[-1])
    names = [each.name for each in fields(Row)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([f"{cell:.3g}" if isinstance(cell, float) else cell for cell in astuple(row)] for row in rows)
    PAGE.with_suffix(".csv").write_text(out.getvalue(), encoding="utf-8")
    PAGE.write_text("\n".join(page(rows)) + "\n", encoding="utf-8")


def page(rows: list[Row]) -> Iterator[str]:
    """The page: a head, a table, what it says."""
    titles = ["grid", "buses", "lines", "states", "lowest", "highest", "fullest"]
    titles += ["solver: voltage", "solver: losses", "model: voltage", "model: losses", "model: year"]
    yield from (HEAD, "| " + " | ".join(titles) + " |", "|---" * len(titles) + "|")
    for row in rows:
        cells = [f"`{row.code}`", row.buses, row.lines, row.states, f"{row.lowest:.4f}", f"{row.highest:.4f}"]
        cells += [f"{100 * row.fullest:.1f} %"]
        cells += [f"{part:.1e}" for part in (row.solver_voltage, row.solver_losses, row.model_voltage)]
        cells += [f"{100 * row.model_losses:.2f} %", f"{100 * row.model_year:.2f} %"]
        yield "| " + " | ".join(map(str, cells)) + " |"
    low = [row for row in rows if "-LV-" in row.code]
    yield ""
    yield (
        f"The sweep and Newton's method agree to {max(r.solver_voltage for r in rows):.1e} of the nominal voltage and "
        f"{max(r.solver_losses for r in rows):.1e} of the losses. Of the low-voltage grids the conversion is within "
        f"{max(r.model_voltage for r in low):.1e} of the nominal voltage and {100 * max(abs(r.model_year) for r in low):.1f} % of the losses of all states. "
        "Those of the medium-voltage grids differ by more: their cables' capacitance is taken as it is at nominal voltage. "
        "The numbers are in [a CSV file](feeders.csv), too."
    )


def compared(code: str) -> Row:
    """Both comparisons on one grid."""
    file, found = read_feeder(code, Path(), code)
    if file is None:
        raise SystemExit("\n".join(map(str, found)))
    net = simbench.get_simbench_net(code)
    feeder, buses = file.feeder, _places(net, file.feeder)
    states = [*_states(net)]
    drawn = np.array([_injected(net, buses, len(feeder.buses), *state) for state in states])
    injected_w, injected_var = drawn[:, 0].T, drawn[:, 1].T
    ours = power_flow(feeder, injected_w, injected_var)
    same = matrix_flow(feeder, injected_w, injected_var)
    if not (ours.is_solved.all() and same.is_solved.all()):
        raise SystemExit(f"{code}: expected every state to be solved by both")
    own = ours.voltage_share[feeder.tree.node]
    theirs = [_of_pandapower(net, feeder, state) for state in states]
    voltage, losses_w = np.array([each[0] for each in theirs]).T, np.array([each[1] for each in theirs])
    return Row(
        code,
        len(feeder.buses),
        len(feeder.lines),
        len(states),
        float(own.min()),
        float(own.max()),
        _fullest(ours),
        float(np.abs(own - same.voltage_share).max()),
        float(np.abs(ours.losses_w / same.losses_w - 1).max()),
        float(np.abs(own - voltage).max()),
        float(np.abs(ours.losses_w / losses_w - 1).max()),
        float(ours.losses_w.sum() / losses_w.sum() - 1),
    )


def _fullest(flow: PowerFlow) -> float:
    return float(flow.loading_share.max())


def _states(net: Any) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Real and reactive power of the loads and real power of the generators, MW and Mvar: as rated, then by profile."""
    yield net.load.p_mw.to_numpy(), net.load.q_mvar.to_numpy(), net.sgen.p_mw.to_numpy()
    profiles = simbench.get_absolute_values(net, profiles_instead_of_study_cases=True)
    keys = ("load", "p_mw"), ("load", "q_mvar"), ("sgen", "p_mw")
    by_hour = [profiles[key].to_numpy() for key in keys]
    if len(by_hour[0]) != QUARTERS:
        raise SystemExit(f"expected {QUARTERS} quarter hours, found {len(by_hour[0])}")
    for quarter in range(0, QUARTERS, EVERY):
        yield tuple(part[quarter] for part in by_hour)  # type: ignore[misc]


def _places(net: Any, feeder: Feeder) -> dict[int, int]:
    """The number of the feeder's bus by the network's."""
    return {bus: feeder.places[name] for bus, name in net.bus.name.items() if name in feeder.places}


def _injected(net: Any, buses: dict[int, int], many: int, load_p: Floats, load_q: Floats, sgen_p: Floats) -> Floats:
    """W and var into each bus, shape (2, buses); the generators' reactive power is what the grid says."""
    power = np.zeros((2, many))
    for bus, p, q in zip(net.load.bus, load_p, load_q, strict=True):
        power[:, buses[bus]] -= p * MILLION, q * MILLION
    for bus, p, q in zip(net.sgen.bus, sgen_p, net.sgen.q_mvar, strict=True):
        power[:, buses[bus]] += p * MILLION, q * MILLION
    return power


def _of_pandapower(net: Any, feeder: Feeder, state: tuple[Floats, Floats, Floats]) -> tuple[Floats, float]:
    """Voltage of each of the feeder's buses and the losses, W."""
    net.load["p_mw"], net.load["q_mvar"], net.sgen["p_mw"] = state
    pandapower.runpp(net, tolerance_mva=1e-10)
    by_name = dict(zip(net.bus.name, net.res_bus.vm_pu, strict=True))
    lost = net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()
    return np.array([by_name[bus.id] for bus in feeder.buses]), float(lost * MILLION)


if __name__ == "__main__":
    main()
