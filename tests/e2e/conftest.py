"""Runs that many tests read: made once a session, whatever the number of workers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.fakes.cheating import Cheat
from tests.fakes.lanes import write_lane
from tests.fakes.small_runs import commonwatt, write_community_with_gaps, write_small_community

Make = Callable[[Path], object]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Make], Path]:
    """Makes a folder by name unless another worker has made it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Make) -> Path:
        folder, done = shared / f"e2e-{name}", shared / f"e2e-{name}.done"
        with (shared / f"e2e-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                make(folder)
                done.touch()
        return folder

    return made


def _run(*arguments: str | Path) -> None:
    said = commonwatt("run", *arguments)
    assert said.code == 0, said.both
    assert "Energy 0 Wh off, money 0 off, ledger verified" in said.out


@pytest.fixture(scope="session")
def little_street(once: Callable[[str, Make], Path]) -> Path:
    """Five members, three days, with a key file. Read only."""

    def make(folder: Path) -> None:
        write_small_community(folder)
        _run(folder, "--set", "ledger.chain=memory", "--to", "2024-05-07", "--out", folder.with_name("e2e-first-run"))

    return once("little-street", make)


@pytest.fixture(scope="session")
def street_with_gaps(once: Callable[[str, Make], Path]) -> Path:
    """The same street with silent meters and late readings. Read only."""

    def make(folder: Path) -> None:
        write_community_with_gaps(folder)

    return once("street-with-gaps", make)


@pytest.fixture(scope="session")
def community_run(once: Callable[[str, Make], Path], little_street: Path) -> Path:
    """Three days under the preset `community` on the embedded chain, with CSV. Read only."""
    return once("community-run", lambda folder: _run(little_street, "--out", folder, "--csv"))


@pytest.fixture(scope="session")
def p2pet_run(once: Callable[[str, Make], Path], street_with_gaps: Path) -> Path:
    """Two days under the preset `p2pet`, with gaps and corrections, on the embedded chain. Read only."""
    asked = ("--preset", "p2pet", "--from", "2024-05-07")
    return once("p2pet-run", lambda folder: _run(street_with_gaps, "--out", folder, *asked))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A morning of five members along a lane, with its feeders; tests of a module may put more files there."""
    return write_lane(tmp_path_factory.mktemp("lane") / "street")


@pytest.fixture
def cheat(honest: Path, tmp_path: Path) -> Cheat:
    """The honest run of a file's tests, about to be published again."""
    return Cheat(honest / "run", tmp_path / "forged", honest / "street" / "keys.json")
