"""Allocation keys: local production is divided by a key, as laws on collective self-consumption have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.clearing._pool import accepts, pool_agreement, pro_rata
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement
from commonwatt.core.registry import parameter
from commonwatt.core.splits import largest_remainder
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class AllocationKeys:
    """Production goes to consumers by a key: in proportion to their use (dynamic), in fixed parts (static) or by rank (ranked).

    `dynamic`: everybody gets the same share of what they use. `static`: every member has its part, whether it uses it or not (the members'
    `key_parts` over those of all members; where nobody has any, the same for each); what it cannot use is not passed on but sold to the supplier. `ranked`: members are served whole in the order of the community file (in
    `commonwatt clear`, of first appearance). Producers contribute in proportion to what they offer. One price for all, chosen by
    `pricing` between the feed-in price and what a neighbour's kWh may cost; with `midpoint` the dynamic key is the mid-market rate.

    Where they come from: the French code de l'energie, art. D. 315-6 (decree 2017-676: coefficients or a method that the organising
    body names, by default in proportion to consumption in every measuring step), and the Spanish Real Decreto 244/2019, annex I
    (coefficients of distribution that the participants agree). Neither names a ranking: it stands for a method of one's own.

    Whoever's limit the price breaks takes no part. Declares efficiency broken: keys ask nobody what energy is worth to them.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency"})

    key: str = parameter("dynamic", doc="how production is divided", choices=("dynamic", "static", "ranked"))
    static_members: int = parameter(
        0,
        doc="parts that the static key makes; at least one for each member that buys",
        unit="members; 0: one for each that buys",
        low=0,
        high=2**31 - 1,
    )

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Trades with the pool at one price, in sequence order; whole Wh by largest remainder."""
        ends = sorted((context.rates.feed_in_micro_per_kwh, context.rates.neighbour_ceiling_micro_per_kwh))
        low, high = (np.array([end], np.int64) for end in ends)
        price = int(context.priced(book, low, high)[0])
        takes_part = accepts(book, price)
        sells, buys = np.flatnonzero(takes_part & book.is_sell), np.flatnonzero(takes_part & ~book.is_sell)
        fills_wh = np.zeros(len(book), np.int64)
        fills_wh[buys] = self._allocated_wh(book, buys, int(book.energy_wh[sells].sum()), context)
        fills_wh[sells] = pro_rata(book, sells, int(fills_wh[buys].sum()))
        return pool_agreement(book, fills_wh, price, takes_part)

    def _allocated_wh(self, book: OrderBook, buys: Ints, supply_wh: int, context: ClearingContext) -> Ints:
        if self.key == "dynamic":
            return pro_rata(book, buys, supply_wh)
        order = np.lexsort((buys, -book.energy_wh[buys], -book.limit_micro_per_kwh[buys], book.member[buys]))
        wanted_wh = book.energy_wh[buys[order]]
        before_wh = np.cumsum(wanted_wh) - wanted_wh
        if self.key == "ranked":
            left_wh = supply_wh - before_wh
        else:
            member, first, own = np.unique(book.member[buys[order]], return_index=True, return_inverse=True)
            parts_wh = self._parts_wh(member, supply_wh, context)
            left_wh = parts_wh[own] - (before_wh - before_wh[first[own]])
        allocated_wh = np.empty(len(buys), np.int64)
        allocated_wh[order] = np.clip(left_wh, 0, wanted_wh)
        return allocated_wh

    def _parts_wh(self, member: Ints, supply_wh: int, context: ClearingContext) -> Ints:
        """What the static key gives each of some members of the whole production, whoever buys in the slot."""
        if context.members is not None and (context.members.parts > 0).any():
            return largest_remainder(supply_wh, np.maximum(context.members.parts, 0))[member]
        # Wh that do not divide go to the members that come first.
        part_wh, odd_wh = divmod(supply_wh, max(self.static_members, len(member), 1))
        return np.asarray(part_wh + (np.arange(len(member)) < odd_wh), np.int64)
