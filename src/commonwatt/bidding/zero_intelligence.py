"""Zero intelligence: random limits that never lose money."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.bidding.base import BiddingContext, Wishes, orders_at, own_limits
from commonwatt.core.orders import OrderBook


@dataclass(frozen=True)
class ZeroIntelligence:
    """Constrained zero intelligence: a uniform limit between the member's own and the market's far end; the yardstick of cleverness.

    A buyer draws from [feed-in, own limit], a seller from [own limit, retail + grid fee + tax], ends included; where that interval is
    empty the order stands at the member's own limit. (Gode and Sunder 1993, "Allocative efficiency of markets with zero-intelligence
    traders", ZI-C: the budget constraint is the limit, the range of prices is the tariff's.)
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def bid(self, wishes: Wishes, context: BiddingContext) -> OrderBook:
        """The members' orders, limits as signed (a buyer's all-in); one draw a row of `wishes`, in order."""
        rates = context.rates
        own = own_limits(wishes)
        is_sell = wishes.net_wh > 0
        dearest = rates.all_in_micro_per_kwh
        low = np.where(is_sell, own, np.minimum(rates.feed_in_micro_per_kwh, own))
        high = np.where(is_sell, np.maximum(dearest, own), own)
        return orders_at(wishes, context.rng.integers(low, high, endpoint=True, dtype=np.int64))
