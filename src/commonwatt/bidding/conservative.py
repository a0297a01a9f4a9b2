"""Conservative: less than the position, at a limit that keeps a margin."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.bidding.base import BiddingContext, Wishes, in_price_range, orders_at, own_limits
from commonwatt.core.orders import OrderBook
from commonwatt.core.registry import parameter
from commonwatt.core.units import parts_per_million

MILLION: Final = 10**6


@dataclass(frozen=True)
class Conservative:
    """A share of the net position, at a limit a margin better than the member's own; for members who fear a wrong forecast.

    What is not ordered is settled with the supplier by meter, so a member who delivers less than it expected is seldom short.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    offered_share: float = parameter(
        0.8, doc="part of the net position that is ordered, rounded down to whole Wh", low=0.0, high=1.0
    )
    margin_micro_per_kwh: int = parameter(
        10_000, doc="how far the limit stays inside the member's own", unit="micro/kWh", low=0, high=2**31 - 1
    )

    def bid(self, wishes: Wishes, context: BiddingContext) -> OrderBook:  # noqa: ARG002 - caution needs no context
        """The members' orders, limits as signed (a buyer's all-in): a seller asks own limit + margin, a buyer bids own limit - margin."""
        offered_wh = np.abs(wishes.net_wh) * parts_per_million(self.offered_share) // MILLION
        toward = np.where(wishes.net_wh > 0, self.margin_micro_per_kwh, -self.margin_micro_per_kwh)
        return orders_at(
            wishes.replaced(net_wh=np.sign(wishes.net_wh) * offered_wh), in_price_range(own_limits(wishes) + toward)
        )
