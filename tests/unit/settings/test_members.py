"""Members: every fault of every row, with the line an editor shows."""

from pathlib import Path

import pytest
from tests.fakes.communities import MEMBERS, TOML, told, write_community

from commonwatt.settings import load

HEADER, ANNA, BEN = MEMBERS.splitlines()


def check(tmp_path: Path, members: str) -> list[str]:
    write_community(tmp_path, members=members)
    return [line for line in told(tmp_path) if not line.startswith("profiles")]


def test_members_keep_the_order_of_the_file(tmp_path: Path) -> None:
    members = load(write_community(tmp_path)).members
    assert [m.id for m in members] == ["anna", "ben"]
    assert (members[0].battery_wh, members[0].battery_min_wh, members[1].strategy) == (
        10_000,
        1_000,
        "zero_intelligence",
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("10000,4000,1000,2000", "10000,4000,1000,12000", "members.csv:2 battery_initial_wh: expected at most battery_wh 10000, found 12000"),
        ("10000,4000,1000,2000", "10000,4000,11000,11000", "members.csv:2 battery_min_wh: expected at most battery_wh 10000, found 11000"),
        ("10000,4000,1000,2000", "10000,4000,1000,500", "members.csv:2 battery_initial_wh: expected at least battery_min_wh 1000, found 500"),
        ("10000,4000,1000,2000", "10000,0,1000,2000", "members.csv:2 battery_w: expected more than 0, for a battery, found 0"),
        ("anna,prosumer,5000", "anna,prosumer,-5000", "members.csv:2 pv_w: expected 0..2147483647, found '-5000'"),
        ("anna,prosumer,5000", "anna,prosumer,5.5", "members.csv:2 pv_w: expected a whole number, found '5.5'"),
        ("anna,prosumer,5000", 'anna,prosumer,"5,5"', "members.csv:2 pv_w: expected a whole number (no comma in numbers; larger units such as kWh become Wh), found '5,5'"),
        ("anna,prosumer", "anna,producer", "members.csv:2 role: expected one of consumer, prosumer (did you mean prosumer?), found 'producer'"),
        ("ben,consumer,0", "ben,consumer,10", "members.csv:3 pv_w: expected 0 for a consumer (or role prosumer), found 10"),
        ("zero_intelligence", "zero_inteligence", "members.csv:3 strategy: expected one of aggressive, conservative, forecast_based, truthful, zero_intelligence (did you mean zero_intelligence?), found 'zero_inteligence'"),
        ("250000,100000,10000", "250000,-1,10000", "members.csv:2 sell_limit_micro_per_kwh: expected at least 0 (or tariff.allow_negative = true), found -1"),
        ("250000,100000,10000", "250000,100000,0", "members.csv:2 connection_w: expected 1..2147483647, found '0'"),
        ("ben,consumer", "anna,consumer", "members.csv:3 id: expected an id of its own (as members.csv:2 id has), found 'anna'"),
        ("ben,consumer", "Anna,consumer", "members.csv:3 id: expected an id of its own"),
        ("ben,consumer", "../ben,consumer", "members.csv:3 id: expected 1 to 64 letters"),
        ("ben,consumer", ",consumer", "members.csv:3 id: expected a name, found nothing"),
        ("ben,consumer,0,", "ben,consumer,", "members.csv:3: expected 11 cells, as the header has, found 10"),
        ("pv_w", "pv", "members.csv:1 pv: expected a known column: one of "),
    ],
)  # fmt: skip
def test_a_fault_of_a_row_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    found = check(tmp_path, MEMBERS.replace(old, new, 1))
    assert any(line.startswith(expected) for line in found), found


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    found = check(tmp_path, MEMBERS.replace("sell_limit_micro_per_kwh", "sell_limit"))
    assert "members.csv:1 sell_limit_micro_per_kwh: expected a column of this name, found 'sell_limit'" in found


def test_every_fault_is_found_at_once(tmp_path: Path) -> None:
    spoilt = MEMBERS.replace("anna,prosumer,5000", "anna,producer,x").replace("ben,consumer,0", "b n,consumer,-1")
    assert [line.split(":")[1].split(" ")[1] for line in check(tmp_path, spoilt)] == ["role", "pv_w", "id", "pv_w"]


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    found = check(tmp_path, f"{HEADER}\r\n\r\n{ANNA}\r\n\r\n{BEN.replace('consumer', 'user')}\r\n")
    assert [line.split(" ")[0] for line in found] == ["members.csv:5"]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert check(tmp_path, "\ufeff" + MEMBERS) == []


@pytest.mark.parametrize(("separator", "word"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_file_of_another_separator_gets_help(tmp_path: Path, separator: str, word: str) -> None:
    [line] = check(tmp_path, MEMBERS.replace(",", separator))
    assert line.startswith(f"members.csv:1: expected columns separated by commas, found {word} (export it with commas")


def test_a_file_in_utf16_gets_help(tmp_path: Path) -> None:
    write_community(tmp_path)
    (tmp_path / "members.csv").write_text(MEMBERS, encoding="utf-16")
    assert "members.csv: expected text in UTF-8, found UTF-16 (save it as 'CSV UTF-8')" in told(tmp_path)


def test_an_empty_limit_is_what_the_grid_costs_or_pays(tmp_path: Path) -> None:
    members = load(write_community(tmp_path, members=MEMBERS.replace("250000,100000", ","))).members
    assert (members[0].buy_limit_micro_per_kwh, members[0].sell_limit_micro_per_kwh) == (360_000, 80_000)


def test_an_empty_initial_charge_is_the_minimum(tmp_path: Path) -> None:
    assert (
        load(write_community(tmp_path, members=MEMBERS.replace("1000,2000", "1000,"))).members[0].battery_initial_wh
        == 1_000
    )


def test_members_may_stand_in_the_community_file(tmp_path: Path) -> None:
    folder = write_community(tmp_path, TOML + '[[member]]\nid = "anna"\npv_w = 5000\n[[member]]\nid = "ben"\n')
    (folder / "members.csv").unlink()
    assert [(m.id, m.pv_w) for m in load(folder).members] == [("anna", 5_000), ("ben", 0)]


def test_a_fault_of_a_member_table_names_its_number(tmp_path: Path) -> None:
    folder = write_community(tmp_path, TOML + '[[member]]\nid = "anna"\npv = 5000\n[[member]]\npv_w = "much"\n')
    found = [line.split(": expected")[0] for line in told(folder)]
    assert found[:3] == [
        "community.toml:16 member[1].pv",
        "community.toml:17 member[2].id",
        "community.toml:18 member[2].pv_w",
    ]


def test_two_lists_of_members_are_refused(tmp_path: Path) -> None:
    folder = write_community(tmp_path, 'members = "members.csv"\n' + TOML + '[[member]]\nid = "anna"\n')
    assert "community.toml:1 members: expected either [[member]] tables or a members file, found both" in told(folder)


def test_a_members_file_that_is_not_there_is_answered_with_the_nearest(tmp_path: Path) -> None:
    folder = write_community(tmp_path, 'members = "member.csv"\n' + TOML)
    assert "member.csv: expected a file (did you mean members.csv?), found none" in told(folder)


def test_a_community_without_members_is_refused(tmp_path: Path) -> None:
    assert check(tmp_path, HEADER + "\n") == ["members.csv: expected at least one member, found none"]


def test_what_the_market_may_know_of_a_member_is_read(tmp_path: Path) -> None:
    rows = (f"{HEADER},microgrid,trust,budget_nano,key_parts", f"{ANNA},north,4.25,1000,3", f"{BEN},,,,")
    anna, ben = load(write_community(tmp_path, members="\n".join(rows) + "\n")).members
    assert (anna.facts().microgrid, anna.facts().trust, anna.facts().budget_nano, anna.facts().key_parts) == (
        "north",
        "4.25",
        1000,
        3,
    )
    assert (ben.facts().trust, ben.facts().budget_nano, ben.facts().key_parts, ben.facts().line) == ("", 0, 0, "")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("5.1,0,0", "members.csv:2 trust: expected a number from 0 to 5"),
        ("nan,0,0", "members.csv:2 trust: expected a number from 0 to 5"),
        ("3,-1,0", "members.csv:2 budget_nano: expected 0..1000000000000000"),
        ("3,0,1.5", "members.csv:2 key_parts: expected a whole number"),
    ],
)
def test_what_cannot_be_known_of_a_member_is_a_finding(tmp_path: Path, cells: str, expected: str) -> None:
    rows = (f"{HEADER},trust,budget_nano,key_parts", f"{ANNA},{cells}", f"{BEN},,,")
    found = check(tmp_path, "\n".join(rows) + "\n")
    assert any(line.startswith(expected) for line in found), found
