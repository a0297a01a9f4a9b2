"""Every registered pricing policy keeps the price between both ends, in whole micro, the same every time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import NO_FEES

from commonwatt.pricing import PRICINGS, PricingContext

LIMIT = st.integers(-(2**31) + 1, 2**31 - 1)


@pytest.mark.parametrize("name", PRICINGS.names())
@settings(max_examples=60, deadline=None)
@given(ends=st.lists(st.tuples(LIMIT, LIMIT), max_size=6))
def test_a_price_lies_between_both_ends(name: str, ends: list[tuple[int, int]]) -> None:
    low = np.array([min(pair) for pair in ends], np.int64)
    high = np.array([max(pair) for pair in ends], np.int64)
    first, second = (PRICINGS.make(name).price(low, high, PricingContext(7, NO_FEES)) for _ in range(2))
    assert first.dtype == np.int64
    assert first.shape == low.shape
    assert ((low <= first) & (first <= high)).all()
    assert (first == second).all()
