"""What a feeder may have beside its lines: transformers and regulators on the way, and loads that are nobody's in the community."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from commonwatt.core.findings import Finding
from commonwatt.grid._figures import Figure, figure_findings

MOST_V: Final = 10**6
MOST_VA: Final = 10**10
MOST_A: Final = 10**6
"""Nothing of a feeder is larger, so that no product of figures overflows."""
SHORT_CIRCUIT: Final = (
    "part of the nominal voltage that drives the nominal current through it when its far side is shorted"
)
LOAD_LOSS: Final = "lost at nominal current; no more than short_circuit_share times rating_va"
NO_LOAD_LOSS: Final = "lost whenever it is switched on"
NO_REGULATOR: Final = "what moves a voltage further is a transformer"
NO_IMPEDANCE: Final = "without it the transformer had no impedance"


@dataclass(frozen=True)
class InnerTransformer:
    """A transformer on the way, to another nominal voltage; `begin` is the side of the root. Its impedances follow from its nameplate."""

    id: Annotated[str, Figure("name of its own, among lines, transformers and regulators")]
    begin: Annotated[str, Figure("bus on the side of the root")]
    end: Annotated[str, Figure("bus behind it")]
    rating_va: Annotated[float, Figure("what it carries for good", "VA", above=0, high=MOST_VA)]
    base_v: Annotated[float, Figure("nominal voltage between phases behind it", "V", above=0, high=MOST_V)]
    short_circuit_share: Annotated[float, Figure(SHORT_CIRCUIT, "share", above=0, below=1, why=NO_IMPEDANCE)]
    load_loss_w: Annotated[float, Figure(LOAD_LOSS, "W", low=0, high=MOST_VA)]
    no_load_loss_w: Annotated[float, Figure(NO_LOAD_LOSS, "W", low=0, high=MOST_VA)]

    @property
    def ohm(self) -> complex:
        """Its impedance as seen from behind it."""
        resistance = self.load_loss_w / self.rating_va
        reactance = math.sqrt(self.short_circuit_share**2 - resistance**2)
        return complex(resistance, reactance) * self.base_v**2 / self.rating_va

    @property
    def rating_a(self) -> float:
        """The nominal current behind it."""
        return self.rating_va / (math.sqrt(3) * self.base_v)


@dataclass(frozen=True)
class Regulator:
    """A transformer that moves the voltage by a fixed ratio, without losses; `begin` is the side of the root."""

    id: Annotated[str, Figure("name of its own, among lines, transformers and regulators")]
    begin: Annotated[str, Figure("bus on the side of the root")]
    end: Annotated[str, Figure("bus behind it")]
    ratio: Annotated[
        float, Figure("voltage behind it, of the voltage ahead of it", "share", low=0.8, high=1.25, why=NO_REGULATOR)
    ]
    rating_a: Annotated[float, Figure("current behind it that it carries for good", "A", above=0, high=MOST_A)]

    @property
    def ohm(self) -> complex:
        """None: it is taken as ideal."""
        return 0j


@dataclass(frozen=True)
class Load:
    """What draws at a bus at all times and is no member's."""

    bus: Annotated[str, Figure("bus where it draws")]
    draw_w: Annotated[float, Figure("power that it draws; below 0 it feeds in", "W", low=-MOST_VA, high=MOST_VA)]
    draw_var: Annotated[
        float,
        Figure(
            "reactive power that it draws; below 0 a capacitor, at nominal power whatever the voltage is",
            "var",
            low=-MOST_VA,
            high=MOST_VA,
        ),
    ]


def nameplate_findings(own: Any, where: str) -> list[Finding]:
    """What is wrong with a transformer's figures."""
    found = figure_findings(own, where)
    if not found and own.load_loss_w > own.short_circuit_share * own.rating_va:
        most = f"0 to short_circuit_share x rating_va ({own.short_circuit_share * own.rating_va:g})"
        found.append(Finding(f"{where} load_loss_w", most, f"{own.load_loss_w:g}"))
    return found


def equipment_findings(
    transformers: Iterable[InnerTransformer], regulators: Iterable[Regulator], loads: Sequence[Load], where: str
) -> list[Finding]:
    """What is wrong with the numbers of what is beside the lines."""
    found = []
    for own in transformers:
        found += nameplate_findings(own, f"{where} inner_transformer {own.id}")
    for each in regulators:
        found += figure_findings(each, f"{where} regulator {each.id}")
    for number, load in enumerate(loads, 1):
        found += figure_findings(load, f"{where} load {number}")
    return found
