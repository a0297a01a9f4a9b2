"""Late readings: they arrive in their slot, in order, until the final date."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.communities import HEADER, lines_of, profile_lines

from commonwatt.adapters.feeds import ProfileFeed, ProfileFiles, read_profiles
from commonwatt.core.errors import InvalidInput
from commonwatt.core.records import Quality
from commonwatt.services.feed import LateReading

FIRST = 476_376
"""The slot of 2024-05-06T00:00Z."""


def read(folder: Path, corrections: list[str], header: str = HEADER + ",received") -> ProfileFeed:
    profiles, late = folder / "profiles.csv", folder / "late.csv"
    rows = [row for row in profile_lines() if "2024-05-06T05:00Z,ben" not in row]
    profiles.write_text("\n".join([HEADER, *rows]) + "\n")
    late.write_text("\n".join([header, *corrections]) + "\n")
    return read_profiles(ProfileFiles(profiles, late, 3600, ZoneInfo("Europe/Zurich")), ["anna", "ben"])


def faults(folder: Path, corrections: list[str], header: str = HEADER + ",received") -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read(folder, corrections, header)
    return lines_of(caught.value)


def test_a_late_reading_arrives_in_its_slot_and_changes_nothing_before(tmp_path: Path) -> None:
    feed = read(tmp_path, ["2024-05-06T05:00Z,ben,777,0,2024-05-07T03:20:10Z"])
    assert feed.metered(FIRST + 5).quality.tolist() == [Quality.MEASURED, Quality.SUBSTITUTED]
    assert feed.metered(FIRST + 5).load_wh.tolist() == [150, 141]
    assert feed.arrived(FIRST + 27) == (LateReading(FIRST + 5, 1, 777, 0),)
    assert [slot for slot in feed.slots() if feed.arrived(slot)] == [FIRST + 27]
    assert set(feed.file_hashes()) == {"profiles.csv", "late.csv"}


def test_readings_of_one_slot_come_in_order_of_slot_and_member(tmp_path: Path) -> None:
    at = "2024-05-07T03:00Z"
    rows = [f"2024-05-06T0{hour}:00Z,{name},1,0,{at}" for hour, name in ((6, "ben"), (5, "ben"), (5, "anna"))]
    assert [(r.slot, r.member) for r in read(tmp_path, rows).arrived(FIRST + 27)] == [
        (FIRST + 5, 0),
        (FIRST + 5, 1),
        (FIRST + 6, 1),
    ]


def test_a_correction_after_the_final_date_is_ignored_and_noted(tmp_path: Path) -> None:
    rows = ["2024-05-06T05:00Z,ben,7,0,2024-07-05T05:00Z", "2024-05-06T06:00Z,ben,7,0,2024-07-05T07:00Z"]
    feed = read(tmp_path, rows)
    assert feed.arrived(FIRST + 5 + 60 * 24) == (LateReading(FIRST + 5, 1, 7, 0),)
    assert feed.arrived(FIRST + 6 + 60 * 24 + 1) == ()
    assert feed.notices()[-1] == "late.csv: 1 correction came more than 60 days late and is ignored"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "2024-05-06T05:00Z,ben,7,0,2024-05-06T05:59Z",
            "late.csv:2 received: expected a time after the slot has ended",
        ),
        ("2024-05-06T05:00Z,ben,-7,0,2024-05-07T05:00Z", "late.csv:2 load_wh: expected 0..2147483647 Wh"),
        ("2024-05-06T05:00Z,eve,7,0,2024-05-07T05:00Z", "late.csv:2 member: expected the id of a member"),
        (
            "2023-05-06T05:00Z,ben,7,0,2024-05-07T05:00Z",
            "late.csv:2 start: expected a slot for which the profiles have data",
        ),
        ("2024-05-06T05:00Z,ben,7,0,soon", "late.csv:2 received: expected a time such as"),
    ],
)
def test_a_faulty_correction_is_named(tmp_path: Path, row: str, expected: str) -> None:
    [line] = faults(tmp_path, [row])
    assert line.startswith(expected)


def test_two_corrections_at_once_are_refused(tmp_path: Path) -> None:
    row = "2024-05-06T05:00Z,ben,7,0,2024-05-07T05:00Z"
    [line] = faults(tmp_path, [row, row])
    assert line.startswith("late.csv:3 start: expected each time once a member (line 2 has it)")


def test_a_correction_file_without_the_time_of_arrival_is_refused(tmp_path: Path) -> None:
    [line] = faults(tmp_path, ["2024-05-06T05:00Z,ben,7,0"], HEADER)
    assert line == "late.csv:1 received: expected a column of this name, found none"


def test_files_of_one_name_in_two_folders_keep_their_hashes_apart_wherever_the_community_lies(tmp_path: Path) -> None:
    hashes = []
    for home in ("here", "elsewhere"):
        profiles, late = tmp_path / home / "data.csv", tmp_path / home / "late" / "data.csv"
        late.parent.mkdir(parents=True)
        profiles.write_text("\n".join([HEADER, *profile_lines()]) + "\n")
        late.write_text(HEADER + ",received\n2024-05-06T05:00Z,ben,777,0,2024-05-07T03:20:10Z\n")
        files = ProfileFiles(profiles, late, 3600, ZoneInfo("Europe/Zurich"))
        hashes.append(read_profiles(files, ["anna", "ben"]).file_hashes())
    assert hashes[0] == hashes[1]
    assert set(hashes[0]) == {"data.csv", "late/data.csv"}
    assert len(set(hashes[0].values())) == 2
