"""A machine that something is wrong with: what is said, with which exit code, and that a resume on a sound machine ends as if nothing had been.

Works without a mount and as root: see tests/fakes/spoiled_machine.py for how each fault is made. docs/explain/faults.md has a row for each.
"""

from __future__ import annotations

import datetime as dt
import resource
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes import spoiled_machine as machine
from tests.fakes.small_runs import Said, copied, promised, read_json, write_small_community
from tests.fakes.spoiled_machine import Spoil, typed
from tests.fakes.tiny_runs import write_morning

Morning = tuple[Path, Path]


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Morning:
    """A community with its key file, and its undisturbed run. Read only."""
    root = tmp_path_factory.mktemp("machines")
    street = write_morning(root / "street", 4)
    assert typed("run", street, "--out", root / "whole", "--csv").code == 0
    return street, root / "whole"


def run(morning: Morning, out: Path, *more: str, spoil: Spoil = lambda: None) -> Said:
    said = typed("run", morning[0], "--out", out, "--csv", *more, spoil=spoil)
    assert "Traceback" not in said.both, said.both
    return said


def as_undisturbed(morning: Morning, out: Path) -> None:
    """Resume on a sound machine, and compare every file that is promised."""
    said = run(morning, out, "--resume")
    assert said.code == 0, said.both
    assert promised(out) == promised(morning[1])


MORE_FILES = (
    "public/readings.csv",
    "public/settings.toml",
    "public/manifest.json",
    "private/pseudonyms.json",
    "summary.json",
    "timing.json",
)


@pytest.mark.parametrize(
    "file",
    [
        "public/postings.parquet",
        "members/barn/bill.csv",
        "report.html",
        *(pytest.param(name, marks=pytest.mark.full) for name in MORE_FILES),
    ],
)
def test_a_disk_full_at_a_file_names_it_and_costs_nothing(morning: Morning, tmp_path: Path, file: str) -> None:
    out = copied(morning[1], tmp_path / "out")
    said = run(morning, out, "--resume", spoil=machine.full_for(out / file))
    assert (said.code, said.out) == (2, "")
    assert f"{out / file}: " in said.err
    assert "No space left on device" in said.err
    as_undisturbed(morning, out)


def pages(path: Path) -> int:
    """The pages of a SQLite file, its log played back."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA page_count").fetchone()[0])


@pytest.mark.parametrize("share", [0.6, pytest.param(0.0, marks=pytest.mark.full)])
@pytest.mark.parametrize("file", ["private/journal.sqlite", "private/chain.sqlite", "public/chain.sqlite"])
def test_a_disk_full_in_a_database_names_it_and_costs_nothing(
    morning: Morning, tmp_path: Path, file: str, share: float
) -> None:
    out = tmp_path / "out"
    most = 1 + int(share * pages(copied(morning[1], tmp_path / "copy") / file))
    opened = file if file.startswith("private") else f"{file}.partial"
    said = run(morning, out, spoil=machine.full_database("/".join((out.name, opened)), most))
    assert (said.code, said.out) == (2, "")
    assert str(out / file) in said.err
    assert "database or disk is full" in said.err
    as_undisturbed(morning, out)


def test_a_disk_full_where_the_key_file_is_made_leaves_nothing(tmp_path: Path) -> None:
    street = write_morning(tmp_path / "street", 1)
    before = sorted(street.iterdir())

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))

    said = typed("run", street, "--out", tmp_path / "out", spoil=limited)
    assert said.code == 2
    assert (
        said.err.strip() == f"{street}/keys.json: expected a place where a key file can be made, found File too large"
    )
    assert sorted(street.iterdir()) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("at", [".", *(pytest.param(name, marks=pytest.mark.full) for name in ("private", "public"))])
def test_a_folder_that_may_not_be_written_is_refused_for_root_too(morning: Morning, tmp_path: Path, at: str) -> None:
    out = copied(morning[1], tmp_path / "out")
    rights = {path: path.stat().st_mode for path in [out, *out.rglob("*")]}
    machine.read_only(out / at)
    said = run(morning, out, "--resume", spoil=machine.permissions_hold)
    assert (said.code, said.out) == (2, "")
    assert str(out) in said.err
    assert promised(out) == promised(morning[1])
    for path, mode in rights.items():
        path.chmod(mode)
    as_undisturbed(morning, out)


def test_a_run_and_its_audit_need_no_temporary_folder(morning: Morning, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(morning, out, spoil=machine.no_temporary_folder).code == 0
    assert promised(out) == promised(morning[1])
    assert typed("audit", out, spoil=machine.no_temporary_folder).code == 0


def test_a_clock_that_jumps_changes_no_byte(morning: Morning, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(morning, out, spoil=machine.jumping_clock).code == 0
    assert promised(out) == promised(morning[1])
    assert run(morning, out, "--resume", spoil=machine.jumping_clock).code == 0
    assert promised(out) == promised(morning[1])


def test_nothing_on_the_way_of_a_run_or_an_audit_asks_for_the_time(morning: Morning, tmp_path: Path) -> None:
    told, out = tmp_path / "told", tmp_path / "out"

    def watched() -> None:
        machine.ClockWatch(told)()
        # Without this one the watch could be blind.
        exec("import time, datetime as dt; time.time(); dt.datetime.now()", {"__name__": "commonwatt.asks"})

    assert run(morning, out, spoil=watched).code == 0
    assert typed("audit", out, spoil=watched).code == 0
    asked = [line for line in told.read_text(encoding="utf-8").splitlines() if line.startswith("commonwatt")]
    assert asked == ["commonwatt.asks time", "commonwatt.asks now"] * 2


@pytest.mark.parametrize(("day", "hours"), [(dt.date(2024, 3, 31), 23), (dt.date(2024, 10, 27), 25)])
def test_a_day_on_which_the_clocks_change_has_its_hours_and_resumes(tmp_path: Path, day: dt.date, hours: int) -> None:
    street = write_small_community(tmp_path / "street", first=day, days=1)
    run = ("run", street, "--from", str(day), "--to", str(day + dt.timedelta(1)), "--set", "ledger.chain=memory")
    assert typed(*run, "--out", tmp_path / "whole").code == 0
    assert read_json(tmp_path / "whole" / "timing.json")["executed_steps"] == hours
    # Stopped within the hour that is doubled or left out.
    said = typed(*run, "--out", tmp_path / "out", spoil=machine.feed_breaks_off(3))
    assert said.code == 2
    assert typed(*run, "--out", tmp_path / "out", "--resume").code == 0
    assert read_json(tmp_path / "out" / "timing.json")["resumed_steps"] == 3
    assert promised(tmp_path / "out") == promised(tmp_path / "whole")


@pytest.mark.parametrize("command", ["check", "run", "audit"])
def test_a_machine_without_time_zones_says_so(morning: Morning, tmp_path: Path, command: str) -> None:
    rest = {"check": (morning[0],), "run": (morning[0], "--out", tmp_path / "out"), "audit": (morning[1],)}
    said = typed(command, *rest[command], spoil=machine.no_time_zones)
    assert (said.code, said.out) == (2, "")
    assert "time zones: expected the system's data or the package tzdata, found neither" in said.err
    assert not (tmp_path / "out").exists()


def test_a_feed_that_breaks_off_stops_the_run_which_goes_on_when_it_is_back(morning: Morning, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = run(morning, out, spoil=machine.feed_breaks_off(2))
    assert (said.code, said.err) == (2, "profiles.csv: Input/output error\n")
    as_undisturbed(morning, out)
