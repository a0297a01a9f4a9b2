"""Postings of energy at a price, exact sums and shares."""

import numpy as np
import pytest

from commonwatt.core.accounts import Account, Kind, energy_postings
from commonwatt.core.units import Ints, exact_sum, parts_per_million


def one(value: int) -> Ints:
    return np.array([value], np.int64)


@pytest.mark.parametrize(("price", "ends"), [(5, (9, 8)), (-5, (8, 9))])
def test_energy_at_a_price_goes_from_payer_to_receiver_and_turns_with_the_sign(
    price: int, ends: tuple[int, int]
) -> None:
    posting = energy_postings(one(8), one(9), one(10), one(price), Kind.TRADE)

    assert (int(posting.debit[0]), int(posting.credit[0])) == ends
    assert (int(posting.amount_nano[0]), int(posting.energy_wh[0])) == (50, 10)
    assert int(posting.price_micro_per_kwh[0]) == price


def test_free_energy_leaves_a_posting_and_a_free_charge_none() -> None:
    pool = one(Account.POOL)

    assert len(energy_postings(one(8), one(9), one(10), one(0), Kind.TRADE)) == 1
    assert len(energy_postings(one(8), one(9), one(10), one(0), Kind.FEE)) == 0
    assert len(energy_postings(one(8), pool, one(10), one(0), Kind.TRADE)) == 1
    assert len(energy_postings(pool, one(8), one(10), one(0), Kind.TRADE)) == 1
    assert len(energy_postings(pool, one(8), one(0), one(7), Kind.TRADE)) == 0


def test_every_row_may_have_its_own_kind() -> None:
    two = np.array([1, 0], np.int64)
    posting = energy_postings(two + 8, two + 10, two, two + 1, np.array([Kind.FEE, Kind.TAX], np.int64))

    assert posting.kind.tolist() == [Kind.FEE]


@pytest.mark.parametrize("column", [[2**62, 2**62, 2**62], [-(2**62), -(2**62), -(2**62), 1], [], [3, -5]])
def test_a_sum_is_exact_where_int64_would_wrap(column: list[int]) -> None:
    assert exact_sum(np.array(column, np.int64)) == sum(column)


@pytest.mark.parametrize(("share", "parts"), [(0.0, 0), (0.01, 10_000), (0.29, 290_000), (1.0, 1_000_000)])
def test_a_share_is_whole_parts_per_million(share: float, parts: int) -> None:
    assert parts_per_million(share) == parts
