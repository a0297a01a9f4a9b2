"""Aggressive: a limit far from the own one, for the most gain a kWh at the risk of no trade."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.bidding.base import BiddingContext, Wishes, in_price_range, orders_at, own_limits
from commonwatt.core.orders import OrderBook
from commonwatt.core.registry import parameter
from commonwatt.core.units import parts_per_million

MILLION: Final = 10**6


@dataclass(frozen=True)
class Aggressive:
    """The whole net position, at a limit moved from the member's own towards the market's far end.

    The far end is the last limit that can trade at all: for a buyer feed-in + local charges (no seller gets less than feed-in),
    for a seller what the grid costs all-in - local charges (no buyer pays more). Where the own limit lies beyond it, it stands.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    reach_share: float = parameter(
        0.25, doc="how far towards the far end: 0 is the member's own limit, 1 the far end itself", low=0.0, high=1.0
    )

    def bid(self, wishes: Wishes, context: BiddingContext) -> OrderBook:
        """The members' orders, limits as signed (a buyer's all-in), rounded towards minus infinity."""
        rates = context.rates
        own = own_limits(wishes)
        local, dearest = rates.local_charges_micro_per_kwh, rates.neighbour_ceiling_micro_per_kwh
        far = np.where(
            wishes.net_wh > 0, np.maximum(own, dearest), np.minimum(own, rates.feed_in_micro_per_kwh + local)
        )
        moved = (far - own) * parts_per_million(self.reach_share) // MILLION
        return orders_at(wishes, in_price_range(own + moved))
