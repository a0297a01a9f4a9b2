"""What a watcher reads: a finished run's public folder, or a stopped run's journal and chain, as batches and what members know."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from commonwatt.adapters.ledger import open_export, open_live
from commonwatt.adapters.store.run_folder import CHAIN, SETTINGS, RunFolder, read_names, read_public
from commonwatt.adapters.store.run_lock import RunLock
from commonwatt.adapters.store.sqlite_journal import ReadJournal
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.claims import ClaimsLedger
from commonwatt.services.knowing import Journalled, evidence_of
from commonwatt.services.ports import Batch, LedgerReader
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules
from commonwatt.services.run import halves, newest_calls
from commonwatt.services.watching import Evidence
from commonwatt.settings import Settings, load
from commonwatt.wiring.audit_lines import pseudonym_of
from commonwatt.wiring.auditing import public_folder
from commonwatt.wiring.building import answers_of, rules_of
from commonwatt.wiring.timing import Stopwatch

NOBODYS_KEY = bytes(31) + b"\1"
"""Reads a chain; nothing is ever sent with it."""


@dataclass(frozen=True)
class Watched:
    """A run as a watcher sees it."""

    settings: Settings
    rules: Rules
    pseudonyms: list[str]
    """In order of dense index."""
    batches: tuple[Batch, ...]
    evidence: Callable[[int], dict[int, Evidence]]
    """Of a slot, what each member knows by dense index."""

    def live(self, slot: int | None = None) -> dict[int, list[Batch]]:
        """The batches that stand, by slot."""
        by_slot: dict[int, list[Batch]] = defaultdict(list)
        for batch in self.batches:
            if not batch.is_void and slot in (None, batch.slot):
                by_slot[batch.slot].append(batch)
        return dict(sorted(by_slot.items()))


def is_stopped(directory: Path) -> bool:
    """Whether the folder is of a run that was begun and has published nothing yet."""
    folder = RunFolder(directory)
    return folder.is_begun and folder.settings.is_file() and not (folder.public / CHAIN).is_file()


def finished(directory: Path) -> Watched:
    """A run from its public folder.

    Raises:
        InvalidInput: the folder is no run, or cannot be read.
        LedgerError: the chain cannot be read.

    """
    public = public_folder(directory)
    settings = load(public / SETTINGS, with_members=False)
    tables = PublicTables(read_public(public))
    rules = rules_of(settings, answers_of(settings, Stopwatch()), tables.suppliers, tables.member_facts)
    with closing(open_export(public / CHAIN)) as ledger:
        batches, took_back = tuple(ledger.batches()), ledger.revocations()
    cap = settings.price_cap_micro_per_kwh
    return Watched(
        settings, rules, tables.pseudonyms, batches, lambda slot: evidence_of(tables, rules, cap, slot, took_back)
    )


def index_in(watched: Watched, member: str, directory: Path) -> int:
    """The dense index of a member by name or pseudonym. Raises InvalidInput for nobody."""
    return watched.pseudonyms.index(pseudonym_of(watched.pseudonyms, member, directory))


@contextmanager
def stopped(directory: Path, key: bytes = NOBODYS_KEY) -> Iterator[tuple[Watched, ClaimsLedger]]:
    """A stopped run and its chain, open for whoever has this key; nobody else works on it meanwhile.

    Raises:
        InvalidInput: its last step was journalled and not sent yet.
        JournalError: another process holds the folder, or the journal is damaged.
        LedgerError: there is no chain, or it cannot be read.

    """
    folder = RunFolder(directory)
    settings = load(folder.settings, with_members=False)
    answers = answers_of(settings, Stopwatch())
    with RunLock(folder.lock):
        journal = ReadJournal(folder.journal)
        with closing(open_live(folder.live_chain, settings.community.name, key)) as ledger:
            sent = {receipt.transaction for receipt in ledger.receipts()}
            missing = [call for call in newest_calls(journal) if "0x" + call.transaction.hex() not in sent]
            if missing:
                was = "one that was stopped in the middle of a step (go on with commonwatt run --resume, then stop it again)"
                require([Finding(str(directory), "a run that was stopped after a whole step", was)])
            pseudonyms = _pseudonyms(folder, ledger)
            suppliers = suppliers_in(directory)
            rules = rules_of(settings, answers, [suppliers.get(pseudonym, "") for pseudonym in pseudonyms])
            cap, took_back = settings.price_cap_micro_per_kwh, ledger.revocations()
            known = Journalled(halves(journal), rules, cap, len(pseudonyms), took_back)
            yield Watched(settings, rules, pseudonyms, tuple(ledger.batches()), known.evidence), ledger


def _pseudonyms(folder: RunFolder, ledger: LedgerReader) -> list[str]:
    """The members' pseudonyms in the order of the chain's registry, which knows them by their hashes."""
    by_root = {keccak256(pseudonym.encode()): pseudonym for pseudonym in names_in(folder.root).values()}
    return [by_root[member.pseudonym_root] for member in ledger.members()]


def suppliers_in(directory: Path) -> dict[str, str]:
    """Pseudonym -> name of the member's own supplier, in a stopped run's folder; who has none is not named."""
    return read_names(RunFolder(directory).suppliers)


def names_in(directory: Path) -> dict[str, str]:
    """The operator's map from members' names to pseudonyms in a stopped run's folder."""
    return read_names(RunFolder(directory).pseudonyms)
