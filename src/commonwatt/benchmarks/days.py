"""Days of a street under the clock: a run opened outside of it, traded within it, audited after it."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from commonwatt.benchmarks.base import Trial
from commonwatt.benchmarks.gates import day_findings
from commonwatt.benchmarks.street import SLOTS_A_DAY, Street, write_street
from commonwatt.core.findings import Finding
from commonwatt.services.rules import EX_POST
from commonwatt.services.run import halves, trade_days
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.running import OpenRun, RunRequest, begin_run, close_books, open_run
from commonwatt.wiring.timing import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwatt.services.run import Progress


class DayTrial(Trial):
    """A street's slots from the first to the last, journal and chain new in every run."""

    def __init__(self, street: Street, overrides: tuple[str, ...] = ()) -> None:
        self.overrides = overrides
        self._inputs = TemporaryDirectory(prefix="commonwatt-bench-")
        self.folder, self.slots = Path(self._inputs.name) / "street", street.days * SLOTS_A_DAY
        write_street(street, self.folder)

    @contextmanager
    def fresh(self) -> Iterator[OpenRun]:
        """A run opened in a folder of its own: files read, market built, nothing traded."""
        with (
            TemporaryDirectory(prefix="commonwatt-bench-") as out,
            begin_run(RunRequest(self.folder, Path(out) / "run", overrides=self.overrides)) as begun,
            open_run(begun, Stopwatch()) as run,
        ):
            yield run

    def run(self, ready: OpenRun) -> Progress:
        """All slots."""
        return trade_days(ready.market, ready.journal, ready.slots)

    def close(self) -> None:
        """The street's folder goes."""
        self._inputs.cleanup()

    def findings(self, ready: OpenRun, result: Progress) -> list[Finding]:
        """Every slot executed, its auction right by another way of computing it, and the audit of the published run passed."""
        found: list[Finding] = []
        # With a gate a slot has two halves that are done one after the other.
        halves_a_slot = 1 if ready.market.rules.timing == EX_POST else 2
        if result.executed != halves_a_slot * self.slots or len(ready.slots) != self.slots:
            found.append(Finding("slots", str(halves_a_slot * self.slots), str(result.executed)))
        found += self.market_findings(ready)
        close_books(ready)
        audit = audit_run(AuditRequest(ready.folder.root))
        return found if audit.passed else [*found, Finding("audit", "passed", "; ".join(audit.lines))]

    def market_findings(self, ready: OpenRun) -> list[Finding]:
        """What is wrong with the auctions of a market that no wire holds back."""
        every = (day_findings(half, ready.market.rules.rates(half.slot)) for half in halves(ready.journal))
        return list(itertools.chain.from_iterable(every))


class SlotsTrial(DayTrial):
    """The same, of which one slot is reported."""

    def __init__(self, street: Street, overrides: tuple[str, ...] = ()) -> None:
        super().__init__(street, overrides)
        self.times = self.slots


class TightTrial(SlotsTrial):
    """Slots whose lines are too narrow: the auctions are the audit's to judge, which clears them again; some must have been held back."""

    def market_findings(self, ready: OpenRun) -> list[Finding]:
        """Nothing was cleared again, and nothing cut: then the row would say nothing of limits."""
        verdicts = [half.trading.verdict for half in halves(ready.journal) if half.trading is not None]
        if any(verdict.rounds or verdict.curtailed_wh for verdict in verdicts):
            return []
        return [Finding("wires", "slots cleared again, or trades cut", "none")]


class AllottedTrial(SlotsTrial):
    """Slots before which every home is told what it may export and import: the audit judges the caps; some must hold somebody to less than its connection."""

    def market_findings(self, ready: OpenRun) -> list[Finding]:
        """No caps, or none that holds anybody back."""
        caps = [half.envelope for half in halves(ready.journal) if half.trading is not None]
        if caps and any(
            len(cap) and (cap.export_wh > 0).any() and cap.export_wh.max() > cap.export_wh.min() for cap in caps
        ):
            return []
        return [Finding("envelopes", "caps that hold somebody back", "none")]
