"""Smoothed errors in whole numbers: exact at the ends, never more in all than what was missed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from commonwatt.core.smoothing import NOT_SMOOTHED, smoothed_mwh, tolerated_mwh, whole_wh

MISSED = st.lists(st.integers(0, 2**33 - 1), max_size=40)
WEIGHTS = st.integers(1000, NOT_SMOOTHED)


def errors_of(missed_wh: list[int], weight_ppm: int) -> list[int]:
    errors, error = [], 0
    for missed in missed_wh:
        error = smoothed_mwh(error, missed, weight_ppm)
        errors.append(error)
    return errors


def test_without_smoothing_the_error_is_what_the_slot_missed() -> None:
    assert whole_wh(smoothed_mwh(123_456, 789, NOT_SMOOTHED)) == 789


@given(missed=MISSED, weight=WEIGHTS)
def test_errors_sum_to_no_more_than_what_was_missed_and_none_is_above_the_worst(missed: list[int], weight: int) -> None:
    errors = errors_of(missed, weight)
    assert sum(errors) <= 1000 * sum(missed)
    assert all(0 <= error <= 1000 * max(missed) for error in errors)


@given(missed=st.integers(0, 10_000), weight=WEIGHTS)
def test_what_was_missed_once_is_charged_once_in_parts_and_then_forgotten(missed: int, weight: int) -> None:
    errors = errors_of([missed] + [0] * 20_000, weight)
    assert errors[-1] == 0
    # Each slot rounds down by less than a thousandth of a Wh, of which the weight never comes back.
    lost = 1000 * missed - sum(errors)
    assert 0 <= lost <= sum(error > 0 for error in [1, *errors]) * NOT_SMOOTHED // weight


@given(missed=st.lists(st.integers(0, 2**33 - 1), min_size=1, max_size=9), weight=WEIGHTS)
def test_columns_and_whole_numbers_agree_and_stay_within_64_bits(missed: list[int], weight: int) -> None:
    before = [1000 * wh for wh in reversed(missed)]
    column = smoothed_mwh(np.array(before), np.array(missed), weight)
    assert column.tolist() == [smoothed_mwh(b, m, weight) for b, m in zip(before, missed, strict=True)]


@given(ordered=st.integers(0, 2**33 - 1), missed=st.integers(0, 2**33 - 1), tolerance=st.integers(0, NOT_SMOOTHED))
def test_a_whole_error_is_tolerated_where_it_is_within_its_share(ordered: int, missed: int, tolerance: int) -> None:
    is_within = 1000 * missed <= tolerated_mwh(ordered, tolerance)
    assert is_within == (missed * NOT_SMOOTHED <= tolerance * ordered)
