"""A run that was stopped anywhere goes on where it was: nothing twice, and the same bytes at the end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.small_runs import (
    Said,
    command,
    commonwatt,
    copied,
    environment,
    files_of,
    journalled,
    promised,
    read_json,
)

DAYS = ("--from", "2024-05-07", "--to", "2024-05-08")
STEPS = {"community": 24, "p2pet": 48}
"""Half slots of the day by preset."""


def started(street: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("run", street, "--out", out, *DAYS, *more),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stopped(process: subprocess.Popen[str], with_: signal.Signals) -> Said:
    process.send_signal(with_)
    out, err = process.communicate(timeout=60)
    return Said(process.returncode, out, err)


def stop_at(street: Path, out: Path, rows: int, with_: signal.Signals, *more: str) -> Said:
    """Start a run and stop it as soon as its journal has so many rows."""
    process = started(street, out, *more)
    while process.poll() is None and journalled(out) < rows:
        time.sleep(0.002)
    return stopped(process, with_)


def stop_when(street: Path, out: Path, file: str, *more: str) -> Said:
    """Start a run and kill it as soon as a file of its folder is there."""
    process = started(street, out, *more)
    while process.poll() is None and not (out / file).exists():
        time.sleep(0.001)
    return stopped(process, signal.SIGKILL)


def resumed(street: Path, out: Path, *more: str) -> Said:
    return commonwatt("run", street, "--out", out, *DAYS, "--resume", *more)


def assert_as_undisturbed(out: Path, undisturbed: Path, total: int, at_least: int) -> None:
    """No finished step was executed again, and everything promised is the same byte for byte."""
    timing = read_json(out / "timing.json")
    assert timing["resumed_steps"] + timing["executed_steps"] == total
    assert timing["resumed_steps"] >= at_least
    assert journalled(out) == journalled(undisturbed)
    expected, found = promised(undisturbed), promised(out)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if expected[name] != found[name]] == []


@pytest.fixture(scope="session", params=["community", "p2pet"])
def undisturbed(
    request: pytest.FixtureRequest, once: Callable[[str, Callable[[Path], object]], Path], street_with_gaps: Path
) -> tuple[Path, Path, str]:
    """A street with its key file, and the day of it that nobody stopped, by preset."""
    preset = str(request.param)

    def make(folder: Path) -> None:
        street = copied(street_with_gaps, folder / "street")
        said = commonwatt("run", street, "--out", folder / "out", *DAYS, "--preset", preset)
        assert said.code == 0, said.both
        assert read_json(folder / "out" / "timing.json")["executed_steps"] == STEPS[preset]

    folder = once(f"undisturbed-{preset}", make)
    return folder / "street", folder / "out", preset


of_community = pytest.mark.parametrize("undisturbed", ["community"], indirect=True)
of_p2pet = pytest.mark.parametrize("undisturbed", ["p2pet"], indirect=True)


KILLS = [13, *(pytest.param(rows, marks=pytest.mark.full) for rows in (1, 2, 3, 22, 23, 24))]


@pytest.mark.parametrize("rows", KILLS)
def test_a_killed_run_resumes_to_the_same_bytes(undisturbed: tuple[Path, Path, str], tmp_path: Path, rows: int) -> None:
    street, whole, preset = undisturbed
    out = tmp_path / "out"
    assert stop_at(street, out, rows, signal.SIGKILL, "--preset", preset).code == -signal.SIGKILL
    at_kill = journalled(out)
    assert at_kill >= rows
    said = resumed(street, out, "--preset", preset)
    assert said.code == 0, said.both
    assert_as_undisturbed(out, whole, STEPS[preset], at_least=min(at_kill, STEPS[preset]))


@of_community
@pytest.mark.parametrize(
    "file",
    [
        pytest.param("public/members.parquet", marks=pytest.mark.full),  # closing: the first public file
        "public/chain.sqlite",  # closing: anchored, not yet in the manifest
        pytest.param("public/manifest.json", marks=pytest.mark.full),  # auditing
        pytest.param("summary.json", marks=pytest.mark.full),  # reporting
        pytest.param("report.html", marks=pytest.mark.full),
    ],
)
def test_a_run_killed_at_its_end_resumes_to_the_same_bytes(
    undisturbed: tuple[Path, Path, str], tmp_path: Path, file: str
) -> None:
    street, whole, preset = undisturbed
    out = tmp_path / "out"
    assert stop_when(street, out, file, "--preset", preset).code == -signal.SIGKILL
    said = resumed(street, out, "--preset", preset)
    assert said.code == 0, said.both
    assert_as_undisturbed(out, whole, STEPS[preset], at_least=STEPS[preset])


def _killed_at_random(street: Path, out: Path, draws: random.Random, kills: int, preset: str) -> None:
    for _ in range(kills):
        process = started(street, out, "--preset", preset, "--resume")
        time.sleep(draws.uniform(0.3, 3.0))
        stopped(process, signal.SIGKILL)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
def test_a_run_killed_again_and_again_at_any_instant_ends_the_same(
    undisturbed: tuple[Path, Path, str], tmp_path: Path, seed: int
) -> None:
    street, whole, preset = undisturbed
    out = tmp_path / "out"
    _killed_at_random(street, out, random.Random(seed), 6, preset)
    at_kill = journalled(out)
    said = resumed(street, out, "--preset", preset)
    assert said.code == 0, said.both
    assert_as_undisturbed(out, whole, STEPS[preset], at_least=min(at_kill, STEPS[preset]))


@of_p2pet
def test_ctrl_c_stops_after_a_whole_step_and_says_how_to_go_on(
    undisturbed: tuple[Path, Path, str], tmp_path: Path
) -> None:
    street, whole, preset = undisturbed
    out = tmp_path / "out"
    said = stop_at(street, out, 5, signal.SIGINT, "--preset", preset)
    assert said.code == 130, said.both
    assert "--resume" in said.err
    assert "Traceback" not in said.both
    at_stop = journalled(out)
    assert 5 <= at_stop < STEPS[preset]
    said = resumed(street, out, "--preset", preset)
    assert said.code == 0, said.both
    assert_as_undisturbed(out, whole, STEPS[preset], at_least=at_stop)


def test_ctrl_c_while_the_input_is_read_is_no_traceback(street_with_gaps: Path, tmp_path: Path) -> None:
    process = started(street_with_gaps, tmp_path / "out")
    time.sleep(0.6)
    said = stopped(process, signal.SIGINT)
    assert said.code == 130, said.both
    assert "Traceback" not in said.both


@of_community
def test_resuming_a_finished_run_executes_nothing_and_changes_nothing(
    undisturbed: tuple[Path, Path, str], tmp_path: Path
) -> None:
    street, whole, preset = undisturbed
    out = copied(whole, tmp_path / "out")
    rows, pseudonyms = _rows(out), (out / "private" / "pseudonyms.json").read_bytes()
    said = resumed(street, out, "--preset", preset)
    assert said.code == 0, said.both
    timing = read_json(out / "timing.json")
    assert (timing["resumed_steps"], timing["executed_steps"]) == (STEPS[preset], 0)
    assert promised(out) == promised(whole)
    assert _rows(out) == rows
    assert (out / "private" / "pseudonyms.json").read_bytes() == pseudonyms


def _no_folder(out: Path) -> None:
    assert not out.exists()


def _empty_folder(out: Path) -> None:
    out.mkdir()


def _killed_before_the_first_step(out: Path) -> None:
    (out / "private").mkdir(parents=True)
    (out / "private" / "journal.lock").touch()


@pytest.mark.parametrize("begun", [_no_folder, _empty_folder, _killed_before_the_first_step])
def test_resuming_what_has_not_begun_begins_it(little_street: Path, tmp_path: Path, begun: object) -> None:
    out = tmp_path / "out"
    assert callable(begun)
    begun(out)
    day = ("--to", "2024-05-07", "--set", "ledger.chain=memory")
    said = commonwatt("run", little_street, "--out", out, "--resume", *day)
    assert said.code == 0, said.both
    assert read_json(out / "timing.json")["resumed_steps"] == 0


def test_a_run_into_a_folder_with_files_is_refused(community_run: Path, little_street: Path, tmp_path: Path) -> None:
    out = copied(community_run, tmp_path / "out")
    before = files_of(out)
    said = commonwatt("run", little_street, "--out", out)
    assert said.code == 2
    assert "--resume" in said.err
    assert files_of(out) == before


def test_resuming_in_a_folder_that_is_no_run_is_refused(little_street: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.txt").write_text("meow")
    said = commonwatt("run", little_street, "--out", tmp_path / "photos", "--resume")
    assert said.code == 2
    assert "expected a run to resume" in said.err
    assert files_of(tmp_path / "photos") == {"cat.txt": b"meow"}


def _rows(run: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(run / "private" / "journal.sqlite")) as journal:
        return list(journal.execute("SELECT * FROM halves ORDER BY row"))


@pytest.mark.parametrize(
    "other",
    [
        ("--set", "tariff.retail_micro_per_kwh=310000"),
        ("--set", "community.seed=9"),
        ("--to", "2024-05-08"),
        ("--preset", "p2pet"),
    ],
    ids=" ".join,
)
def test_resuming_with_another_input_is_refused(
    community_run: Path, little_street: Path, tmp_path: Path, other: tuple[str, str]
) -> None:
    out = copied(community_run, tmp_path / "out")
    before, rows = files_of(out), _rows(out)
    said = commonwatt("run", little_street, "--out", out, "--resume", "--csv", *other)
    assert said.code == 2, said.both
    assert "expected a run of the same input" in said.err
    after = files_of(out)
    assert [name for name in before if not name.startswith("private") and before[name] != after[name]] == []
    assert sorted(after) == sorted(before)
    assert _rows(out) == rows


def test_a_finished_run_gets_its_csv_files_by_resuming_it(
    community_run: Path, little_street: Path, tmp_path: Path
) -> None:
    out = copied(community_run, tmp_path / "out")
    for path in (out / "public").glob("*.csv"):
        path.unlink()
    assert commonwatt("run", little_street, "--out", out, "--resume", "--csv").code == 0
    assert promised(out) == promised(community_run)


def test_a_lost_key_file_is_not_replaced_on_resume(community_run: Path, little_street: Path, tmp_path: Path) -> None:
    out, street = copied(community_run, tmp_path / "out"), copied(little_street, tmp_path / "street")
    (street / "keys.json").unlink()
    said = commonwatt("run", street, "--out", out, "--resume", "--csv")
    assert said.code == 2
    assert "keys.json: expected a key file" in said.err
    assert not (street / "keys.json").exists()
    assert promised(out) == promised(community_run)


def test_resuming_with_another_key_file_is_refused(community_run: Path, little_street: Path, tmp_path: Path) -> None:
    out, street = copied(community_run, tmp_path / "out"), copied(little_street, tmp_path / "street")
    (street / "keys.json").unlink()
    first = commonwatt("run", street, "--out", tmp_path / "first", "--to", "2024-05-07", "--set", "ledger.chain=memory")
    assert first.code == 0
    said = commonwatt("run", street, "--out", out, "--resume", "--csv")
    assert said.code == 2, said.both
    assert "key file" in said.err
    assert promised(out) == promised(community_run)


@of_community
def test_two_processes_do_not_share_a_run(undisturbed: tuple[Path, Path, str], tmp_path: Path) -> None:
    street, _, preset = undisturbed
    out = tmp_path / "out"
    process = started(street, out, "--preset", preset)
    while process.poll() is None and journalled(out) < 1:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        said = resumed(street, out, "--preset", preset)
        assert said.code == 2, said.both
        assert "another holds it" in said.err
    finally:
        os.kill(process.pid, signal.SIGCONT)
        stopped(process, signal.SIGKILL)


@pytest.mark.full
def test_a_lost_live_chain_is_made_again_from_the_journal(undisturbed: tuple[Path, Path, str], tmp_path: Path) -> None:
    street, whole, preset = undisturbed
    out = copied(whole, tmp_path / "out")
    for path in (out / "private").glob("chain.sqlite*"):
        path.unlink()
    shutil.rmtree(out / "public")
    said = resumed(street, out, "--preset", preset)
    assert said.code == 0, said.both
    assert_as_undisturbed(out, whole, STEPS[preset], at_least=STEPS[preset])
