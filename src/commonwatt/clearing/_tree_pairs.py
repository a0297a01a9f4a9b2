"""Who trades with whom on a feeder: met as far from the root as can be, so that energy goes one way over every line."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from commonwatt.clearing._rooted import Rooted
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Ints

Stretches = list[tuple[int, int]]
"""(begin, end) on the axis of energy, Wh."""


def paired(book: OrderBook, at: Ints, filled_wh: Ints, feeder: Rooted) -> tuple[Ints, Ints, Ints]:
    """Seller's row, buyer's row and Wh of each trade: only what a branch has too much of, or too little, leaves it.

    `at` is the number of each order's bus; as much is sold as bought. Sellers and then buyers lie on one axis of energy by bus. Buses take turns, the
    farthest first, and take stretches of both sides, not orders; the orders are found under the stretches at the end, all at once.
    """
    buses = len(feeder.parent)
    key = at + np.where(book.is_sell, 0, buses)
    rows = key.argsort(kind="stable")
    rows = rows[filled_wh[rows] > 0]
    if not len(rows):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    end_wh = filled_wh[rows].cumsum()
    starts = np.concatenate(((0,), end_wh))[key[rows].searchsorted(np.arange(2 * buses + 1))]
    sold, bought = _met(feeder, starts.tolist())
    begin_wh, until_wh = np.array(sold + bought).T
    met_wh = (until_wh - begin_wh).cumsum()
    # From where a stretch is met to where it lies among the orders of its side.
    shift = until_wh - met_wh
    along = begin_wh.argsort()
    under = along[begin_wh[along].searchsorted(end_wh) - 1]
    both_wh = int(met_wh[-1]) >> 1
    ends = np.concatenate((met_wh, end_wh - shift[under]))
    ends[ends > both_wh] -= both_wh
    ends.sort()
    energy_wh = ends.copy()
    energy_wh[1:] -= ends[:-1]
    energy_wh = energy_wh[energy_wh > 0]
    first_wh = energy_wh.cumsum() - energy_wh
    first_wh = np.concatenate((first_wh, first_wh + both_wh))
    order = rows[end_wh.searchsorted(first_wh + shift[met_wh.searchsorted(first_wh, "right")], "right")]
    return order[: len(energy_wh)], order[len(energy_wh) :], energy_wh


def _met(feeder: Rooted, starts: list[int]) -> tuple[Stretches, Stretches]:
    """The stretches of sellers and of buyers in the order in which they meet; `starts` says where each bus's sellers, then its buyers, begin."""
    buses = len(feeder.parent)
    waiting: list[Stretches] = [[] if begin == end else [(begin, end)] for begin, end in pairwise(starts)]
    left = [end - begin for begin, end in pairwise(starts)]
    sold: Stretches = []
    bought: Stretches = []
    for at, above in feeder.inwards:
        selling, buying = left[at], left[at + buses]
        if selling and buying:
            both = min(selling, buying)
            waiting[at] = _taken(waiting[at], both, sold)
            waiting[at + buses] = _taken(waiting[at + buses], both, bought)
        if selling > buying:
            waiting[above] += waiting[at]
            left[above] += selling - buying
        elif buying > selling:
            waiting[above + buses] += waiting[at + buses]
            left[above + buses] += buying - selling
    return sold, bought


def _taken(waiting: Stretches, energy_wh: int, met: Stretches) -> Stretches:
    """Move the first so many Wh to `met`; what is still waiting."""
    for number, (begin, end) in enumerate(waiting):
        until = begin + energy_wh
        if end > until:
            met.append((begin, until))
            return [(until, end), *waiting[number + 1 :]]
        met.append((begin, end))
        energy_wh -= end - begin
        if not energy_wh:
            return waiting[number + 1 :]
    return []
