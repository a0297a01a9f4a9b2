"""Pricing: what a kWh costs between the lowest and highest price both sides accept."""

from dataclasses import dataclass
from typing import Protocol

from commonwatt.core.registry import Answer, Registry
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class PricingContext:
    """What a policy may look at."""

    slot: int
    rates: Rates


class Pricing(Answer, Protocol):
    """Promises: low <= price <= high for every row; deterministic; whole micro per kWh."""

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:
        """One price per row, within [low, high] (seller's and buyer's limit, or the ends of a clearing interval)."""
        ...


PRICINGS = Registry[Pricing]("pricing", "policy")
