"""Cutting trades to limits: pro rata within a member, the larger cut of both ends, the pool balanced; every split by largest remainder."""

from __future__ import annotations

from typing import Final

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Trades
from commonwatt.core.splits import largest_remainder
from commonwatt.core.units import Ints

POOL: Final = -1


def within_limits(energy_wh: Ints, orders: Ints, book: OrderBook, limit_wh: Ints) -> Ints:
    """Energy of the trades after each member of one side is cut to its limit; trades of the pool on this side are as they were."""
    left = energy_wh.copy()
    rows = np.flatnonzero(orders != POOL)
    members = book.member[orders[rows]]
    traded = np.zeros(len(limit_wh), np.int64)
    np.add.at(traded, members, energy_wh[rows])
    for member in np.flatnonzero(traded > limit_wh).tolist():
        own = rows[members == member]
        left[own] = largest_remainder(int(limit_wh[member]), energy_wh[own])
    return left


def balanced(left_wh: Ints, trades: Trades) -> Ints:
    """Energy of the trades after the pool sells no more than it bought, and the other way round."""
    left = left_wh.copy()
    sold, bought = np.flatnonzero(trades.buy_order == POOL), np.flatnonzero(trades.sell_order == POOL)
    kept = min(int(left[sold].sum()), int(left[bought].sum()))
    for rows in (sold, bought):
        if int(left[rows].sum()) > kept:
            left[rows] = largest_remainder(kept, left[rows])
    return left


def cuts_of(trades: Trades, left_wh: Ints) -> tuple[tuple[int, int], ...]:
    """(row, Wh cut) of every trade of which less is left than it was."""
    cut_wh = trades.energy_wh - left_wh
    rows = np.flatnonzero(cut_wh)
    return tuple(zip(rows.tolist(), cut_wh[rows].tolist(), strict=True))
