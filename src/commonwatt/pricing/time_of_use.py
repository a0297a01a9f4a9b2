"""The price that follows the tariff's hours: a set share of the way from feed-in to retail, window by window."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.core.registry import parameter
from commonwatt.core.units import Ints
from commonwatt.pricing.base import PricingContext, moved_into


@dataclass(frozen=True)
class TimeOfUse:
    """A price known beforehand for every hour of the week: dear where the tariff's windows are dear, cheap where they are cheap."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    share: float = parameter(
        0.5,
        doc="of the way from the slot's feed-in price to its retail price",
        low=0.0,
        high=1.0,
        source="an assumption: half",
    )

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:
        """The slot's price, moved into [low, high]."""
        feed_in, retail = context.rates.feed_in_micro_per_kwh, context.rates.retail_micro_per_kwh
        return moved_into(low_micro_per_kwh, high_micro_per_kwh, feed_in + round(self.share * (retail - feed_in)))
