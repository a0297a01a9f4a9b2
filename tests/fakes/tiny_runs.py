"""A morning of five members, run in this process in about a second; stopped, killed and resumed at will."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from tests.fakes.small_runs import write_small_community

from commonwatt.wiring.running import RunRequest, RunResult, run_community

HOURS = 6
STEPS = {"community": HOURS, "p2pet": 2 * HOURS}
"""Half slots of the morning by preset."""


def write_morning(folder: Path, hours: int = HOURS) -> Path:
    """The small community with data for a few hours from nine o'clock UTC on, and no more."""
    write_small_community(folder, days=1)
    path = folder / "profiles.csv"
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    kept = sorted({line.partition(",")[0] for line in lines})[9 : 9 + hours]
    path.write_text("\n".join([header, *(ln for ln in lines if ln.partition(",")[0] in kept)]) + "\n", encoding="utf-8")
    return folder


def write_morning_with_a_late_reading(folder: Path, hours: int = HOURS) -> Path:
    """The same, in which roof-1's meter is silent in the third hour and tells it two hours later."""
    path = write_morning(folder, hours) / "profiles.csv"
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    late = [line for line in lines if line.split(",")[1] == "roof-1"][2]
    received = sorted({line.partition(",")[0] for line in lines})[4]
    path.write_text("\n".join([header, *(line for line in lines if line != late)]) + "\n", encoding="utf-8")
    (folder / "late.csv").write_text(f"{header},received\n{late},{received}\n", encoding="utf-8")
    toml = folder / "community.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + 'corrections = "late.csv"\n', encoding="utf-8")
    return folder


def rows_of(out: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a public table of a run."""
    found: list[dict[str, Any]] = pq.read_table(out / "public" / f"{table}.parquet").to_pylist()
    return found


class Telling:
    """A watcher that calls back after every finished half slot."""

    def __init__(self, back: Callable[[int], None] = lambda _: None) -> None:
        self._back = back
        self._trading = False
        self.said: list[str] = []

    def stage(self, name: str, total: int | None = None) -> None:  # noqa: ARG002 - as a watcher has it
        """Only trading is counted in half slots."""
        self._trading = name == "trading"

    def at(self, done: int) -> None:
        """So many are finished."""
        if self._trading:
            self._back(done)

    def say(self, text: str) -> None:
        """Kept."""
        self.said.append(text)


def ran(street: Path, out: Path, preset: str = "community", *, resume: bool = False, **asked: object) -> RunResult:
    """Run or resume in this process."""
    watcher = asked.pop("watcher", Telling())
    assert isinstance(watcher, Telling)
    request = RunRequest(street, out, preset=preset, resume=resume, **asked)  # type: ignore[arg-type]
    return run_community(request, watcher)


def in_child(work: Callable[[], object], said: Path | None = None) -> int:
    """Do something in a fork of this process; its exit status as `os.waitstatus_to_exitcode` gives it (negative: a signal).

    The child's output goes to the file `said`. A fork starts warm, in milliseconds, where a new process imports for a second.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 70
    try:
        into = os.open(said or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(into, 1)
        os.dup2(into, 2)
        work()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def killed_after(street: Path, out: Path, rows: int, preset: str = "community") -> None:
    """A run whose process died with so many half slots journalled, the write-ahead logs of its files still there."""

    def die(done: int) -> None:
        if done == rows:
            os._exit(9)

    assert in_child(lambda: ran(street, out, preset, watcher=Telling(die))) == 9


def journal_rows(run: Path) -> list[tuple[object, ...]]:
    """The rows of a run's journal that nobody has open."""
    path = run / "private" / "journal.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as journal:
        if not journal.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            return []
        return list(journal.execute("SELECT * FROM halves ORDER BY row"))
