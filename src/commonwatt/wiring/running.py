"""Running: a community file becomes a folder of results; the whole way from input to audited report."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from commonwatt.adapters.keys import KeyFile
from commonwatt.adapters.ledger import open_ledger
from commonwatt.adapters.store.files import write_json
from commonwatt.adapters.store.run_folder import CHAIN, INPUTS, SETTINGS, RunFolder
from commonwatt.adapters.store.sqlite_journal import SqliteJournal
from commonwatt.core.errors import DepositShort, InvalidInput
from commonwatt.services.market import Market
from commonwatt.services.run import Progress, anchor_run, final_s, halves, trade_days
from commonwatt.services.tables import TableBuilder
from commonwatt.settings import Settings
from commonwatt.settings.checking import OpenCommunity, open_community
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.building import market_of, terms_of
from commonwatt.wiring.inputs import folder_name, input_hash, inputs_json, run_identity, slots_of
from commonwatt.wiring.reports import facts_of, write_member_folders, write_reports
from commonwatt.wiring.timing import Stopwatch
from commonwatt.wiring.top_up import top_up_nano, waiting

UNUSED = "--top-up: the supplier's deposit covered every slot, nothing was paid in"


class Watcher(Protocol):
    """Who is told how far long work has come; may raise KeyboardInterrupt to stop it."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage begins."""
        ...

    def at(self, done: int) -> None:
        """So many steps of it are finished."""
        ...


@dataclass(frozen=True)
class RunRequest:
    """What `commonwatt run` was asked."""

    file: Path
    out: Path | None = None
    preset: str | None = None
    overrides: tuple[str, ...] = ()
    first: str | None = None
    end: str | None = None
    resume: bool = False
    csv: bool = False
    top_up: str | None = None
    """What is paid into the supplier's deposit where it does not cover a slot, in the community's currency."""
    program: str = "commonwatt"
    """How the command was typed, for what to type next."""


@dataclass(frozen=True)
class RunResult:
    """What is left to say after a run."""

    folder: RunFolder
    summary: dict[str, Any]
    ending: list[str]
    verified: bool
    notes: tuple[str, ...] = ()
    """What should be said aloud beside the ending."""


def run_community(request: RunRequest, watcher: Watcher) -> RunResult:
    """Run the days and write the folder.

    Raises:
        InvalidInput: settings, members, data, dates or the output folder; nothing was written.
        JournalError: `resume` on the run of another input.
        VerificationFailed: the books do not balance or the ledger disagrees; resumable.

    """
    watch = Stopwatch()
    paid_in_nano = top_up_nano(request.top_up, request.resume)
    community = open_community(request.file, request.preset, request.overrides)
    settings = community.settings
    slots = slots_of(community, request.first, request.end)
    folder = RunFolder(request.out or Path("out") / folder_name(settings.community.name))
    made = folder.prepare(request.resume)
    identity = input_hash(community, slots)
    try:
        keys = KeyFile.opened(settings.key_path, settings.community.name, identity, create=not folder.is_begun)
    except InvalidInput:
        for path in made:
            path.rmdir()
        raise
    first = slots.start - community.feed.slots().start
    load_wh = community.feed.load_wh[first : first + len(slots)]
    deposits = settings.member_deposits_nano(load_wh, len(slots) * settings.community.slot_s)
    terms = terms_of(settings, keys, deposits)
    journal = SqliteJournal(folder.journal, run_identity(identity, terms, keys.operator_key()))
    try:
        ledger = open_ledger(
            settings.ledger.chain, folder.live_chain, terms.community, keys.operator_key(), settings.ledger.executor
        )
        try:
            market = market_of(settings, terms, community.feed, keys, ledger, watch)
            progress = _traded(market, journal, slots, watcher, settings, paid_in_nano)
            watcher.stage("closing the books")
            tables = watch.measured("close", _close, folder, community, market, journal, slots, request.csv)
            notes = (
                *community.feed.notices(),
                *((market.ledger.note,) if market.ledger.note else ()),
                *((UNUSED,) if paid_in_nano and not progress.paid_in_nano else ()),
            )
            facts = facts_of(community, market, slots, tables, progress.waiting)
        finally:
            ledger.close()
    finally:
        journal.close()
    watcher.stage("auditing")
    audit = watch.measured("audit", audit_run, AuditRequest(folder.root))
    watcher.stage("writing the report")
    summary, ending = watch.measured(
        "report",
        write_reports,
        folder,
        replace(facts, ledger_verified=audit.passed),
        tables,
        str(request.file),
        request.program,
    )
    write_json(folder.root / "timing.json", watch.to_json(progress.resumed, progress.executed))
    balanced = not summary["energy_mismatch_wh"] and not summary["money_mismatch_nano"]
    return RunResult(folder, summary, ending, audit.passed and balanced, notes)


def _traded(
    market: Market, journal: SqliteJournal, slots: range, watcher: Watcher, settings: Settings, paid_in_nano: int
) -> Progress:
    try:
        return trade_days(market, journal, slots, _telling(watcher), paid_in_nano)
    except DepositShort as short:
        raise waiting(short, market, settings) from short


def _telling(watcher: Watcher) -> Callable[[Progress], None]:
    begun = False

    def tick(progress: Progress) -> None:
        nonlocal begun
        if not begun:
            watcher.stage("trading", progress.total)
            begun = True
        watcher.at(progress.done)

    return tick


def _close(
    folder: RunFolder, community: OpenCommunity, market: Market, journal: SqliteJournal, slots: range, csv: bool
) -> dict[str, pa.Table]:
    """Write the public tables, anchor their root as the run's last transaction, publish the chain and the manifest."""
    builder = TableBuilder(market)
    for half in halves(journal):
        builder.add(half)
    balances = market.ledger.balances(final_s(market.rules, slots))
    tables = builder.finish(market.ledger.receipts(), balances, market.ledger.deposits())
    texts = {SETTINGS: community.settings.effective_toml(), INPUTS: inputs_json(community, slots)}
    root = folder.write_public(tables, texts, csv)
    anchor_run(market, journal, slots, root)
    market.ledger.export(folder.public / CHAIN)
    folder.write_manifest(market.ledger.head())
    write_member_folders(folder, market, tables)
    return tables
