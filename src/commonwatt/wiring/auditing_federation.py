"""Auditing a federation: every community by itself, then what one posted against what the others did."""

from contextlib import closing
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from commonwatt.adapters.ledger import open_export
from commonwatt.adapters.store.run_folder import CHAIN, read_manifest, read_public
from commonwatt.core.errors import InvalidInput, LedgerError, require
from commonwatt.core.findings import Finding
from commonwatt.services.audit import Audited, Check, check_form
from commonwatt.services.audit.excuses import shut_until_paid
from commonwatt.services.audit.federation import FEDERATION_CHECKS, AuditedFederation, AuditedMember
from commonwatt.services.failing import ROOM_FAILURES
from commonwatt.services.federation import areas_of
from commonwatt.services.public import PublicTables
from commonwatt.services.reporting.federation import EXCHANGE_SCHEMA, EXCHANGES, FEDERATION
from commonwatt.services.run import final_s
from commonwatt.settings import load
from commonwatt.wiring.audit_claims import claimed_of, read_inputs
from commonwatt.wiring.audit_lines import result_lines
from commonwatt.wiring.auditing import AuditRequest, AuditResult, audit_run, made
from commonwatt.wiring.building import answers_of, rules_of
from commonwatt.wiring.federation_said import FederationSaid, Named, read_said
from commonwatt.wiring.timing import Stopwatch
from commonwatt.wiring.workers import Watcher


def is_federation_folder(directory: Path) -> bool:
    """Whether a folder is that of a federation's run."""
    return (directory / "public" / FEDERATION).is_file()


def audit_federation(request: AuditRequest, watcher: Watcher | None = None) -> AuditResult:
    """Check every community as a stranger would, then the federation's table against all of them.

    Raises:
        InvalidInput: a trade or member was asked for, which is a community's own; or a folder that is no run.

    """
    root = request.directory
    for flag, value in (("--trade", request.trade), ("--member", request.member)):
        if value is not None:
            require([Finding(flag, f"a community's own folder, such as {root / 'communities'}/NAME", str(root))])
    lines, checks = list[str](), list[Check]()
    try:
        said, _ = _read(root / "public")
    except InvalidInput as error:
        broken = Check("the federation's public files can be read", 1, "folder", error.findings)
        return AuditResult((broken,), result_lines([broken]))
    for named in said.communities:
        result = audit_run(
            AuditRequest(root / "communities" / named.folder, request.slot, None, None, request.reference),
            watcher,
            f"{named.name}:",
        )
        lines += [f"{named.name}:", *(f"  {line}" for line in result.lines)]
        checks += result.checks
    if watcher:
        watcher.stage("checking the whole")
    whole = whole_checks(root, request.slot)
    return AuditResult((*checks, *whole), [*lines, f"{said.name}, the whole:", *result_lines(whole)])


def whole_checks(root: Path, slot: int | None = None) -> list[Check]:
    """What the communities of a federation's folder say of each other, all slots or one.

    Raises:
        InvalidInput: the federation's own public files are not what a run writes.

    """
    said, exchanges = _read(root / "public")
    slots = said.slots if slot is None else range(slot, slot + 1)
    if slot is not None:
        exchanges = exchanges.filter(pc.equal(exchanges["slot"], slot))
    members, found = list[AuditedMember](), list[Finding]()
    for named in said.communities:
        member, faults = _member(root / "communities" / named.folder / "public", said, named, slots)
        members += [member] if member is not None else []
        found += faults
    count = len(said.communities)
    check = Check("the communities are those that the federation names", count, "communities", tuple(found))
    if len(members) < count:
        return [check, Check("level 2", 0, "slots", skipped="not every community can be read")]
    audited = AuditedFederation.of(members, areas_of(count, said.links), slots, exchanges)
    titles = ("sums of exchanges", "postings of exchanges", "level 2")
    steps = zip(titles, FEDERATION_CHECKS, strict=True)
    return [check, *(made((title, partial(step, audited))) for title, step in steps)]


def _read(public: Path) -> tuple[FederationSaid, pa.Table]:
    """What the federation publishes.

    Raises:
        InvalidInput: not what a run writes.

    """
    said, table = read_said(public / FEDERATION), public / f"{EXCHANGES}.parquet"
    try:
        rows = pq.read_table(table).select(EXCHANGE_SCHEMA.names).cast(EXCHANGE_SCHEMA)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InvalidInput([Finding(str(table), "a Parquet table", str(error).splitlines()[0])]) from error
    blank = [name for name in EXCHANGE_SCHEMA.names if rows[name].null_count]
    require([Finding(f"{table} {name}", "a value in every row", "an empty field") for name in blank])
    return said, rows


def _member(
    public: Path, said: FederationSaid, named: Named, slots: range
) -> tuple[AuditedMember | None, list[Finding]]:
    """A community as the federation's checks need it, and why it is not the one that the federation names."""
    where = f"public/{FEDERATION} {named.name}"
    try:
        return _opened(public, said, named, slots)
    except InvalidInput as error:
        return None, list(error.findings)
    except LedgerError as error:
        return None, [Finding(f"{where} {CHAIN}", "a chain that can be read", str(error))]
    except ROOM_FAILURES as error:
        return None, [Finding(where, "files that can be checked", f"{type(error).__name__}: {error}")]


def _opened(
    public: Path, said: FederationSaid, named: Named, slots: range
) -> tuple[AuditedMember | None, list[Finding]]:
    settings = load(public / "settings.toml", with_members=False)
    tables, inputs = PublicTables(read_public(public)), read_inputs(public)
    rules = rules_of(settings, answers_of(settings, Stopwatch()), tables.suppliers, tables.member_facts)
    own = settings.community
    pairs = (
        ("root", read_manifest(public)["root"], named.root),
        ("name", own.name, named.name),
        ("currency", own.currency, said.currency),
        ("slot_s", own.slot_s, said.slot_s),
        ("federation", inputs.get("federation", ""), said.name),
        ("first_slot", inputs["first_slot"], said.slots.start),
        ("end_slot", inputs["end_slot"], said.slots.stop),
        ("slots", len(tables.slots), len(said.slots)),
    )
    found = [
        Finding(f"public/{FEDERATION} {named.name} {key}", f"its own, {str(value)[:80]!r}", repr(str(is_said)[:80]))
        for key, value, is_said in pairs
        if value != is_said
    ]
    with closing(open_export(public / CHAIN)) as ledger:
        audited = Audited(rules, tables, ledger, final_s(rules, said.slots))
        form = check_form(audited)
        # What cannot be slots of this run is not gone through.
        if form.findings or len(tables.slots) != len(said.slots):
            return None, [*found, *form.findings]
        shut = shut_until_paid(claimed_of(audited, settings, public))
    return AuditedMember.of(named.name, rules, tables, slots, shut), found
