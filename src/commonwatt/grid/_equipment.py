"""What a feeder may have beside its lines: transformers and regulators on the way, and loads that are nobody's in the community."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from commonwatt.core.findings import Finding

LOWEST_RATIO: Final = 0.8
HIGHEST_RATIO: Final = 1.25
"""A regulator moves a voltage by a tenth, an eighth at most; more is a transformer."""


@dataclass(frozen=True)
class InnerTransformer:
    """A transformer on the way, to another nominal voltage; `begin` is the side of the root. Its impedances follow from its nameplate."""

    id: str
    begin: str
    end: str
    rating_va: float
    base_v: float
    """Nominal voltage between phases behind it."""
    short_circuit_share: float
    load_loss_w: float
    no_load_loss_w: float

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

    id: str
    begin: str
    end: str
    ratio: float
    """Voltage behind it, of the voltage ahead of it."""
    rating_a: float
    """Current behind it."""

    @property
    def ohm(self) -> complex:
        """None: it is taken as ideal."""
        return 0j


@dataclass(frozen=True)
class Load:
    """What draws at a bus at all times and is no member's."""

    bus: str
    draw_w: float
    draw_var: float
    """Below 0: a capacitor, at its nominal power whatever the voltage is."""


def transformer_findings(
    rating_va: float, short_circuit_share: float, load_loss_w: float, no_load_loss_w: float, where: str
) -> list[Finding]:
    """What is wrong with a nameplate."""
    return number_findings(
        [
            ("rating_va", rating_va, rating_va > 0, "more than 0"),
            ("no_load_loss_w", no_load_loss_w, no_load_loss_w >= 0, "at least 0"),
            (
                "short_circuit_share",
                short_circuit_share,
                0 < short_circuit_share < 1,
                "between 0 and 1: without it the transformer had no impedance",
            ),
            (
                "load_loss_w",
                load_loss_w,
                0 <= load_loss_w <= short_circuit_share * rating_va,
                "0 to short_circuit_share x rating_va",
            ),
        ],
        where,
    )


def equipment_findings(
    transformers: Iterable[InnerTransformer], regulators: Iterable[Regulator], loads: Sequence[Load], where: str
) -> list[Finding]:
    """What is wrong with the numbers of what is beside the lines."""
    found = []
    for own in transformers:
        at = f"{where} inner_transformer {own.id}"
        found += number_findings([("base_v", own.base_v, own.base_v > 0, "more than 0")], at)
        found += transformer_findings(own.rating_va, own.short_circuit_share, own.load_loss_w, own.no_load_loss_w, at)
    for each in regulators:
        expected = f"between {LOWEST_RATIO:g} and {HIGHEST_RATIO:g}"
        checks = [
            ("ratio", each.ratio, LOWEST_RATIO <= each.ratio <= HIGHEST_RATIO, expected),
            ("rating_a", each.rating_a, each.rating_a > 0, "more than 0"),
        ]
        found += number_findings(checks, f"{where} regulator {each.id}")
    for number, load in enumerate(loads, 1):
        checks = [("draw_w", load.draw_w, True, "a number"), ("draw_var", load.draw_var, True, "a number")]
        found += number_findings(checks, f"{where} load {number}")
    return found


def number_findings(checks: Iterable[tuple[str, float, bool, str]], where: str) -> list[Finding]:
    """Of (key, value, whether it holds, what is expected) what does not hold; NaN and infinity never do."""
    return [
        Finding(f"{where} {key}", expected, f"{value:g}")
        for key, value, holds, expected in checks
        if not (holds and math.isfinite(value))
    ]
