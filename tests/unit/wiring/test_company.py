"""A federation's processes: all hear the same whoever is faster; a failed, faulty or dead one stops all, and nobody waits for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from tests.fakes.markets import FakeJournal

from commonwatt.clearing import Position
from commonwatt.core.errors import InvalidInput
from commonwatt.core.findings import Finding
from commonwatt.services.federation import Barrier
from commonwatt.wiring.company import keep_company
from commonwatt.wiring.running import Beside
from commonwatt.wiring.workers import Told, Watcher

SLOTS = range(7, 12)
Task = tuple[str, Path]


def trade(task: Task, watcher: Watcher, beside: Beside) -> None:
    """A job: sells or buys in five slots, and does what its name says in the middle."""
    name, folder = task
    is_sell = name.startswith("sell")
    limit = 0 if is_sell else 300_000
    watcher.stage("trading", len(SLOTS))
    heard = []
    assert beside.others is not None
    for slot in SLOTS:
        if slot == SLOTS[2]:
            disturb(name)
        position = Position(np.array([is_sell]), np.array([100 + slot]), np.array([limit]), 100_000, 300_000)
        exchange = beside.others.exchange(slot, position)
        heard.append(f"{slot} {exchange.energy_wh} {exchange.price_micro_per_kwh}")
        watcher.at(slot - SLOTS.start + 1)
    (folder / name).write_text("\n".join(heard))


def disturb(name: str) -> None:
    if name.endswith("slow"):
        time.sleep(0.3)
    if name.endswith("bad"):
        raise InvalidInput([Finding("here", "better", "worse")])
    if name.endswith("faulty"):
        raise ZeroDivisionError
    if name.endswith("dead"):
        os._exit(7)


def kept_company(folder: Path, names: list[str], jobs: int) -> tuple[bool, list[Told], FakeJournal]:
    journal, told = FakeJournal(), list[Told]()
    barrier = Barrier(len(names), (tuple(range(len(names))),), SLOTS.start, journal)
    ended = keep_company(trade, [(name, folder) for name in names], jobs, barrier, told.append)
    return ended, told, journal


def test_all_hear_the_same_however_many_processes_and_whoever_is_slow(tmp_path: Path) -> None:
    names, outcomes = ["sell-0", "buy-1", "buy-2-slow"], []
    for jobs in (1, 3):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        ended, told, journal = kept_company(folder, names, jobs)
        assert ended
        assert sorted(one.task for one in told if one.kind == "done") == [0, 1, 2]
        outcomes.append((journal.written, [(folder / name).read_text() for name in names]))

    assert outcomes[0] == outcomes[1]
    assert "7 -54" in outcomes[0][1][1] + outcomes[0][1][2]


@pytest.mark.parametrize(
    ("name", "why"),
    [("buy-bad", "here: expected better, found worse"), ("buy-faulty", "a fault of the program, see above"), ("buy-dead", "its process ended without a word")],
)  # fmt: skip
def test_one_that_cannot_go_on_stops_all(tmp_path: Path, name: str, why: str) -> None:
    ended, told, journal = kept_company(tmp_path, ["sell-0", name, "sell-1"], 2)

    assert not ended
    assert [one.why for one in told if one.kind == "failed"] == [why]
    assert list(tmp_path.iterdir()) == []
    assert [slot for slot, _, _ in journal.written] == [7, 8]


def test_a_stop_reaches_all(tmp_path: Path) -> None:
    def told(one: Told) -> None:
        raise KeyboardInterrupt

    names = ["sell-0", "buy-1-slow"]
    barrier = Barrier(2, ((0, 1),), SLOTS.start, FakeJournal())
    with pytest.raises(KeyboardInterrupt):
        keep_company(trade, [(name, tmp_path) for name in names], 2, barrier, told)
    assert len(list(tmp_path.iterdir())) < 2
