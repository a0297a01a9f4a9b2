"""Largest welfare on a radial feeder: supply and demand added up from the leaves to the root, cut to what each line carries; nodal prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from commonwatt.clearing._known import Lines
from commonwatt.clearing._tree_lists import served_by_lists
from commonwatt.clearing._tree_pairs import paired
from commonwatt.clearing._tree_table import served_by_table
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Ints

_UNLIMITED_WH: Final = 2**60
_MOST_CELLS: Final = 2**22
"""Of the table of buses and prices, 32 MB; from about here on the lists are as fast, because lines keep them short."""


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


class Met(NamedTuple):
    """What each pair of a flow says where both meet, and what each side pays on its way there, micro per kWh."""

    asked: Ints
    """The price at the seller's bus and its fee."""
    offered: Ints
    """The price at the buyer's bus less its fee; never below `asked`, because no line is crossed for less than it costs."""
    sell_fee: Ints
    buy_fee: Ints

    @classmethod
    def of(cls, flow: TreeFlow, bus: Ints, lines: Lines) -> Met:
        """`bus` is one an order of the flow's book."""
        begin, end = bus[flow.sell], bus[flow.buy]
        sell_fee, buy_fee = lines.fees(begin, end)
        price = flow.price_micro_per_kwh
        return cls(price[begin] + sell_fee, price[end] - buy_fee, sell_fee, buy_fee)


def tree_flow(book: OrderBook, bus: Ints, lines: Lines, cost_micro_per_kwh: Ints) -> TreeFlow:
    """The trades of largest `bid - ask - cost of the lines used` that no line is overloaded by, and prices at which nobody wants another.

    `bus` is one an order of the book, `cost_micro_per_kwh` one a line (>= 0). The book's rows stand in an order that arrival has no part in.
    Exact for a tree (the programme's matrix is totally unimodular): as a table of every bus at every price where lines cost nothing, and the
    table is not too large; else as a list of steps a bus.
    """
    feeder = lines.rooted
    at, has_line = feeder.number[bus], lines.toward >= 0
    limit_wh, cost = np.full(len(lines) + 1, _UNLIMITED_WH), np.zeros(len(lines) + 1, np.int64)
    limit_wh[feeder.number[:-1]] = np.where(has_line, lines.limit_wh, _UNLIMITED_WH)
    cost[feeder.number[:-1]] = np.where(has_line, cost_micro_per_kwh, 0)
    if cost.any() or len(cost) * len(book) > _MOST_CELLS:
        filled_wh, price, out_wh = served_by_lists(book, at, feeder, limit_wh, cost)
    else:
        filled_wh, price, out_wh = served_by_table(book, at, feeder, limit_wh)
    sell, buy, energy_wh = paired(book, at, filled_wh, feeder)
    step = np.abs(price[np.array(feeder.parent)] - price) - cost
    worth = np.where(np.abs(out_wh) == limit_wh, np.maximum(step, 0), 0)
    return TreeFlow(sell, buy, energy_wh, price[feeder.number], worth[feeder.number[:-1]])
