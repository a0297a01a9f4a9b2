"""The price of the places a kWh comes from and goes to: alike where no wire is full, apart where one is."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.core.units import Ints, midpoint_micro_per_kwh
from commonwatt.pricing.base import PricingContext, moved_into


@dataclass(frozen=True)
class Locational:
    """Half way between the nodal prices of seller and buyer, within the limits of a trade.

    A nodal price is what one more kWh at a bus is worth to all, in the largest welfare that the book could reach on the wires (Schweppe and
    others 1988, Spot Pricing of Electricity, doi:10.1007/978-1-4613-1683-1). Without lines there is one bus, and every trade has the price at
    which the whole book would clear. One price for both sides, so nobody collects what a full line parts their buses by: the pair shares it.
    Where one price is made for all there is no place to look at: half way between both ends.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:
        """The places' price, moved into [low, high]."""
        if context.at_places is None:
            return midpoint_micro_per_kwh(low_micro_per_kwh, high_micro_per_kwh)
        return moved_into(low_micro_per_kwh, high_micro_per_kwh, context.at_places())
