"""The doors: help with an example, quick to open; list, check and init say what they do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.small_runs import commonwatt, copied, environment, files_of, read_json, write_small_community

COMMANDS = (
    "init",
    "import",
    "feeder",
    "check",
    "run",
    "compare",
    "audit",
    "bill",
    "watch",
    "clear",
    "list",
    "new",
    "bench",
)
# pydantic is not ours to leave out: typer reads its own options with it.
HEAVY = (
    "numpy",
    "pyarrow",
    "plotly",
    "pyrevm",
    "eth",
    "rlp",
    "cryptography",
    "coincurve",
    "rich",
    "tomli_w",
)
ROOMS = [
    "metering",
    "forecasting",
    "bidding",
    "assets",
    "venues",
    "clearing",
    "pricing",
    "grid",
    "settlement",
    "trust",
    "validators",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_an_example(command: str) -> None:
    said = commonwatt(command, "--help")
    assert said.code == 0
    assert f"commonwatt {command}" in said.out.partition("Example:")[2]


def test_help_names_every_command() -> None:
    said = commonwatt("--help")
    assert said.code == 0
    assert all(f"  {command} " in said.out for command in COMMANDS)


def test_help_without_arguments_is_the_same_help() -> None:
    assert commonwatt().both == commonwatt("--help").both


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from commonwatt.cli import app\n"
        "try:\n"
        "    app(['run', '--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print('heavy:', sorted(set(sys.modules) & {set(HEAVY)!r}))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.splitlines()[-1] == "heavy: []", ended.stdout + ended.stderr


def test_an_unknown_command_or_flag_is_bad_input() -> None:
    for arguments in (("rum",), ("run", "--outt", "x"), ("audit",)):
        said = commonwatt(*arguments)
        assert said.code == 2
        assert said.err


def test_list_shows_every_room_with_its_answers() -> None:
    said = commonwatt("list")
    assert said.code == 0
    headings = [line.split()[0] for line in said.out.splitlines() if not line.startswith(" ")]
    assert headings == ROOMS
    for answer in (
        "uniform_price",
        "two_round_double_auction",
        "median_14d",
        "zero_intelligence",
        "scheduled",
        "battery",
    ):
        assert f"  {answer} " in said.out
    assert all(len(line.split(None, 1)) == 2 for line in said.out.splitlines() if line.startswith(" "))


def test_list_of_a_room_shows_parameters() -> None:
    said = commonwatt("list", "settlement")
    assert said.code == 0
    assert "clearing" not in said.out.split()[0]
    assert "penalty_gamma_micro_per_kwh" in said.out


def test_list_of_an_unknown_room_names_the_nearest() -> None:
    said = commonwatt("list", "clearings")
    assert said.code == 2
    assert "did you mean clearing?" in said.err


def test_the_matrix_has_a_line_an_answer() -> None:
    said = commonwatt("list", "--matrix")
    assert said.code == 0
    header, *lines = said.out.splitlines()
    assert "plain" in header
    assert any(line.startswith("clearing uniform_price") and line.endswith("yes") for line in lines)


def test_check_of_a_sound_community_says_what_it_holds(street_with_gaps: Path) -> None:
    before = files_of(street_with_gaps)
    said = commonwatt("check", street_with_gaps)
    assert said.code == 0
    assert "Little Street: no faults found." in said.out
    assert "5 members, 72 slots of 3600 s" in said.out
    assert "2 gaps, 6 h substituted" in said.out
    assert re.search(
        r"A kWh from the supplier costs 0\.\d{3} \w+ with fees and taxes, one fed in brings 0\.\d{3}", said.out
    )
    assert f"commonwatt run {street_with_gaps}" in said.out
    assert files_of(street_with_gaps) == before


def test_check_takes_the_file_a_preset_and_settings(street_with_gaps: Path) -> None:
    file = street_with_gaps / "community.toml"
    said = commonwatt("check", file, "--preset", "p2pet", "--set", "forecasting.model=persistence")
    assert said.code == 0
    assert "Design p2pet, ex_ante" in said.out
    assert "forecasting persistence" in said.out


@pytest.mark.parametrize("exists", [False, True], ids=["new", "empty"])
def test_init_makes_a_community_that_runs(tmp_path: Path, exists: bool) -> None:
    mine = tmp_path / "my street"
    if exists:
        mine.mkdir()
    said = commonwatt("init", mine)
    assert said.code == 0, said.both
    assert sorted(p.name for p in mine.iterdir()) == [".gitignore", "community.toml", "members.csv", "profiles.parquet"]
    assert f"commonwatt run '{mine}'" in said.out
    if exists:
        return
    assert commonwatt("check", mine).code == 0
    day = ("--from", "2017-05-08", "--to", "2017-05-09", "--set", "ledger.chain=memory")
    ran = commonwatt("run", mine, "--out", tmp_path / "out", *day)
    assert ran.code == 0, ran.both
    assert ran.out.startswith("my street, 8 May 2017")
    assert read_json(tmp_path / "out" / "summary.json")["slots"] == 24


def test_init_into_a_folder_with_files_changes_nothing(tmp_path: Path) -> None:
    street = write_small_community(tmp_path / "street")
    before = files_of(street)
    said = commonwatt("init", street)
    assert said.code == 2
    assert "a new or empty folder" in said.err
    assert files_of(street) == before


def test_init_where_a_file_is_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    for target in (tmp_path / "taken", tmp_path / "taken" / "street"):
        said = commonwatt("init", target)
        assert said.code == 2, said.both
        assert "expected" in said.err
    assert (tmp_path / "taken").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["taken"]


def test_a_run_without_a_terminal_prints_the_ending_only(little_street: Path, tmp_path: Path) -> None:
    street = copied(little_street, tmp_path / "street")
    said = commonwatt("run", street, "--out", tmp_path / "out", "--to", "2024-05-07", "--set", "ledger.chain=memory")
    assert said.err == ""
    assert "\x1b" not in said.out


@pytest.mark.parametrize("command", COMMANDS)
def test_no_help_speaks_of_types_of_python(command: str) -> None:
    said = commonwatt(command, "--help")
    assert said.code == 0, said.both
    assert not re.search(r"<class|<\w+>|<list|\bTEXT\b|\| None|dict\[|list\[|[{}]", said.out), said.out
