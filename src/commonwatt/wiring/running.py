"""Running: a community file becomes a folder of results; the whole way from input to audited report."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from commonwatt.adapters.feeder_file import FEEDER
from commonwatt.adapters.keys import KeyFile
from commonwatt.adapters.ledger import open_ledger
from commonwatt.adapters.store.files import write_json, write_text
from commonwatt.adapters.store.run_folder import CHAIN, INPUTS, SETTINGS, RunFolder
from commonwatt.adapters.store.run_lock import RunLock
from commonwatt.adapters.store.sqlite_journal import SqliteJournal
from commonwatt.core.errors import DepositShort, InvalidInput
from commonwatt.services.claims import moved_nano
from commonwatt.services.federation import Others
from commonwatt.services.market import Market
from commonwatt.services.reporting import RunFacts
from commonwatt.services.reporting.summary import Results, Summary
from commonwatt.services.run import Progress, anchor_run, final_s, halves, trade_days
from commonwatt.services.tables import TableBuilder
from commonwatt.settings import Settings
from commonwatt.settings.checking import OpenCommunity, open_community
from commonwatt.settings.designs import Design
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.building import market_of, terms_of
from commonwatt.wiring.doubting import unit_lines
from commonwatt.wiring.inputs import folder_name, input_hash, inputs_json, run_identity, slots_of
from commonwatt.wiring.reports import facts_of, names_of, write_member_folders, write_reports
from commonwatt.wiring.timing import Stopwatch
from commonwatt.wiring.top_up import top_up_nano, waiting
from commonwatt.wiring.workers import Watcher

UNUSED = "--top-up: the supplier's deposit covered every slot, nothing was paid in"


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
    design: Design | None = None
    """A design that wins over the community file, as a comparison runs them."""


@dataclass(frozen=True)
class Beside:
    """What a run has beside it, where it is one of a federation."""

    others: Others | None = None
    federation: str = ""
    """Its name."""
    turn: Callable[[], AbstractContextManager[Any]] = nullcontext
    """Held from closing the books on, so that runs of one process come one after the other where they need most memory."""
    cpu_clock: Callable[[], float] | None = None
    """What measures its processor time; None: the whole process's."""


BY_ITSELF = Beside()


@dataclass(frozen=True)
class RunResult:
    """What is left to say after a run."""

    folder: RunFolder
    results: Results
    """Every figure of the run, with its tables."""
    ending: list[str]
    verified: bool
    notes: tuple[str, ...] = ()
    """What should be said aloud beside the ending."""

    @property
    def summary(self) -> Summary:
        """`summary.json`."""
        return self.results.summary


@dataclass(frozen=True)
class BegunRun:
    """A run whose input is read and sound, and whose folder is this process's alone."""

    community: OpenCommunity
    slots: range
    folder: RunFolder
    keys: KeyFile


@dataclass(frozen=True)
class OpenRun:
    """A run at work: its market, its open journal, its folder."""

    community: OpenCommunity
    slots: range
    folder: RunFolder
    market: Market
    journal: SqliteJournal
    federation: str = ""
    """Which one the run belongs to; empty when it is by itself."""


@contextmanager
def begin_run(request: RunRequest) -> Iterator[BegunRun]:
    """Read and check everything a run needs, make its folder, and hold it until the end.

    Raises:
        InvalidInput: settings, members, data, dates or the output folder; nothing was written.
        JournalError: another process holds the folder.

    """
    community = open_community(request.file, request.preset, request.overrides, request.design)
    slots = slots_of(community, request.first, request.end)
    settings = community.settings
    folder = RunFolder(request.out or Path("out") / folder_name(settings.community.name))
    made = folder.prepare(request.resume)
    identity, create = input_hash(community, slots), not folder.is_begun
    try:
        keys = KeyFile.opened(settings.key_path, settings.community.name, identity, create=create)
    except InvalidInput:
        for path in made:
            path.rmdir()
        raise
    with RunLock(folder.lock):
        yield BegunRun(community, slots, folder, keys)


@contextmanager
def open_run(begun: BegunRun, watch: Stopwatch, beside: Beside = BY_ITSELF) -> Iterator[OpenRun]:
    """The journal and the ledger of a run, open until the end.

    Raises:
        JournalError: `resume` on the run of another input.

    """
    community, slots, folder, keys = begun.community, begun.slots, begun.folder, begun.keys
    settings, key = community.settings, keys.operator_key()
    first = slots.start - community.feed.slots().start
    load_wh = community.feed.load_wh[first : first + len(slots)]
    deposits = settings.member_deposits_nano(load_wh, len(slots) * settings.community.slot_s)
    terms = terms_of(settings, keys, deposits)
    identity = run_identity(community, slots, terms, key, beside.federation)
    with closing(SqliteJournal(folder.journal, identity, may_be_new=not folder.has_results)) as journal:
        chain, executor = settings.ledger.chain, settings.ledger.executor
        with closing(open_ledger(chain, folder.live_chain, terms.community, key, executor, mends=True)) as ledger:
            market = market_of(settings, terms, community.feed, keys, ledger, watch, beside.others)
            for name, text in {SETTINGS: settings.effective_toml(), **feeder_texts(settings)}.items():
                write_text(folder.private / name, text)
            write_json(folder.pseudonyms, names_of(market))
            if any(market.rules.suppliers):
                named = zip(market.members, market.rules.suppliers, strict=True)
                write_json(folder.suppliers, {keys.pseudonym(m.id): supplier for m, supplier in named if supplier})
            yield OpenRun(community, slots, folder, market, journal, beside.federation)


def run_community(request: RunRequest, watcher: Watcher, beside: Beside = BY_ITSELF) -> RunResult:
    """Run the days and write the folder.

    Raises:
        InvalidInput: settings, members, data, dates or the output folder; nothing was written.
        JournalError: `resume` on the run of another input.
        VerificationFailed: the books do not balance or the ledger disagrees; resumable.

    """
    watch, notes = Stopwatch(beside.cpu_clock), list[str]()
    paid_in_nano = top_up_nano(request.top_up, request.resume)
    with begin_run(request) as begun:
        for line in unit_lines(begun.community):
            watcher.say(line)
        try:
            return _run(request, watcher, watch, begun, paid_in_nano, notes, beside)
        except BaseException as error:
            # However the run ends, what was mended is said.
            for note in notes:
                error.add_note(note)
            raise


def _run(
    request: RunRequest,
    watcher: Watcher,
    watch: Stopwatch,
    begun: BegunRun,
    paid_in_nano: int,
    notes: list[str],
    beside: Beside,
) -> RunResult:
    # Left last: one run of a process at a time closes its books, audits and reports.
    with ExitStack() as turn:
        with open_run(begun, watch, beside) as run:
            notes += run.journal.notes
            progress = _traded(run, watcher, watch, paid_in_nano)
            notes += [progress.mended] if progress.mended else []
            turn.enter_context(beside.turn())
            watcher.stage("closing the books")
            tables = watch.measured("close", close_books, run, request.csv)
            notes += run.community.feed.notices()
            notes += [run.market.ledger.note] if run.market.ledger.note else []
            notes += [UNUSED] if paid_in_nano and not progress.paid_in_nano else []
            facts = facts_of(run.community, run.market, run.slots, tables, progress.waiting)
        return _reported(request, watcher, watch, begun, progress, facts, tables, tuple(notes))


def _reported(
    request: RunRequest,
    watcher: Watcher,
    watch: Stopwatch,
    begun: BegunRun,
    progress: Progress,
    facts: RunFacts,
    tables: dict[str, pa.Table],
    notes: tuple[str, ...],
) -> RunResult:
    folder = begun.folder
    watcher.stage("auditing")
    audit = watch.measured("audit", audit_run, AuditRequest(folder.root))
    watcher.stage("writing the report")
    results, ending = watch.measured(
        "report",
        write_reports,
        folder,
        replace(facts, ledger_verified=audit.passed),
        tables,
        str(request.file),
        request.program,
    )
    write_json(folder.root / "timing.json", watch.to_json(progress.resumed, progress.executed))
    balanced = not results.summary["energy_mismatch_wh"] and not results.summary["money_mismatch_nano"]
    return RunResult(folder, results, ending, audit.passed and balanced, notes)


def _traded(run: OpenRun, watcher: Watcher, watch: Stopwatch, paid_in_nano: int) -> Progress:
    try:
        return trade_days(run.market, run.journal, run.slots, _telling(watcher, watch), paid_in_nano)
    except DepositShort as short:
        raise waiting(short, run.market, run.community.settings) from short


def _telling(watcher: Watcher, watch: Stopwatch) -> Callable[[Progress], None]:
    begun = False

    def tick(progress: Progress) -> None:
        nonlocal begun
        watch.lap(progress.half)
        if not begun:
            watcher.stage("trading", progress.total)
            begun = True
        watcher.at(progress.done)

    return tick


def feeder_texts(settings: Settings) -> dict[str, str]:
    """The feeder as a run publishes it, by its file's name; nothing where no grid model looks at one."""
    return {FEEDER: settings.feeder.text} if settings.feeder is not None else {}


def close_books(run: OpenRun, csv: bool = False) -> dict[str, pa.Table]:
    """Write the public tables, anchor their root as the run's last transaction, publish the chain and the manifest.

    Returns the tables without what only an auditor asks for, who reads the files.
    """
    market, folder = run.market, run.folder
    with folder.table_files(csv) as files:
        builder = TableBuilder(market, files)
        for half in halves(run.journal):
            builder.add(half)
        balances = market.ledger.balances(final_s(market.rules, run.slots))
        deposits = market.ledger.deposits()
        paid_in = deposits + moved_nano(market.ledger.entries(), len(deposits))
        tables = builder.finish(market.ledger.receipts(), balances, paid_in)
    inputs = inputs_json(run.community, run.slots, run.federation)
    texts = {SETTINGS: run.community.settings.effective_toml(), INPUTS: inputs, **feeder_texts(run.community.settings)}
    anchor_run(market, run.journal, run.slots, folder.write_texts(texts))
    market.ledger.export(folder.public / CHAIN)
    folder.write_manifest(market.ledger.head())
    write_member_folders(folder, market)
    return tables
