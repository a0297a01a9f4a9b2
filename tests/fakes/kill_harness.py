"""Kills a run with SIGKILL at every step boundary or at any instant, resumes it, and compares every file with the undisturbed run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.fakes.lanes import FULL, laid, on_lane
from tests.fakes.small_runs import command, copied, environment, promised, read_json
from tests.fakes.tiny_runs import Telling, in_child, journal_rows, ran, write_morning

from commonwatt.adapters.chain.chain_file import ChainFile
from commonwatt.adapters.chain.embedded import EmbeddedChain
from commonwatt.adapters.ledger.embedded import EmbeddedLedger
from commonwatt.adapters.ledger.memory import MemoryLedger
from commonwatt.adapters.store.sqlite_journal import SqliteJournal

HOURS = 3
WIRED = {"ex_ante": ("grid.rating_share=0.02",), "ex_post": ("grid.allocation=envelope", "grid.counted_load_share=1.0")}
"""Cuts at the gate; fees and caps after delivery."""

STEPS: tuple[tuple[Any, str], ...] = (
    (SqliteJournal, "append"),
    (EmbeddedLedger, "found"),
    (EmbeddedLedger, "post"),
    (EmbeddedLedger, "caught_up"),
    (EmbeddedLedger, "export"),
    (MemoryLedger, "found"),
    (MemoryLedger, "post"),
    (MemoryLedger, "caught_up"),
    (MemoryLedger, "export"),
    (ChainFile, "append"),
    (EmbeddedChain, "export"),
)
"""Steps of a run whose effect is durable or visible: each is an event before it and an event after it."""

FILES: tuple[tuple[Any, str], ...] = ((Path, "replace"), (Path, "mkdir"), (os, "fsync"), (os, "link"))
"""Where a file or a folder appears."""


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
        for owner, name in (*STEPS, *FILES):
            setattr(owner, name, self._counted(getattr(owner, name), f"{owner.__name__}.{name}"))

    def _counted(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            self.passed(f"before {name}")
            result = original(*args, **kwargs)
            self.passed(f"after {name}")
            return result

        return called


@dataclass(frozen=True)
class Design:
    """What is run: a preset, when it trades, the ledger that it settles on, what executes the contracts of that, and whether on a feeder."""

    preset: str
    timing: str
    ledger: str
    executor: str = "pyrevm"
    is_wired: bool = False
    """On a feeder too thin for what it is to carry, with a fee on every line."""

    @property
    def name(self) -> str:
        """The preset, and whether on a feeder, as the table of kills has it."""
        return f"{self.preset} on a feeder" if self.is_wired else self.preset

    @property
    def overrides(self) -> tuple[str, ...]:
        """As `--set` takes them."""
        usual = (f"market.timing={self.timing}", f"ledger.chain={self.ledger}", f"ledger.executor={self.executor}")
        return (*usual, *FULL, *WIRED[self.timing]) if self.is_wired else usual

    @property
    def steps(self) -> int:
        """Half slots that are journalled."""
        return HOURS * (2 if self.timing == "ex_ante" else 1)


DESIGNS = tuple(
    Design(preset, timing, ledger)
    for preset in ("community", "p2pet")
    for timing in ("ex_post", "ex_ante")
    for ledger in ("embedded", "memory")
)

ON_REFERENCE = tuple(replace(design, executor="py-evm") for design in DESIGNS if design.ledger == "embedded")
"""The designs with contracts, executed by the reference."""

ON_FEEDER = tuple(
    Design("community", timing, ledger, is_wired=True)
    for timing, ledger in (("ex_ante", "embedded"), ("ex_post", "memory"))
)


@dataclass(frozen=True)
class Kill:
    """One case: where the process was killed, and what came of it."""

    design: Design
    kind: str
    where: str
    begun: int
    """Processes that were to be killed."""
    kills: int
    """Those of them that a SIGKILL ended; the others ended by themselves before it came."""
    rows: int
    """Half slots in the journal before the run that was left alone."""
    differences: tuple[str, ...]
    """Files that are not the undisturbed run's, journal rows that changed, steps that do not add up; none is right."""
    resumed: int
    executed: int
    going_s: float | None
    """From the start of the last resume until it had caught up and went on; None where that cannot be seen from outside."""
    resume_s: float
    """From the start of the last resume to its end, report and audit done."""


Way = Callable[[], int]
"""A process that is to be killed; returns how it ended, as `os.waitstatus_to_exitcode` has it."""


class Killing:
    """A community, the undisturbed run of a design, and folders to kill runs in."""

    def __init__(self, root: Path, design: Design) -> None:
        self._root = root
        street = root / "street"
        self._street = on_lane(street, laid(), HOURS) if design.is_wired else write_morning(street, HOURS)
        self._number = 0
        self.design = design
        self.events = self._undisturbed()
        # Once in this process, so that every fork of it starts with everything imported.
        assert self._ran(root / "warm").verified
        self._duration_s = self._timed(lambda: in_child(lambda: self._ran(root / "timed")))
        self._command_s = 0.0

    def _ran(self, out: Path, **more: Any) -> Any:
        return ran(self._street, out, self.design.preset, overrides=self.design.overrides, **more)

    def _undisturbed(self) -> list[str]:
        # The key file is made by the first run and is part of the input from then on: the events are those of a run that finds it.
        assert in_child(lambda: self._ran(self._root / "whole")) == 0
        told = self._root / "events"

        def count() -> None:
            counter = Counter(-1)
            counter.watch()
            assert self._ran(self._root / "counted", resume=True).verified
            told.write_text("\n".join(counter.seen), encoding="utf-8")

        assert in_child(count) == 0
        return told.read_text(encoding="utf-8").splitlines()

    def _timed(self, work: Callable[[], int]) -> float:
        begun = time.perf_counter()
        assert work() == 0
        return time.perf_counter() - begun

    @property
    def steps(self) -> list[int]:
        """The events at a step boundary."""
        names = {f"{owner.__name__}.{name}" for owner, name in STEPS}
        return [at for at, event in enumerate(self.events) if event.split()[1] in names]

    @property
    def files(self) -> list[int]:
        """The events at which a file or a folder appears."""
        return sorted({*range(len(self.events))} - {*self.steps})

    def at_event(self, event: int) -> Kill:
        """Kill at one event of the run; it is always reached."""
        kind = "at a step boundary" if event in set(self.steps) else "at a file put in place"
        kill = self._case(kind, f"{self.events[event]} ({event})", [lambda: self._die_at(event)])
        assert kill.kills == 1
        return kill

    def at_instant(self, draws: random.Random) -> Kill:
        """Kill from outside, after a random share of the undisturbed run's time; drawn again where the run was faster."""
        return self._until_killed("at a random instant", draws, self._die_after)

    def command_at_instant(self, draws: random.Random) -> Kill:
        """The same with the command as it is typed, a process that imports everything itself."""
        if not self._command_s:
            self._command_s = self._timed(lambda: subprocess.run(**self._typed("typed"), check=False).returncode)
        return self._until_killed("the typed command", draws, self._command_dies_after, typed=True)

    def again_and_again(self, draws: random.Random, deaths: int) -> Kill:
        """Kill the run and then its resumes, at random events and instants."""
        ways: list[Way] = []
        for _ in range(deaths):
            event, share = draws.randrange(len(self.events)), draws.random()
            at_event = draws.random() < 0.5
            ways.append(
                (lambda e: lambda: self._die_at(e))(event)
                if at_event
                else (lambda s: lambda: self._die_after(s))(share)
            )
        return self._case("again during resumes", f"{deaths} in a row", ways)

    def _until_killed(self, kind: str, draws: random.Random, die: Callable[[float], int], typed: bool = False) -> Kill:
        for begun in range(1, 50):
            share = draws.random()
            kill = self._case(kind, f"at {share:.3f} of its time", [lambda s=share: die(s)], typed)  # type: ignore[misc]
            if kill.kills:
                return replace(kill, begun=begun)
        raise AssertionError("expected one of 50 kills to come in time")

    @property
    def _out(self) -> Path:
        return self._root / f"out-{self._number}"

    def _go(self) -> None:
        """Resume as the command does; when it has caught up is left in a file, in the clock that all processes share."""
        told: list[float] = []

        def first(_: int) -> None:
            if not told:
                told.append(time.monotonic())
                (self._root / "going").write_text(str(told[0]), encoding="utf-8")

        result = self._ran(self._out, resume=True, csv=False, watcher=Telling(first))
        sys.exit(0 if result.verified else 1)

    def _typed(self, out: str) -> dict[str, Any]:
        sets = [word for text in self.design.overrides for word in ("--set", text)]
        run = command("run", self._street, "--out", self._root / out, "--preset", self.design.preset, "--resume", *sets)
        return {"args": run, "env": environment(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

    def _die_at(self, event: int) -> int:
        def doomed() -> None:
            Counter(event).watch()
            self._go()

        return in_child(doomed)

    def _die_after(self, share: float) -> int:
        child = os.fork()
        if not child:
            os._exit(in_this_process(self._go))
        time.sleep(share * self._duration_s)
        os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _command_dies_after(self, share: float) -> int:
        process = subprocess.Popen(**self._typed(self._out.name))
        time.sleep(share * self._command_s)
        process.kill()
        return process.wait()

    def _case(self, kind: str, where: str, ways: list[Way], typed: bool = False) -> Kill:
        self._number += 1
        ends = [die() for die in ways]
        assert {*ends} <= {-signal.SIGKILL, 0}, ends
        before = self._rows_now()
        (self._root / "going").unlink(missing_ok=True)
        begun = time.monotonic()
        if typed:
            status = subprocess.run(**self._typed(self._out.name), check=False).returncode
        else:
            status = in_child(self._go, self._root / "said.txt")
        resume_s = time.monotonic() - begun
        going = self._root / "going"
        going_s = float(going.read_text(encoding="utf-8")) - begun if going.exists() else None
        resumed, executed, differences = self._judged(status, before)
        shutil.rmtree(self._out)
        kills = ends.count(-signal.SIGKILL)
        return Kill(self.design, kind, where, len(ways), kills, len(before), differences, resumed, executed, going_s, resume_s)  # fmt: skip

    def _judged(self, status: int, before: list[tuple[object, ...]]) -> tuple[int, int, tuple[str, ...]]:
        if status:
            return 0, 0, (f"exit {status}",)
        timing = read_json(self._out / "timing.json")
        resumed, executed = timing["resumed_steps"], timing["executed_steps"]
        return resumed, executed, tuple(self._differences(before, resumed, executed))

    def _rows_now(self) -> list[tuple[object, ...]]:
        """The journal as the dead process left it, read from a copy: reading plays a log back."""
        if not (self._out / "private").exists():
            return []
        copy = copied(self._out / "private", self._root / "copy" / "private")
        rows = journal_rows(copy.parent)
        shutil.rmtree(copy.parent)
        return rows

    def _differences(self, before: list[tuple[object, ...]], resumed: int, executed: int) -> Iterator[str]:
        whole, steps = self._root / "whole", self.design.steps
        expected, found = promised(whole), promised(self._out)
        yield from (name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name))
        rows = journal_rows(self._out)
        if rows[: len(before)] != before:
            yield "journal rows of before the kill"
        if rows != journal_rows(whole):
            yield "journal"
        if resumed + executed != steps or resumed < min(len(before), steps):
            yield f"steps: {resumed} resumed and {executed} executed of {steps}, {len(before)} were journalled"


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
