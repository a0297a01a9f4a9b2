"""Double auction in two rounds, renewables first (preset `p2pet`), as curves instead of queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.clearing._matching import matched, merit_order, unserved
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import RENEWABLE_SOURCES, OrderBook, Preference, Source
from commonwatt.core.records import Agreement, Trades, with_filled
from commonwatt.core.units import Flags


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
        sells, buys = merit_order(book)
        residual_wh = book.energy_wh.copy()
        wanted = book.preference[buys] == Preference.RENEWABLE
        first = matched(book, residual_wh, sells[_is_renewable(book, context)[sells]], buys[wanted])
        second = matched(book, residual_wh, sells, buys)
        sell, buy, energy_wh = (np.concatenate(parts) for parts in zip(first, second, strict=True))
        limit = book.limit_micro_per_kwh
        price = context.priced(book, limit[sell], limit[buy], sell, buy)
        number = np.repeat(np.array([1, 2]), (len(first[0]), len(second[0])))
        return with_filled(book, Trades.at_one_price(sell, buy, energy_wh, price, number), unserved(book))


def _is_renewable(book: OrderBook, context: ClearingContext) -> Flags:
    storage = (Source.BATTERY, Source.EV) if context.renewable_storage else ()
    counts = np.zeros(len(Source), np.bool_)
    counts[[*RENEWABLE_SOURCES, *storage]] = True
    return counts[book.source]
