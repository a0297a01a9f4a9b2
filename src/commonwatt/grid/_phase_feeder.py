"""A radial feeder with its three phases as they are: coupled lines, loads between phases, capacitors, regulators with taps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from commonwatt.core.units import Flags

PHASES: Final = "ABC"
PAIRS: Final = ("AB", "BC", "CA")
TAP_SHARE: Final = 0.00625
"""What one step of a regulator adds to the voltage."""
MOST_TAPS: Final = 16
"""Steps of a regulator in either direction."""
_NANO: Final = 1e-9


@dataclass(frozen=True)
class Configuration:
    """How the conductors of a line hang; matrices row by row on and above the diagonal, one figure of a single conductor."""

    id: str
    conductor: str
    rating_a: float
    r_ohm_per_kft: tuple[float, ...]
    x_ohm_per_kft: tuple[float, ...]
    c_nf_per_kft: tuple[float, ...]

    def matrix(self, figures: tuple[float, ...], phases: str) -> Any:
        """Figures at the phases they belong to, shape (3, 3); 0 where there is no conductor."""
        rows = [PHASES.index(phase) for phase in phases]
        whole = np.zeros((3, 3))
        places = [(i, j) for at, i in enumerate(rows) for j in rows[at:]]
        for (i, j), figure in zip(places, figures, strict=True):
            whole[i, j] = whole[j, i] = figure
        return whole


@dataclass(frozen=True)
class PhaseBus:
    """A place on the feeder."""

    id: str
    x: float = 0.0
    y: float = 0.0
    """Where it is drawn."""


@dataclass(frozen=True)
class PhaseLine:
    """Conductors between two buses."""

    begin: str
    end: str
    phases: str
    configuration: str
    length_ft: float


@dataclass(frozen=True)
class PhaseLoad:
    """What draws, in all its phases together, spread evenly over them."""

    bus: str
    phases: str
    """`ABC`, or one phase of a wye, or two of a delta."""
    connection: str
    """`wye` or `delta`."""
    model: str
    """`PQ`, `I` or `Z`: constant power, current or impedance."""
    draw_w: float
    draw_var: float
    along: str = ""
    """The other end of the line along which it is spread; it is taken to stand half way. Empty: it stands at its bus."""


@dataclass(frozen=True)
class PhaseCapacitor:
    """A capacitor of three phases."""

    bus: str
    var: float
    """Of the three together at nominal voltage."""


@dataclass(frozen=True)
class PhaseRegulator:
    """Three regulators of one phase each, and what their controls hold: the voltage behind, less what a line of `r_v`, `x_v` would drop."""

    begin: str
    end: str
    taps: tuple[int, int, int]
    """As published, in steps of 0.00625."""
    hold_v: float
    band_v: float
    """Whole width around `hold_v` in which the control rests."""
    voltage_ratio: float
    """Of the voltage transformer between line and control."""
    current_a: float
    """In the line where the compensator drops `r_v` and `x_v`."""
    r_v: float
    x_v: float


@dataclass(frozen=True)
class PhaseTransformer:
    """A grounded wye-wye transformer to another nominal voltage; `begin` is the side of the root."""

    begin: str
    end: str
    rating_va: float
    base_v: float
    """Nominal voltage between phases behind it."""
    r_share: float
    x_share: float


@dataclass(frozen=True)
class PhaseFeeder:
    """A feeder whose source holds `source_share` of `base_v`, three phases of a positive sequence, at its root."""

    name: str
    about: str
    base_v: float
    source_share: float
    frequency_hz: float
    rating_va: float
    """Of the substation."""
    root: str
    configurations: tuple[Configuration, ...]
    buses: tuple[PhaseBus, ...]
    lines: tuple[PhaseLine, ...]
    loads: tuple[PhaseLoad, ...] = ()
    capacitors: tuple[PhaseCapacitor, ...] = ()
    regulators: tuple[PhaseRegulator, ...] = ()
    transformers: tuple[PhaseTransformer, ...] = ()

    @cached_property
    def sections(self) -> tuple[PhaseLine, ...]:
        """Lines, one with a load along it as two halves that meet at `middle`."""
        split = {frozenset((load.bus, load.along)) for load in self.loads if load.along}
        found = []
        for line in self.lines:
            if frozenset((line.begin, line.end)) not in split:
                found.append(line)
                continue
            half, mid = line.length_ft / 2, middle(line.begin, line.end)
            found.append(PhaseLine(line.begin, mid, line.phases, line.configuration, half))
            found.append(PhaseLine(mid, line.end, line.phases, line.configuration, half))
        return tuple(found)

    def configuration(self, line: PhaseLine) -> Configuration:
        """How a line hangs."""
        return next(each for each in self.configurations if each.id == line.configuration)

    def ohm(self, line: PhaseLine) -> Any:
        """Impedance of a line, shape (3, 3)."""
        hung, kft = self.configuration(line), line.length_ft / 1000
        return kft * (hung.matrix(hung.r_ohm_per_kft, line.phases) + 1j * hung.matrix(hung.x_ohm_per_kft, line.phases))

    def siemens(self, line: PhaseLine) -> Any:
        """Admittance of a line to ground and between its conductors, shape (3, 3)."""
        hung, kft = self.configuration(line), line.length_ft / 1000
        omega = 2j * np.pi * self.frequency_hz
        return omega * _NANO * kft * hung.matrix(hung.c_nf_per_kft, line.phases)


def middle(begin: str, end: str) -> str:
    """The name of the place half way along a line, whichever end is named first."""
    return "m" + "-".join(sorted((begin, end)))


def node_of(load: PhaseLoad) -> str:
    """Where a load stands."""
    return middle(load.bus, load.along) if load.along else load.bus


def has(phases: str) -> Flags:
    """Which of the three phases are meant, shape (3,)."""
    return np.array([phase in phases for phase in PHASES])
