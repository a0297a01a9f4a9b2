"""Largest welfare on a radial feeder: merit orders merged from the leaves to the root, cut to what each line carries; nodal prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from commonwatt.clearing._known import Lines, depths
from commonwatt.clearing._matching import facing
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Ints

_NOBODY: Final = 2**40
"""A price beyond all limits and costs."""


@dataclass(frozen=True)
class TreeFlow:
    """What trades on a feeder, exactly: whole Wh, whole prices."""

    sell: Ints
    """Row of the seller of each trade; within a trade energy goes one way along the lines, never against what they carry."""
    buy: Ints
    energy_wh: Ints
    price_micro_per_kwh: Ints
    """Nodal price of each bus; the last row is the root's, where orders without a place are."""
    line_micro_per_kwh: Ints
    """What one more Wh on the line of each bus would be worth."""


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
        low = int(self.price[last]) if last >= 0 else -_NOBODY
        return low, int(self.price[following]) if following < len(self.price) else _NOBODY


def tree_flow(book: OrderBook, bus: Ints, lines: Lines, cost_micro_per_kwh: Ints) -> TreeFlow:
    """The trades of largest `bid - ask - cost of the lines used` that no line is overloaded by, and prices at which nobody wants another.

    `bus` is one an order of the book, `cost_micro_per_kwh` one a line (>= 0). The book's rows stand in an order that arrival has no part in.
    A branch is to the rest of the feeder what a member is: so much at this price, so much more at that one. Exact for a tree (the
    programme's matrix is totally unimodular); a sort for every bus.
    """
    root = len(lines)
    at = np.where(bus >= 0, bus, root)
    toward = np.append(np.where(lines.toward >= 0, lines.toward, root), -1)
    limit_wh = np.append(np.where(lines.toward >= 0, lines.limit_wh, np.int64(2) ** 60), np.int64(2) ** 60)
    cost = np.append(np.where(lines.toward >= 0, cost_micro_per_kwh, 0), 0)
    outwards = np.append(np.argsort(-(depths(lines.toward) + 1), kind="stable"), root)
    own = _own_offers(book, at, root + 1)
    branches: list[list[_Offers]] = [[] for _ in range(root + 1)]
    offers: list[_Offers] = [_EMPTY] * (root + 1)
    for node in outwards.tolist():
        offers[node] = _Offers.joined([own[node], *branches[node]]) if branches[node] else own[node]
        if node != root and (offers[node].start_wh or len(offers[node].price)):
            branches[int(toward[node])].append(offers[node].within(int(limit_wh[node]), int(cost[node]), node))
    filled_wh, price, flow_wh = _served(book, offers, toward, limit_wh, cost, outwards[::-1].tolist())
    sell, buy, energy_wh = _paired(book, at, filled_wh, toward, outwards.tolist())
    step = np.abs(price[toward[:-1]] - price[:-1]) - cost[:-1]
    full = np.abs(flow_wh[:-1]) == limit_wh[:-1]
    return TreeFlow(sell, buy, energy_wh, price, np.where(full, np.maximum(step, 0), 0))


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


def _served(
    book: OrderBook, offers: list[_Offers], toward: Ints, limit_wh: Ints, cost: Ints, inwards: list[int]
) -> tuple[Ints, Ints, Ints]:
    """From the root outwards: what every order trades, every bus's price, what flows over every bus's line towards the root."""
    executed_wh = np.zeros(len(book), np.int64)
    export_wh, price = np.zeros(len(offers), np.int64), np.zeros(len(offers), np.int64)
    for node in inwards:
        here, out_wh = offers[node], int(export_wh[node])
        low, high = here.prices_at(out_wh)
        price[node] = _priced(low, high, node, out_wh, price, toward, cost)
        done_wh = here.executed_wh(out_wh)
        is_own = here.origin >= 0
        executed_wh[here.origin[is_own]] = done_wh[is_own]
        np.add.at(export_wh, ~here.origin[~is_own], done_wh[~is_own])
        for branch in np.flatnonzero(toward == node).tolist():
            start_wh = offers[branch].start_wh
            export_wh[branch] += min(max(start_wh, -int(limit_wh[branch])), int(limit_wh[branch]))
    return np.where(book.is_sell, executed_wh, book.energy_wh - executed_wh), price, export_wh


def _priced(low: int, high: int, node: int, out_wh: int, price: Ints, toward: Ints, cost: Ints) -> int:
    """A bus's price: that of the next bus towards the root less or plus the line's cost, as far as its own orders allow."""
    if toward[node] < 0:
        if low == -_NOBODY or high == _NOBODY:
            return 0 if low == -_NOBODY and high == _NOBODY else low if high == _NOBODY else high
        return (low + high) >> 1
    near, toll = int(price[toward[node]]), int(cost[node])
    wanted = near - toll if out_wh > 0 else near + toll if out_wh < 0 else min(max(near, low), high)
    return min(max(wanted, low), high)


def _paired(book: OrderBook, at: Ints, filled_wh: Ints, toward: Ints, outwards: list[int]) -> tuple[Ints, Ints, Ints]:
    """Sellers and buyers, met as far from the root as they can be: only what a branch has too much of, or too little, leaves it."""
    order = np.argsort(at, kind="stable")
    order = order[filled_wh[order] > 0]
    starts = np.searchsorted(at[order], np.arange(len(toward) + 1))
    left_wh = filled_wh.copy()
    waiting: list[list[Ints]] = [[] for _ in toward]
    met: list[tuple[Ints, Ints, Ints]] = [(np.zeros(0, np.int64),) * 3]
    for node in outwards:
        rows = np.concatenate([order[starts[node] : starts[node + 1]], *waiting[node]])
        if not len(rows):
            continue
        sells, buys = rows[book.is_sell[rows]], rows[~book.is_sell[rows]]
        sell, buy, energy_wh = facing(left_wh, sells, buys)
        met.append((sell, buy, energy_wh))
        np.subtract.at(left_wh, sell, energy_wh)
        np.subtract.at(left_wh, buy, energy_wh)
        if toward[node] >= 0:
            waiting[int(toward[node])].append(rows[left_wh[rows] > 0])
    sell, buy, energy_wh = (np.concatenate(column) for column in zip(*met, strict=True))
    return sell, buy, energy_wh
