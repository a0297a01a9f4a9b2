"""What flowed through the feeder in every slot of a run, and what was traded through it: computed again from meters and trades."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.core.units import ENERGY_LIMIT_WH, Flags, Floats, Ints
from commonwatt.grid import NEAR
from commonwatt.services.reporting.books import Books, numbers, summed
from commonwatt.services.reporting.facts import WireFacts

if TYPE_CHECKING:
    from commonwatt.grid import PowerFlow, Tree

CROWD: Final = 3
"""Energy of fewer members together is not told: of two, each would know what the other used."""
BEYOND: Final = 1.0 + NEAR
"""A loading above this is over its limit: the models of the grid let as much pass."""


@dataclass(frozen=True)
class Flowed:
    """A run on its feeder; arrays of shape (nodes, slots): branch k leads to node k of the tree, branch 1 is the transformer, 0 is none."""

    wires: WireFacts
    power: PowerFlow
    imported_wh: Ints
    """Behind each branch, by the meters' first readings: those that the run's verdicts are made of."""
    exported_wh: Ints
    bought_wh: Ints
    """Agreed by the members behind each branch, from whomever; nothing in a failed slot."""
    sold_wh: Ints
    members: Ints
    """How many are behind each branch, shape (nodes,)."""
    at: Ints
    """How many are connected to each node, shape (nodes,)."""

    @property
    def tree(self) -> Tree:
        """The feeder from its transformer outwards."""
        return self.wires.feeder.tree

    @cached_property
    def loading_share(self) -> Floats:
        """Current of each branch, of what it may carry in this run."""
        return self.power.loading_share / self.wires.rating_share

    @property
    def voltage_share(self) -> Floats:
        """Of each node, of the nominal voltage; 0 where nothing is solved."""
        return self.power.voltage_share

    @cached_property
    def metered_wh(self) -> Ints:
        """What went through each branch towards the transformer, losses apart (negative: away from it)."""
        return self.exported_wh - self.imported_wh

    @cached_property
    def traded_wh(self) -> Ints:
        """What was sold through each branch less what was bought through it; what neighbours behind it traded among each other is in neither."""
        return self.sold_wh - self.bought_wh

    @cached_property
    def is_filled(self) -> Flags:
        """Branches that trades fill up to what the market was told they carry, less a thousandth for what whole Wh leave, shape (nodes, slots)."""
        carried, told = np.zeros(len(self.members), np.int64), self.wires.told
        # A market that is told of fees alone has lines that carry anything.
        if told is not None and told.limit_wh.min() < ENERGY_LIMIT_WH - 1:
            carried[self.tree.node] = told.limit_wh[:-1]
        full: Flags = (carried[:, None] > 0) & (1000 * np.abs(self.traded_wh) >= 999 * (carried - 1)[:, None])
        return full

    @cached_property
    def is_told(self) -> Flags:
        """Branches whose energy may be told, shape (nodes,): between any of them and the next ones are `CROWD` members or nobody.

        From the transformer outwards, so that the lines that most depend on come first; no difference of two figures is then
        what one or two members used.
        """
        told: Flags = np.zeros(len(self.members), np.bool_)
        if self.members[1] < CROWD:
            return told
        told[1] = True
        part, left = np.zeros(len(told), np.int64), np.zeros(len(told), np.int64)
        part[1], left[1] = 1, self.members[1]
        for node in range(2, len(told)):
            part[node] = part[self.tree.toward[node]]
            behind, rest = self.members[node], left[part[node]] - self.members[node]
            if behind >= CROWD and (rest == 0 or rest >= CROWD):
                told[node] = True
                left[part[node]] = rest
                part[node], left[node] = node, behind
        return told

    @cached_property
    def fullest(self) -> Floats:
        """The largest loading of any branch by slot; infinite where there is no solution, shape (slots,)."""
        return np.where(self.power.is_solved, self.loading_share.max(axis=0), np.inf)

    @cached_property
    def voltages(self) -> tuple[Floats, Floats]:
        """The lowest and the highest voltage of any bus by slot, nan where there is no solution."""
        buses = np.where(self.power.is_solved, self.voltage_share[1:], np.nan)
        return buses.min(axis=0), buses.max(axis=0)

    @cached_property
    def is_off(self) -> Flags:
        """Slots in which a voltage was outside its limits (or none was found)."""
        low, high = self.voltages
        feeder = self.wires.feeder
        off: Flags = ~((low >= feeder.voltage_low_share - NEAR) & (high <= feeder.voltage_high_share + NEAR))
        return off

    @property
    def is_over(self) -> Flags:
        """Slots in which a line or the transformer carried more than it may."""
        over: Flags = self.fullest > BEYOND
        return over


def flowed(books: Books) -> Flowed | None:
    """The run on its feeder; None where it has none, no member or no slot."""
    wires = books.facts.wires
    if wires is None or not books.cells:
        return None
    imported, exported = _first_readings(books)
    agreed = books.agreed_wh
    sold, bought = (books.per_cell(books.cell_rows("trades", side), agreed) for side in ("seller", "buyer"))
    tree = wires.feeder.tree
    node = tree.node[wires.bus]
    at = summed(node, np.ones(len(node), np.int64), len(tree.toward))

    def behind(cells: Ints) -> Ints:
        total = np.zeros((len(tree.toward), books.slots))
        np.add.at(total, node, cells.reshape(books.slots, books.members).T)
        # Sums of Wh are exact in floats, whose products are much faster.
        return np.asarray(tree.feeds @ total).astype(np.int64)

    net = (exported - imported).reshape(books.slots, books.members).T
    imported_wh, exported_wh, bought_wh, sold_wh = (behind(cells) for cells in (imported, exported, bought, sold))
    return Flowed(
        wires=wires,
        power=wires.flow(np.ascontiguousarray(net)),
        imported_wh=imported_wh,
        exported_wh=exported_wh,
        bought_wh=bought_wh,
        sold_wh=sold_wh,
        members=np.asarray(tree.feeds @ at).astype(np.int64),
        at=at,
    )


def _first_readings(books: Books) -> tuple[Ints, Ints]:
    """Both registers by cell as they were when the slot was judged; later corrections apart."""
    table = books.tables["readings"]
    first = numbers(table, "revision") == 0
    imported, exported = (
        books.per_cell(books.cell_rows("readings"), numbers(table, f"{side}_wh"), first)
        for side in ("import", "export")
    )
    return imported, exported
