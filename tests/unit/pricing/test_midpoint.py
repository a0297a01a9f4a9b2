"""The midpoint."""

import numpy as np
from tests.fakes.books import NO_FEES

from commonwatt.pricing import PRICINGS, PricingContext


def test_the_odd_micro_goes_to_the_buyer_at_any_sign() -> None:
    low, high = np.array([10, -10, -3, 5]), np.array([13, -7, 2, 5])
    price = PRICINGS.make("midpoint").price(low, high, PricingContext(7, NO_FEES))
    assert price.tolist() == [11, -9, -1, 5]
