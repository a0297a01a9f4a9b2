"""The feed of profiles: what it reads, and every fault it names."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.fakes.communities import HEADER, HOURS, lines_of, profile_lines

from commonwatt.adapters.feeds import ProfileFeed, ProfileFiles, read_profiles
from commonwatt.core.errors import InvalidInput
from commonwatt.core.records import Quality

IDS = ("anna", "ben")
FIRST = int(dt.datetime(2024, 5, 6, tzinfo=dt.UTC).timestamp()) // 3600


def files(path: Path, **terms: object) -> ProfileFiles:
    return ProfileFiles(path, None, 3600, ZoneInfo("Europe/Zurich"), **terms)  # type: ignore[arg-type]


def written(folder: Path, rows: Iterable[str], header: str = HEADER) -> Path:
    path = folder / "profiles.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def feed_of(folder: Path, rows: Iterable[str], header: str = HEADER, **terms: object) -> ProfileFeed:
    return read_profiles(files(written(folder, rows, header), **terms), IDS)


def faults(
    folder: Path, rows: Iterable[str], header: str = HEADER, ids: Sequence[str] = IDS, **terms: object
) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read_profiles(files(written(folder, rows, header), **terms), ids)
    return lines_of(caught.value)


def without(*lines: int) -> list[str]:
    """The sound rows but for those on some lines of the file."""
    return [row for line, row in enumerate(profile_lines(), 2) if line not in lines]


def test_a_slot_has_one_row_a_member_in_their_order(tmp_path: Path) -> None:
    feed = feed_of(tmp_path, reversed(profile_lines()))
    assert feed.slots() == range(FIRST, FIRST + 48)
    second = feed.metered(FIRST + 1)
    assert (second.load_wh.tolist(), second.pv_wh.tolist()) == ([110, 111], [51, 0])
    assert second.quality.tolist() == [Quality.MEASURED] * 2
    assert feed.notices() == []


def test_a_slot_is_a_view_and_cannot_be_changed(tmp_path: Path) -> None:
    feed = feed_of(tmp_path, profile_lines())
    assert feed.metered(FIRST).load_wh.base is not None
    with pytest.raises(ValueError, match="read-only"):
        feed.load_wh[0, 0] = 1


def test_a_slot_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a slot of"):
        feed_of(tmp_path, profile_lines()).metered(FIRST - 1)


def test_the_file_is_hashed(tmp_path: Path) -> None:
    feed = feed_of(tmp_path, profile_lines())
    assert feed.file_hashes() == {"profiles.csv": hashlib.sha256((tmp_path / "profiles.csv").read_bytes()).hexdigest()}


def table_of(rows: Iterable[str]) -> pa.Table:
    cells = [row.split(",") for row in rows]
    starts = pa.array([c[0].replace("Z", "") for c in cells]).cast(pa.timestamp("ms")).cast(pa.timestamp("ms", "UTC"))
    numbers = {name: pa.array([int(c[i]) for c in cells], pa.int32()) for i, name in ((2, "load_wh"), (3, "pv_wh"))}
    return pa.table({"start": starts, "member": [c[1] for c in cells], **numbers})


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    table = table_of(profile_lines())
    floats = table.set_column(2, "load_wh", table["load_wh"].cast(pa.float64()))
    named = table.set_column(1, "member", table["member"].dictionary_encode())
    expected = feed_of(tmp_path, profile_lines())
    for number, variant in enumerate((table, floats, named)):
        path = tmp_path / f"p{number}.parquet"
        pq.write_table(variant, path)
        feed = read_profiles(files(path), IDS)
        assert (feed.first_slot, feed.load_wh.tolist(), feed.pv_wh.tolist()) == (
            expected.first_slot,
            expected.load_wh.tolist(),
            expected.pv_wh.tolist(),
        )


def test_faults_of_parquet_name_the_row(tmp_path: Path) -> None:
    table = table_of(profile_lines())
    loads = table["load_wh"].cast(pa.float64()).to_pylist()
    loads[3], loads[5], loads[6] = float("nan"), None, 0.5
    pq.write_table(table.set_column(2, "load_wh", pa.array(loads, pa.float64())), tmp_path / "p.parquet")
    with pytest.raises(InvalidInput) as caught:
        read_profiles(files(tmp_path / "p.parquet"), IDS)
    assert [line.split(": expected")[0] for line in lines_of(caught.value)] == [
        "p.parquet row 4 load_wh",
        "p.parquet row 6 load_wh",
        "p.parquet row 7 load_wh",
    ]


def test_a_missing_column_of_parquet_is_named_without_a_line(tmp_path: Path) -> None:
    pq.write_table(
        table_of(profile_lines()).rename_columns(["start", "member", "load", "pv_wh"]), tmp_path / "p.parquet"
    )
    with pytest.raises(InvalidInput) as caught:
        read_profiles(files(tmp_path / "p.parquet"), IDS)
    assert lines_of(caught.value) == ["p.parquet load_wh: expected a column of this name, found 'load'"]


def test_a_file_that_only_calls_itself_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(InvalidInput, match=r"p\.parquet: expected a Parquet file"):
        read_profiles(files(tmp_path / "p.parquet"), IDS)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("NaN", "expected a whole number of Wh (leave the row out where the meter was silent), found 'NaN'"),
        ("", "expected a whole number of Wh (leave the row out where the meter was silent), found nothing"),
        ("0.512", "expected a whole number of Wh (leave the row out where the meter was silent), found '0.512'"),
        ("-3", "expected 0..2147483647 Wh, found '-3'"),
        ("2147483648", "expected 0..2147483647 Wh, found '2147483648'"),
        ("99999999999999999999", "found '99999999999999999999'"),
    ],
)
def test_a_value_that_is_no_energy_is_named(tmp_path: Path, cell: str, expected: str) -> None:
    rows = [profile_lines()[0], f"{HOURS[0]},ben,{cell},0", *profile_lines()[2:]]
    [line] = faults(tmp_path, rows)
    assert line.startswith("profiles.csv:3 load_wh: ") and line.endswith(expected)


def test_a_duplicate_names_both_lines(tmp_path: Path) -> None:
    rows = [*profile_lines()[:4], profile_lines()[0], *profile_lines()[4:]]
    assert faults(tmp_path, rows) == [
        "profiles.csv:6 start: expected each time once a member (line 2 has it), found '2024-05-06T00:00Z'"
    ]


def test_the_same_instant_in_two_spellings_is_a_duplicate(tmp_path: Path) -> None:
    rows = [*profile_lines(), "2024-05-06T00:00:00.000Z,anna,1,1"]
    [line] = faults(tmp_path, rows)
    assert line.startswith("profiles.csv:98 start: expected each time once a member (line 2 has it)")


def test_a_time_between_two_slots_is_named(tmp_path: Path) -> None:
    [line] = faults(tmp_path, [*profile_lines(), "2024-05-07T23:30Z,anna,1,1"])
    assert line == "profiles.csv:98 start: expected the beginning of a slot of 3600 s, found '2024-05-07T23:30Z'"


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    [line] = faults(tmp_path, profile_lines(), "start,member,load,pv_wh")
    assert line == "profiles.csv:1 load_wh: expected a column of this name, found 'load'"


def test_an_unknown_member_is_told_once_with_the_nearest(tmp_path: Path) -> None:
    rows = [row.replace("anna", "ana") for row in profile_lines()]
    found = faults(tmp_path, rows)
    assert found == [
        "profiles.csv:2 member: expected the id of a member (did you mean anna?), found 'ana', in 48 rows",
        "profiles.csv member anna: expected rows of every member, found none",
    ]


def test_a_member_without_data_is_named(tmp_path: Path) -> None:
    assert faults(tmp_path, profile_lines(), ids=("anna", "ben", "cleo")) == [
        "profiles.csv member cleo: expected rows of every member, found none"
    ]


def test_a_gap_that_is_too_long_is_named_with_its_length(tmp_path: Path) -> None:
    rows = without(*range(11, 19, 2))  # ben, 04:00 to 08:00
    [line] = faults(tmp_path, rows, max_gap_h=3)
    assert line.startswith("profiles.csv member ben: expected no gap of more than 3 h ([data] max_gap_h)")
    assert line.endswith("found 4 h without a row from 2024-05-06T04:00Z")
    assert feed_of(tmp_path, rows, max_gap_h=4).notices() == ["profiles.csv: 1 gap, 4 h substituted, members ben"]


def test_many_faults_of_a_kind_are_counted(tmp_path: Path) -> None:
    found = faults(tmp_path, [row.replace(",0", ",-1") for row in profile_lines()])
    assert len(found) == 6
    assert found[-1] == "profiles.csv pv_wh: expected 0..2147483647 Wh, found 43 more such rows"


def test_net_meters_count_as_load_and_generation(tmp_path: Path) -> None:
    feed = feed_of(tmp_path, profile_lines(), "start,member,import_wh,export_wh")
    assert feed.metered(FIRST).pv_wh.tolist() == [50, 0]
    assert feed.notices() == ["profiles.csv: 48 readings with import and export in one slot, taken with the difference"]


def test_all_four_energy_columns_are_ambiguous(tmp_path: Path) -> None:
    rows = [row + ",0,0" for row in profile_lines()]
    [line] = faults(tmp_path, rows, HEADER + ",import_wh,export_wh")
    assert line.endswith("expected load_wh and pv_wh, or import_wh and export_wh, found all four")


def test_every_fault_comes_at_once(tmp_path: Path) -> None:
    rows = [
        "2024-05-06T00:00Z,anna,NaN,1",
        "2024-05-06T00:30Z,anna,1,1",
        "2024-05-06T01:00Z,anna,1,-1",
        "2024-05-06T01:00Z,eve,1,1",
        "2024-05-06T02:00Z,anna,1,1",
        "2024-05-06T02:00Z,anna,1,1",
        "yesterday,ben,1,1",
        "2024-05-06T02:00Z,ben,1",
    ]
    places = [line.split(": expected")[0] for line in faults(tmp_path, rows)]
    assert places == [
        "profiles.csv:9",
        "profiles.csv:8 start",
        "profiles.csv:3 start",
        "profiles.csv:5 member",
        "profiles.csv:2 load_wh",
        "profiles.csv:4 pv_wh",
        "profiles.csv:7 start",
        "profiles.csv member ben",
    ]
