"""Trades with the pool as trades between members, where a market has a pool at more than one place."""

from __future__ import annotations

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Trades
from commonwatt.core.units import Ints


def linked(trades: Trades, book: OrderBook) -> Trades:
    """The same fills at the same prices without a pool: the first seller's energy goes to the first buyer until one of them has no more.

    Rounds in turn; first is who asks least and who bids most, whenever the order came, then whose energy is less. That makes at most one
    trade fewer than there are sellers and buyers. What two pools sold at two prices could otherwise not be told apart, neither when trades
    shrink to what was delivered nor on a ledger that posts them one by one.
    """
    sells, buys = trades.sell_order >= 0, trades.buy_order >= 0
    if (sells & buys).all():
        return trades
    sold = _in_turn(trades, np.flatnonzero(sells & ~buys), trades.sell_order, book.limit_micro_per_kwh)
    bought = _in_turn(trades, np.flatnonzero(buys & ~sells), trades.buy_order, -book.limit_micro_per_kwh)
    given, taken = np.cumsum(trades.energy_wh[sold]), np.cumsum(trades.energy_wh[bought])
    ends = np.union1d(given, taken)
    sale, purchase = sold[np.searchsorted(given, ends)], bought[np.searchsorted(taken, ends)]
    pairs = trades.take(sale).replaced(
        buy_order=trades.buy_order[purchase],
        energy_wh=np.diff(ends, prepend=0),
        buy_price_micro_per_kwh=trades.buy_price_micro_per_kwh[purchase],
    )
    return Trades.joined([trades.take(np.flatnonzero(sells & buys)), pairs])


def _in_turn(trades: Trades, rows: Ints, order: Ints, cost: Ints) -> Ints:
    """Rows of one side of the pool by round, then by cost of their orders."""
    return rows[np.lexsort((trades.energy_wh[rows], cost[order[rows]], trades.round[rows]))]
