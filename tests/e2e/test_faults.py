"""Faults of the machine and of people, as real as a test can make them: a full disk is full, a signal is sent, a pipe is closed."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.fakes.small_runs import Said, command, commonwatt, copied, environment, promised
from tests.fakes.tiny_runs import write_morning

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


@pytest.mark.skipif(not CAN_MOUNT, reason="no user namespaces here")
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
