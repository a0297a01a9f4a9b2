"""Auditing: opens the public folder of a run as a stranger would, and runs every check."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from commonwatt.adapters.csv_table import nearest_name
from commonwatt.adapters.ledger import open_export
from commonwatt.adapters.store.run_folder import CHAIN, MANIFEST, file_hashes, files_root, read_manifest, read_public
from commonwatt.core.errors import InvalidInput, LedgerError, require
from commonwatt.core.findings import Finding
from commonwatt.services.audit import CHECKS, CLAIM_CHECKS, Audited, Check, check_form
from commonwatt.services.failing import ROOM_FAILURES
from commonwatt.services.ports import AnchorCall, ChainCheck, LedgerReader
from commonwatt.services.public import PublicTables
from commonwatt.services.reporting.federation import FEDERATION
from commonwatt.services.run import RUN_ANCHOR, final_s
from commonwatt.settings import Settings, load
from commonwatt.wiring.audit_claims import check_kind_of_ledger, check_plain_files, claimed_of
from commonwatt.wiring.audit_lines import member_lines, result_lines, slot_lines
from commonwatt.wiring.building import answers_of, rules_of
from commonwatt.wiring.timing import Stopwatch
from commonwatt.wiring.workers import Watcher


@dataclass(frozen=True)
class AuditRequest:
    """What `commonwatt audit` was asked."""

    directory: Path
    slot: int | None = None
    trade: str | None = None
    member: str | None = None
    reference: bool = False


@dataclass(frozen=True)
class AuditResult:
    """What an audit found."""

    checks: tuple[Check, ...]
    lines: list[str]

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return all(check.passed for check in self.checks)


def audit_run(request: AuditRequest, watcher: Watcher | None = None, label: str = "checking") -> AuditResult:
    """Check everything that can be checked from a run's public folder. `watcher` is told of each check, named behind `label`.

    Raises:
        InvalidInput: the folder is no run, or holds no such slot, trade or member.

    """
    told = Telling(watcher, label)
    public = public_folder(request.directory)
    lines: list[str] = []
    try:
        manifest = read_manifest(public)
    except InvalidInput as error:
        unread = Check("files are those of the manifest", 1, "manifest", error.findings)
        return AuditResult((unread,), result_lines([unread]))
    checks = [check_files(public, manifest)]
    try:
        tables = PublicTables(read_public(public))
        settings = load(public / "settings.toml", with_members=False)
        ledger = open_export(public / CHAIN)
    except (InvalidInput, LedgerError) as error:
        found = getattr(error, "findings", (Finding(str(public / CHAIN), "a chain that can be read", str(error)),))
        checks.append(Check("public files can be read", 1, "run", tuple(found)))
        return AuditResult(tuple(checks), result_lines(checks))
    try:
        answers = answers_of(settings, Stopwatch())
        rules = rules_of(settings, answers, tables.suppliers, tables.member_facts)
        slots = _asked_slots(request, tables)
        last = range(tables.slots[0], tables.slots[-1] + 1) if tables.slots else range(0)
        audited = Audited(rules, tables, ledger, final_s(rules, last), slots, told.at)
        checks += told.made(_chain_checks(request, public, manifest, settings, audited), ledger.head().number + 1)
        form = check_form(audited)
        checks.append(form)
        if form.passed:
            checks += told.made(_table_checks(public, manifest, settings, audited), len(audited.slots))
        else:
            checks.append(Check("everything else", 0, "", skipped="the public tables are not well-formed"))
        if form.passed and slots is not None:
            lines += [line for slot in sorted(slots) for line in slot_lines(tables, slot, request.trade)]
        if form.passed and request.member is not None:
            lines += member_lines(audited, request.member, request.directory, settings.community.currency)
    except LedgerError as error:
        checks.append(
            Check(
                "the chain can be read", 1, "chain", (Finding(str(public / CHAIN), "a chain of this run", str(error)),)
            )
        )
    finally:
        ledger.close()
    return AuditResult(tuple(checks), lines + result_lines(checks))


NamedChecks = list[tuple[str, Callable[[], Check]]]


@dataclass(frozen=True)
class Telling:
    """Tells a watcher, if there is one, which check is made and how far it has come."""

    watcher: Watcher | None
    label: str

    def at(self, done: int) -> None:
        """So many blocks or slots of the check are done."""
        if self.watcher:
            self.watcher.at(done)

    def made(self, checks: NamedChecks, steps: int) -> list[Check]:
        """The checks, one after the other, each of at most so many steps."""
        results = []
        for name, check in checks:
            if self.watcher:
                self.watcher.stage(f"{self.label} {name}", steps)
            results.append(made((name, check)))
        return results


def _chain_checks(
    request: AuditRequest, public: Path, manifest: dict[str, Any], settings: Settings, audited: Audited
) -> NamedChecks:
    """Checks of the chain by name, which need no well-formed tables."""
    ledger, rules, slots = audited.ledger, audited.rules, audited.public.slots
    end_s = rules.slots.start_s(slots[-1] + 1 if slots else 0)
    return [
        ("kind of ledger", lambda: check_kind_of_ledger(settings, audited)),
        ("chain", lambda: _check_chain(ledger, manifest, request.reference, audited.at)),
        ("anchor", lambda: _check_anchor(ledger, end_s, rules.audit_period_s, public)),
    ]


def _table_checks(public: Path, manifest: dict[str, Any], settings: Settings, audited: Audited) -> NamedChecks:
    """Checks of well-formed tables by name: of the files, of the tables, of what the operator claims."""
    # The same for every check; an error is told by each of them.
    claimed = cache(lambda: claimed_of(audited, settings, public))
    return [
        ("files say one thing", lambda: check_plain_files(public, manifest, settings, audited.public)),
        *((_title(check), partial(check, audited)) for check in CHECKS),
        *((_title(check), lambda check=check: check(claimed())) for check in CLAIM_CHECKS),
    ]


def _title(check: Callable[..., Check]) -> str:
    return check.__name__.removeprefix("check_").replace("_", " ")


def made(named: tuple[str, Callable[[], Check]]) -> Check:
    """A check, or that the public files are such that it cannot be made: a run's own never are."""
    name, check = named
    try:
        return check()
    except ROOM_FAILURES as error:
        fault = Finding(name, "files that can be checked", f"{type(error).__name__}: {error}")
        return Check(name, 0, "things", (fault,))


def _asked_slots(request: AuditRequest, tables: PublicTables) -> frozenset[int] | None:
    slot = request.slot
    if request.trade is not None:
        known = tables.tables["trades"]["trade_id"].to_pylist()
        if request.trade not in known:
            require([Finding("--trade", "a trade of this run" + _nearest(request.trade, known), repr(request.trade))])
        slot = int(request.trade.partition("-")[0])
    if slot is None:
        return None
    if slot not in tables.slots:
        held = f": {tables.slots[0]}..{tables.slots[-1]}" if tables.slots else " (it has none)"
        require([Finding("--slot", f"a slot of this run{held}", str(slot))])
    return frozenset({slot})


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f" (did you mean {near[0]}?)" if near else " (it has none)"


def public_folder(directory: Path) -> Path:
    """The public folder of a run, whole, damaged or alone.

    Raises:
        InvalidInput: no run at all, or one that is not finished.

    """
    inner = directory / "public"
    public = inner if inner.is_dir() else directory
    if not any((public / name).is_file() for name in (MANIFEST, CHAIN, "receipts.parquet")):
        began = (directory / "private").is_dir()
        was = "one that is not finished (go on with commonwatt run --resume)" if began else f"no {MANIFEST} in it"
        if not directory.exists():
            was = f"no such folder{nearest_name(directory)}"
        elif (inner / FEDERATION).is_file():
            was = f"a federation's, whose communities have folders of their own in {directory / 'communities'}"
        elif (directory / "community.toml").is_file():
            was = "a community, whose runs are in out/ or where --out says"
        require([Finding(str(directory), "a run's folder, or its public/ folder", was)])
    return public


def check_files(public: Path, manifest: dict[str, Any]) -> Check:
    """The public files are those of the manifest, and its root is theirs."""
    actual, listed, found = file_hashes(public), manifest["files"], []
    for name in sorted(set(listed) | set(actual)):
        if listed.get(name) != actual.get(name):
            expected = f"SHA-256 {listed[name][:16]}…" if name in listed else "no such file"
            was = f"{actual[name][:16]}…" if name in actual else "no such file"
            found.append(Finding(f"public/{name}", expected, was))
    root = files_root(actual).hex()
    if manifest["root"] != root:
        found.append(Finding("manifest.json root", f"the files' root {root[:16]}…", f"{manifest['root'][:16]}…"))
    return Check("files are those of the manifest", len(actual), "files", tuple(found))


def _check_chain(ledger: LedgerReader, manifest: dict[str, Any], reference: bool, at: Callable[[int], None]) -> Check:
    """Links, signatures and roots of the chain, everything executed again, and the head that the manifest names."""
    verified = ledger.verify(reference, at)
    found = list(verified.findings)
    head = ledger.head()
    if manifest["chain_head"] != {"number": head.number, "hash": head.block_hash}:
        found.append(
            Finding(
                "manifest.json chain_head", f"block {head.number} {head.block_hash[:18]}…", str(manifest["chain_head"])
            )
        )
    if manifest["operator"] != head.operator:
        found.append(Finding("manifest.json operator", head.operator, str(manifest["operator"])))
    if manifest["code_hashes"] != head.code_hashes:
        found.append(Finding("manifest.json code_hashes", "the hashes of the contracts on the chain", "others"))
    name = f"chain executed again on {verified.executor}"
    return Check(name, verified.transactions, "transactions", tuple(found), note=_gas_note(ledger, verified))


def _gas_note(ledger: LedgerReader, verified: ChainCheck) -> str:
    """The exact gas of the run's transactions, where the executor counts it."""
    gas, kinds = verified.gas_by_transaction, ("open", "clear", "trades", "settle", "anchor")
    if not gas:
        return ""
    used = {kind: sum(gas.get(r.transaction, 0) for r in ledger.receipts() if r.kind == kind) for kind in kinds}
    parts = ", ".join(f"{kind} {amount:,}" for kind, amount in used.items() if amount)
    return f"exact gas of the run: {sum(used.values()):,} ({parts}); of the foundation: {sum(gas.values()) - sum(used.values()):,}"


def _check_anchor(ledger: LedgerReader, end_s: int, period_s: int, public: Path) -> Check:
    """The chain's last transaction anchors the root of the public files."""
    root = files_root(file_hashes(public))
    expected = ledger.content_hash(AnchorCall((end_s - 1) // period_s, RUN_ANCHOR, root)).hex()
    last = list(ledger.receipts())[-1:]
    recorded = last[0].content_hash.removeprefix("0x") if last and last[0].kind == "anchor" else "none"
    found = []
    if recorded != expected:
        was = "the anchor of another root" if recorded != "none" else "no anchor as the chain's last transaction"
        found.append(Finding("chain anchor", f"the root of the public files, {root.hex()[:16]}…", was))
    return Check("the chain anchors the root of these files", 1, "anchor", tuple(found))
