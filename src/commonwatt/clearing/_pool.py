"""One price for a pool that everybody trades with: who takes part, how a shortage is shared, why somebody got less."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, Trades, with_filled
from commonwatt.core.splits import largest_remainder
from commonwatt.core.units import Flags, Ints


def accepts(book: OrderBook, price_micro_per_kwh: int) -> Flags:
    """Whose limit allows a price; orders without energy accept none."""
    limit = book.limit_micro_per_kwh
    allows = np.where(book.is_sell, limit <= price_micro_per_kwh, limit >= price_micro_per_kwh)
    return allows & (book.energy_wh > 0)


def settled_price(book: OrderBook, price_of: Callable[[int, int], int]) -> tuple[int, Flags]:
    """A price that depends on supply and demand (Wh) of those who accept it, and who they are.

    Whoever's limit the price breaks leaves, all of them together and for good, and the price is worked out again until nobody leaves.
    """
    takes_part: Flags = book.energy_wh > 0
    while True:
        supply_wh, demand_wh = (int(book.energy_wh[takes_part & side].sum()) for side in (book.is_sell, ~book.is_sell))
        price = price_of(supply_wh, demand_wh)
        stays = takes_part & accepts(book, price)
        if not (takes_part & ~stays).any():
            return price, takes_part
        takes_part = stays


def pro_rata(book: OrderBook, rows: Ints, total_wh: int) -> Ints:
    """Shares of `total_wh` in proportion to the energy of some orders of one side, whole Wh, one a row of `rows`; all of it where it suffices.

    Largest remainder; equal remainders go to the better limit, then to the larger order, then to the earlier one.
    """
    energy_wh = book.energy_wh[rows]
    if total_wh >= int(energy_wh.sum()):
        return energy_wh.copy()
    cost = np.where(book.is_sell[rows], book.limit_micro_per_kwh[rows], -book.limit_micro_per_kwh[rows])
    order = np.lexsort((rows, -energy_wh, cost))
    shares = np.empty(len(rows), np.int64)
    shares[order] = largest_remainder(total_wh, energy_wh[order])
    return shares


def both_pro_rata(book: OrderBook, takes_part: Flags) -> Ints:
    """Energy of every order when the short side of those who take part trades all it has and the long side shares that."""
    sells, buys = np.flatnonzero(takes_part & book.is_sell), np.flatnonzero(takes_part & ~book.is_sell)
    traded_wh = min(int(book.energy_wh[sells].sum()), int(book.energy_wh[buys].sum()))
    fills_wh = np.zeros(len(book), np.int64)
    for rows in (sells, buys):
        fills_wh[rows] = pro_rata(book, rows, traded_wh)
    return fills_wh


def pool_trades(book: OrderBook, fills_wh: Ints, sell_price: int | Ints, buy_price: int | Ints) -> Trades:
    """One trade with the pool for each order that got something, in sequence order; a price for all, or one an order of the book."""
    rows = np.flatnonzero(fills_wh)
    is_sell = book.is_sell[rows]
    prices = np.where(
        is_sell,
        np.broadcast_to(np.asarray(sell_price, np.int64), len(book))[rows],
        np.broadcast_to(np.asarray(buy_price, np.int64), len(book))[rows],
    )
    return Trades.of(
        len(rows),
        sell_order=np.where(is_sell, rows, -1),
        buy_order=np.where(is_sell, -1, rows),
        energy_wh=fills_wh[rows],
        sell_price_micro_per_kwh=prices,
        buy_price_micro_per_kwh=prices,
        round=1,
    )


def pool_agreement(book: OrderBook, fills_wh: Ints, price_micro_per_kwh: int, takes_part: Flags) -> Agreement:
    """Everybody's trade with the pool at one price, and why who got less got less."""
    trades = pool_trades(book, fills_wh, price_micro_per_kwh, price_micro_per_kwh)
    has_energy = book.energy_wh > 0
    is_two_sided = bool((has_energy & book.is_sell).any()) and bool((has_energy & ~book.is_sell).any())
    if not is_two_sided:
        rest = np.full(len(book), int(Reason.NO_COUNTERPART), np.int64)
    else:
        accepted = int(Reason.RATIONED) if len(trades) else int(Reason.NO_COUNTERPART)
        rest = np.where(takes_part, accepted, int(Reason.PRICE))
    return with_filled(book, trades, rest)
