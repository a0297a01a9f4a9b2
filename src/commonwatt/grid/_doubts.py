"""Figures of a feeder that can be but hardly are: most often a slip of the unit, which makes every power flow wrong and none impossible."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from commonwatt.grid._feeder import Feeder


@dataclass(frozen=True)
class _Usual:
    """Between what a figure of real wires is, and the units that others were written in."""

    least: float
    most: float
    larger_unit: str
    """In which it would be as small."""
    smaller_unit: str
    """In which it would be as large."""


_OHM: Final = _Usual(0.005, 20, "ohm per m", "milliohm per km")
"""A bar of 3600 mm2 of copper; a wire of 1 mm2."""
_USUAL: Final = {
    "length_m": _Usual(0.5, 100_000, "km", "mm"),
    "r_ohm_per_km": _OHM,
    "x_ohm_per_km": _OHM,
    "rating_a": _Usual(2, 10_000, "kA", "mA"),
    "rating_va": _Usual(2000, 1e9, "kVA or MVA", "mVA"),
    "base_v": _Usual(50, 500_000, "kV", "mV"),
    "load_loss_share": _Usual(0.0005, 0.2, "kW", "mW"),
}


def feeder_doubts(feeder: Feeder) -> list[str]:
    """A sentence for each figure, with how many more of its kind are as odd; a figure of 0 is meant."""
    own = feeder.transformer
    figures = [
        ("", "base_v", feeder.base_v),
        *_plate("transformer", own.rating_va, own.load_loss_w),
        *(
            (f"line {line.id} ", key, getattr(line, key))
            for line in feeder.lines
            for key in ("length_m", "r_ohm_per_km", "x_ohm_per_km", "rating_a")
        ),
        *(("", "base_v", each.base_v) for each in feeder.inner_transformers),
        *(
            figure
            for each in feeder.inner_transformers
            for figure in _plate(f"inner_transformer {each.id}", each.rating_va, each.load_loss_w)
        ),
        *((f"regulator {each.id} ", "rating_a", each.rating_a) for each in feeder.regulators),
    ]
    return _said(figures)


def _plate(place: str, rating_va: float, load_loss_w: float) -> list[tuple[str, str, float]]:
    return [(f"{place} ", "rating_va", rating_va), (f"{place} ", "load_loss_share", load_loss_w / rating_va)]


def _said(figures: Iterable[tuple[str, str, float]]) -> list[str]:
    odd: dict[tuple[str, bool], list[str]] = {}
    for place, key, value in figures:
        usual = _USUAL[key]
        if value and not usual.least <= value <= usual.most:
            name = "load_loss_w over rating_va" if key == "load_loss_share" else key
            odd.setdefault((key, value > usual.most), []).append(f"{place}{name} is {value:g}")
    said = []
    for (key, is_large), told in odd.items():
        usual = _USUAL[key]
        more = f" (and {len(told) - 1} more like it)" if len(told) > 1 else ""
        bound, unit = (usual.most, usual.smaller_unit) if is_large else (usual.least, usual.larger_unit)
        side = "above" if is_large else "below"
        said.append(f"Doubt: {told[0]}{more}, and hardly ever {side} {bound:g}: was it written in {unit}?")
    return said
