"""Terms on top of a policy: imbalance of the newest settled slot, and silent meters."""

import numpy as np
from tests.fakes.books import NO_FEES

from commonwatt.pricing import PRICINGS, PriceTerms, PricingContext, with_terms

LOW, HIGH = np.array([100_000, 100_000, 150_000]), np.array([200_000, 160_000, 151_000])
MIDPOINT = PRICINGS.make("midpoint")


def known(short_wh: int, flagged_share: float = 0.0) -> PricingContext:
    return PricingContext(7, NO_FEES, short_wh=np.full(3, short_wh), flagged_share=flagged_share)


def test_a_price_rises_with_what_both_sides_were_short_but_not_past_a_limit() -> None:
    policy = with_terms(MIDPOINT, 40_000, 0)

    assert policy.price(LOW, HIGH, known(0)).tolist() == [150_000, 130_000, 150_500]
    assert policy.price(LOW, HIGH, known(1000)).tolist() == [190_000, 160_000, 151_000]
    assert policy.price(LOW, HIGH, known(-1000)).tolist() == [110_000, 100_000, 150_000]


def test_a_price_moves_by_the_part_of_energy_that_silent_meters_stand_for() -> None:
    assert with_terms(MIDPOINT, 0, 40_000).price(LOW, HIGH, known(0, 0.25)).tolist() == [160_000, 140_000, 151_000]
    assert with_terms(MIDPOINT, 0, -40_000).price(LOW, HIGH, known(0, 0.25)).tolist() == [140_000, 120_000, 150_000]


def test_both_terms_add_up_and_are_rounded_down() -> None:
    assert with_terms(MIDPOINT, 3, 1).price(LOW, HIGH, known(-1, 0.5))[0] == 149_999


def test_without_a_coefficient_a_policy_stays_itself() -> None:
    assert with_terms(MIDPOINT, 0, 0) is MIDPOINT
    assert isinstance(with_terms(MIDPOINT, 0, 1), PriceTerms)
