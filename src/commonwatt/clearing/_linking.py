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
    given, taken = trades.energy_wh[sold].cumsum(), trades.energy_wh[bought].cumsum()
    ends = np.concatenate((given, taken))
    ends.sort()
    energy_wh = ends.copy()
    energy_wh[1:] -= ends[:-1]
    # Where a seller's energy ends with a buyer's there is one end.
    is_new = energy_wh > 0
    ends, energy_wh = ends[is_new], energy_wh[is_new]
    sale, purchase = sold[given.searchsorted(ends)], bought[taken.searchsorted(ends)]
    pairs = trades.take(sale).replaced(
        buy_order=trades.buy_order[purchase],
        energy_wh=energy_wh,
        buy_price_micro_per_kwh=trades.buy_price_micro_per_kwh[purchase],
    )
    both = sells & buys
    return Trades.joined([trades.take(both), pairs]) if both.any() else pairs


def _in_turn(trades: Trades, rows: Ints, order: Ints, cost: Ints) -> Ints:
    """Rows of one side of the pool by round, then by cost of their orders."""
    return rows[np.lexsort((trades.energy_wh[rows], cost[order[rows]], trades.round[rows]))]
