"""Gaps: what stands in for a silent meter, from the past alone."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from commonwatt.adapters.feeds.gaps import SUBSTITUTES, filled
from commonwatt.core.slots import SlotGrid

HOURLY, UTC, ZURICH = SlotGrid(3600), ZoneInfo("UTC"), ZoneInfo("Europe/Zurich")


def fill(values: list[int], silent: list[int], rule: str, zone: ZoneInfo = UTC, first: int = 0) -> list[int]:
    column = np.array(values, np.int64)[:, None]
    measured = np.ones_like(column, np.bool_)
    measured[silent] = False
    return [int(v) for v in filled(column, measured, rule, range(first, first + len(values)), HOURLY, zone)[:, 0]]


DAYS = [100 * day + hour for day in range(3) for hour in range(24)]


def test_the_same_hour_of_the_latest_earlier_day_stands_in() -> None:
    result = fill(DAYS, [24 + 5, 48 + 5, 48 + 6], "earlier_day")
    assert (result[24 + 5], result[48 + 5], result[48 + 6]) == (5, 5, 106)


def test_without_such_an_hour_the_latest_reading_stands_in() -> None:
    assert fill(DAYS, [5, 6], "earlier_day")[5:7] == [4, 4]


def test_without_a_past_nothing_stands_in() -> None:
    assert fill(DAYS, [0, 1], "earlier_day")[:2] == [0, 0]
    assert fill(DAYS, [0, 1], "latest_slot")[:2] == [0, 0]


def test_other_rules_do_as_they_say() -> None:
    assert fill(DAYS, [29, 30], "latest_slot")[29:31] == [28 + 76, 28 + 76]
    assert fill(DAYS, [29, 30], "zero")[29:31] == [0, 0]


def test_a_measured_value_is_never_changed() -> None:
    result = fill(DAYS, [29], "earlier_day")
    assert [v for i, v in enumerate(result) if i != 29] == [v for i, v in enumerate(DAYS) if i != 29]


@pytest.mark.parametrize(
    ("change", "shift_h"),
    [(dt.datetime(2024, 3, 31, 1, tzinfo=dt.UTC), -23), (dt.datetime(2024, 10, 27, 1, tzinfo=dt.UTC), -25)],
)
def test_the_hour_of_the_day_is_the_local_one(change: dt.datetime, shift_h: int) -> None:
    first = int(change.timestamp()) // 3600 - 48
    values = list(range(1000, 1096))
    silent = 48 + 10  # ten hours after the clocks of Zurich changed
    assert fill(values, [silent], "earlier_day", ZURICH, first)[silent] == values[silent + shift_h]


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.int64, (60, 2), elements=st.integers(0, 99)),
    hnp.arrays(np.bool_, (60, 2)),
    st.sampled_from(SUBSTITUTES),
    st.integers(1, 59),
)
def test_the_future_never_changes_what_stands_in(values: np.ndarray, measured: np.ndarray, rule: str, cut: int) -> None:
    span = range(475_600, 475_660)
    whole = filled(values, measured, rule, span, HOURLY, ZURICH)
    past = filled(values[:cut], measured[:cut], rule, span[:cut], HOURLY, ZURICH)
    assert (whole[:cut] == past).all()
    assert (whole[measured] == values[measured]).all()
