"""Timestamps: one way to give time zones, and local hours that a change of clocks makes ambiguous."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.fakes.communities import lines_of

from commonwatt.adapters.feeds import ProfileFeed, ProfileFiles, read_profiles
from commonwatt.core.errors import InvalidInput

ZURICH = ZoneInfo("Europe/Zurich")


def read(folder: Path, starts: list[str], naive: ZoneInfo | None = None) -> ProfileFeed:
    path = folder / "p.csv"
    path.write_text("start,member,load_wh,pv_wh\n" + "".join(f"{s},a,{i},0\n" for i, s in enumerate(starts)))
    return read_profiles(ProfileFiles(path, None, 3600, ZURICH, naive), ["a"])


def fault(folder: Path, starts: list[str], naive: ZoneInfo | None = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(folder, starts, naive)
    [line] = lines_of(caught.value)
    return line


def test_offsets_of_the_communitys_own_zone_may_change_with_the_clocks(tmp_path: Path) -> None:
    starts = ["2024-10-27T01:00+02:00", "2024-10-27T02:00+02:00", "2024-10-27T02:00+01:00", "2024-10-27T03:00+01:00"]
    feed = read(tmp_path, starts)
    assert feed.load_wh[:, 0].tolist() == [0, 1, 2, 3]


def test_a_file_that_mixes_times_with_and_without_offset_is_refused(tmp_path: Path) -> None:
    starts = ["2024-05-06T00:00Z", "2024-05-06T01:00"]
    expected = (
        "p.csv:3 start: expected one way to give time zones: '2024-05-06T00:00Z' has an offset, "
        "found '2024-05-06T01:00' without one (a time zone mix)"
    )
    assert fault(tmp_path, starts) == expected
    assert fault(tmp_path, starts, ZURICH) == expected


def test_a_file_that_mixes_offsets_of_two_zones_is_refused(tmp_path: Path) -> None:
    line = fault(tmp_path, ["2024-05-06T00:00+02:00", "2024-05-06T01:00+05:00"])
    assert line.startswith("p.csv:3 start: expected the same offset in every row, or those of Europe/Zurich")
    assert line.endswith("(a time zone mix)")


def test_times_without_offset_need_a_zone(tmp_path: Path) -> None:
    line = fault(tmp_path, ["2024-05-06T00:00"])
    assert "expected a time with an offset or Z (or [data] time_zone, the zone of times without)" in line
    feed = read(tmp_path, ["2024-05-06T00:00"], ZURICH)
    assert feed.slots().start * 3600 == 1_714_946_400  # 2024-05-05T22:00Z


def test_a_local_day_of_23_hours_has_23_slots(tmp_path: Path) -> None:
    hours = [f"2024-03-31T{h:02d}:00" for h in range(24) if h != 2]
    assert len(read(tmp_path, hours, ZURICH).slots()) == 23


def test_the_hour_that_is_skipped_does_not_exist(tmp_path: Path) -> None:
    line = fault(tmp_path, ["2024-03-31T01:00", "2024-03-31T02:00"], ZURICH)
    assert line.startswith(
        "p.csv:3 start: expected a time that exists: clocks in Europe/Zurich are put forward over it"
    )


def test_the_hour_that_comes_twice_needs_an_offset(tmp_path: Path) -> None:
    line = fault(tmp_path, ["2024-10-27T01:00", "2024-10-27T02:00"], ZURICH)
    assert line == (
        "p.csv:3 start: expected a time with an offset: clocks in Europe/Zurich are put back and show it twice, "
        "found '2024-10-27T02:00'"
    )


@pytest.mark.parametrize("text", ["yesterday", "06.05.2024 00:00", "2024-02-30T00:00Z", "2024-05-06T25:00Z", ""])
def test_text_that_is_no_time_is_named(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, ["2024-05-06T00:00Z", text]).startswith(
        "p.csv:3 start: expected a time such as 2024-05-31T17:00"
    )


@pytest.mark.parametrize("text", ["1969-12-31T23:00Z", "2200-01-01T00:00Z", "0001-01-01T00:00+14:00"])
def test_a_time_outside_the_calendar_is_named(tmp_path: Path, text: str) -> None:
    assert fault(tmp_path, [text, "2024-05-06T00:00Z"]).startswith("p.csv:2 start: expected a time")


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_parquet_times_of_every_unit_are_read(tmp_path: Path, unit: str, factor: int) -> None:
    starts = pa.array([1_714_953_600 * factor], pa.timestamp(unit, "America/New_York"))
    pq.write_table(pa.table({"start": starts, "member": ["a"], "load_wh": [1], "pv_wh": [0]}), tmp_path / "p.parquet")
    feed = read_profiles(ProfileFiles(tmp_path / "p.parquet", None, 3600, ZURICH), ["a"])
    assert feed.slots() == range(476_376, 476_377)


def test_parquet_times_without_zone_follow_the_same_rule(tmp_path: Path) -> None:
    starts = pa.array([1_714_953_600], pa.timestamp("s"))
    pq.write_table(pa.table({"start": starts, "member": ["a"], "load_wh": [1], "pv_wh": [0]}), tmp_path / "p.parquet")
    with pytest.raises(InvalidInput, match="expected a time with an offset or Z"):
        read_profiles(ProfileFiles(tmp_path / "p.parquet", None, 3600, ZURICH), ["a"])
    feed = read_profiles(ProfileFiles(tmp_path / "p.parquet", None, 3600, ZURICH, ZURICH), ["a"])
    assert feed.slots().start == 476_376 - 2


def test_a_column_of_numbers_is_no_time(tmp_path: Path) -> None:
    pq.write_table(pa.table({"start": [1], "member": ["a"], "load_wh": [1], "pv_wh": [0]}), tmp_path / "p.parquet")
    with pytest.raises(InvalidInput, match=r"p\.parquet start: expected a time such as .*, found a column of int64"):
        read_profiles(ProfileFiles(tmp_path / "p.parquet", None, 3600, ZURICH), ["a"])
