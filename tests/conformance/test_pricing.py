"""Every registered pricing policy keeps the price between both ends, in whole micro, the same every time, whatever the book."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import NO_FEES

from commonwatt.pricing import PRICINGS, PricingContext, with_terms

LIMIT = st.integers(-(2**31) + 1, 2**31 - 1)
ENERGY = st.one_of(st.sampled_from([0, 1, 2**62]), st.integers(0, 10**6))
SHARE = st.floats(0, 1)
MOST = 2**31 - 1
POLICIES = [
    pytest.param(name, terms, id=f"{name}-{'-'.join(map(str, terms))}")
    for name in PRICINGS.names()
    for terms in ((0, 0), (-MOST, MOST))
]
"""Every policy alone, and with terms on top of it."""


@pytest.mark.parametrize(("name", "terms"), POLICIES)
@settings(max_examples=60, deadline=None)
@given(
    ends=st.lists(st.tuples(LIMIT, LIMIT), max_size=6),
    rates=st.tuples(LIMIT, LIMIT),
    book=st.tuples(ENERGY, ENERGY),
    shares=st.tuples(SHARE, SHARE),
    short_wh=st.one_of(st.sampled_from([0, 1, -1, 2**50, -(2**50)]), st.integers(-(10**6), 10**6)),
    flagged=SHARE,
    place=LIMIT,
)
def test_a_price_lies_between_both_ends(
    name: str,
    terms: tuple[int, int],
    ends: list[tuple[int, int]],
    rates: tuple[int, int],
    book: tuple[int, int],
    shares: tuple[float, float],
    short_wh: int,
    flagged: float,
    place: int,
) -> None:
    low = np.array([min(pair) for pair in ends], np.int64)
    high = np.array([max(pair) for pair in ends], np.int64)
    tariff = replace(NO_FEES, feed_in_micro_per_kwh=rates[0], retail_micro_per_kwh=rates[1])
    alike = PricingContext(7, tariff, *book, *shares, short_wh, flagged)
    for context in (alike, replace(alike, at_places=lambda: np.full(len(ends), place))):
        first, second = (with_terms(PRICINGS.make(name), *terms).price(low, high, context) for _ in range(2))
        assert first.dtype == np.int64
        assert first.shape == low.shape
        assert ((low <= first) & (first <= high)).all()
        assert (first == second).all()


@pytest.mark.parametrize(("name", "terms"), POLICIES)
@settings(max_examples=30, deadline=None)
@given(books=st.lists(st.tuples(ENERGY, ENERGY), min_size=1, max_size=5))
def test_many_books_at_once_are_priced_as_each_alone(
    name: str, terms: tuple[int, int], books: list[tuple[int, int]]
) -> None:
    low, high = np.full(len(books), 80_000), np.full(len(books), 300_000)
    supply, demand = np.array(books, np.int64).T
    policy = with_terms(PRICINGS.make(name), *terms)
    known = PricingContext(7, NO_FEES, supply, demand, short_wh=demand - supply, flagged_share=0.3)
    together = policy.price(low, high, known)
    alone = [
        int(policy.price(low[:1], high[:1], PricingContext(7, NO_FEES, s, d, 0.0, 0.0, d - s, 0.3))[0])
        for s, d in books
    ]
    assert together.tolist() == alone
