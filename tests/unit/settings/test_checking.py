"""A whole community: what only members and data together show."""

from pathlib import Path

import pytest
from tests.fakes.communities import MEMBERS, TOML, lines_of, profile_lines, told, write_community

from commonwatt.adapters.datasets import example_folder
from commonwatt.core.errors import InvalidInput
from commonwatt.settings import open_community


def test_the_example_community_has_no_finding() -> None:
    community = open_community(example_folder())
    assert len(community.settings.members) == 25
    assert len(community.feed.slots()) == 8760


def test_an_open_community_has_settings_and_data_in_one_order(tmp_path: Path) -> None:
    community = open_community(write_community(tmp_path))
    first = community.feed.metered(community.feed.slots()[0])
    assert [m.id for m in community.settings.members] == ["anna", "ben"]
    assert (first.load_wh.tolist(), first.pv_wh.tolist()) == ([100, 101], [50, 0])


def test_a_connection_that_cannot_carry_the_data_is_found(tmp_path: Path) -> None:
    rows = [*profile_lines()[:-1], profile_lines()[-1].replace(",571,", ",12000,")]
    assert told(write_community(tmp_path, rows=rows)) == [
        "member ben connection_w: expected a connection that carries the data: 12000 W in its strongest slot, found 10000"
    ]


def test_a_battery_behind_a_net_meter_is_found(tmp_path: Path) -> None:
    write_community(tmp_path, header="start,member,import_wh,export_wh")
    [line] = told(tmp_path)
    assert line.startswith("profiles.csv:1: expected load_wh and pv_wh, for members with a battery")
    assert line.endswith("import_wh and export_wh, and a battery at anna")


def test_data_are_checked_though_a_member_is_at_fault(tmp_path: Path) -> None:
    rows = [profile_lines()[0].replace(",100,", ",x,"), *profile_lines()[1:]]
    found = told(write_community(tmp_path, members=MEMBERS.replace("anna,prosumer", "anna,producer"), rows=rows))
    assert [line.split(": expected")[0] for line in found] == ["members.csv:2 role", "profiles.csv:2 load_wh"]


def test_data_that_are_not_there_are_found(tmp_path: Path) -> None:
    folder = write_community(tmp_path, TOML.replace("profiles.csv", "profile.csv"))
    assert told(folder) == ["profile.csv: expected a file (did you mean profiles.csv?), found none"]


def test_opening_raises_all_findings_at_once(tmp_path: Path) -> None:
    write_community(tmp_path, TOML.replace("300_000", "-1"), MEMBERS.replace("prosumer,5000", "prosumer,x"))
    with pytest.raises(InvalidInput) as caught:
        open_community(tmp_path)
    assert len(lines_of(caught.value)) == 2
