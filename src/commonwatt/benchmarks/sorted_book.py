"""A continuous book kept in two sorted lists: what the continuous venue is timed beside and checked by; it shares no code with it."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonwatt.core.events import Events
    from commonwatt.core.orders import OrderBook

PLACE = 0
"""Every other kind withdraws."""


def trades_of(book: OrderBook, events: Events) -> list[tuple[int, int, int, int]]:
    """Seller's row, buyer's row, Wh and price of each trade; events as `continuous` makes them, none of them late, repeated or a stranger's."""
    limits, sells, left = (getattr(book, name).tolist() for name in ("limit_micro_per_kwh", "is_sell", "energy_wh"))
    # The best order is the last of its list: a bid by its limit, an offer by minus its limit, earlier ones after later ones.
    bids: list[tuple[int, int, int]] = []
    offers: list[tuple[int, int, int]] = []
    trades = []
    for at, (kind, row) in enumerate(zip(events.kind.tolist(), events.order.tolist(), strict=True)):
        if kind != PLACE:
            left[row] = 0
            continue
        limit = limits[row]
        own, others = (offers, bids) if sells[row] else (bids, offers)
        while left[row] and others:
            other = others[-1][2]
            if limits[other] < limit if sells[row] else limits[other] > limit:
                break
            energy = min(left[row], left[other])
            if energy:
                left[row] -= energy
                left[other] -= energy
                seller, buyer = (row, other) if sells[row] else (other, row)
                trades.append((seller, buyer, energy, limits[other]))
            if not left[other]:
                others.pop()
        if left[row]:
            insort(own, (-limit if sells[row] else limit, -at, row))
    return trades
