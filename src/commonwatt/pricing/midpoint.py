"""The price half way between what the seller asks and the buyer bids."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.core.units import Ints, midpoint_micro_per_kwh
from commonwatt.pricing.base import PricingContext


@dataclass(frozen=True)
class Midpoint:
    """Half way between both ends, rounded towards minus infinity (`p2pet`; mid-point rule of the uniform price)."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:  # noqa: ARG002
        """`(low + high) >> 1` per row: the gain of a trade is shared in halves, the odd micro goes to the buyer."""
        return midpoint_micro_per_kwh(low_micro_per_kwh, high_micro_per_kwh)
