"""What trades on a feeder whose lines cost something: each bus's merit order as a list, merged towards the root, shifted and cut by each line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from commonwatt.clearing._rooted import NO_PRICE, Rooted, between
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class _Offers:
    """How much a part of the feeder exports at which price: a step a row, cheapest first; from `start_wh` (negative: it imports) on."""

    start_wh: int
    price: Ints
    energy_wh: Ints
    origin: Ints
    """The order that makes the step, or ~bus of the branch that hands it on."""

    def within(self, limit_wh: int, cost_micro_per_kwh: int, bus: int) -> _Offers:
        """What of it gets over a line that carries `limit_wh` either way at a cost for each Wh."""
        end_wh = self.start_wh + np.cumsum(self.energy_wh)
        begin_wh = np.clip(end_wh - self.energy_wh, -limit_wh, limit_wh)
        end_wh = np.clip(end_wh, -limit_wh, limit_wh)
        start_wh = min(max(self.start_wh, -limit_wh), limit_wh)
        if not cost_micro_per_kwh:
            kept = end_wh > begin_wh
            energy_wh = (end_wh - begin_wh)[kept]
            return _Offers(start_wh, self.price[kept], energy_wh, np.full(len(energy_wh), ~bus))
        # A Wh less to import saves the cost, a Wh more to export bears it.
        saves, bears = (
            np.minimum(end_wh, 0) - np.minimum(begin_wh, 0),
            np.maximum(end_wh, 0) - np.maximum(begin_wh, 0),
        )
        energy_wh = np.concatenate((saves[saves > 0], bears[bears > 0]))
        price = np.concatenate((self.price[saves > 0] - cost_micro_per_kwh, self.price[bears > 0] + cost_micro_per_kwh))
        return _Offers(start_wh, price, energy_wh, np.full(len(energy_wh), ~bus))

    @classmethod
    def joined(cls, parts: list[_Offers]) -> _Offers:
        """Several at one place; of equal prices in order of the parts."""
        price, energy_wh, origin = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("price", "energy_wh", "origin")
        )
        order = np.argsort(price, kind="stable")
        return cls(sum(part.start_wh for part in parts), price[order], energy_wh[order], origin[order])

    def executed_wh(self, export_wh: int) -> Ints:
        """Of each step, when all of it together exports `export_wh`."""
        before_wh = np.cumsum(self.energy_wh) - self.energy_wh
        done_wh: Ints = np.clip(export_wh - self.start_wh - before_wh, 0, self.energy_wh)
        return done_wh

    def prices_at(self, export_wh: int) -> tuple[int, int]:
        """The lowest and the highest price at which it exports just that."""
        end_wh = self.start_wh + np.cumsum(self.energy_wh)
        last = int(np.searchsorted(end_wh, export_wh, side="left")) if export_wh > self.start_wh else -1
        following = int(np.searchsorted(end_wh, export_wh, side="right"))
        low = int(self.price[last]) if last >= 0 else -NO_PRICE
        return low, int(self.price[following]) if following < len(self.price) else NO_PRICE


def served_by_lists(
    book: OrderBook, at: Ints, feeder: Rooted, limit_wh: Ints, cost_micro_per_kwh: Ints
) -> tuple[Ints, Ints, Ints]:
    """As `served_by_table`, where using a line costs `cost_micro_per_kwh` for each Wh, one a number; a sort for every bus.

    A branch is to the rest of the feeder what a member is: so much at this price, so much more at that one. On its way each step's price
    moves by the cost of the lines, one way or the other, so that no axis of prices serves two buses.
    """
    limits, costs = limit_wh.tolist(), cost_micro_per_kwh.tolist()
    own = _own_offers(book, at, len(limits))
    branches: list[list[_Offers]] = [[] for _ in limits]
    offers = own.copy()
    for bus, above in feeder.inwards:
        if branches[bus]:
            offers[bus] = _Offers.joined([own[bus], *branches[bus]])
        if above >= 0 and (offers[bus].start_wh or len(offers[bus].price)):
            branches[above].append(offers[bus].within(limits[bus], costs[bus], bus))
    return _handed_out(book, offers, feeder, limits, costs)


_EMPTY: Final = _Offers(0, *(np.zeros(0, np.int64) for _ in range(3)))


def _own_offers(book: OrderBook, at: Ints, nodes: int) -> list[_Offers]:
    """The orders of every bus: selling first among equal prices, so that as much as possible trades."""
    order = np.lexsort((np.arange(len(book)), ~book.is_sell, book.limit_micro_per_kwh, at))
    order = order[book.energy_wh[order] > 0]
    starts = np.searchsorted(at[order], np.arange(nodes + 1))
    found = []
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        if begin == end:
            found.append(_EMPTY)
            continue
        rows = order[begin:end]
        energy_wh = book.energy_wh[rows]
        # Before anybody sells or gives way, everybody buys.
        found.append(
            _Offers(-int(energy_wh[~book.is_sell[rows]].sum()), book.limit_micro_per_kwh[rows], energy_wh, rows)
        )
    return found


def _handed_out(
    book: OrderBook, offers: list[_Offers], feeder: Rooted, limit_wh: list[int], cost: list[int]
) -> tuple[Ints, Ints, Ints]:
    """From the root outwards: what every order trades, every bus's price, what flows over every bus's line towards the root."""
    executed_wh = np.zeros(len(book), np.int64)
    out_wh, price = np.zeros(len(offers), np.int64), np.zeros(len(offers), np.int64)
    for at, above in enumerate(feeder.parent):
        here, sent_wh = offers[at], int(out_wh[at])
        low, high = here.prices_at(sent_wh)
        price[at] = _priced(low, high, int(price[above]), sent_wh, cost[at]) if above >= 0 else between(low, high)
        done_wh = here.executed_wh(sent_wh)
        is_own = here.origin >= 0
        executed_wh[here.origin[is_own]] = done_wh[is_own]
        np.add.at(out_wh, ~here.origin[~is_own], done_wh[~is_own])
        for kid in feeder.kids[at]:
            out_wh[kid] += min(max(offers[kid].start_wh, -limit_wh[kid]), limit_wh[kid])
    return np.where(book.is_sell, executed_wh, book.energy_wh - executed_wh), price, out_wh


def _priced(low: int, high: int, near: int, out_wh: int, toll: int) -> int:
    """A bus's price: that of the next bus towards the root less or plus the line's cost, as far as its own orders allow."""
    wanted = near - toll if out_wh > 0 else near + toll if out_wh < 0 else min(max(near, low), high)
    return min(max(wanted, low), high)
