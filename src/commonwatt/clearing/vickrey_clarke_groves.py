"""Vickrey-Clarke-Groves: everybody pays what their presence costs the others; the deficit is declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.clearing._matching import large_first, matched, unserved
from commonwatt.clearing._pool import pool_trades
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, with_filled
from commonwatt.core.units import Flags, Ints


@dataclass(frozen=True)
class VickreyClarkeGroves:
    """The efficient trades, and payments that make the true limit the best one to order, for members with any number of orders.

    Vickrey (1961), Clarke (1971), Groves (1973). A buyer pays the welfare that the others would have without it, less what they have with
    it; a seller is paid what the others have with it, less what they would have without. With W the welfare of all and W(-m) that of
    all but m, m pays W(-m) - W plus what its own fill is worth to it. W(-m) is found for all members at once: at a price p the gains of
    everybody, less those of m, are an upper bound that is reached where the rest of the book clears.

    A member's payment is one price for its energy: a buyer's rounded up and a seller's down to whole micro per kWh, within every limit it
    trades at. Buyers pay at most a clearing price and sellers get at least one, so the operator pays the difference: declares the budget
    broken. In a run that is a debt of the operator's account. Of equal limits the larger order is served first, then the earlier.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"budget_balance", "one_price"})

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:  # noqa: ARG002
        """Trades with the pool, a price a member, in sequence order."""
        left_wh = book.energy_wh.copy()
        matched(book, left_wh, *large_first(book))
        fills_wh = book.energy_wh - left_wh
        price = _prices(book, fills_wh) if fills_wh.any() else np.zeros(len(book), np.int64)
        return with_filled(book, pool_trades(book, fills_wh, price, price), unserved(book))


def _prices(book: OrderBook, fills_wh: Ints) -> Ints:
    """What each order's member pays or gets, micro per kWh, shape (orders,); 0 where the member got nothing."""
    rows = np.flatnonzero(book.energy_wh > 0)
    own, member = np.unique(book.member[rows], return_inverse=True)
    is_sell, fills = book.is_sell[rows], fills_wh[rows]
    market = _Market(book.limit_micro_per_kwh[rows], book.energy_wh[rows], is_sell, member, len(own))
    without = market.welfare_without()
    # Amounts leave the range of int64 in books of extreme limits: Python integers.
    value = np.zeros(len(own), object)
    np.add.at(value, member, market.sign.astype(object) * market.limit * fills)
    traded = np.zeros(len(own), np.int64)
    np.add.at(traded, member, fills)
    sells = np.zeros(len(own), np.bool_)
    sells[member] = is_sell
    pays = without - value.sum() + value
    # Down for a seller, up for a buyer: (-a) // b is the negative of a / b rounded up. What a seller pays is negative.
    whole = np.maximum(traded, 1)
    price = np.where(sells, (-pays) // whole, -((-pays) // whole)) * (traded > 0)
    result = np.zeros(len(book), np.int64)
    result[rows] = price.astype(np.int64)[member]
    return result


class _Market:
    """Orders with energy, and the gains of everybody at any price, exact."""

    def __init__(self, limit: Ints, energy_wh: Ints, is_sell: Flags, member: Ints, members: int) -> None:
        self.limit, self.energy_wh, self.is_sell, self.member, self.members = limit, energy_wh, is_sell, member, members
        self.sign = np.where(is_sell, -1, 1)
        self.levels = np.unique(limit)
        self._at = np.searchsorted(self.levels, limit)
        self.demand_wh = int(energy_wh[~is_sell].sum())

    def welfare_without(self) -> Ints:
        """The largest welfare of the book without each member's orders; Python integers, shape (members,)."""
        levels = self._clearing_levels()
        gain = self._gains()[levels]
        np.subtract.at(gain, self.member, self._own_gains(levels[self.member]))
        return gain

    def _clearing_levels(self) -> Ints:
        """For each member the lowest price (a place in `levels`) at which the others' energy up to it reaches the others' demand.

        Without m, energy up to p is less by m's own up to p, and demand by m's own: a buyer's orders above p count as energy up to it,
        a seller's up to p do not. Both leave the sum growing in p, so it is searched by halves, for all members at once.
        """
        at_level_wh = np.zeros(len(self.levels), np.int64)
        np.add.at(at_level_wh, self._at, self.energy_wh)
        up_to_wh = np.cumsum(at_level_wh)
        low, high = np.zeros(self.members, np.int64), np.full(self.members, len(self.levels) - 1)
        for _ in range(max(len(self.levels), 1).bit_length() + 1):
            middle = (low + high) >> 1
            counts = self.is_sell ^ (self._at > middle[self.member])
            own_wh = np.zeros(self.members, np.int64)
            np.add.at(own_wh, self.member, self.sign * self.energy_wh * counts)
            reaches = up_to_wh[middle] + own_wh >= self.demand_wh
            low, high = np.where(reaches, low, np.minimum(middle + 1, high)), np.where(reaches, middle, high)
        return low

    def _gains(self) -> Ints:
        """What everybody gains together who would trade at each level; Python integers, shape (levels,)."""
        size = len(self.levels)
        amount = self.limit.astype(object) * self.energy_wh
        sold_wh, sold_nano = (
            _by_level(self._at, x * self.is_sell, size) for x in (self.energy_wh.astype(object), amount)
        )
        bought_wh, bought_nano = (
            _by_level(self._at, x * ~self.is_sell, size) for x in (self.energy_wh.astype(object), amount)
        )
        price = self.levels.astype(object)
        sellers = price * np.cumsum(sold_wh) - np.cumsum(sold_nano)
        buyers = (bought_nano.sum() - np.cumsum(bought_nano)) - price * (bought_wh.sum() - np.cumsum(bought_wh))
        return np.asarray(sellers + buyers, object)

    def _own_gains(self, levels: Ints) -> Ints:
        """What each order gains at a level of its own; Python integers."""
        gain = np.maximum(self.sign * (self.limit - self.levels[levels]), 0)
        return np.asarray(gain.astype(object) * self.energy_wh, object)


def _by_level(at: Ints, values: Ints, size: int) -> Ints:
    total = np.zeros(size, object)
    np.add.at(total, at, values)
    return total
