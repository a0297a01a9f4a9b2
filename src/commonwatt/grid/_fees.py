"""Fees by location: what a kWh that crosses a line of the feeder pays for it, in whole micro-currency, the same in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH
from commonwatt.grid._feeder import Line

if TYPE_CHECKING:
    from commonwatt.core.units import Ints
    from commonwatt.grid._feeder import Branch, Feeder

FEES: Final = ("none", "line", "length", "resistance", "zone")
"""What a fee by location goes by."""
_PRICES: Final = {
    "line": "fee_micro_per_kwh",
    "zone": "fee_micro_per_kwh",
    "length": "fee_micro_per_kwh_km",
    "resistance": "fee_micro_per_kwh_ohm",
}


@dataclass(frozen=True)
class FeeTerms:
    """By what a kWh pays for its way, and how much; names are those of the settings."""

    fee: str = "none"
    """One of `FEES`."""
    fee_micro_per_kwh: int = 0
    """Of each line crossed, or of each line from one zone into another."""
    fee_micro_per_kwh_km: int = 0
    fee_micro_per_kwh_ohm: int = 0

    def of_branch(self, line: Branch, is_border: bool) -> int:
        """What a kWh pays that crosses a line, rounded to the nearest whole micro, halves up; `is_border`: its ends lie in two zones.

        Transformers and regulators on the way have no length and no fee of their own, but they may be a border.
        """
        if self.fee == "zone":
            return self.fee_micro_per_kwh if is_border else 0
        if not isinstance(line, Line):
            return 0
        if self.fee == "line":
            return self.fee_micro_per_kwh
        if self.fee == "length":
            return int(np.floor(self.fee_micro_per_kwh_km * line.length_m / 1000 + 0.5))
        if self.fee == "resistance":
            return int(np.floor(self.fee_micro_per_kwh_ohm * line.ohm.real + 0.5))
        return 0


def line_fees(feeder: Feeder, terms: FeeTerms) -> Ints:
    """What a kWh pays on the line above each bus, micro/kWh >= 0, in the order of the feeder's buses; 0 above the bus behind the transformer."""
    zone, at = fee_zones(feeder), feeder.places
    fees = np.zeros(len(feeder.buses), np.int64)
    node, toward = feeder.tree.node, feeder.tree.toward
    for branch in feeder.branches:
        begin, end = at[branch.begin], at[branch.end]
        below = begin if toward[int(node[begin])] == int(node[end]) else end
        fees[below] = terms.of_branch(branch, zone[begin] != zone[end])
    return fees


def fees_to_transformer(feeder: Feeder, fees: Ints) -> Ints:
    """The fees of the whole way from each bus to the one behind the transformer, micro/kWh, in the order of the feeder's buses.

    No side of a trade pays more than this: where both meet lies on its way.
    """
    tree = feeder.tree
    own = np.zeros(len(tree.toward), np.int64)
    own[tree.node] = fees
    for node in range(1, len(tree.toward)):
        own[node] += own[tree.toward[node]]
    total: Ints = own[tree.node]
    return total


def fee_zones(feeder: Feeder) -> tuple[str, ...]:
    """The zone of each bus, in the order of the feeder: as the file says, else each line out of the transformer's bus with what is behind it."""
    if any(bus.zone for bus in feeder.buses):
        return tuple(bus.zone for bus in feeder.buses)
    tree = feeder.tree
    return tuple(tree.names[tree.trunk(int(node))] for node in tree.node)


def fee_findings(feeder: Feeder, terms: FeeTerms) -> list[Finding]:
    """What makes no sense about fees on a feeder, by the key of the settings: a kind without a price, a price of another kind, no border."""
    asked = _PRICES.get(terms.fee, "")
    prices = {name: int(getattr(terms, name)) for name in dict.fromkeys(_PRICES.values())}
    found = [
        Finding(name, f"0: with fee = {terms.fee} it charges nothing", str(price))
        for name, price in prices.items()
        if price and name != asked
    ]
    if asked and not prices[asked]:
        found.append(Finding(asked, f"more than 0, what fee = {terms.fee} charges", "0"))
    fees = line_fees(feeder, terms)
    if terms.fee == "zone" and len(set(fee_zones(feeder))) < 2:
        found.append(Finding("fee", "a feeder of two zones at least, or another fee", "one zone: no line leaves it"))
    elif asked and prices[asked] and not fees.any():
        found.append(Finding(asked, "a fee of at least half a micro per kWh on some line", str(prices[asked])))
    dearest = int(fees_to_transformer(feeder, fees).max(initial=0))
    if dearest >= PRICE_LIMIT_MICRO_PER_KWH:
        most = f"fees of less than {PRICE_LIMIT_MICRO_PER_KWH} micro/kWh on the longest way"
        found.append(Finding(asked, most, str(dearest)))
    return found
