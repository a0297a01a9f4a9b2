"""Neighbours before the grid: what of the trades stayed within a zone of the feeder, and what passed from one into another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonwatt.core.units import Ints
from commonwatt.grid import fee_zones
from commonwatt.services.reporting.books import Books, numbers, summed
from commonwatt.services.reporting.flowed import CROWD
from commonwatt.services.reporting.html import Table, paragraph
from commonwatt.services.reporting.words import count, energy, kwh, money, percent

if TYPE_CHECKING:
    from commonwatt.services.reporting.summary import Results

_NONE = "\u2013"


@dataclass(frozen=True)
class Zones:
    """What members of each zone traded, Wh, shape (zones,); a trade of two members is within a zone where both live in it.

    What the pool took from a zone's sellers and gave to its buyers in the same slot is within it, the rest passed its border.
    """

    names: list[str]
    of: Ints
    """Number of each member's zone, shape (members,)."""
    sold_wh: Ints
    bought_wh: Ints
    kept_wh: Ints

    @property
    def members(self) -> Ints:
        """How many live in each."""
        return summed(self.of, np.ones(len(self.of), np.int64), len(self.names))


def zones_of(books: Books) -> Zones | None:
    """The zones of a run's feeder that have members; None without a feeder, or where all live in one."""
    wires = books.facts.wires
    if wires is None or not books.cells:
        return None
    place = np.array(fee_zones(wires.feeder))[wires.bus]
    names, of = np.unique(place, return_inverse=True)
    if len(names) < 2:
        return None
    seller, buyer, agreed = books.cell_rows("trades", "seller"), books.cell_rows("trades", "buyer"), books.agreed_wh
    count_of = len(names)

    def zone(cell: Ints) -> Ints:
        return np.where(cell >= 0, of[cell % books.members], -1)

    sold, bought = (summed(zone(cell)[cell >= 0], agreed[cell >= 0], count_of) for cell in (seller, buyer))
    both = (seller >= 0) & (buyer >= 0)
    same = both & (zone(seller) == zone(buyer))
    kept = summed(zone(seller)[same], agreed[same], count_of)
    pooled = []
    for cell in (seller, buyer):
        rows = (cell >= 0) & ~both
        pooled.append(
            summed((cell // books.members * count_of + zone(cell))[rows], agreed[rows], books.slots * count_of)
        )
    kept += np.minimum(*pooled).reshape(books.slots, count_of).sum(axis=0)
    is_named = any(bus.zone for bus in wires.feeder.buses)
    return Zones(
        [name if is_named else f"behind {name}" for name in names.tolist()], of.astype(np.int64), sold, bought, kept
    )


def neighbours_section(results: Results) -> str:
    """A sentence and the zones; empty without zones or trades."""
    zones = zones_of(results.books)
    if zones is None or not zones.sold_wh.any():
        return ""
    currency, sold, kept = results.facts.currency, int(zones.sold_wh.sum()), int(zones.kept_wh.sum())
    said = (
        f"{energy(sold)} were traded between neighbours; {percent(kept / sold)} of it stayed within a zone of the feeder (a zone is what the feeder's file "
        "says, or else all that hangs on one line out of the transformer's bus). Of trades with the pool, what a zone's members sold and bought in the same slot counts as within it."
    )
    used = int(results.members.import_wh.sum())
    if used:
        said += f" Of what members drew through their meters, {percent(results.whole('backed_wh') / used)} came from neighbours, the rest from the supplier."
    fees = fees_by_zone(results.books, zones)
    charged = bool(fees.any())
    rows = []
    for at, name in enumerate(zones.names):
        cells = [_NONE] * (5 + charged)
        if zones.members[at] >= CROWD:
            energies = (
                zones.sold_wh,
                zones.bought_wh,
                zones.kept_wh,
                zones.sold_wh - zones.kept_wh,
                zones.bought_wh - zones.kept_wh,
            )
            cells = [kwh(int(column[at])) for column in energies]
            cells += [money(int(fees[at]), "").strip()] if charged else []
        rows.append([name, count(int(zones.members[at])), *cells])
    heads = ["Zone", "Members", "Sold kWh", "Bought kWh", "Within it kWh", "To other zones kWh", "From other zones kWh"]
    heads += [f"Fees by location {currency}"] if charged else []
    return "<h3>Neighbours before the grid</h3>\n" + paragraph(said) + Table("Zones", heads, rows).html()


def fees_by_zone(books: Books, zones: Zones) -> Ints:
    """What both sides of trades paid for their way by the zone of who paid, nano, as settled."""
    trades, total = books.tables["trades"], np.zeros(len(zones.names), np.int64)
    settled_wh = numbers(trades, "delivered_wh")
    for side, name in (("seller", "sell"), ("buyer", "buy")):
        cell = books.cell_rows("trades", side)
        there = cell >= 0
        fees = (settled_wh * numbers(trades, f"{name}_fee_micro_per_kwh"))[there]
        total += summed(zones.of[cell[there] % books.members], fees, len(zones.names))
    return total
