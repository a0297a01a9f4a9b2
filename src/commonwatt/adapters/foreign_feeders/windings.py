"""The transformer between a network's source and its feeder: ratio and impedance at its tap; several alike count as one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from commonwatt.core.findings import Finding
from commonwatt.grid import Transformer

if TYPE_CHECKING:
    from commonwatt.adapters.foreign_feeders.net import Net


@dataclass(frozen=True)
class Windings:
    """A transformer and the buses it stands between."""

    transformer: Transformer
    low: int
    """The bus behind it."""
    low_kv: float
    """Nominal voltage of that bus."""
    ratio: float
    """Voltage behind it without load, of that bus's nominal one, for each of the source's bus ahead of it."""
    ahead: float
    """Voltage ahead of it, of its own nominal one, for each of the source's bus."""

    def under(self, source_share: float) -> Transformer:
        """The transformer at the voltage that the source holds: its iron losses follow the square of it."""
        own = self.transformer
        return replace(own, no_load_loss_w=tidy(own.no_load_loss_w * (source_share * self.ahead) ** 2))


def transformer_of(net: Net, joined: dict[int, int], home: int, opened: set[int]) -> Windings | None:
    """The one transformer in service; None with a finding where there is none, or several that differ."""
    ways = []
    for number, row in net.rows("trafo").items():
        place = f"trafo {number}"
        high, low = (net.bus(place, row, key) for key in ("hv_bus", "lv_bus"))
        if number in opened or high not in joined or low not in joined or high is None or low is None:
            continue
        ways.append(_windings(net, place, row, joined[high], joined[low]) if joined[high] == home else None)
    first = ways[0] if ways else None
    expected = "one transformer of two windings from the source to the feeder (or several alike)"
    if first is None or None in ways or first.low == home:
        found = f"{len(ways)} in service" + (", not all at the source" if ways else "")
        net.found.append(Finding(f"{net.file} trafo", expected, found))
        return None
    if any(other != first for other in ways):
        net.found.append(Finding(f"{net.file} trafo", expected, f"{len(ways)} that differ"))
        return None
    if len(ways) == 1:
        return first
    net.notes.append(f"{len(ways)} transformers side by side count as one.")
    own, many = first.transformer, len(ways)
    whole = Transformer(
        own.rating_va * many, own.short_circuit_share, own.load_loss_w * many, own.no_load_loss_w * many
    )
    return replace(first, transformer=whole)


def _windings(net: Net, place: str, row: dict[str, Any], high: int, low: int) -> Windings:
    buses = net.frames["bus"]
    high_kv, low_kv = (net.number(f"bus {bus}", buses[bus], "vn_kv") for bus in (high, low))
    own_high_kv, own_low_kv = (net.number(place, row, key) for key in ("vn_hv_kv", "vn_lv_kv"))
    step = _step(net, place, row)
    if row.get("tap_side") == "lv":
        own_low_kv *= step
    else:
        own_high_kv *= step
    many = net.number(place, row, "parallel", 1.0)
    rating_va = tidy(1e6 * net.number(place, row, "sn_mva") * many)
    for key, value in (("vn_hv_kv", own_high_kv), ("vn_lv_kv", own_low_kv), ("bus", high_kv), ("bus", low_kv)):
        if value <= 0:
            net.found.append(Finding(f"{net.file} {place} {key}", "a voltage of more than 0", f"{value:g}"))
            return Windings(Transformer(rating_va, 0.0, 0.0, 0.0), low, low_kv, math.nan, math.nan)
    # From parts of its own voltage to parts of the bus's.
    square = (own_low_kv / low_kv) ** 2
    transformer = Transformer(
        rating_va,
        tidy(net.number(place, row, "vk_percent") / 100 * square),
        tidy(net.number(place, row, "vkr_percent") / 100 * rating_va * square),
        tidy(1000 * net.number(place, row, "pfe_kw", 0.0) * many),
    )
    if net.number(place, row, "i0_percent", 0.0) > 0:
        net.notes.append(f"Transformer {row.get('name') or place}: its magnetising current is left out.")
    ahead = high_kv / own_high_kv
    return Windings(transformer, low, low_kv, ahead * own_low_kv / low_kv, ahead)


def _step(net: Net, place: str, row: dict[str, Any]) -> float:
    """By how much the tap makes its side's voltage larger; pandapower 3 moves it for the kinds Ratio and Symmetrical only."""
    if row.get("tap_dependency_table") is True:
        net.found.append(Finding(f"{net.file} {place} tap_dependency_table", "false: taps by step", "true"))
    moved = _moved(net, place, row, "tap")
    if _moved(net, place, row, "tap2"):
        net.found.append(Finding(f"{net.file} {place} tap2_pos", "one tap changer", "a second one"))
    if not moved:
        return 1.0
    kind = row.get("tap_changer_type")
    if ("tap_changer_type" in row and kind not in ("Ratio", "Symmetrical")) or row.get("tap_phase_shifter") is True:
        net.notes.append(f"Transformer {row.get('name') or place}: its tap changer moves no voltage ({kind}).")
        return 1.0
    if net.number(place, row, "tap_step_degree", 0.0):
        net.found.append(Finding(f"{net.file} {place} tap_step_degree", "0: taps that turn no phase", "another angle"))
    return 1 + moved * net.number(place, row, "tap_step_percent") / 100


def _moved(net: Net, place: str, row: dict[str, Any], tap: str) -> float:
    return net.number(place, row, f"{tap}_pos", 0.0) - net.number(place, row, f"{tap}_neutral", 0.0)


def tidy(value: float) -> float:
    """A figure without the last digits that changing units leaves behind."""
    return float(f"{value:.12g}")
