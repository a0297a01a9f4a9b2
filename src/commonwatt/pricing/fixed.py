"""A price that the community agreed on beforehand."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.core.registry import parameter
from commonwatt.core.units import Ints
from commonwatt.pricing.base import PricingContext, moved_into


@dataclass(frozen=True)
class Fixed:
    """One reference price for every slot, moved as little as the limits of a trade require."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    reference_micro_per_kwh: int = parameter(
        150_000,
        doc="price between neighbours, without fees and taxes",
        unit="micro/kWh",
        low=-(2**31) + 1,
        high=2**31 - 1,
        source="an assumption: between usual feed-in and retail prices",
    )

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:  # noqa: ARG002
        """The reference price, but at least `low` and at most `high` of its row."""
        return moved_into(low_micro_per_kwh, high_micro_per_kwh, self.reference_micro_per_kwh)
