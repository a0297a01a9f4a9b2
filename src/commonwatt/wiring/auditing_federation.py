"""Auditing a federation: every community by itself, then what one posted against what the others did."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from commonwatt.adapters.ledger import open_export
from commonwatt.adapters.store.run_folder import CHAIN, MANIFEST, read_manifest, read_public
from commonwatt.core.accounts import Account
from commonwatt.core.errors import InvalidInput, LedgerError, require
from commonwatt.core.findings import Finding
from commonwatt.services.audit.base import Check
from commonwatt.services.audit.federation import FEDERATION_CHECKS, AuditedFederation, AuditedMember
from commonwatt.services.federation import areas_of
from commonwatt.services.public import PublicTables
from commonwatt.services.reporting.federation import EXCHANGE_SCHEMA, EXCHANGES, FEDERATION
from commonwatt.services.rules import Rules
from commonwatt.settings import load
from commonwatt.wiring.audit_lines import result_lines
from commonwatt.wiring.auditing import AuditRequest, AuditResult, audit_run
from commonwatt.wiring.building import answers_of, rules_of
from commonwatt.wiring.timing import Stopwatch


def is_federation_folder(directory: Path) -> bool:
    """Whether a folder is that of a federation's run."""
    return (directory / "public" / FEDERATION).is_file()


def audit_federation(request: AuditRequest) -> AuditResult:
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
    for entry in said["communities"]:
        result = audit_run(
            AuditRequest(root / "communities" / entry["folder"], request.slot, None, None, request.reference)
        )
        lines += [f"{entry['name']}:", *(f"  {line}" for line in result.lines)]
        checks += result.checks
    whole = whole_checks(root, request.slot)
    return AuditResult((*checks, *whole), [*lines, f"{said['name']}, the whole:", *result_lines(whole)])


def whole_checks(root: Path, slot: int | None = None) -> list[Check]:
    """What the communities of a federation's folder say of each other, all slots or one.

    Raises:
        InvalidInput: the federation's own public files are not what a run writes.

    """
    said, exchanges = _read(root / "public")
    slots = range(said["first_slot"], said["end_slot"]) if slot is None else range(slot, slot + 1)
    if slot is not None:
        exchanges = exchanges.filter(pc.equal(exchanges["slot"], slot))
    links = None if said["links"] is None else [(int(one), int(other)) for one, other in said["links"]]
    members, found = list[AuditedMember](), list[Finding]()
    for entry in said["communities"]:
        member, faults = _member(root / "communities" / entry["folder"] / "public", entry, slots)
        members += [member] if member is not None else []
        found += faults
    count = len(said["communities"])
    named = Check("the communities are those that the federation names", count, "communities", tuple(found))
    if len(members) < count:
        return [named, Check("level 2", 0, "slots", skipped="not every community can be read")]
    audited = AuditedFederation.of(members, areas_of(count, links), slots, exchanges)
    return [named, *(check(audited) for check in FEDERATION_CHECKS)]


def _read(public: Path) -> tuple[dict[str, Any], pa.Table]:
    """What the federation publishes.

    Raises:
        InvalidInput: not what a run writes.

    """
    path, table = public / FEDERATION, public / f"{EXCHANGES}.parquet"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        names = [(entry["name"], entry["folder"], entry["root"]) for entry in said["communities"]]
        numbers = [said["first_slot"], said["end_slot"], *(end for pair in said["links"] or () for end in pair)]
        is_sound = all(isinstance(text, str) for entry in names for text in entry) and isinstance(said["name"], str)
        is_sound &= all(type(number) is int for number in numbers) and all(Path(f).name == f for _, f, _ in names)
        is_sound &= all(0 <= end < len(names) for pair in said["links"] or () for end in pair) and len(names) > 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput([Finding(str(path), "what a federation publishes", f"{type(error).__name__}: {error}")]) from error  # fmt: skip
    require(
        [] if is_sound else [Finding(str(path), "names as text, slots and links as whole numbers", "something else")]
    )
    try:
        rows = pq.read_table(table).select(EXCHANGE_SCHEMA.names).cast(EXCHANGE_SCHEMA)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InvalidInput([Finding(str(table), "a Parquet table", str(error).splitlines()[0])]) from error
    blank = [name for name in EXCHANGE_SCHEMA.names if rows[name].null_count]
    require([Finding(f"{table} {name}", "a value in every row", "an empty field") for name in blank])
    return said, rows


def _member(public: Path, entry: dict[str, Any], slots: range) -> tuple[AuditedMember | None, list[Finding]]:
    """A community as the federation's checks need it, and why it is not the one that the federation names."""
    where, found = f"public/{FEDERATION} {entry['name']}", list[Finding]()
    try:
        root = read_manifest(public)["root"]
        if root != entry["root"]:
            found.append(
                Finding(f"{where} root", f"the root of its {MANIFEST}, {root[:16]}…", f"{entry['root'][:16]}…")
            )
        settings = load(public / "settings.toml", with_members=False)
        if settings.community.name != entry["name"]:
            found.append(Finding(f"{where} name", repr(settings.community.name), repr(entry["name"])))
        tables = PublicTables(read_public(public))
        rules = rules_of(settings, answers_of(settings, Stopwatch()), tables.suppliers, tables.member_facts)
        return AuditedMember.of(entry["name"], rules, tables, slots, _topped_up(public, rules)), found
    except InvalidInput as error:
        return None, [*found, *error.findings]
    except LedgerError as error:
        return None, [*found, Finding(f"{where} {CHAIN}", "a chain that can be read", str(error))]


def _topped_up(public: Path, rules: Rules) -> frozenset[int]:
    """Slots that waited for a payment into the supplier's deposit, which is made at their end."""
    with closing(open_export(public / CHAIN)) as ledger:
        paid = [
            e.time_s
            for e in ledger.entries()
            for account, _ in e.paid_nano
            if account == Account.SUPPLIER and e.call == "deposit"
        ]
    return frozenset(rules.slots.slot_of(time_s) - 1 for time_s in paid)
