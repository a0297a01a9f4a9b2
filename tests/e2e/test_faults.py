"""Faults of the machine and of people, as real as a test can make them: a full disk is full, a signal is sent, a pipe is closed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.small_runs import (
    HEADER,
    TOML,
    Said,
    command,
    commonwatt,
    copied,
    environment,
    files_of,
    promised,
)
from tests.fakes.spoiled_machine import no_check_of_connections, typed
from tests.fakes.tiny_runs import journal_rows, write_morning

from commonwatt.adapters.ledger import open_export

CAN_MOUNT = (
    shutil.which("unshare") is not None and subprocess.run(["unshare", "-Urm", "true"], check=False).returncode == 0
)
POOR = ("--set", "ledger.supplier_deposit_nano=1000", "--set", "ledger.member_deposit_nano=100000000")


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A community with its key file, and its undisturbed run. Read only."""
    root = tmp_path_factory.mktemp("faults")
    street = write_morning(root / "street")
    assert commonwatt("run", street, "--out", root / "whole").code == 0
    return street, root / "whole"


def as_undisturbed(morning: tuple[Path, Path], out: Path) -> None:
    """Resume, and compare every file that is promised."""
    said = commonwatt("run", morning[0], "--out", out, "--resume")
    assert said.code == 0, said.both
    assert promised(out) == promised(morning[1])


@pytest.mark.parametrize("limit_kb", [8, 40, 300])
def test_a_file_that_may_not_grow_stops_the_run_which_goes_on_later(
    morning: tuple[Path, Path], tmp_path: Path, limit_kb: int
) -> None:
    out = tmp_path / "out"

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_kb * 1024, limit_kb * 1024))

    ended = subprocess.run(command("run", morning[0], "--out", out), env=environment(), capture_output=True, text=True,
                           preexec_fn=limited, check=False)  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip()
    as_undisturbed(morning, out)


@pytest.mark.skipif(not CAN_MOUNT, reason="no user namespaces here: RLIMIT_FSIZE above is the fallback")
@pytest.mark.parametrize("size_kb", [100, 400])
def test_a_full_disk_stops_the_run_which_goes_on_with_more_room(
    morning: tuple[Path, Path], tmp_path: Path, size_kb: int
) -> None:
    disk, saved = tmp_path / "disk", tmp_path / "saved"
    disk.mkdir()
    run = " ".join(map(str, command("run", morning[0], "--out", disk / "out")))
    script = (
        f"mount -t tmpfs -o size={size_kb}k none {disk} && {{ {run}; code=$?; cp -a {disk}/out {saved}; exit $code; }}"
    )
    ended = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "full" in ended.stderr or "space" in ended.stderr
    as_undisturbed(morning, saved)


@pytest.mark.skipif(
    not CAN_MOUNT, reason="no user namespaces here: tests/e2e/test_spoiled_machines.py does it by permissions"
)
def test_a_read_only_folder_is_refused_and_left_alone(morning: tuple[Path, Path], tmp_path: Path) -> None:
    out = copied(morning[1], tmp_path / "out")
    run = " ".join(map(str, command("run", morning[0], "--out", out, "--resume")))
    script = f"mount --bind {out} {out} && mount -o remount,bind,ro {out} && {run}"
    ended = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert promised(out) == promised(morning[1])


@pytest.mark.parametrize("after_s", [0.5, 1.5])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_stop_is_130_whenever_it_comes(
    morning: tuple[Path, Path], tmp_path: Path, stop: signal.Signals, after_s: float
) -> None:
    process = subprocess.Popen(command("run", morning[0], "--out", tmp_path / "out"), env=environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    time.sleep(after_s)
    process.send_signal(stop)
    if stop == signal.SIGINT:
        process.send_signal(stop)
    out, err = process.communicate(timeout=60)
    said = Said(process.returncode, out, err)
    assert said.code in (130, 0), said.both
    assert "Traceback" not in said.both


def test_a_reader_that_goes_away_takes_nothing_from_the_run(morning: tuple[Path, Path], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(command("run", morning[0], "--out", tmp_path / "out"), env=environment(), stdout=writing,
                           stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert promised(tmp_path / "out") == promised(morning[1])


def test_an_output_that_is_full_is_said_and_the_results_are_there(morning: tuple[Path, Path], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command("run", morning[0], "--out", tmp_path / "out"), env=environment(), stdout=full,
                               stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    assert ended.returncode == 2
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert promised(tmp_path / "out") == promised(morning[1])


def test_times_of_files_mean_nothing(morning: tuple[Path, Path], tmp_path: Path) -> None:
    out = copied(morning[1], tmp_path / "out")
    for number, path in enumerate(sorted(out.rglob("*"))):
        os.utime(path, (0, 0) if number % 2 else (4_000_000_000, 4_000_000_000))
    as_undisturbed(morning, out)


def test_a_deposit_that_runs_dry_is_topped_up_and_audited(morning: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = commonwatt("run", morning[0], "--out", out, *POOR)
    assert said.code == 1, said.both
    assert "--resume --top-up" in said.err
    again = ("run", morning[0], "--out", out, *POOR, "--resume")
    assert commonwatt(*again).code == 1
    said = commonwatt(*again, "--top-up", "50")
    assert said.code == 0, said.both
    audit = commonwatt("audit", out)
    assert audit.code == 0, audit.both
    assert "paid into the supplier's deposit during the run: 50.000000000" in audit.out
    assert commonwatt(*again, "--top-up", "nothing").code == 2


@pytest.mark.parametrize("harm", ["changed", "cut"])
def test_a_journal_damaged_at_its_end_is_cut_there_and_the_rest_done_again(
    morning: tuple[Path, Path], tmp_path: Path, harm: str
) -> None:
    out = copied(morning[1], tmp_path / "out")
    path, whole = out / "private" / "journal.sqlite", journal_rows(out)
    if harm == "changed":
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE halves SET payload = payload || x'00' WHERE row = ?", (len(whole) - 2,))
    else:
        path.write_bytes(path.read_bytes()[:-20_000])
    said = typed("run", morning[0], "--out", out, "--resume")
    assert said.code == 0, said.both
    assert "cut after its last good row" in said.err.replace("\n", " ")
    assert "journal.sqlite.damaged-1" in said.err.replace("\n", "")
    assert journal_rows(out) == whole
    assert promised(out) == promised(morning[1])


def test_a_member_in_debt_may_not_buy_and_the_books_hold(morning: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    poor = ("run", morning[0], "--out", out, "--set", "ledger.member_deposit_nano=50000000", "--csv")
    assert typed(*poor).code == 0
    with closing(open_export(out / "public" / "chain.sqlite")) as ledger:
        assert (ledger.balances(2**31).debt_nano > 0).any()
    refused = [line for line in (out / "public" / "orders.csv").read_text().splitlines() if "balance" in line]
    assert refused
    said = typed("audit", out)
    assert said.code == 0, said.both
    before = promised(out)
    assert typed(*poor, "--resume").code == 0
    assert promised(out) == before


CAPPED = ("--set", "ledger.window_slots=1", "--set", "ledger.supplier_deposit_nano=1000000000000")


def beyond_its_connection(morning: tuple[Path, Path], folder: Path) -> Path:
    """The morning with a late reading of 900 kWh in an hour, for a connection of 10 kW."""
    street = copied(morning[0], folder)
    (street / "community.toml").write_text(TOML + 'corrections = "late.csv"\n')
    late = "2024-05-06T08:00Z,flat-1,900000,0,2024-05-06T10:00Z"
    (street / "late.csv").write_text(f"{HEADER},received\n{late}\n")
    return street


def test_a_correction_that_the_ledger_would_refuse_is_refused_before_anything(
    morning: tuple[Path, Path], tmp_path: Path
) -> None:
    street = beyond_its_connection(morning, tmp_path / "street")
    said = typed("run", street, "--out", tmp_path / "out", *CAPPED)
    assert said.code == 2
    assert "flat-1 connection_w: expected a connection that carries the data: 900000 W" in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("chain", ["embedded", "memory"])
def test_a_settlement_that_the_ledger_would_refuse_is_not_begun_and_the_run_can_be_resumed(
    morning: tuple[Path, Path], tmp_path: Path, chain: str
) -> None:
    street, out = beyond_its_connection(morning, tmp_path / "street"), tmp_path / "out"
    run = ("run", street, "--out", out, *CAPPED, "--set", f"ledger.chain={chain}")
    first = typed(*run, spoil=no_check_of_connections)
    assert (first.code, first.out) == (1, "")
    assert "would be refused: market: cap" in first.err
    assert "more than its connection carries at the price cap" in first.err
    assert "flat-1" in first.err
    # Asked before it was journalled: as long as the cause is there every resume says the same, and none changes anything.
    rows, before = journal_rows(out), files_of(out)
    assert not (out / "public").exists()
    again = typed(*run, "--resume", spoil=no_check_of_connections)
    assert (again.code, again.err) == (1, first.err)
    assert journal_rows(out) == rows
    assert sorted(files_of(out)) == sorted(before)
