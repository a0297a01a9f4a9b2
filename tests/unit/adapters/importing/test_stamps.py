"""Times as people write them become instants, and what nothing decides is said to be undecided."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from commonwatt.adapters.importing.stamps import NO_OFFSET, localised, possible_orders, times, zone_of

ZURICH = ZoneInfo("Europe/Zurich")


def wall(text: str) -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "order", "moment", "offset_s"),
    [
        ("2018-01-01 00:15:00-06", "year_first", "2018-01-01T00:15", -6 * 3600),
        ("2018-01-01T00:15:00.000Z", "year_first", "2018-01-01T00:15", 0),
        ("2018/1/2 00:15 +01:00", "year_first", "2018-01-02T00:15", 3600),
        ("01.02.2018 00:15", "day_first", "2018-02-01T00:15", NO_OFFSET),
        ("1/2/18 12:15 AM", "month_first", "2018-01-02T00:15", NO_OFFSET),
        ("1/2/18 12:15 p.m.", "month_first", "2018-01-02T12:15", NO_OFFSET),
        ("31-Dec-2018 23:45:00", "day_first", "2018-12-31T23:45", NO_OFFSET),
        ("31.12.2018 24:00", "day_first", "2019-01-01T00:00", NO_OFFSET),
        ("201801010015", "year_first", "2018-01-01T00:15", NO_OFFSET),
        ("1514765700", "year_first", "2018-01-01T00:15", 0),
        ("1514765700000", "year_first", "2018-01-01T00:15", 0),
    ],
)
def test_a_time_is_read(text: str, order: str, moment: str, offset_s: int) -> None:
    read = times([text], order)
    assert read.readable.all()
    assert (int(read.wall_us[0]), int(read.offset_s[0])) == (wall(moment), offset_s)


@pytest.mark.parametrize("text", ["", "Summe", "31.02.2018 00:00", "24:15", "2018-13-01 00:00", "13:00 PM 1/2/18", "1/2/18 13:15 PM"])  # fmt: skip
def test_what_is_no_time_is_not_read(text: str) -> None:
    assert not any(times([text], order).readable[0] for order in ("year_first", "day_first", "month_first"))


def test_a_day_after_the_twelfth_decides_the_order_of_dates() -> None:
    assert possible_orders(["01/02/2024", "13/02/2024"]) == ["day_first"]
    assert possible_orders(["01/02/2024", "02/13/2024"]) == ["month_first"]
    assert possible_orders(["01/02/2024"]) == ["day_first", "month_first"]
    assert possible_orders(["2024-01-02"]) == ["year_first"]


def test_an_hour_shown_twice_is_told_apart_by_the_order_of_each_homes_rows() -> None:
    shown = [wall(f"2024-10-27T0{hour}:00") for hour in (1, 2, 2, 3)]
    home = np.repeat([0, 1], 4)
    forwards = localised(np.array(shown * 2), ZURICH, home)
    backwards = localised(np.array(shown[::-1] * 2), ZURICH, home)
    hours = [int(us - forwards.utc_us[0]) // 3_600_000_000 for us in forwards.utc_us[:4]]
    assert hours == [0, 1, 2, 3]
    assert backwards.utc_us[:4].tolist() == forwards.utc_us[:4].tolist()[::-1]
    assert forwards.utc_us[4:].tolist() == forwards.utc_us[:4].tolist()
    assert not forwards.once.any() and not forwards.skipped.any()


def test_an_hour_shown_once_and_one_never_shown_are_marked() -> None:
    way = localised(np.array([wall("2024-10-27T02:00"), wall("2024-03-31T02:30"), wall("2024-06-01T02:00")]), ZURICH, np.zeros(3, np.int64))  # fmt: skip
    assert way.once.tolist() == [True, False, False]
    assert way.skipped.tolist() == [False, True, False]


@pytest.mark.parametrize(("text", "offset_h"), [("UTC", 0), ("+01:00", 1), ("-0800", -8), ("Asia/Kolkata", 5.5)])
def test_a_zone_is_a_name_or_an_offset(text: str, offset_h: float) -> None:
    zone, fault = zone_of(text)
    assert zone is not None and fault == ""
    assert dt.datetime(2024, 1, 1, tzinfo=zone).utcoffset() == dt.timedelta(hours=offset_h)


def test_an_unknown_zone_is_answered_with_the_nearest() -> None:
    assert "did you mean Europe/Zurich?" in zone_of("Europe/Zurick")[1]
