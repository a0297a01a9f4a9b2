"""What a newcomer writes by mistake is understood where it is harmless, and answered with what to write where it is not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.communities import MEMBERS, TOML, profile_lines, told, write_community

from commonwatt.core.toml_lines import TomlLines, key_lines
from commonwatt.settings import load, open_community


def test_a_whole_number_may_have_a_decimal_point_everywhere(tmp_path: Path) -> None:
    toml = TOML.replace("300_000", "300000.0") + "[market]\n[settlement]\nreward_beta_micro_per_kwh = 5000.0\n"
    rows = [line.rsplit(",", 2)[0] + "," + line.rsplit(",", 2)[1] + ".0,0.00" for line in profile_lines()]
    folder = write_community(tmp_path, toml, MEMBERS.replace("anna,prosumer,5000", "anna,prosumer,5000.0"), rows)
    community = open_community(folder)
    assert community.settings.tariff.retail_micro_per_kwh == 300_000
    assert community.settings.members[0].pv_w == 5000
    assert community.settings.parameters("settlement") == {"reward_beta_micro_per_kwh": 5000}
    assert type(community.settings.parameters("settlement")["reward_beta_micro_per_kwh"]) is int
    assert community.feed.load_wh[0].tolist() == [100, 101]


@pytest.mark.parametrize(("written", "micro"), [("0.28", 280_000), ("1.0", 1_000_000), ("-0.05", -50_000)])
def test_a_price_per_kwh_is_worked_out_in_micro(tmp_path: Path, written: str, micro: int) -> None:
    toml = TOML.replace("300_000", written)
    members = MEMBERS.replace("280000,90000", f"{written},90000")
    found = told(write_community(tmp_path, toml, members))
    words = f"expected a whole number of micro ({float(written):g} per kWh is {micro})"
    words = words.replace("(1 per", "(1.0 per")
    assert f"community.toml:7 tariff.retail_micro_per_kwh: {words}, found {written}" in found
    assert f"members.csv:3 buy_limit_micro_per_kwh: {words}, found '{written}'" in found


def test_rows_closer_than_slots_say_which_slot_length_fits(tmp_path: Path) -> None:
    rows = [f"2024-05-06T{i // 4:02d}:{15 * (i % 4):02d}Z,{m},1,0" for i in range(96) for m in ("anna", "ben")]
    found = told(write_community(tmp_path, rows=rows))
    assert found[0] == (
        "profiles.csv:4 start: expected the beginning of a slot of 3600 s (rows are 900 s apart: [community] slot_s = 900), "
        "found '2024-05-06T00:15Z'"
    )


def test_slots_shorter_than_rows_are_no_gaps_but_a_fault(tmp_path: Path) -> None:
    folder = write_community(tmp_path, TOML.replace('name = "Test"', 'name = "Test"\nslot_s = 900'))
    assert told(folder) == [
        "profiles.csv start: expected a row every 900 s (rows are 3600 s apart: [community] slot_s = 3600), found one every 3600 s"
    ]


def test_data_are_read_though_the_members_have_wrong_columns(tmp_path: Path) -> None:
    rows = profile_lines()
    rows[3] = rows[3].replace(",0", ",-7")
    found = told(write_community(tmp_path, members="name,buy\nanna,1\n", rows=rows))
    assert any(line.startswith("members.csv:1 id: expected a column") for line in found)
    assert "profiles.csv:5 pv_wh: expected 0..2147483647 Wh, found '-7'" in found
    assert not [line for line in found if "the id of a member" in line]


def test_a_folder_that_is_not_there_is_called_so(tmp_path: Path) -> None:
    write_community(tmp_path / "fontana")
    [line] = told(tmp_path / "fontanna")
    assert line.endswith("a community's folder or its community.toml (did you mean fontana?), found no such folder")
    [line] = told(tmp_path / "elsewhere" / "nothing")
    assert line.endswith("its community.toml (`commonwatt init DIR` makes one), found no such folder")


@pytest.mark.parametrize(
    ("rows", "zone", "shown"),
    [
        (lambda line: line.replace("Z,", "-07:00,"), "", "-07:00"),
        (lambda line: line.replace("Z,", ","), "America/Los_Angeles", "America/Los_Angeles"),
    ],
)
def test_data_of_another_zone_than_the_community_are_noticed(
    tmp_path: Path, rows: Callable[[str], str], zone: str, shown: str
) -> None:
    toml = TOML + (f'time_zone = "{zone}"\n' if zone else "")
    folder = write_community(tmp_path, toml, rows=[rows(line) for line in profile_lines()])
    [notice] = open_community(folder).feed.notices()
    assert notice.startswith(f"profiles.csv: times are of {shown}, the community lives by Europe/Zurich")


@pytest.mark.parametrize("offset", ["Z", "+02:00"])
def test_data_of_the_communitys_zone_are_not_noticed(tmp_path: Path, offset: str) -> None:
    folder = write_community(tmp_path, rows=[line.replace("Z,", f"{offset},") for line in profile_lines()])
    assert open_community(folder).feed.notices() == []


def test_every_key_of_a_file_has_its_line() -> None:
    text = '\ufeffmembers = "m.csv"\n[tariff]  # prices\nx = [\n 1,\n 2]\n"tax" = 3\n[[tariff.windows]]\nfrom = """\na = 1\n"""\n[[tariff.windows]]\nto = 2\n'
    assert key_lines(text) == {
        "members": 1,
        "tariff": 2,
        "tariff.x": 3,
        "tariff.tax": 6,
        "tariff.windows[1]": 7,
        "tariff.windows[1].from": 8,
        "tariff.windows[2]": 11,
        "tariff.windows[2].to": 12,
    }


def test_a_key_that_is_not_there_stands_where_its_table_begins() -> None:
    lines = TomlLines("c.toml", "[tariff]\nwindows = [{to = 1}]\n")
    assert lines.place("tariff.retail") == "c.toml:1 tariff.retail"
    assert lines.place("tariff.windows[1].from") == "c.toml:2 tariff.windows[1].from"
    assert lines.place("grid.model") == "c.toml grid.model"


def test_the_effective_settings_of_integral_floats_are_whole(tmp_path: Path) -> None:
    folder = write_community(tmp_path, TOML.replace("300_000", "300000.0"))
    other = write_community(tmp_path / "other")
    assert load(folder).effective_toml() == load(other).effective_toml()


def test_a_runs_folder_and_an_empty_one_given_for_a_community_are_called_so(tmp_path: Path) -> None:
    (tmp_path / "out" / "public").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for name, said in (("out", "a run's folder"), ("empty", "a folder without community.toml")):
        (line,) = told(tmp_path / name)
        assert line == (
            f"{tmp_path / name}: expected a community's folder or its community.toml (`commonwatt init DIR` makes one), found {said}"
        )
