"""Kills a run with SIGKILL at every step boundary or at any instant, resumes it, and compares every file with the undisturbed run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.small_runs import copied, promised, read_json
from tests.fakes.tiny_runs import STEPS, in_child, journal_rows, ran, write_morning

from commonwatt.adapters.chain.chain_file import ChainFile
from commonwatt.adapters.chain.embedded import EmbeddedChain
from commonwatt.adapters.ledger.embedded import EmbeddedLedger
from commonwatt.adapters.store.sqlite_journal import SqliteJournal

BOUNDARIES: tuple[tuple[Any, str], ...] = (
    (SqliteJournal, "append"),
    (EmbeddedLedger, "found"),
    (EmbeddedLedger, "post"),
    (EmbeddedLedger, "caught_up"),
    (ChainFile, "append"),
    (EmbeddedChain, "export"),
    (Path, "replace"),
    (Path, "mkdir"),
    (os, "fsync"),
    (os, "link"),
)
"""Where a step's effect becomes durable or visible: each is an event before it and an event after it."""


class Counter:
    """Counts the events of a process, and kills it at one of them."""

    def __init__(self, deadly: int) -> None:
        self.seen: list[str] = []
        self._deadly = deadly

    def passed(self, name: str) -> None:
        """One more event; the last one if it is the deadly one."""
        if len(self.seen) == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        self.seen.append(name)

    def watch(self) -> None:
        """Count in this process from now on. Nothing in the package knows of it."""
        for owner, name in BOUNDARIES:
            setattr(owner, name, self._counted(getattr(owner, name), f"{owner.__name__}.{name}"))

    def _counted(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            self.passed(f"before {name}")
            result = original(*args, **kwargs)
            self.passed(f"after {name}")
            return result

        return called


@dataclass(frozen=True)
class Kill:
    """One case: where the process died (each time, for repeated kills), and what came of it."""

    preset: str
    where: str
    deaths: int
    """How many processes were killed before the one that finished."""
    rows: int
    """Half slots in the journal at the last kill."""
    differences: tuple[str, ...]
    """Files that are not the undisturbed run's, journal rows that changed, steps that do not add up; none is right."""
    resume_s: float
    resumed: int
    executed: int


class Killing:
    """A community, the undisturbed run of each preset, and folders to kill runs in."""

    def __init__(self, root: Path, presets: tuple[str, ...] = ("community", "p2pet")) -> None:
        self._root = root
        self._street = write_morning(root / "street")
        self._number = 0
        self.presets = presets
        self.events: dict[str, list[str]] = {}
        self.duration_s: dict[str, float] = {}
        for preset in presets:
            self._undisturbed(preset)
            # Once in this process, so that every fork of it starts with everything imported.
            assert ran(self._street, root / f"warm-{preset}", preset).verified
            self.duration_s[preset] = self._timed(preset)

    def _undisturbed(self, preset: str) -> None:
        # The key file is made by the first of them and is part of the input from then on.
        whole, told = self._root / f"whole-{preset}", self._root / f"events-{preset}"

        def count() -> None:
            counter = Counter(-1)
            counter.watch()
            assert ran(self._street, whole, preset).verified
            told.write_text("\n".join(counter.seen), encoding="utf-8")

        assert in_child(count) == 0
        self.events[preset] = told.read_text(encoding="utf-8").splitlines()

    def _timed(self, preset: str) -> float:
        begun = time.perf_counter()
        assert in_child(lambda: ran(self._street, self._root / f"timed-{preset}", preset)) == 0
        return time.perf_counter() - begun

    def at_event(self, preset: str, event: int) -> Kill:
        """Kill at one event of the run."""
        return self._case(preset, f"{self.events[preset][event]} ({event})", [lambda: self._die_at(preset, event)])

    def at_instant(self, preset: str, share: float) -> Kill:
        """Kill from outside, after a share of the undisturbed run's time."""
        return self._case(preset, f"at {share:.3f} of its time", [lambda: self._die_after(preset, share)])

    def again_and_again(self, preset: str, draws: random.Random, deaths: int) -> Kill:
        """Kill the run and then its resumes, at random events and instants."""
        ways: list[Callable[[], None]] = []
        for _ in range(deaths):
            event, share = draws.randrange(len(self.events[preset])), draws.random()
            at_event = draws.random() < 0.5
            ways.append(
                (lambda e: lambda: self._die_at(preset, e))(event)
                if at_event
                else (lambda s: lambda: self._die_after(preset, s))(share)
            )
        return self._case(preset, f"{deaths} times in a row", ways)

    @property
    def _out(self) -> Path:
        return self._root / f"out-{self._number}"

    def _go(self, preset: str) -> None:
        result = ran(self._street, self._out, preset, resume=True, csv=False)
        sys.exit(0 if result.verified else 1)

    def _die_at(self, preset: str, event: int) -> None:
        def doomed() -> None:
            Counter(event).watch()
            self._go(preset)

        # A resume has fewer events than a whole run: one that ends before its death is a finished run, resumed once more.
        assert in_child(doomed) in (-signal.SIGKILL, 0)

    def _die_after(self, preset: str, share: float) -> None:
        child = os.fork()
        if not child:
            os._exit(in_this_process(lambda: self._go(preset)))
        time.sleep(share * self.duration_s[preset])
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def _case(self, preset: str, where: str, ways: list[Callable[[], None]]) -> Kill:
        self._number += 1
        for die in ways:
            die()
        before = self._rows_now()
        begun = time.perf_counter()
        status = in_child(lambda: self._go(preset), self._root / "said.txt")
        resume_s = time.perf_counter() - begun
        differences = [f"exit {status}: {(self._root / 'said.txt').read_text()[-300:]}"] if status else []
        resumed, executed = 0, 0
        if not status:
            timing = read_json(self._out / "timing.json")
            resumed, executed = timing["resumed_steps"], timing["executed_steps"]
            differences += self._differences(preset, before, resumed, executed)
        shutil.rmtree(self._out)
        return Kill(preset, where, len(ways), len(before), tuple(differences), resume_s, resumed, executed)

    def _rows_now(self) -> list[tuple[object, ...]]:
        """The journal as the dead process left it, read from a copy: reading plays a log back."""
        if not (self._out / "private").exists():
            return []
        copy = copied(self._out / "private", self._root / "copy" / "private")
        rows = journal_rows(copy.parent)
        shutil.rmtree(copy.parent)
        return rows

    def _differences(self, preset: str, before: list[tuple[object, ...]], resumed: int, executed: int) -> Iterator[str]:
        whole = self._root / f"whole-{preset}"
        expected, found = promised(whole), promised(self._out)
        yield from (name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name))
        rows = journal_rows(self._out)
        if rows[: len(before)] != before:
            yield "journal rows of before the kill"
        if rows != journal_rows(whole):
            yield "journal"
        if resumed + executed != STEPS[preset] or resumed < min(len(before), STEPS[preset]):
            yield f"steps: {resumed} resumed and {executed} executed of {STEPS[preset]}, {len(before)} were journalled"


def in_this_process(work: Callable[[], object]) -> int:
    """Do something in silence and return how it ended."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        work()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 70
    return 0
