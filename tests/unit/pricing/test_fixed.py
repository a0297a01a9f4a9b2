"""The agreed price."""

import numpy as np
from tests.fakes.books import NO_FEES

from commonwatt.pricing import PRICINGS, PricingContext


def test_the_agreed_price_holds_where_the_limits_allow_it() -> None:
    low, high = np.array([100, 160, 90, -5]), np.array([200, 200, 140, -1])
    price = PRICINGS.make("fixed", reference_micro_per_kwh=150).price(low, high, PricingContext(7, NO_FEES))
    assert price.tolist() == [150, 160, 140, -1]
