"""Queues of offers and bids laid side by side: who faces whom, and why somebody was not served."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from commonwatt.clearing._known import Lines
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import LEFT_OUT, Reason, Trades
from commonwatt.core.units import Flags, Ints

_ROW_BITS: Final = 31
_ROW_MASK: Final = (1 << _ROW_BITS) - 1
"""Limits are below 2**31 in size, so limit and row fit one int64."""

_NOBODY: Final = 2**62
"""A limit beyond all limits."""

_NO_COUNTERPARTS: Final = (*LEFT_OUT, int(Reason.PRICE), int(Reason.TRUST), int(Reason.BUDGET))
"""Reasons of orders that would not have met anybody, whoever was left."""


def merit_order(book: OrderBook) -> tuple[Ints, Ints]:
    """Rows of the sellers by limit ascending and of the buyers descending; equal limits stay in sequence."""
    sells, buys = np.flatnonzero(book.is_sell), np.flatnonzero(~book.is_sell)
    return _by_limit(sells, book.limit_micro_per_kwh[sells]), _by_limit(buys, -book.limit_micro_per_kwh[buys])


def _by_limit(rows: Ints, limit: Ints) -> Ints:
    """Ascending rows by limit, equal limits by row. Both in one number: sorting numbers is several times faster than a stable argsort."""
    key = (limit << _ROW_BITS) | rows
    key.sort()
    return key & _ROW_MASK


def large_first(book: OrderBook) -> tuple[Ints, Ints]:
    """As `merit_order`, but equal limits by energy, the larger first, and only then in sequence; without orders of no energy.

    Orders of equal limit and energy are alike, so that nothing but which of them is served depends on arrival.
    """
    cost = np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh)
    rows = np.lexsort((-book.energy_wh, cost))
    rows = rows[book.energy_wh[rows] > 0]
    return rows[book.is_sell[rows]], rows[~book.is_sell[rows]]


def facing(residual_wh: Ints, sells: Ints, buys: Ints) -> tuple[Ints, Ints, Ints]:
    """Seller, buyer and Wh of each stretch in which one seller and one buyer face each other, until one queue is at its end.

    Laying both queues along one axis of energy, a stretch ends wherever an order of either ends. `residual_wh` is one an order of the
    book; sums of it stay below 2**62.
    """
    if not len(sells) or not len(buys):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    sold_up_to_wh, bought_up_to_wh = np.cumsum(residual_wh[sells]), np.cumsum(residual_wh[buys])
    both_wh = min(int(sold_up_to_wh[-1]), int(bought_up_to_wh[-1]))
    # The last bit says whose end it is.
    ends = np.concatenate((sold_up_to_wh << 1 | 1, bought_up_to_wh << 1))
    ends.sort()
    ends_wh, is_sold = ends >> 1, ends & 1
    energy_wh = np.diff(ends_wh, prepend=0)
    # Orders without energy end where another ends; past `both_wh` one side has nobody left.
    kept = np.flatnonzero((energy_wh > 0) & (ends_wh <= both_wh))
    # A kept end is the first of its value: whoever ended before it is served.
    before = np.cumsum(is_sold) - is_sold
    return sells[before[kept]], buys[kept - before[kept]], energy_wh[kept]


def matched(book: OrderBook, residual_wh: Ints, sells: Ints, buys: Ints) -> tuple[Ints, Ints, Ints]:
    """Seller, buyer and Wh of each trade of the heads of both queues while the offer is not above the bid; takes it out of `residual_wh`.

    `sells` ascend and `buys` descend by limit, so the feasible stretches are the first ones, and their welfare is the largest possible.
    """
    sell, buy, energy_wh = facing(residual_wh, sells, buys)
    feasible = int((book.limit_micro_per_kwh[sell] <= book.limit_micro_per_kwh[buy]).sum())
    traded_wh = int(energy_wh[:feasible].sum())
    for rows in (sells, buys):
        up_to_wh = np.cumsum(residual_wh[rows])
        residual_wh[rows] = np.minimum(residual_wh[rows], np.maximum(up_to_wh - traded_wh, 0))
    return sell[:feasible], buy[:feasible], energy_wh[:feasible]


class Places(NamedTuple):
    """Where the orders of a book are on a feeder, for what a limit is worth at another place."""

    lines: Lines
    bus: Ints

    def fees(self, sell: Ints, buy: Ints) -> tuple[Ints, Ints]:
        """What each two orders pay on their ways to where both meet, micro per kWh."""
        return self.lines.fees(self.bus[sell], self.bus[buy])

    def best(self, book: OrderBook, is_there: Flags) -> tuple[Ints, Ints]:
        """The best bid and the best offer of some orders as each order of the book sees them, with the fees of the way between."""
        return (
            -self._cheapest(is_there & ~book.is_sell, -book.limit_micro_per_kwh),
            self._cheapest(is_there & book.is_sell, book.limit_micro_per_kwh),
        )

    def _cheapest(self, is_there: Flags, cost: Ints) -> Ints:
        rooted, tolls = self.lines.rooted, self.lines.tolls.tolist()
        number = rooted.number[self.bus]
        column = np.full(len(tolls), _NOBODY)
        np.minimum.at(column, number[is_there], cost[is_there])
        # First what is seen from behind each line, then what comes from before it; the last of them is the root, which has none.
        least, steps = column.tolist(), rooted.inwards[:-1]
        for at, above in steps:
            least[above] = min(least[above], least[at] + tolls[at])
        for at, above in reversed(steps):
            least[at] = min(least[at], least[above] + tolls[at])
        seen: Ints = np.minimum(least, _NOBODY)[number]
        return seen


def _best(book: OrderBook, is_there: Flags, places: Places | None) -> tuple[Ints, Ints]:
    if places is not None and places.lines.is_charged:
        return places.best(book, is_there)
    limit = book.limit_micro_per_kwh
    best_bid = np.where(is_there & ~book.is_sell, limit, -_NOBODY).max(initial=-_NOBODY)
    best_offer = np.where(is_there & book.is_sell, limit, _NOBODY).min(initial=_NOBODY)
    return best_bid, best_offer


def unserved(book: OrderBook, places: Places | None = None) -> Ints:
    """Why an order was not filled: nobody accepts its limit, or those who do were taken by others."""
    limit = book.limit_micro_per_kwh
    # Without a bid no offer was too dear, without an offer no bid too low.
    best_bid, best_offer = _best(book, book.energy_wh > 0, places)
    too_dear = book.is_sell & (limit > best_bid) & (best_bid != -_NOBODY)
    too_low = ~book.is_sell & (limit < best_offer) & (best_offer != _NOBODY)
    return np.where(too_dear | too_low, int(Reason.PRICE), int(Reason.NO_COUNTERPART))


def kept_apart(book: OrderBook, trades: Trades, rest: Ints, places: Places | None = None) -> Ints:
    """The reasons in `rest` of a mechanism that lets not everybody meet who would accept each other: TERMS where such a one has energy left.

    Whom the price, a gate, a budget or its own doing keeps out is nobody's counterpart.
    """
    left_wh = book.energy_wh - trades.filled_wh(len(book))
    is_there = (left_wh > 0) & ~np.isin(rest, _NO_COUNTERPARTS)
    limit = book.limit_micro_per_kwh
    best_bid, best_offer = _best(book, is_there, places)
    would_accept = np.where(book.is_sell, limit <= best_bid, limit >= best_offer)
    apart = (rest == Reason.NO_COUNTERPART) & (left_wh > 0) & would_accept
    return np.where(apart, int(Reason.TERMS), rest)
