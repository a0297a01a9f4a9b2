"""Making bills: opens a finished run, cuts out what concerns a member, and checks each bill with the verifier it ships."""

import datetime as dt
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from commonwatt.adapters.chain.chain_file import ChainFile, StoredBlock
from commonwatt.adapters.chain.errors import ChainError
from commonwatt.adapters.ledger.calldata import read_lines
from commonwatt.adapters.ledger.evidence import Located, chain_part, located, proven
from commonwatt.adapters.store.files import write_bytes, write_text
from commonwatt.adapters.store.run_folder import (
    CHAIN,
    INPUTS,
    SETTINGS,
    UNDER_NO_ROOT,
    file_hashes,
    read_manifest,
    read_names,
    read_public,
)
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.errors import VerificationFailed, require
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.smoothing import NOT_SMOOTHED
from commonwatt.services.audit import check_tables
from commonwatt.services.billing.bill import FORMAT, Bill, Entry, FileHash, Gateway, Member, Totals
from commonwatt.services.billing.making import SlotEntries
from commonwatt.services.billing.page import bill_page, headline
from commonwatt.services.billing.table import bill_csv
from commonwatt.services.billing.terms import Terms, terms_of
from commonwatt.services.billing.text import bill_text
from commonwatt.services.failing import ROOM_FAILURES
from commonwatt.services.public import PublicTables
from commonwatt.services.reporting.words import several
from commonwatt.settings import Settings, load
from commonwatt.wiring.audit_claims import read_inputs
from commonwatt.wiring.auditing import check_files, public_folder
from commonwatt.wiring.bill_verifier import MOST_FINDINGS, Prove, Verdict, verdict_lines, verdict_on, with_totals
from commonwatt.wiring.reports import ORIGINS, PSEUDONYMS
from commonwatt.wiring.workers import Watcher

VERIFIER = "verify_bill.py"
PYTHON = "python3"
NO_TOTALS = Totals(0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class BillRequest:
    """What `commonwatt bill` was asked."""

    directory: Path
    members: tuple[str, ...] = ()
    """Names or pseudonyms; none with `everyone`."""
    everyone: bool = False
    first: str | None = None
    end: str | None = None
    out: Path | None = None


@dataclass(frozen=True)
class BillResult:
    """What was written, in words, and whether every bill holds."""

    lines: list[str]
    passed: bool


@dataclass(frozen=True)
class OpenRun:
    """A finished run, read once for all its bills."""

    directory: Path
    settings: Settings
    public: PublicTables
    blocks: tuple[StoredBlock, ...]
    fork: str
    postings: tuple[Located, ...]
    hashes: tuple[FileHash, ...]
    terms: Terms
    text: str
    slots: range


def make_bills(request: BillRequest, watcher: Watcher | None = None) -> BillResult:
    """Write the bills that were asked for, each checked by the verifier that lies beside it.

    Raises:
        InvalidInput: no finished run on a chain, no such member, no such days, nowhere to write.

    """
    public = public_folder(request.directory)
    broken = check_files(public, read_manifest(public))
    if not broken.passed:
        return BillResult([str(finding) for finding in broken.findings] + ["The run's files do not verify."], False)
    tables = read_public(public)
    misshapen = check_tables(tables)
    if not misshapen.passed:
        shown = [str(finding) for finding in misshapen.findings[:MOST_FINDINGS]]
        return BillResult([*shown, "The run's public tables are not well-formed (see commonwatt audit)."], False)
    run = _open_run(request.directory, public, PublicTables(tables))
    members = _asked_members(request, run)
    slots = _asked_slots(request, run)
    lines: list[str] = []
    passed = True
    # Bills of one period carry the same part of the chain, corrections aside: it is checked once.
    prove = lru_cache(maxsize=1)(proven)
    makers = {slot: SlotEntries(run.public, slot) for slot in slots}
    if watcher:
        watcher.stage("making bills", len(members))
    for done, (name, pseudonym) in enumerate(members.items(), 1):
        folder = _folder(request, name, run, slots)
        try:
            made = _made(run, _bill(run, makers, name, pseudonym, slots), prove)
        except ROOM_FAILURES as error:
            raise VerificationFailed(
                f"bill of {name}: expected files that agree, {error} (see commonwatt audit)"
            ) from error
        lines += _written(folder, made, run.terms)
        passed &= made.verdict.passed
        if watcher:
            watcher.at(done)
    if passed:
        lines.append(f"Whoever gets a bill's folder checks it there: {PYTHON} {VERIFIER}")
    return BillResult(lines, passed)


def _open_run(directory: Path, public: Path, tables: PublicTables) -> OpenRun:
    settings = load(public / SETTINGS, with_members=False)
    where = "settings.toml"
    found = []
    if settings.ledger.chain != "embedded":
        found.append(Finding(f"{where} ledger.chain", "embedded (a bill's proof is on a chain)", settings.ledger.chain))
    if settings.metering.level != "plain":
        found.append(
            Finding(f"{where} metering.level", "plain (a bill shows signed readings)", settings.metering.level)
        )
    own = [supplier.name for supplier in settings.tariff.suppliers]
    found += [
        Finding(f"members row {row} supplier", one_of(name, own), name)
        for row, name in enumerate(tables.suppliers)
        if name not in ("", *own)
    ]
    require(found)
    try:
        with closing(ChainFile.open_for_reading(public / CHAIN)) as file:
            blocks, fork = tuple(file.blocks()), file.settings().get("fork", "")
        postings = located(blocks, settings.community.name)
    except (ChainError, ValueError) as error:
        raise VerificationFailed(f"{public / CHAIN}: {error}") from error
    inputs = read_inputs(public)
    text = (public / SETTINGS).read_bytes().decode("utf-8")
    hashes = tuple(FileHash(n, h) for n, h in file_hashes(public).items() if n not in UNDER_NO_ROOT)
    slots = range(inputs["first_slot"], inputs["end_slot"])
    # By their ends and number: a forged period may be of any length.
    named = tables.slots
    if not named or (named[0], named[-1] + 1, len(named)) != (slots.start, slots.stop, slots.stop - slots.start):
        raise VerificationFailed(
            f"{public / INPUTS}: expected the slots of the tables, was {slots.start}..{slots.stop}"
        )
    return OpenRun(directory, settings, tables, blocks, fork, postings, hashes, terms_of(text), text, slots)


def _asked_members(request: BillRequest, run: OpenRun) -> dict[str, str]:
    """Name -> pseudonym; where the operator's names are not in the folder, pseudonyms are the names."""
    path = run.directory / "private" / PSEUDONYMS
    known = read_names(path) or {name: name for name in run.public.pseudonyms}
    # A name becomes a folder's.
    require([Finding(str(path), "names of members", repr(name)) for name in known if Path(name).name != name])
    if request.everyone:
        return known
    by_pseudonym = {pseudonym: name for name, pseudonym in known.items()}
    names = [by_pseudonym.get(name, name) for name in request.members]
    require([Finding("--member", one_of(name, known), name) for name in names if name not in known])
    if not names:
        require([Finding("--member", "a member (repeatable), or --all", "neither")])
    return {name: known[name] for name in names}


def _asked_slots(request: BillRequest, run: OpenRun) -> range:
    """The slots of the local days asked for, all within the run."""
    grid, zone = run.settings.slots, run.settings.zone
    whole, found = run.slots, []
    bounds = [whole.start, whole.stop]
    first, last = (grid.local_start(slot, zone).date() for slot in (whole.start, whole.stop - 1))
    for at, (flag, text) in enumerate((("--from", request.first), ("--to", request.end))):
        if text is None:
            continue
        try:
            day = dt.date.fromisoformat(text)
        except ValueError:
            found.append(Finding(flag, "a date, YYYY-MM-DD", repr(text)))
            continue
        if not first + dt.timedelta(at) <= day <= last + dt.timedelta(at):
            expected = "the day after one of the run" if at else "a day of the run"
            found.append(Finding(flag, f"{expected}, {first + dt.timedelta(at)} to {last + dt.timedelta(at)}", text))
            continue
        # A run may begin or end within a day.
        bounds[at] = min(max(grid.slots_of_days(day, day, zone).start, whole.start), whole.stop)
    require(found)
    if bounds[0] >= bounds[1]:
        require([Finding("--to", "a day after --from, with slots of the run between them", str(request.end))])
    return range(*bounds)


def _folder(request: BillRequest, name: str, run: OpenRun, slots: range) -> Path:
    """`members/NAME/bill`, or one named after the days; under --out one folder a member."""
    first, last = (run.settings.slots.local_start(s, run.settings.zone).date() for s in (slots.start, slots.stop - 1))
    folder = "bill" if slots == run.slots else f"bill_{first}_{last + dt.timedelta(1)}"
    if request.out is not None:
        return request.out / name
    if not (run.directory / "members").is_dir():
        require([Finding("--out", "a folder for the bills (this is a public folder alone)", "none")])
    return run.directory / "members" / name / folder


def _bill(run: OpenRun, makers: dict[int, SlotEntries], name: str, pseudonym: str, slots: range) -> Bill:
    index = run.public.pseudonyms.index(pseudonym)
    entries, wanted = _entries(run, makers, index, slots)
    profile = read_names(run.directory / "private" / ORIGINS).get(name, "")
    enrolled = [enrolment for enrolment in run.public.enrolments if enrolment.member == index]
    gateways = tuple(Gateway(*hexes) for hexes in sorted((e.gateway.hex(), e.signature.hex()) for e in enrolled))
    member = Member(name, profile, run.public.suppliers[index], pseudonym, index, gateways)
    chain = chain_part(run.blocks, run.fork, wanted)
    bill = Bill(FORMAT, member, slots.start, slots.stop, run.text, run.hashes, NO_TOTALS, entries, chain)
    return with_totals(bill, terms_of(run.text, member.supplier))


def _entries(
    run: OpenRun, makers: dict[int, SlotEntries], member: int, slots: range
) -> tuple[tuple[Entry, ...], dict[int, Sequence[int] | None]]:
    """What is billed (everything settled in the period), what corrections build on, and where the chain holds it."""
    begin_s, end_s = (run.settings.slots.start_s(slot) for slot in (slots.start, slots.stop))
    wanted: dict[int, Sequence[int] | None] = {b.number: None for b in run.blocks if begin_s < b.time_s <= end_s}
    revised = {
        (p.place.slot, p.place.revision)
        for p in run.postings
        if p.place.kind == "settle"
        and p.place.revision
        and p.voided_at is None
        and begin_s < p.time_s <= end_s
        and _concerns(p, member)
    }
    # Rewards and penalties may hang on errors of every slot before.
    past = range(run.slots.start, slots.start) if run.terms.error_weight_ppm != NOT_SMOOTHED else range(0)
    keys = {(slot, 0): slot in slots for slot in (*past, *slots)} | dict.fromkeys(sorted(revised), True)
    for slot in past:
        makers.setdefault(slot, SlotEntries(run.public, slot))
    for slot, revision in revised:
        maker = makers.setdefault(slot, SlotEntries(run.public, slot))
        for earlier in maker.revisions(member):
            if earlier < revision:
                keys.setdefault((slot, earlier), False)
    for posted in run.postings:
        place = posted.place
        needed = (place.slot, place.revision) in keys if place.kind == "settle" else (place.slot, 0) in keys
        if place.kind == "anchor" or not needed:
            continue
        for block, position in ((posted.block, posted.position), *((posted.voided_at,) if posted.voided_at else ())):
            if wanted.get(block, ()) is not None:
                wanted[block] = (*(wanted.get(block) or ()), position)
    entries = [
        makers[slot].corrected(revision, member, is_billed) if revision else makers[slot].settled(member, is_billed)
        for (slot, revision), is_billed in sorted(keys.items())
    ]
    return tuple(entries), wanted


def _concerns(posted: Located, member: int) -> bool:
    account = FIRST_MEMBER + member
    return any(account in (line.who, line.other) for line in read_lines(posted.data))


@dataclass(frozen=True)
class Made:
    """A bill's files, and what a stranger finds of them."""

    bill: Bill
    texts: dict[str, str]
    verdict: Verdict


def _made(run: OpenRun, bill: Bill, prove: Prove) -> Made:
    blocks: dict[tuple[int, int], int] = {}
    for posted in run.postings:
        if posted.place.kind == "settle" and posted.voided_at is None:
            blocks.setdefault((posted.place.slot, posted.place.revision), posted.block)
    terms = terms_of(run.text, bill.member.supplier)
    text, csv, html = bill_text(bill), bill_csv(bill, terms), bill_page(bill, terms, blocks)
    return Made(bill, {"bill.json": text, "bill.csv": csv, "bill.html": html}, verdict_on(text, csv, html, prove=prove))


def _written(folder: Path, made: Made, terms: Terms) -> list[str]:
    """Write a bill and its verifier; the lines to say."""
    for name, text in made.texts.items():
        write_text(folder / name, text)
    write_bytes(folder / VERIFIER, verifier_source())
    if not made.verdict.passed:
        return [*verdict_lines(made.verdict), f"  {folder}: this bill does not verify; see commonwatt audit"]
    said = headline(made.bill, terms).replace("you get", "gets").replace("you pay", "pays").replace("\u00a0", " ")
    rows, size = sum(len(entry.lines) for entry in made.bill.billed), len(made.texts["bill.json"]) / 1e6
    proof = f"{several(rows, 'line')} verified, {size:.2f} MB of proof"
    return [f"{made.bill.member.name} {said} ({proof}): {folder / 'bill.html'}"]


def verifier_source() -> bytes:
    """The standalone verifier that is shipped with every bill."""
    return files("commonwatt.wiring").joinpath("verify_bill.txt").read_bytes()
