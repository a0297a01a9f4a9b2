"""Forecast based: a limit near the price that the settled slots let a member expect."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.bidding.base import BiddingContext, Wishes, in_price_range, orders_at, own_limits
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import PriceHistory
from commonwatt.core.registry import parameter
from commonwatt.core.units import SECONDS_PER_DAY


@dataclass(frozen=True)
class ForecastBased:
    """The whole net position, at the expected local price with some slack, never worse than the member's own limit.

    The expected price is what buyers paid on average, by energy, at the same time of day (UTC) in the last days; where nobody traded
    then, in the newest settled slot with trades; before the first trade the strategy is truthful. It knows settled slots only: neither
    the orders of this slot nor, in `ex_post`, what the other members metered in it.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    price_days: int = parameter(
        7, doc="days over which the price of the time of day is averaged", unit="days", low=1, high=60
    )
    slack_micro_per_kwh: int = parameter(
        10_000,
        doc="how much worse than the expected price a member still takes",
        unit="micro/kWh",
        low=0,
        high=2**31 - 1,
    )

    def bid(self, wishes: Wishes, context: BiddingContext) -> OrderBook:
        """The members' orders, limits as signed (a buyer's all-in)."""
        own = own_limits(wishes)
        expected = self.expected_micro_per_kwh(context.prices, context.slot)
        if expected is None:
            return orders_at(wishes, own)
        all_in = expected + context.rates.local_charges_micro_per_kwh
        sell = np.maximum(own, expected - self.slack_micro_per_kwh)
        buy = np.minimum(own, all_in + self.slack_micro_per_kwh)
        return orders_at(wishes, in_price_range(np.where(wishes.net_wh > 0, sell, buy)))

    def expected_micro_per_kwh(self, prices: PriceHistory, slot: int) -> int | None:
        """The price of energy between neighbours that the settled slots suggest for `slot`; None when nothing was ever traded."""
        slots_per_day = SECONDS_PER_DAY // prices.slot_s
        first = slot - prices.first_slot - slots_per_day
        rows = np.arange(first, max(first - self.price_days * slots_per_day, -1), -slots_per_day)
        rows = rows[rows < len(prices)]
        traded = rows[prices.energy_wh[rows] > 0]
        if not len(traded):
            traded = np.flatnonzero(prices.energy_wh > 0)[-1:]
        # As Python integers: a community's energy times a price may pass int64.
        energy = prices.energy_wh[traded].tolist()
        paid = sum(wh * price for wh, price in zip(energy, prices.price_micro_per_kwh[traded].tolist(), strict=True))
        return paid // sum(energy) if energy else None
