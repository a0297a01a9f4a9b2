"""Long looks at a run say how far they are, on a terminal only, and stop at Ctrl-C without a traceback."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest
from tests.fakes.small_runs import command, commonwatt, environment

from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.watching import WatchRequest, watch_run

BEGUN = {"audit": b"checking", "watch": b"watching"}
both = pytest.mark.parametrize("name", ["audit", "watch"])


class Noted:
    """A watcher that notes stages, their steps and how far each came; at a stage it may stop everything."""

    def __init__(self, stop_at: str = "") -> None:
        self.stages: dict[str, int | None] = {}
        self.came_to: dict[str, int] = {}
        self._stop_at = stop_at
        self._name = ""

    def stage(self, name: str, total: int | None = None) -> None:
        self._name, self.stages[name] = name, total
        if name == self._stop_at:
            raise KeyboardInterrupt

    def at(self, done: int) -> None:
        self.came_to[self._name] = done

    def say(self, text: str) -> None:
        """Nothing is said."""


def on_a_terminal(*arguments: str | Path, until: bytes = b"", with_: signal.Signals | None = None) -> tuple[int, bytes]:
    """How a command ended whose errors go to a terminal, and what it showed there; a signal is sent once it showed `until`."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments), env={**environment(), "TERM": "xterm", "COLUMNS": "100"}, stdout=subprocess.PIPE, stderr=theirs
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:  # nobody writes any more
            break
        if not read:
            break
        shown += read
        if with_ is not None and until in shown:
            process.send_signal(with_)
            with_ = None
    os.close(ours)
    process.communicate(timeout=60)
    return process.returncode, shown


@both
def test_a_terminal_sees_how_far_it_is(p2pet_run: Path, name: str) -> None:
    code, shown = on_a_terminal(name, p2pet_run)
    assert code == 0, shown
    assert BEGUN[name] in shown


@both
def test_whoever_is_no_terminal_sees_nothing_of_it(p2pet_run: Path, name: str) -> None:
    said = commonwatt(name, p2pet_run)
    assert said.code == 0, said.both
    assert said.err == ""
    assert BEGUN[name].decode() not in said.out


def test_ctrl_c_in_an_audit_is_130_and_no_traceback(p2pet_run: Path) -> None:
    code, shown = on_a_terminal("audit", p2pet_run, until=BEGUN["audit"], with_=signal.SIGINT)
    assert code == 130, shown
    assert b"Traceback" not in shown


def test_every_check_is_a_stage_of_its_slots_or_blocks(p2pet_run: Path) -> None:
    noted = Noted()
    result = audit_run(AuditRequest(p2pet_run), noted)
    assert result.passed
    slots = noted.stages["checking clearing"]
    assert slots is not None
    assert slots > 1
    for name in (
        "checking readings",
        "checking clearing",
        "checking roots",
        "checking statements",
        "checking refusals",
    ):
        assert (noted.stages[name], noted.came_to[name]) == (slots, slots - 1)
    assert noted.stages["checking chain"] == noted.came_to["checking chain"]
    watched = Noted()
    assert watch_run(WatchRequest(p2pet_run), watched).doubts == ()
    assert (watched.stages, watched.came_to) == ({"watching": slots}, {"watching": slots - 1})


def test_who_stops_an_audit_or_a_watch_gets_no_half_answer(p2pet_run: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        audit_run(AuditRequest(p2pet_run), Noted("checking clearing"))
    with pytest.raises(KeyboardInterrupt):
        watch_run(WatchRequest(p2pet_run), Noted("watching"))
