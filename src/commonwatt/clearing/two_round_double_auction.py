"""Double auction in two rounds, renewables first (preset `p2pet`), as curves instead of queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import RENEWABLE_SOURCES, OrderBook, Preference, Source
from commonwatt.core.records import Agreement, Reason, Trades, with_filled
from commonwatt.core.units import Flags, Ints
from commonwatt.pricing import PricingContext

_ROW_BITS: Final = 31
_ROW_MASK: Final = (1 << _ROW_BITS) - 1
"""Limits are below 2**31 in size, so limit and row fit one int64."""

_NOBODY: Final = 2**62
"""A limit beyond all limits."""


@dataclass(frozen=True)
class TwoRoundDoubleAuction:
    """Sealed double auction of He (2025): renewable sellers meet buyers who prefer them, then everybody with a residual.

    In a round the cheapest offer and the highest bid trade the smaller of their energies while the offer is not above the bid; equal
    limits by sequence. The price of each pair comes from `pricing` between its two limits. Serving renewables first costs welfare.

    Errata of the paper: Eq. 2 prints the bids ascending, the text and the matching need them descending. Eqs. 3 and 25 print
    `(s - b) / 2`, which no feasible pair can pay; the midpoint is `(s + b) / 2`. Eq. 22 sums prices where energy is meant: what a member
    is allocated is the sum of its trades' energy. What is left over is the supplier's, by the settlement rule.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency"})

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Pairwise trades of round 1, then of round 2, each in order of the offers' price."""
        sells, buys = _merit_order(book)
        residual_wh = book.energy_wh.copy()
        wanted = book.preference[buys] == Preference.RENEWABLE
        first = _round(book, residual_wh, sells[_is_renewable(book, context)[sells]], buys[wanted])
        second = _round(book, residual_wh, sells, buys)
        sell, buy, energy_wh = (np.concatenate(parts) for parts in zip(first, second, strict=True))
        limit = book.limit_micro_per_kwh
        price = context.pricing.price(limit[sell], limit[buy], PricingContext(context.slot, context.rates))
        number = np.repeat(np.array([1, 2]), (len(first[0]), len(second[0])))
        return with_filled(book, Trades(sell, buy, energy_wh, price, price, number), _rest(book))


def _is_renewable(book: OrderBook, context: ClearingContext) -> Flags:
    storage = (Source.BATTERY, Source.EV) if context.renewable_storage else ()
    counts = np.zeros(len(Source), np.bool_)
    counts[[*RENEWABLE_SOURCES, *storage]] = True
    return counts[book.source]


def _merit_order(book: OrderBook) -> tuple[Ints, Ints]:
    """Rows of the sellers by limit ascending and of the buyers descending; equal limits stay in sequence."""
    sells, buys = np.flatnonzero(book.is_sell), np.flatnonzero(~book.is_sell)
    return _by_limit(sells, book.limit_micro_per_kwh[sells]), _by_limit(buys, -book.limit_micro_per_kwh[buys])


def _by_limit(rows: Ints, limit: Ints) -> Ints:
    """Ascending rows by limit, equal limits by row. Both in one number: sorting numbers is several times faster than a stable argsort."""
    key = (limit << _ROW_BITS) | rows
    key.sort()
    return key & _ROW_MASK


def _round(book: OrderBook, residual_wh: Ints, sells: Ints, buys: Ints) -> tuple[Ints, Ints, Ints]:
    """Match heads of both queues while the offer is not above the bid; takes the energy out of `residual_wh`.

    Laying both queues along one axis of energy, a trade ends wherever an order of either ends; between two such ends one seller and one
    buyer face each other. Offers rise and bids fall along the axis, so the feasible trades are the first ones.
    """
    sold_up_to_wh, bought_up_to_wh = np.cumsum(residual_wh[sells]), np.cumsum(residual_wh[buys])
    if not len(sells) or not len(buys):
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    both_wh = min(int(sold_up_to_wh[-1]), int(bought_up_to_wh[-1]))
    # The last bit says whose end it is; ends stay below 2**62.
    ends = np.concatenate((sold_up_to_wh << 1 | 1, bought_up_to_wh << 1))
    ends.sort()
    ends_wh, is_sold = ends >> 1, ends & 1
    energy_wh = np.diff(ends_wh, prepend=0)
    # Orders without energy end where another ends; past `both_wh` one side has nobody left.
    kept = np.flatnonzero((energy_wh > 0) & (ends_wh <= both_wh))
    # A kept end is the first of its value: whoever ended before it is served.
    before = np.cumsum(is_sold) - is_sold
    ends_wh, energy_wh = ends_wh[kept], energy_wh[kept]
    sell, buy = sells[before[kept]], buys[kept - before[kept]]
    feasible = int((book.limit_micro_per_kwh[sell] <= book.limit_micro_per_kwh[buy]).sum())
    traded_wh = int(ends_wh[feasible - 1]) if feasible else 0
    for rows, up_to_wh in ((sells, sold_up_to_wh), (buys, bought_up_to_wh)):
        residual_wh[rows] = np.minimum(residual_wh[rows], np.maximum(up_to_wh - traded_wh, 0))
    return sell[:feasible], buy[:feasible], energy_wh[:feasible]


def _rest(book: OrderBook) -> Ints:
    """Why an order was not filled: nobody accepts its limit, or those who do were taken by better or earlier orders."""
    limit, has_energy = book.limit_micro_per_kwh, book.energy_wh > 0
    # Without a bid no offer was too dear, without an offer no bid too low.
    best_bid = np.where(has_energy & ~book.is_sell, limit, -_NOBODY).max(initial=-_NOBODY)
    best_offer = np.where(has_energy & book.is_sell, limit, _NOBODY).min(initial=_NOBODY)
    too_dear = book.is_sell & (limit > best_bid) & (best_bid != -_NOBODY)
    too_low = ~book.is_sell & (limit < best_offer) & (best_offer != _NOBODY)
    return np.where(too_dear | too_low, int(Reason.PRICE), int(Reason.NO_COUNTERPART))
