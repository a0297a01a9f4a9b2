"""Power flow: a year of quarter hours on a radial feeder, and what the grid's verdict adds to one slot, beside power-grid-model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from commonwatt.adapters.feeder_file import read_feeder
from commonwatt.benchmarks.base import Figure, Job, Trial, count_name
from commonwatt.benchmarks.days import AllottedTrial, DayTrial, SlotsTrial, TightTrial
from commonwatt.benchmarks.low_voltage import flows_w, low_voltage
from commonwatt.benchmarks.street import SLOTS_A_DAY, Street
from commonwatt.benchmarks.yardstick import YARDSTICK, yardstick
from commonwatt.core.findings import Finding
from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason
from commonwatt.core.units import SECONDS_PER_HOUR
from commonwatt.grid import GRIDS, GridContext, power_flow
from commonwatt.grid._pgm import is_installed, matrix_flow

if TYPE_CHECKING:
    from commonwatt.core.records import GridVerdict
    from commonwatt.core.units import Floats
    from commonwatt.grid import Feeder, PowerFlow

BUSES: Final = 129
SLOTS: Final = 35_040
LIMIT_CPU_S: Final = 0.3
SAMPLED: Final = 200
"""Slots, evenly over all, in which the answer is held against power-grid-model's."""
MOST_OFF: Final = 1e-6
"""Of the nominal voltage; of losses and loadings ten times as much, of themselves."""
SLOT_S: Final = 900
REFERENCE: Final = "power-grid-model"
QUOTED: Final = "the specification: power-grid-model 1.4 to 2.5 s, pandapower 12 min"
STEP_SLOTS: Final = 500
HOMES: Final = 25
DAY_HOMES: Final = 100
POWER_FACTOR: Final = 0.95
SPRING: Final = 270
"""28 April: sun and heating both matter."""
NARROW: Final = ("market.timing=ex_ante", "grid.rating_share=0.04")
FEES: Final = ("grid.fee=line", "grid.fee_micro_per_kwh=500")
WHOLE_SLOTS: Final = (
    ("slot-without-grid", SlotsTrial, ("grid.model=unlimited",), "ex_post, no grid"),
    ("slot-on-street", SlotsTrial, (), "ex_post, lines in the market and a power flow on meters"),
    ("gate-without-grid", SlotsTrial, ("market.timing=ex_ante", "grid.model=unlimited"), "ex_ante, no grid"),
    (
        "gate-on-tight-street",
        TightTrial,
        (*NARROW, *FEES),
        "ex_ante on ratings cut to 4 %: lines and fees in the market, cleared again within tighter limits, verdict with cuts, power flow on meters",
    ),
    (
        "gate-with-envelopes",
        AllottedTrial,
        (*NARROW, *FEES, "grid.allocation=envelope"),
        "the same with envelopes before the gate",
    ),
)
"""Row, what trades, settings, and what is done: no limits of the specification."""


def apart(feeder: Feeder, injected_w: Floats, injected_var: Floats, flow: PowerFlow) -> list[Finding]:
    """Where a sweep's answer is not that of Newton's method on the matrix of admittances, in slots spread over all."""
    if not is_installed():
        return [Finding("gate", "power-grid-model, to hold the answer against: pip install 'commonwatt[grid]'", "none")]
    slots = np.unique(np.linspace(0, injected_w.shape[1] - 1, SAMPLED).astype(np.int64))
    other = matrix_flow(feeder, injected_w[:, slots], injected_var[:, slots])
    voltage = flow.voltage_share[feeder.tree.node][:, slots]
    off = {
        "solved": (float((flow.is_solved[slots] != other.is_solved).sum()), 0.0),
        "voltage_share": (float(np.abs(voltage - other.voltage_share)[:, other.is_solved].max(initial=0.0)), MOST_OFF),
        "losses_share": (_relative(flow.losses_w[slots], other.losses_w), 10 * MOST_OFF),
    }
    return [Finding(what, f"at most {most:g} off", f"{was:g}") for what, (was, most) in off.items() if not was <= most]


def _relative(ours: Floats, other: Floats) -> float:
    return float((np.abs(ours - other) / np.maximum(np.abs(other), 1.0)).max(initial=0.0))


class SweepTrial(Trial):
    """Every bus of a drawn feeder with a home, some with sun; power-grid-model solves the same batch beside it."""

    def __init__(self, slots: int) -> None:
        self.feeder = low_voltage(BUSES)
        self.flows = flows_w(BUSES, slots)
        self.reference_name = REFERENCE if is_installed() else YARDSTICK

    def run(self, ready: Any) -> PowerFlow:  # noqa: ARG002
        """All slots, with voltages, loadings and losses."""
        return power_flow(self.feeder, *self.flows)

    def reference(self) -> object:
        """The same slots by power-grid-model, its arrays made within the clock; the yardstick where that is not installed."""
        return matrix_flow(self.feeder, *self.flows) if is_installed() else yardstick()

    def findings(self, ready: Any, result: PowerFlow) -> list[Finding]:  # noqa: ARG002
        """Against power-grid-model; and whether anything flows at all."""
        found = apart(self.feeder, *self.flows, result)
        if not result.is_solved.all() or not (result.losses_w > 0).all():
            found.append(Finding("slots", "all solved, with losses", f"{int(result.is_solved.sum())} solved"))
        return found


class StepTrial(Trial):
    """The verdict on metered positions of the bundled street's homes, one slot after the other, as a run asks for it."""

    def __init__(self, slots: int) -> None:
        file, found = read_feeder("street", Path(), "bench")
        if file is None:
            raise ValueError("; ".join(map(str, found)))
        feeder = self.feeder = file.feeder
        self.times = slots
        bus = np.arange(HOMES) % len(feeder.buses)
        self.grid = GRIDS.make("radial", power_factor=POWER_FACTOR)
        self.context = GridContext(0, SLOT_S, Fleet.of(HOMES, connection_w=20_000), True, feeder, bus)
        self.net_wh = np.rint(flows_w(HOMES, slots)[0] * SLOT_S / SECONDS_PER_HOUR).astype(np.int64)
        self.nothing = Agreement.nothing(0, Reason.PRICE)

    def run(self, ready: Any) -> list[GridVerdict]:  # noqa: ARG002
        """A power flow, its extremes and what it says, for every slot by itself."""
        return [
            self.grid.check(self.net_wh[:, slot], OrderBook.empty(), self.nothing, self.context)
            for slot in range(self.times)
        ]

    @cached_property
    def injected(self) -> tuple[Floats, Floats]:
        """What the buses give, W and VAr, by the rule that the model documents: what members draw has its power factor, what they give none."""
        net_w = np.zeros((len(self.feeder.buses), self.times))
        drawn = np.zeros_like(net_w)
        watts = self.net_wh * (SECONDS_PER_HOUR / SLOT_S)
        np.add.at(net_w, self.context.bus, watts)
        np.add.at(drawn, self.context.bus, np.minimum(watts, 0.0))
        return net_w, drawn * np.tan(np.arccos(POWER_FACTOR))

    def findings(self, ready: Any, result: list[GridVerdict]) -> list[Finding]:  # noqa: ARG002
        """The whole Wh lost in every slot, as power-grid-model has them (one apart where they lie at a half)."""
        if not is_installed():
            return apart(self.feeder, *self.injected, power_flow(self.feeder, *self.injected))
        lost_wh = matrix_flow(self.feeder, *self.injected).losses_w * (SLOT_S / SECONDS_PER_HOUR)
        off = np.abs(np.array([verdict.losses_wh for verdict in result]) - lost_wh)
        if off.max(initial=0.0) > 0.5 + 1e-6:
            return [Finding("losses_wh", "those of power-grid-model to the nearest Wh", f"{off.max():g} off")]
        return []


@dataclass(frozen=True)
class Powerflow:
    """A year on a large feeder at once, and single slots on a small one: the verdict alone, and whole ones with and without a grid."""

    def jobs(self, scale: float) -> list[Job]:
        """The sweep, then what is of one slot at any scale: the step, and whole slots."""
        slots = max(1, round(SLOTS * scale))
        note = "with numba (extra fast), compiled before the clock; every slot by itself, all voltages, loadings and losses kept"
        sweep = Figure(
            f"sweep-{BUSES}x{count_name(slots)}", "CPU-s", LIMIT_CPU_S if slots == SLOTS else None, QUOTED, note
        )
        smaller = tuple(n for n in (slots // 100, slots // 10) if n >= 100)
        step = Figure(
            "grid-step", "ms", None, "", "one slot of 25 homes on the street: power flow and verdict on meters"
        )
        return [
            Job((sweep,), slots, SweepTrial, runs=5, growth_sizes=smaller),
            Job((step,), STEP_SLOTS, StepTrial, runs=7),
            *(_slots(*row) for row in WHOLE_SLOTS),
            _day(scale),
        ]


def _day(scale: float) -> Job:
    """The day of the suite `day` with wires."""
    homes = max(4, round(DAY_HOMES * scale))
    name = "community-day-on-feeder" if homes == DAY_HOMES else f"community-day-of-{homes}-homes-on-feeder"
    note = f"as community-day of the suite day, which has no wires: 60 in 100 homes with PV, on the drawn feeder of {BUSES} buses"
    return Job((Figure(name, "CPU-s", note=note),), homes * SLOTS_A_DAY, _wired_day, runs=5)


def _wired_day(size: int) -> Trial:
    return DayTrial(Street(size // SLOTS_A_DAY, SPRING, 1, feeder=low_voltage(BUSES)))


def _slots(name: str, trial: type[SlotsTrial], overrides: tuple[str, ...], what: str) -> Job:
    """Slots as they are run, from readings to journal; a slot is one at any scale."""
    figure = Figure(name, "CPU-s", note=f"one slot of {HOMES} homes, whole, as it is run: {what}")
    return Job((figure,), HOMES * SLOTS_A_DAY, partial(_street, trial, overrides), runs=5)


def _street(trial: type[SlotsTrial], overrides: tuple[str, ...], size: int) -> Trial:
    file, _ = read_feeder("street", Path(), "bench")
    return trial(Street(size // SLOTS_A_DAY, SPRING, 1, feeder=file.feeder if file else None), overrides)
