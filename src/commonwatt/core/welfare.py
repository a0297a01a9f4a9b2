"""Welfare of trades and the most that any trades of the same book could reach; exact integers in nano-currency."""

from __future__ import annotations

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Trades
from commonwatt.core.units import ENERGY_LIMIT_WH, PRICE_LIMIT_MICRO_PER_KWH, Ints, exact_sum


def welfare_nano(book: OrderBook, trades: Trades) -> int:
    """What buyers' limits say the traded energy is worth, less what sellers' limits say it costs.

    Prices cancel out: they move money between the two sides. `book` has the limits the mechanism saw.

    Raises:
        ValueError: limits or energy out of range (`core.units`).

    """
    _require_range(book, trades.energy_wh)
    bought, sold = trades.buy_order >= 0, trades.sell_order >= 0
    worth_nano = book.limit_micro_per_kwh[trades.buy_order[bought]] * trades.energy_wh[bought]
    cost_nano = book.limit_micro_per_kwh[trades.sell_order[sold]] * trades.energy_wh[sold]
    return exact_sum(worth_nano) - exact_sum(cost_nano)


def optimum_welfare_nano(book: OrderBook) -> int:
    """The largest welfare of any feasible trades: the area between the merit-order curves up to where they cross.

    Computed from the other side: at a price p of the crossing, the gains of everybody who would trade at p,
    `sum (bid - p)+ * Wh + sum (p - ask)+ * Wh`, are that same area. At any other p the sum is larger (weak duality of the matching as a
    linear programme), so a fault in the choice of p can never make a mechanism look better than it is.

    Raises:
        ValueError: limits or energy out of range (`core.units`).

    """
    _require_range(book, book.energy_wh)
    demand_wh = int(book.energy_wh[~book.is_sell].sum())
    if not demand_wh or not int(book.energy_wh[book.is_sell].sum()):
        return 0
    limit = book.limit_micro_per_kwh
    order = np.argsort(limit)
    price = int(limit[order[np.searchsorted(np.cumsum(book.energy_wh[order]), demand_wh)]])
    gain = np.maximum(np.where(book.is_sell, price - limit, limit - price), 0)
    return exact_sum(gain * book.energy_wh)


def _require_range(book: OrderBook, energy_wh: Ints) -> None:
    """Refuse what could overflow: a difference of limits is below 2**32, times energy below 2**31 it stays below 2**63."""
    limit = book.limit_micro_per_kwh
    if len(limit) and (int(limit.max()) >= PRICE_LIMIT_MICRO_PER_KWH or int(limit.min()) <= -PRICE_LIMIT_MICRO_PER_KWH):
        raise ValueError(f"expected limits within +-{PRICE_LIMIT_MICRO_PER_KWH}, was {limit.min()}..{limit.max()}")
    if len(energy_wh) and (int(energy_wh.min()) < 0 or int(energy_wh.max()) >= ENERGY_LIMIT_WH):
        raise ValueError(f"expected energy of 0..{ENERGY_LIMIT_WH - 1} Wh, was {energy_wh.min()}..{energy_wh.max()}")
