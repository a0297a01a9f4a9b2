"""The price by a threshold: on-peak where the community asks for much energy, off-peak otherwise (preset `bc-et-mf`)."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.core.registry import parameter
from commonwatt.core.units import Ints
from commonwatt.pricing.base import PricingContext, by_book, moved_into

_PAPER = "Zulfiqar et al., Eq. 17"


@dataclass(frozen=True)
class Threshold:
    """On-peak price in a slot whose bids ask for the threshold or more together, else off-peak, within the limits of a trade."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    threshold_wh: int = parameter(
        10_000,
        doc="requested energy of a slot from which it is on-peak, set by the aggregator",
        unit="Wh",
        low=0,
        high=2**62,
        source=_PAPER,
    )
    on_peak_micro_per_kwh: int = parameter(
        220_000,
        doc="price of an on-peak slot",
        unit="micro/kWh",
        low=-(2**31) + 1,
        high=2**31 - 1,
        source="an assumption: below a usual retail price",
    )
    off_peak_micro_per_kwh: int = parameter(
        140_000,
        doc="price of any other slot",
        unit="micro/kWh",
        low=-(2**31) + 1,
        high=2**31 - 1,
        source="an assumption: above a usual feed-in price",
    )

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:
        """The slot's price, moved into [low, high]."""

        def wanted(_: int, demand_wh: int) -> int:
            return self.on_peak_micro_per_kwh if demand_wh >= self.threshold_wh else self.off_peak_micro_per_kwh

        return moved_into(low_micro_per_kwh, high_micro_per_kwh, by_book(context, len(low_micro_per_kwh), wanted))
