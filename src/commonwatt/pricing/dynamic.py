"""The price that moves with scarcity, congestion and trust (preset `pbet-chain`)."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.registry import parameter
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH, Ints
from commonwatt.pricing.base import PricingContext, by_book, moved_into

_PAPER: Final = "PBET-Chain 2026, Eq. 19"
_MOST: Final = PRICE_LIMIT_MICRO_PER_KWH - 1


def _coefficient(default: int, doc: str, low: int = 0) -> int:
    value: int = parameter(default, doc=doc, unit="micro/kWh", low=low, high=_MOST, source=_PAPER)
    return value


@dataclass(frozen=True)
class Dynamic:
    """`base + kappa * congestion - delta * trust + phi * (demand - supply) / supply`, from feed-in to retail, within the limits.

    As printed a trusted seller is paid less and gains volume, not price; `delta` may be negative to pay it more. Trust and congestion are
    0 where no trust model and no model of the grid says.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    base_micro_per_kwh: int = _coefficient(150_000, "price when supply meets demand", -_MOST)
    kappa_micro_per_kwh: int = _coefficient(50_000, "added where the wires are full")
    delta_micro_per_kwh: int = _coefficient(0, "taken off for a seller of full trust", -_MOST)
    phi_micro_per_kwh: int = _coefficient(50_000, "added for every time the supply that demand exceeds it, taken off for the part of it that nobody asks for")  # fmt: skip
    epsilon_wh: int = parameter(
        1, doc="keeps the ratio finite without supply", unit="Wh", low=1, high=2**31, source=_PAPER
    )

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:
        """The formula's price clamped to [feed-in, retail], then moved into [low, high]."""
        rates = context.rates
        feed_in, retail = rates.feed_in_micro_per_kwh, max(rates.feed_in_micro_per_kwh, rates.retail_micro_per_kwh)

        def scarce(supply_wh: int, demand_wh: int) -> int:
            moved = self.phi_micro_per_kwh * (demand_wh - supply_wh) // (supply_wh + self.epsilon_wh)
            # Beyond the range of prices it makes no difference any more.
            return max(-4 * _MOST, min(4 * _MOST, moved))

        rows = len(low_micro_per_kwh)
        beside = self.kappa_micro_per_kwh * np.asarray(context.congestion_share, np.float64)
        beside = np.broadcast_to(beside - self.delta_micro_per_kwh * np.asarray(context.trust, np.float64), (rows,))
        wanted = self.base_micro_per_kwh + np.rint(beside).astype(np.int64) + by_book(context, rows, scarce)
        return moved_into(low_micro_per_kwh, high_micro_per_kwh, np.clip(wanted, feed_in, retail))
