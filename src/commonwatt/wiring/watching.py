"""Watching a run: every line on its chain held against the orders, meters and tariff of the members it names."""

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.services.ports import Batch
from commonwatt.services.reporting.words import several
from commonwatt.services.watching import Doubt, doubts
from commonwatt.wiring.demanding import Sender, wallet_of
from commonwatt.wiring.watched import Watched, finished, index_in, is_stopped, stopped
from commonwatt.wiring.workers import Watcher

SHOWN = 20
"""Doubts that are spelled out; the rest are counted."""


@dataclass(frozen=True)
class WatchRequest:
    """What `commonwatt watch` was asked."""

    directory: Path
    member: str | None = None
    slot: int | None = None
    send: bool = False
    """Whether the member demands what stands behind the doubted lines, or does what is due after that."""
    undecided: bool = False
    """Whether it demands also what the contract would not decide for it."""
    keys: Path | None = None
    """The community's key file, with which a member's wallet sends; or its folder."""
    program: str = "commonwatt"
    """How the command was called, for what to type next."""

    @property
    def typed(self) -> str:
        """The command as it can be typed again."""
        options = {"--member": self.member, "--slot": self.slot, "--keys": self.keys}
        given = [f"{option} {quote(str(value))}" for option, value in options.items() if value is not None]
        return " ".join([self.program, "watch", quote(str(self.directory)), *given, "--send"])


@dataclass(frozen=True)
class WatchResult:
    """What a watcher saw."""

    doubts: tuple[Doubt, ...]
    lines: list[str]


def watch_run(request: WatchRequest, watcher: Watcher | None = None) -> WatchResult:
    """Hold every settled line that names the watched members against what they know; with `send`, have one of them demand.

    Raises:
        InvalidInput: the folder is no run, or holds no such member or slot; or nothing can be sent to it.
        JournalError: another process holds a stopped run.
        LedgerError: the chain cannot be read.

    """
    if request.send:
        wallet = wallet_of(request.directory, request.member, request.keys)
        with stopped(request.directory, wallet.key) as (watched, ledger):
            seen = _seen(watched, request, watcher)
            sender = Sender(watched, ledger, wallet, request.typed)
            return WatchResult(seen.doubts, [*seen.lines, *sender.step(seen.doubts, request.undecided)])
    if is_stopped(request.directory):
        with stopped(request.directory) as (watched, _):
            return _seen(watched, request, watcher)
    return _seen(finished(request.directory), request, watcher)


def _seen(watched: Watched, request: WatchRequest, watcher: Watcher | None) -> WatchResult:
    members = list(range(len(watched.pseudonyms)))
    if request.member is not None:
        members = [index_in(watched, request.member, request.directory)]
    by_slot = watched.live(request.slot)
    if request.slot is not None and not by_slot:
        require([Finding("--slot", "a settled slot of this run", str(request.slot))])
    found = []
    if watcher:
        watcher.stage("watching", len(by_slot))
    for done, (slot, batches) in enumerate(by_slot.items()):
        if watcher:
            watcher.at(done)
        known = watched.evidence(slot)
        found += [doubt for member in members for doubt in doubts(member, batches, known[member])]
    return WatchResult(tuple(found), _said(found, by_slot, len(members)))


def _said(found: list[Doubt], by_slot: dict[int, list[Batch]], members: int) -> list[str]:
    batches = [batch for of in by_slot.values() for batch in of]
    seen = f"{several(len(batches), 'batch', 'batches')}, {several(sum(len(b.lines) for b in batches), 'line')}, {several(members, 'member')}"
    if not found:
        return [f"{seen}: every line is borne out by its member's order, meter and tariff."]
    lines = [str(doubt) for doubt in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"and {len(found) - SHOWN} more")
    return [*lines, f"{seen}: {several(len(found), 'line')} that nothing bears out."]
