"""Terms on top of any policy: what the newest settled slot says of imbalance, and of meters that cannot be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.units import Ints
from commonwatt.pricing.base import Pricing, PricingContext, moved_into

_WH_PER_KWH: Final = 1000
_FARTHEST: Final = 2**40
"""Beyond every price, so that no sum leaves int64."""


@dataclass(frozen=True)
class PriceTerms:
    """`p + alpha * (dg_i - dc_j)` (He 2025, Eq. 25) `+ lambda * IDF` (Eq. 31), p being what the policy says, within the limits of each row.

    Errata: Eq. 25 adds dc, but a consumer who takes less leaves a surplus, and this slot's imbalances are not known when its prices are
    made: those of the newest settled slot are.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"readings", "orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    policy: Pricing
    imbalance_alpha_micro_per_kwh: int
    """Per kWh that seller and buyer together were short."""
    secure_lambda_micro_per_kwh: int
    """Where all energy is that of silent meters; in proportion where a part is."""

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:
        """The policy's price and both terms, moved into [low, high]; each term rounded once, towards minus infinity."""
        price = self.policy.price(low_micro_per_kwh, high_micro_per_kwh, context)
        short_wh = np.broadcast_to(np.asarray(context.short_wh), price.shape).tolist()
        scarce = [self.imbalance_alpha_micro_per_kwh * wh // _WH_PER_KWH for wh in short_wh]
        scarce = [max(-_FARTHEST, min(_FARTHEST, micro)) for micro in scarce]
        unsafe = int(np.floor(self.secure_lambda_micro_per_kwh * context.flagged_share))
        return moved_into(low_micro_per_kwh, high_micro_per_kwh, price + np.array(scarce, np.int64) + unsafe)


def with_terms(policy: Pricing, imbalance_alpha_micro_per_kwh: int, secure_lambda_micro_per_kwh: int) -> Pricing:
    """A policy with the terms that are not 0."""
    if not (imbalance_alpha_micro_per_kwh or secure_lambda_micro_per_kwh):
        return policy
    return PriceTerms(policy, imbalance_alpha_micro_per_kwh, secure_lambda_micro_per_kwh)
