"""An import says what it understood, guesses what can be guessed, asks for the rest, and writes all or nothing."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from tests.fakes.meter_files import HOMES, Shape, expected, lines_of, starts, truth, written
from tests.fakes.tiny_runs import Telling

from commonwatt.adapters.importing.guessing import Question
from commonwatt.core.errors import InvalidInput
from commonwatt.settings import community_findings, open_community
from commonwatt.settings.written import start_community
from commonwatt.wiring.checking import check_lines
from commonwatt.wiring.import_request import ImportRequest
from commonwatt.wiring.importing import import_community
from commonwatt.wiring.running import RunRequest, run_community

LOCAL = Shape(local=True, date="%d.%m.%Y", separator=";", comma=True, slot_s=900)
ZONE = "zone=Europe/Zurich"


def doubts(into: Path, kind: str) -> list[dict[str, Any]]:
    path = into / "data-doubts.csv"
    return [row for row in pa_csv.read_csv(path).to_pylist() if row["kind"] == kind] if path.exists() else []


def energies(into: Path) -> dict[tuple[str, int], tuple[int, int]]:
    rows = pq.read_table(into / "profiles.parquet").to_pylist()
    return {(row["member"], int(row["start"].timestamp())): (row["load_wh"], row["pv_wh"]) for row in rows}


def refusal(path: Path, into: Path, *maps: str, **more: Any) -> list[str]:
    before = sorted(into.iterdir()) if into.exists() else None
    with pytest.raises(InvalidInput) as caught:
        import_community(ImportRequest((path,), into, maps=maps, **more))
    assert (sorted(into.iterdir()) if into.exists() else None) == before
    return [str(finding) for finding in caught.value.findings]


def swapped(row: int, column: int, text: str) -> Callable[[list[str]], list[str]]:
    """A change of one cell of a file of commas."""

    def spoil(lines: list[str]) -> list[str]:
        cells = lines[row].split(",")
        cells[column] = text
        return [*lines[:row], ",".join(cells), *lines[row + 1 :]]

    return spoil


def test_what_was_guessed_is_said_and_how_to_say_it_oneself(tmp_path: Path) -> None:
    path, into = written(tmp_path / "meters.csv", LOCAL), tmp_path / "mine"
    lines = import_community(ImportRequest((path,), into, maps=(ZONE,)))
    text = "\n".join(lines)
    for guess in ("separator = ';'", "dates = 'day_first'", "decimal = ','", "member = 'Home'", "unit = 'kWh'"):
        assert f"guessed {guess}" in text
    assert (
        "3 homes (anna, ben, cleo), 292 slots of 900 s from 2024-10-26 00:00 to 2024-10-29 00:00 (Europe/Zurich)"
        in text
    )
    [again] = [line for line in lines if line.startswith("Again without a guess: ")]
    assert "--map time=Time --map member=Home --map load=load_kWh --map pv=pv_kWh --map unit=kWh" in again
    assert lines[-1].endswith(f"commonwatt check {into}, then commonwatt run {into}")


def test_a_new_community_fits_its_data(tmp_path: Path) -> None:
    path, into = written(tmp_path / "meters.csv", LOCAL), tmp_path / "mine"
    import_community(ImportRequest((path,), into, maps=(ZONE,)))
    community = open_community(into)
    assert community.settings.community.slot_s == 900
    assert community.settings.community.time_zone == "Europe/Zurich"
    assert [(m.id, m.role, m.pv_w, m.origin) for m in community.settings.members] == [
        ("anna", "prosumer", 7200, "measured"),
        ("ben", "prosumer", 7200, "measured"),
        ("cleo", "consumer", 0, "measured"),
    ]
    assert community.feed.notices() == []
    assert int(community.feed.load_wh.sum()) == sum(load for load, _ in truth(900).values())


def test_without_a_zone_nothing_is_guessed_and_the_columns_are_listed(tmp_path: Path) -> None:
    found = refusal(written(tmp_path / "meters.csv", LOCAL), tmp_path / "mine")
    assert found[0].startswith("meters.csv:1 zone: expected of which time zone are times such as '26.10.2024 00:00'?")
    assert "so far time=Time, member=Home, load=load_kWh, pv=pv_kWh, unit=kWh" in found[1]
    assert found[1].endswith("found columns Time, Home, load_kWh, pv_kWh")


def test_a_person_is_asked_for_what_cannot_be_guessed_and_only_that(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(question: Question) -> str:
        asked.append(question.key)
        return {"zone": "Europe/Zurich", "load": "x", "dates": "day_first"}[question.key]

    path = tmp_path / "meters.csv"
    path.write_text("when,who,x,y\n" + "\n".join(f"0{d}/02/2024 00:00,{w},1.5,2" for d in (1, 2) for w in "ab"))
    with pytest.raises(InvalidInput) as caught:  # two days apart are no slots
        import_community(ImportRequest((path,), tmp_path / "mine"), ask)
    assert sorted(asked) == ["load", "zone"] or sorted(asked) == ["dates", "load", "zone"]
    assert "rows whose spacing divides an hour" in str(caught.value)


def test_an_answer_out_of_place_ends_in_findings_and_no_endless_questions(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        import_community(
            ImportRequest((written(tmp_path / "meters.csv", LOCAL),), tmp_path / "mine"),
            lambda _: "Mars/Olympus",
        )
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("both", [("load", "pv"), ("import", "export")])
def test_files_of_one_home_each_or_of_one_energy_each_are_put_together(tmp_path: Path, both: tuple[str, ...]) -> None:
    shape = Shape(kinds=both, wide=True)
    whole = lines_of(shape)
    homes = []
    for at, home in enumerate(HOMES):  # a file a home: the time and its two columns
        rows = [",".join([cells[0], *cells[1 + 2 * at : 3 + 2 * at]]) for cells in (line.split(",") for line in whole)]
        homes.append(tmp_path / f"{home}.csv")
        homes[-1].write_text("\n".join(rows).replace(f"{home}_", ""))
    import_community(ImportRequest(tuple(homes), tmp_path / "by-home", maps=("stamps=start",)))
    rows = pq.read_table(tmp_path / "by-home" / "profiles.parquet").to_pylist()
    found = {(r["member"], int(r["start"].timestamp())): (r[f"{both[0]}_wh"], r[f"{both[1]}_wh"]) for r in rows}
    assert found == expected(shape)


def test_pv_of_a_file_of_its_own_stands_beside_the_load(tmp_path: Path) -> None:
    for kind in ("load", "pv"):
        text = "\n".join(lines_of(Shape(kinds=(kind,), wide=True, unit="kWh"))).replace(f"_{kind}_kWh", "")
        (tmp_path / f"{kind}.csv").write_text(text)
    maps = ("stamps=start", "unit=kWh")
    import_community(ImportRequest((tmp_path / "load.csv", tmp_path / "pv.csv"), tmp_path / "mine", maps=maps))
    assert energies(tmp_path / "mine") == truth()


def test_a_file_of_pecan_street_is_read_by_its_name(tmp_path: Path) -> None:
    """The made-up rows of homes with one, two and no solar circuits; mean power in kW, so a quarter of an hour is a quarter of it."""
    path = tmp_path / "austin.csv"
    path.write_text(
        "dataid,local_15min,air1,grid,solar,solar2\n"
        "661,2018-03-01 12:00:00-06,0.1,-1.000,2.400,0.600\n"
        "661,2018-03-01 12:15:00-06,0.1,0.400,-0.002,\n"
        "661,2018-03-01 12:30:00-06,0.1,0.400,0.000,0.000\n"
        "1642,2018-03-01 12:00:00-06,0.1,0.200,1.000,\n"
        "1642,2018-03-01 12:15:00-06,0.1,0.300,,\n"
        "99,2018-03-01 12:00:00-06,0.1,0.800,,\n"
        "99,2018-03-01 12:15:00-06,0.1,,,\n"
    )
    import_community(ImportRequest((path,), tmp_path / "mine", layout="pecan_street"))
    at = 1519927200
    assert energies(tmp_path / "mine") == {
        ("661", at): (500, 750),
        # A quarter of an hour without one of its circuits is a gap, as is one without the meter.
        ("661", at + 1800): (100, 0),
        ("1642", at): (300, 250),
        ("99", at): (200, 0),
    }


def test_the_older_columns_of_pecan_street_are_known_too(tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text("dataid,localminute,use,gen,grid\n26,2014-05-01 12:00:00-05,1.2,0.6,0.6\n26,2014-05-01 12:15:00-05,1,0,1\n")  # fmt: skip
    import_community(ImportRequest((path,), tmp_path / "mine", layout="pecan_street"))
    assert energies(tmp_path / "mine") == {("26", 1398963600): (300, 150), ("26", 1398964500): (250, 0)}


def test_minutes_of_power_are_summed_to_quarters_of_an_hour(tmp_path: Path) -> None:
    rows = [f"2024-05-06T00:{minute:02d}:00Z,{600 if minute < 15 else 1200}" for minute in range(45) if minute != 31]
    path = tmp_path / "shelly.csv"
    path.write_text("time,power_W\n" + "\n".join(rows))
    import_community(ImportRequest((path,), tmp_path / "mine", maps=("load=power_W",)))
    assert energies(tmp_path / "mine") == {("shelly", 1714953600): (150, 0), ("shelly", 1714954500): (300, 0)}
    [doubt] = doubts(tmp_path / "mine", "part_slot")
    assert doubt["found"] == "14 of 15 readings" and "gap" in doubt["done"]


def test_a_bad_cell_and_a_total_at_the_end_are_left_out_and_named(tmp_path: Path) -> None:
    def spoil(lines: list[str]) -> list[str]:
        return [*swapped(5, 2, "error")(lines), "Total,,99,9", "1,2"]

    path = written(tmp_path / "meters.csv", Shape(), spoil)
    import_community(ImportRequest((path,), tmp_path / "mine"))
    assert len(energies(tmp_path / "mine")) == len(truth()) - 1
    found = [(row["where"], row["found"]) for row in doubts(tmp_path / "mine", "unreadable")]
    assert found == [("meters.csv:221 Time", "'Total'"), ("meters.csv:6 load_kWh", "'error'")]
    assert [row["where"] for row in doubts(tmp_path / "mine", "cells")] == ["meters.csv:222"]


def test_a_repeated_row_counts_once_and_a_contradiction_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "same.csv", Shape(), lambda lines: [*lines, lines[1]])
    import_community(ImportRequest((path,), tmp_path / "same"))
    assert energies(tmp_path / "same") == truth()
    assert [row["slots"] for row in doubts(tmp_path / "same", "duplicate")] == [1, 1]
    path = written(tmp_path / "other.csv", Shape(), lambda lines: [*lines, swapped(1, 2, "0.5")(lines)[1]])
    found = refusal(path, tmp_path / "other")
    assert any(line.startswith("other.csv:2 load: expected each home and time once (or --map dup") for line in found)
    for which, wh in (("first", 240), ("last", 500)):
        import_community(ImportRequest((path,), tmp_path / which, maps=(f"duplicates={which}",)))
        assert energies(tmp_path / which)["anna", starts()[0]][0] == wh


def test_a_small_negative_counts_as_nothing_and_a_large_one_is_left_out(tmp_path: Path) -> None:
    shape = Shape(unit="Wh")
    path = written(tmp_path / "m.csv", shape, lambda lines: swapped(2, 3, "-9")(swapped(3, 3, "-900")(lines)))
    import_community(ImportRequest((path,), tmp_path / "mine"))
    found = energies(tmp_path / "mine")
    assert found["anna", starts()[1]][1] == 0
    assert ("anna", starts()[2]) not in found
    [doubt] = doubts(tmp_path / "mine", "negative")
    assert doubt["found"] == "-9 Wh, least -900 Wh; 1 left out" and doubt["slots"] == 2


def test_a_register_that_falls_makes_a_gap(tmp_path: Path) -> None:
    shape = Shape(register=True, kinds=("load",))
    path = written(tmp_path / "m.csv", shape, swapped(10, 2, "3.000"))
    import_community(ImportRequest((path,), tmp_path / "mine"))
    [doubt] = doubts(tmp_path / "mine", "register_back")
    assert doubt["member"] == "anna"
    missing = set(truth()) - set(energies(tmp_path / "mine"))
    assert missing <= {("anna", starts()[8]), ("anna", starts()[9])} and missing


def test_both_registers_in_one_slot_are_netted_and_said(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(
        "time,home,import_kwh,export_kwh\n" + "\n".join(f"2024-05-06T{h:02d}:00Z,a,0.5,0.2" for h in range(5))
    )
    lines = import_community(ImportRequest((path,), tmp_path / "mine"))
    assert any("both_registers" in line and "5 slots at a" in line for line in lines)
    feed = open_community(tmp_path / "mine").feed
    assert feed.notices() == [
        "profiles.parquet: 5 readings with import and export in one slot, taken with the difference"
    ]


def test_the_hour_a_clock_hides_needs_a_word(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    rows = [f"2024-03-31 0{h}:00,a,0.5" for h in range(6)]
    path.write_text("time,home,load_kwh\n" + "\n".join(rows))
    [line] = refusal(path, tmp_path / "mine", ZONE)
    assert line.startswith("m.csv:4 time: expected a time that exists: clocks in Europe/Zurich are put forward over it")
    assert "--map zone=+01:00" in line
    import_community(ImportRequest((path,), tmp_path / "winter", maps=("zone=+01:00",)))
    assert len(energies(tmp_path / "winter")) == 6
    import_community(ImportRequest((path,), tmp_path / "lenient", maps=(ZONE, "clock=lenient")))
    assert len(energies(tmp_path / "lenient")) == 5


def test_names_become_ids_and_two_that_would_be_one_are_refused(tmp_path: Path) -> None:
    def named(text: str) -> Callable[[list[str]], list[str]]:
        return lambda lines: [line.replace("anna", "Haus Müller").replace("ben", text) for line in lines]

    path = written(tmp_path / "m.csv", Shape(), named("Haus 2"))
    lines = import_community(ImportRequest((path,), tmp_path / "mine"))
    assert "Names as ids: 'Haus 2' is Haus-2; 'Haus Müller' is Haus-Mueller." in lines
    [line] = refusal(written(tmp_path / "m.csv", Shape(), named("Haus_Müller".replace("_", "-"))), tmp_path / "other")
    assert "an id has them (Haus-Mueller)" in line


def test_profiles_that_are_there_are_not_replaced_without_leave(tmp_path: Path) -> None:
    start_community(tmp_path / "mine")
    path = written(tmp_path / "meters.csv", LOCAL)
    [line] = refusal(path, tmp_path / "mine", ZONE)
    assert (
        line
        == f"{tmp_path / 'mine' / 'profiles.parquet'}: expected no such file (or --force, to replace it), found one"
    )


def test_with_leave_an_untouched_example_becomes_ones_own(tmp_path: Path) -> None:
    start_community(tmp_path / "mine")
    before = (tmp_path / "mine" / "community.toml").read_text()
    path = written(tmp_path / "meters.csv", LOCAL)
    lines = import_community(ImportRequest((path,), tmp_path / "mine", maps=(ZONE,), force=True))
    [changed] = [line for line in lines if line.startswith("Changed in")]
    assert "community.slot_s = 900, community.time_zone = 'Europe/Zurich', data.from = '', data.to = ''" in changed
    assert community_findings(tmp_path / "mine") == []
    after = (tmp_path / "mine" / "community.toml").read_text()
    assert sum(a != b for a, b in zip(before.splitlines(), after.splitlines(), strict=True)) == 4


def test_ones_own_members_are_kept_and_the_missing_are_drafted(tmp_path: Path) -> None:
    into, shape = tmp_path / "mine", replace(LOCAL, slot_s=3600)
    import_community(ImportRequest((written(tmp_path / "m.csv", shape),), into, maps=(ZONE,)))
    members = (into / "members.csv").read_text().replace("cleo", "dora")
    (into / "members.csv").write_text(members)
    lines = import_community(ImportRequest((tmp_path / "m.csv",), into, maps=(ZONE,), force=True))
    assert (into / "members.csv").read_text() == members
    assert "cleo,consumer" in (into / "members-draft.csv").read_text()
    assert any("members.csv does not list cleo" in line for line in lines)
    assert any("lists dora, for whom there are no data" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "data", "expected_"),
    [
        ("m.xlsx", b"PK\x03\x04rest", "a CSV or Parquet file (save the sheet as CSV), found an Excel or zip file"),
        ("m.csv", b"", "a header with column names, found an empty file"),
        ("m.csv", b"a,b\n", "rows below a header"),
        ("m.csv", b"a,a\n1,2\n", "a column once, found the name twice"),
        ("m.parquet", b"PAR1xx", "a Parquet file"),
        ("m.csv", b"\x00\x01\x02", "a CSV or Parquet file, found binary data"),
    ],
)
def test_a_file_that_is_no_table_is_called_so(tmp_path: Path, name: str, data: bytes, expected_: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert any(expected_ in line for line in refusal(tmp_path / name, tmp_path / "mine"))


def test_a_file_that_is_not_there_is_answered_with_the_nearest(tmp_path: Path) -> None:
    written(tmp_path / "meters.csv", LOCAL)
    [line] = refusal(tmp_path / "meter.csv", tmp_path / "mine")
    assert line == "meter.csv: expected a file (did you mean meters.csv?), found none"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_encodings_of_spreadsheets_and_lines_above_the_header_are_read(tmp_path: Path, encoding: str) -> None:
    text = "Lastgang Gemeinde Zürich\n\n" + "\n".join(lines_of(LOCAL)).replace("Home", "Zählpunkt")
    (tmp_path / "m.csv").write_bytes(text.encode(encoding))
    import_community(ImportRequest((tmp_path / "m.csv",), tmp_path / "mine", maps=(ZONE,)))
    assert energies(tmp_path / "mine") == expected(LOCAL)


def test_currency_prices_and_name_outlive_an_import_by_force(tmp_path: Path) -> None:
    into = tmp_path / "mine"
    start_community(into)
    toml = into / "community.toml"
    mine = re.sub(r"(?m)^currency = .*$", 'currency = "CHF"  # francs', toml.read_text())
    toml.write_text(re.sub(r"(?m)^retail_micro_per_kwh = .*$", "retail_micro_per_kwh = 271_000", mine))
    for _ in range(2):
        lines = import_community(ImportRequest((written(tmp_path / "m.csv", LOCAL),), into, maps=(ZONE,), force=True))
        settings = open_community(into).settings
        assert (settings.community.name, settings.community.currency) == ("mine", "CHF")
        assert settings.tariff.retail_micro_per_kwh == 271_000
        assert "put your currency" not in lines[-1]


def test_an_imported_community_keeps_its_secrets_out_of_version_control(tmp_path: Path) -> None:
    into = tmp_path / "mine"
    into.mkdir()
    (into / ".gitignore").write_text("mine alone\n")
    import_community(ImportRequest((written(tmp_path / "m.csv", LOCAL),), into, maps=(ZONE,)))
    assert (into / ".gitignore").read_text() == "mine alone\n"
    import_community(ImportRequest((tmp_path / "m.csv",), tmp_path / "other", maps=(ZONE,)))
    assert "keys.json" in (tmp_path / "other" / ".gitignore").read_text()


def test_a_wrong_unit_is_doubted_by_a_plain_check_and_before_a_run(tmp_path: Path) -> None:
    sound, wrong = tmp_path / "sound", tmp_path / "wrong"
    path = written(tmp_path / "m.csv", LOCAL)
    import_community(ImportRequest((path,), sound, maps=(ZONE,)))
    import_community(ImportRequest((path,), wrong, maps=(ZONE, "unit=Wh")))
    assert not [line for line in check_lines(sound, None, ()) if line.startswith("Doubt")]
    doubt = [line for line in check_lines(wrong, None, ()) if line.startswith("Doubt")]
    assert doubt[0] == "Doubt: unit (energies that no home has, perhaps of a wrong unit): 1."
    watcher = Telling()
    out = ("--out", tmp_path / "out")
    run_community(
        RunRequest(wrong, out[1], overrides=("ledger.chain=memory",), first="2024-10-26", end="2024-10-27"), watcher
    )
    assert watcher.said == doubt
