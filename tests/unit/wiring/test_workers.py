"""Workers: every task once, a failed one stops no other, a stop reaches all, a death is noticed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from commonwatt.core.errors import InvalidInput
from commonwatt.core.findings import Finding
from commonwatt.wiring.workers import Relay, Told, Watcher, work_off

Task = tuple[str, Path]


def touch(task: Task, watcher: Watcher) -> None:
    """A job: counts to ten, then does what its name says."""
    name, folder = task
    watcher.stage("counting", 10)
    for done in range(1, 11):
        watcher.at(done)
    if name == "bad":
        raise InvalidInput([Finding("here", "better", "worse")])
    if name == "dead":
        os._exit(7)
    (folder / name).write_text(str(os.getpid()))


def endless(task: Task, watcher: Watcher) -> None:
    """A job that stops only where it is asked to."""
    name, folder = task
    watcher.stage("counting", 10**9)
    (folder / f"{name}-began").touch()
    try:
        for done in range(1, 10**9):
            time.sleep(0.01)
            watcher.at(done)
    finally:
        (folder / f"{name}-stopped").touch()


def chatty(task: Task, watcher: Watcher) -> None:
    """A job that dies in the middle of saying something."""
    name, _ = task
    if name == "dead":
        threading.Timer(0.05, os._exit, [7]).start()
        while True:
            watcher.stage("counting", 100)
            for done in range(1, 101):
                watcher.at(done)
    touch(task, watcher)


def ended(said: list[Told]) -> dict[int, str]:
    return {one.task: one.kind for one in said if one.kind != "at"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_is_done_once_and_a_failed_one_stops_no_other(tmp_path: Path, jobs: int) -> None:
    said: list[Told] = []
    work_off(touch, [("a", tmp_path), ("bad", tmp_path), ("b", tmp_path)], jobs, said.append)
    assert ended(said) == {0: "done", 1: "failed", 2: "done"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert next(one.why for one in said if one.kind == "failed") == "here: expected better, found worse"
    assert [one.share for one in said if one.kind == "at" and one.task == 0] == [n / 10 for n in range(1, 11)]
    here = {int((tmp_path / name).read_text()) == os.getpid() for name in "ab"}
    assert here == {jobs == 1}


def test_a_worker_that_dies_is_noticed(tmp_path: Path) -> None:
    said: list[Told] = []
    work_off(touch, [("dead", tmp_path), ("dead", tmp_path)], 2, said.append)
    assert ended(said) == {0: "failed", 1: "failed"}
    assert "exit 7" in next(one.why for one in said if one.kind == "failed")


def test_what_a_dead_worker_leaves_the_others_do(tmp_path: Path) -> None:
    said: list[Told] = []
    work_off(chatty, [("dead", tmp_path), ("a", tmp_path), ("b", tmp_path)], 2, said.append)
    assert ended(said) == {0: "failed", 1: "done", 2: "done"}


def stopping_when(ready: Callable[[], bool]) -> Callable[[Told], None]:
    def told(_: Told) -> None:
        if ready():
            raise KeyboardInterrupt

    return told


def test_a_stop_reaches_every_worker_after_a_whole_step(tmp_path: Path) -> None:
    tasks = [("a", tmp_path), ("tick", tmp_path)]
    with pytest.raises(KeyboardInterrupt):
        work_off(endless_or_ticking, tasks, 2, stopping_when((tmp_path / "a-began").exists))
    assert (tmp_path / "a-stopped").exists()


def endless_or_ticking(task: Task, watcher: Watcher) -> None:
    """One job goes on for ever, the other tells how far it is until it is stopped."""
    if task[0] != "tick":
        endless(task, watcher)
    watcher.stage("ticking", 100)
    for done in range(1, 10**6):
        time.sleep(0.01)
        watcher.at(done)


def test_a_job_that_is_asked_to_stop_does_so_at_its_next_step() -> None:
    relay = Relay(0, lambda _: None, lambda: True)
    with pytest.raises(KeyboardInterrupt):
        relay.at(1)
    with pytest.raises(KeyboardInterrupt):
        relay.stage("closing")
