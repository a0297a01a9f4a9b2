"""The price that follows supply and demand: near retail when energy is scarce, near feed-in when there is plenty."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.core.supply_demand import supply_demand_price_micro_per_kwh
from commonwatt.core.units import Ints
from commonwatt.pricing.base import PricingContext, by_book, moved_into


@dataclass(frozen=True)
class SupplyDemandRatio:
    """The seller's price of the supply-demand-ratio rule of the slot's whole book, for both sides, within the limits of a trade."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:
        """The ratio's price, moved into [low, high]."""
        feed_in, retail = context.rates.feed_in_micro_per_kwh, context.rates.retail_micro_per_kwh

        def wanted(supply_wh: int, demand_wh: int) -> int:
            return supply_demand_price_micro_per_kwh(supply_wh, demand_wh, feed_in, retail)

        return moved_into(low_micro_per_kwh, high_micro_per_kwh, by_book(context, len(low_micro_per_kwh), wanted))
