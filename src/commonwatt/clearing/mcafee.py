"""McAfee's auction: strategy-proof and never in deficit, at the cost of the least valuable trade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.clearing._matching import kept_apart, large_first, matched, unserved
from commonwatt.clearing._pool import pool_trades, pro_rata
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, with_filled
from commonwatt.core.units import Ints, midpoint_micro_per_kwh


@dataclass(frozen=True)
class Mcafee:
    """Double auction whose prices come from orders that do not trade, so that no limit can move its own price.

    McAfee (1992), "A dominant strategy double auction", doi:10.1016/0022-0531(92)90091-U. Let b and s be the limits of the last buyer and seller
    who could trade, b' and s' those of the next. When both last orders fit whole and (s' + b') / 2 lies between s and b, everybody up to
    them trades at that price. Else the last buyer and seller leave: buyers pay b, sellers get s, the operator keeps the difference.

    Orders of several Wh: Huang, Scheller-Wolf, Sycara (2002), "Design of a multi-unit double auction e-market",
    doi:10.1111/1467-8640.t01-1-00206. Of those who stay, the long side shares what is traded (here in proportion). Strategy-proof in the limit
    of members with one order; energy can still be understated. Of equal limits the larger order comes first, then the earlier.

    Declares efficiency broken: the last trade is given up; and one price: sellers may get less than buyers pay.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency", "one_price"})

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:  # noqa: ARG002
        """Trades with the pool, all sellers at one price and all buyers at one, in sequence order."""
        sells, buys = large_first(book)
        left_wh = book.energy_wh.copy()
        sell, buy, _ = matched(book, left_wh, sells, buys)
        fills_wh = np.zeros(len(book), np.int64)
        if not len(sell):
            return with_filled(book, pool_trades(book, fills_wh, 0, 0), unserved(book))
        limit = book.limit_micro_per_kwh
        # How many of each queue traded: the last of them are the marginal ones.
        sold, bought = _place(sells, sell[-1]) + 1, _place(buys, buy[-1]) + 1
        sell_price, buy_price = int(limit[sell[-1]]), int(limit[buy[-1]])
        fits = not left_wh[sell[-1]] and not left_wh[buy[-1]]
        between = _price_of_the_next(limit, sells[sold:], buys[bought:])
        if fits and between is not None and sell_price <= between <= buy_price:
            sell_price = buy_price = between
        else:
            sold, bought = sold - 1, bought - 1
        stay = (sells[:sold], buys[:bought])
        traded_wh = min(int(book.energy_wh[rows].sum()) for rows in stay)
        for rows in stay:
            fills_wh[rows] = pro_rata(book, rows, traded_wh)
        rest = unserved(book)
        rest[np.concatenate(stay)] = int(Reason.RATIONED)
        trades = pool_trades(book, fills_wh, sell_price, buy_price)
        return with_filled(book, trades, kept_apart(book, trades, rest))


def _place(rows: Ints, row: int) -> int:
    return int(np.flatnonzero(rows == row)[0])


def _price_of_the_next(limit: Ints, sells: Ints, buys: Ints) -> int | None:
    """Half way between the first offer and the first bid that do not trade; None where one of them is missing."""
    if not len(sells) or not len(buys):
        return None
    return midpoint_micro_per_kwh(int(limit[sells[0]]), int(limit[buys[0]]))
