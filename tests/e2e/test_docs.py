"""What the reference says a run leaves is what a run leaves; the tutorial's commands do what it says."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from scripts.generate import ROOT
from scripts.reference.results import BILL_COLUMNS, BILL_FILES, FILES, MEMBER_WIRES_COLUMNS, NAMES, SUMMARY, TIMING
from tests.fakes.small_runs import MEMBERS, commonwatt, read_json, write_small_community
from tests.house.test_docs import blocks_of, commands_of

from commonwatt.services.schemas import COLUMNS, PUBLIC

TUTORIAL = ROOT / "docs" / "tutorials" / "first-community.md"


def test_a_run_leaves_the_files_of_the_reference_and_no_others(community_run: Path) -> None:
    members = [line.split(",")[0] for line in MEMBERS.splitlines()[1:]]
    assert left_by(community_run, members) == set(FILES) | {f"public/{name}.csv" for name in PUBLIC}


def test_a_member_who_never_orders_is_left_the_same_files(tmp_path: Path) -> None:
    """Nobody is at home and the meter shows nothing: tables without rows, and a bill that comes to nothing and verifies."""
    members = MEMBERS + "empty,consumer,0,0,0,0,0,truthful,300000,90000,10000\n"
    street = write_small_community(tmp_path / "street", members=members, days=1)
    profiles = street / "profiles.csv"
    rows = (row.split(",") for row in profiles.read_text(encoding="utf-8").splitlines())
    idle = [",".join([*row[:2], "0", "0"] if row[1] == "empty" else row) for row in rows]
    profiles.write_text("\n".join(idle) + "\n", encoding="utf-8")
    run = tmp_path / "run"
    assert commonwatt("run", street, "--out", run).code == 0
    ids = [line.split(",")[0] for line in members.splitlines()[1:]]
    assert left_by(run, ids) == set(FILES)
    assert (run / "members/empty/orders.csv").read_text(encoding="utf-8").splitlines()[1:] == []
    assert commonwatt("bill", run, "--member", "empty").code == 0
    bill = run / "members" / "empty" / "bill"
    assert {path.name for path in bill.iterdir()} == set(BILL_FILES)
    assert read_json(bill / "bill.json")["totals"]["amount_nano"] == 0
    assert commonwatt("bill", run, "--all", "--out", tmp_path / "bills").code == 0
    verified = subprocess.run([sys.executable, "-I", str(bill / "verify_bill.py"), str(bill)], capture_output=True)
    assert verified.returncode == 0, verified.stdout


def left_by(run: Path, members: Sequence[str]) -> set[str]:
    """The files of a run, those of every member under the name ID; every member must have the same."""
    left = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    own = {member: {name for name in left if name.startswith(f"members/{member}/")} for member in members}
    named = [{name.replace(f"members/{member}/", "members/ID/") for name in names} for member, names in own.items()]
    assert all(names == named[0] for names in named)
    return left.difference(*own.values()) | named[0]


def test_tables_have_the_columns_of_the_reference(community_run: Path) -> None:
    for name in PUBLIC:
        assert pq.read_schema(community_run / "public" / f"{name}.parquet").names == list(COLUMNS[name])


def test_the_table_of_a_bill_has_the_columns_of_the_reference(community_run: Path) -> None:
    head = (community_run / "members" / "barn" / "bill.csv").read_text(encoding="utf-8").partition("\n")[0]
    assert head.split(",") == [name.replace("CURRENCY", "CHF") for name in BILL_COLUMNS]
    said = (community_run / "members" / "barn" / "wires.csv").read_text(encoding="utf-8")
    assert said == ",".join(MEMBER_WIRES_COLUMNS) + "\n", "without a model of the wires nothing is told of them"


def test_figures_have_the_names_of_the_reference(community_run: Path) -> None:
    assert list(read_json(community_run / "summary.json")) == list(SUMMARY)
    assert set(read_json(community_run / "timing.json")) == set(TIMING)


def test_names_in_tables_are_those_of_the_reference(p2pet_run: Path) -> None:
    seen = {
        (table, column): set(pq.read_table(p2pet_run / "public" / f"{table}.parquet")[column].to_pylist())
        for table, column in (
            ("statements", "leg"),
            ("orders", "reason"),
            ("orders", "source"),
            ("orders", "preference"),
            ("readings", "quality"),
            ("postings", "kind"),
        )
    }
    for (_, column), names in seen.items():
        assert names
        assert names <= {each.name.lower() for each in NAMES[column]}


@pytest.mark.full
def test_the_commands_of_the_tutorial_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page, in an empty folder, with the meter file that the page shows and nothing else."""
    monkeypatch.chdir(tmp_path)
    (file,) = [lines for lines in blocks_of(TUTORIAL) if lines.startswith("time,")]
    (tmp_path / "meters.csv").write_text(file, encoding="utf-8")
    for words in commands_of(TUTORIAL):
        said = commonwatt(*words)
        assert said.code == 0, (words, said.both)
    assert (tmp_path / "out/mine/report.html").is_file()
    assert (tmp_path / "out/mine/members/anna/bill.csv").is_file()
    bill = tmp_path / "out/mine/members/anna/bill"
    assert subprocess.run([sys.executable, "verify_bill.py"], cwd=bill, capture_output=True).returncode == 0


@pytest.mark.full
def test_the_example_of_the_tutorial_runs_before_anything_is_changed(tmp_path: Path) -> None:
    """One day of it, so that it does not take minutes."""
    assert commonwatt("init", "mine", cwd=tmp_path).code == 0
    said = commonwatt("run", "mine", "--from", "2017-05-08", "--to", "2017-05-09", cwd=tmp_path)
    assert said.code == 0, said.both
