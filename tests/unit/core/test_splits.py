"""Splitting a whole into whole parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwatt.core.splits import largest_remainder, ration


def test_the_largest_remainders_get_what_rounding_left() -> None:
    assert largest_remainder(10, np.array([3, 3, 1])).tolist() == [4, 4, 2]
    assert largest_remainder(10, np.array([1, 1, 1])).tolist() == [4, 3, 3]


def test_equal_remainders_go_to_the_lower_index() -> None:
    assert largest_remainder(2, np.array([5, 5, 5, 5])).tolist() == [1, 1, 0, 0]


@settings(max_examples=150, deadline=None)
@given(total=st.integers(0, 2**62), weights=st.lists(st.integers(0, 2**31) | st.integers(0, 5), min_size=1, max_size=9))
def test_parts_sum_to_the_whole_and_lie_within_one_of_their_share(total: int, weights: list[int]) -> None:
    whole = sum(weights)
    if not whole:
        return
    parts = largest_remainder(total, np.array(weights, np.int64)).tolist()
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * whole - total * weight) < whole


def test_nothing_is_shared_among_nobody() -> None:
    assert largest_remainder(0, np.array([0, 0])).tolist() == [0, 0]
    assert largest_remainder(0, np.zeros(0, np.int64)).tolist() == []


@pytest.mark.parametrize(
    ("total", "weights", "message"), [(-1, [1], "at least 0"), (1, [-1, 3], "at least 0"), (1, [0, 0], "positive")]
)
def test_an_impossible_split_is_refused(total: int, weights: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        largest_remainder(total, np.array(weights, np.int64))


@settings(max_examples=80, deadline=None)
@given(wanted=st.lists(st.integers(0, 50), max_size=8), available=st.integers(0, 200))
def test_a_ration_never_exceeds_a_wish_and_leaves_nothing_that_is_wanted(wanted: list[int], available: int) -> None:
    given_out = ration(np.array(wanted, np.int64), available)
    assert (given_out <= np.array(wanted, np.int64)).all()
    assert int(given_out.sum()) == min(available, sum(wanted))
