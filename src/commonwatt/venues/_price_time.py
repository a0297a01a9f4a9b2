"""A book by price and time: orders that stand and orders that come, each coming one taking the best that stands."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from commonwatt.core.orders import OrderBook
    from commonwatt.core.units import Flags, Ints


@dataclass(frozen=True)
class Matched:
    """The trades of a book in the order in which they were made."""

    sell: Ints
    """Row of the seller's order of each trade."""
    buy: Ints
    energy_wh: Ints
    came: Ints
    """Row of the order that came and took the one that stood."""
    was_filled: Flags
    """Of each withdrawal, whether nothing was left to withdraw."""


def matched(book: OrderBook, order: Ints, is_cancel: Flags) -> Matched:
    """Orders meet one after the other by price, then time.

    An order that comes trades with the best order of the other side that stands and accepts it, then with the next, and stands itself with
    what is left. Which of two orders is served first never changes while they stand, so each has its place in the queue of its side
    from the outset, worked out by one sort; the book is then two heaps of such places.

    Args:
        book: limits as the market sees them.
        order: rows of the book in the order of their events; each comes once, and no withdrawal before its order.
        is_cancel: which events are withdrawals.

    """
    place, row_at, reach = _queues(book, order, is_cancel)
    left, sells = book.energy_wh.tolist(), book.is_sell.tolist()
    asks: list[int] = []
    bids: list[int] = []
    trades: list[int] = []
    was_filled = []
    for row, withdraws in zip(order.tolist(), is_cancel.tolist(), strict=True):
        wanted = left[row]
        if withdraws:
            # It stays in its heap, wanting nothing, until it comes to the head.
            was_filled.append(not wanted)
            left[row] = 0
            continue
        stand, others = (asks, bids) if sells[row] else (bids, asks)
        last = reach[row]
        while wanted and others and others[0] < last:
            other = row_at[others[0]]
            there = left[other]
            if there > wanted:
                trades += (row, other, wanted)
                left[other] = there - wanted
                wanted = 0
                break
            heappop(others)
            if there:
                trades += (row, other, there)
                wanted -= there
                left[other] = 0
        left[row] = wanted
        if wanted:
            heappush(stand, place[row])
    came, stood, energy_wh = np.array(trades, np.int64).reshape(-1, 3).T
    came_sells = book.is_sell[came]
    return Matched(
        sell=np.where(came_sells, came, stood),
        buy=np.where(came_sells, stood, came),
        energy_wh=energy_wh,
        came=came,
        was_filled=np.array(was_filled, np.bool_),
    )


def _queues(book: OrderBook, order: Ints, is_cancel: Flags) -> tuple[list[int], list[int], list[int]]:
    """Of each order its place in the queue of its side; the row at each place; the place from which on the other side refuses it.

    Sellers have the first places, buyers those behind them.
    """
    arrival = np.full(len(book), len(order))
    placed = order[~is_cancel]
    arrival[placed] = np.arange(len(placed))
    cost = np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh)
    rows = np.lexsort((arrival, cost, ~book.is_sell))
    place = np.empty(len(book), np.int64)
    place[rows] = np.arange(len(book))
    sellers = int(book.is_sell.sum())
    asked, bid = cost[rows[:sellers]], cost[rows[sellers:]]
    # A buyer takes offers up to its limit, a seller bids down to its own: as costs, up to minus its own cost.
    accepts_bids = sellers + np.searchsorted(bid, -cost, side="right")
    reach = np.where(book.is_sell, accepts_bids, np.searchsorted(asked, -cost, side="right"))
    return place.tolist(), rows.tolist(), reach.tolist()
