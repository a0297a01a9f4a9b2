"""Who trades with whom on a feeder: met as far from the root as can be, so that energy goes one way over every line."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from commonwatt.clearing._rooted import Rooted
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Ints

Stretches = list[tuple[int, int]]
"""(begin, length) in Wh on the axis on which a side's fills lie one after the other."""


def paired(book: OrderBook, at: Ints, filled_wh: Ints, feeder: Rooted) -> tuple[Ints, Ints, Ints]:
    """Seller's row, buyer's row and Wh of each trade: only what a branch has too much of, or too little, leaves it.

    `at` is the number of each order's bus; as much is sold as bought. Sellers and then buyers lie on one axis of energy by bus. Buses take turns, the
    farthest first, and take stretches of both sides, not orders; the orders are found under the stretches at the end, all at once.
    """
    buses = len(feeder.parent)
    key = at + np.where(book.is_sell, 0, buses)
    rows = np.argsort(key, kind="stable")
    rows = rows[filled_wh[rows] > 0]
    if not len(rows):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    end_wh = filled_wh[rows].cumsum()
    starts = np.append(0, end_wh)[key[rows].searchsorted(np.arange(2 * buses + 1))].tolist()
    sold, bought = _met(feeder, starts)
    begin_wh, length_wh = np.array(sold + bought).T
    until_wh = length_wh.cumsum()
    # Where a stretch lies among its own side's orders, from where it is met.
    shift = begin_wh - (until_wh - length_wh)
    along = begin_wh.argsort()
    under = along[begin_wh[along].searchsorted(end_wh) - 1]
    both_wh = int(until_wh[-1]) >> 1
    ends = np.concatenate((until_wh, end_wh - shift[under]))
    ends[ends > both_wh] -= both_wh
    ends.sort()
    energy_wh = np.diff(ends, prepend=0)
    energy_wh = energy_wh[energy_wh > 0]
    met_wh = energy_wh.cumsum() - energy_wh
    met_wh = np.concatenate((met_wh, met_wh + both_wh))
    order = rows[end_wh.searchsorted(met_wh + shift[until_wh.searchsorted(met_wh, side="right")], side="right")]
    return order[: len(energy_wh)], order[len(energy_wh) :], energy_wh


def _met(feeder: Rooted, starts: list[int]) -> tuple[Stretches, Stretches]:
    """The stretches of sellers and of buyers in the order in which they meet; `starts` says where each bus's sellers, then its buyers, begin."""
    buses = len(feeder.parent)
    left = [end - begin for begin, end in pairwise(starts)]
    waiting = [[(begin, length)] if length else [] for begin, length in zip(starts, left, strict=False)]
    sold: Stretches = []
    bought: Stretches = []
    for at, above in feeder.inwards:
        selling, buying = left[at], left[at + buses]
        if selling and buying:
            both = min(buying, selling)
            waiting[at] = _taken(waiting[at], both, sold)
            waiting[at + buses] = _taken(waiting[at + buses], both, bought)
        if selling == buying or above < 0:
            continue
        side = 0 if selling > buying else buses
        waiting[above + side] += waiting[at + side]
        left[above + side] += abs(selling - buying)
    return sold, bought


def _taken(waiting: Stretches, energy_wh: int, met: Stretches) -> Stretches:
    """Move the first so many Wh to `met`; what is still waiting."""
    for number, (begin, length) in enumerate(waiting):
        if length > energy_wh:
            met.append((begin, energy_wh))
            return [(begin + energy_wh, length - energy_wh), *waiting[number + 1 :]]
        met.append((begin, length))
        energy_wh -= length
        if not energy_wh:
            return waiting[number + 1 :]
    return []
