"""A dishonest operator: it has the whole folder of a run and its keys, and publishes another story, signed and anchored anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from commonwatt.adapters.chain.executors.base import GAS_LIMIT
from commonwatt.adapters.chain.transactions import sign_transaction
from commonwatt.adapters.feeder_file import FEEDER
from commonwatt.adapters.keys import KeyFile
from commonwatt.adapters.ledger import foundation, open_export
from commonwatt.adapters.ledger.embedded import EmbeddedLedger
from commonwatt.adapters.ledger.foundation import chain_id_of
from commonwatt.adapters.store.files import write_csv, write_table
from commonwatt.adapters.store.run_folder import CHAIN, RunFolder, read_public
from commonwatt.contracts import artifact
from commonwatt.core.accounts import account_names, kind_names
from commonwatt.core.determinism import merkle_root
from commonwatt.core.findings import Finding
from commonwatt.core.records import Agreement, Leg, Readings, Statement
from commonwatt.crypto.secp256k1 import address_of_secret
from commonwatt.metering import METERINGS
from commonwatt.services.anchoring import PERIOD_ANCHOR
from commonwatt.services.audit import Audited
from commonwatt.services.audit.chain import _calls
from commonwatt.services.ports import AnchorCall, Call, LedgerTerms, Signed
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules
from commonwatt.services.run import RUN_ANCHOR, final_s
from commonwatt.services.schemas import PUBLIC, SCHEMAS
from commonwatt.settings import load
from commonwatt.wiring.audit_claims import claimed_of
from commonwatt.wiring.auditing import AuditRequest, AuditResult, audit_run
from commonwatt.wiring.building import answers_of, rules_of
from commonwatt.wiring.timing import Stopwatch

Calls = Callable[[int, list[Call]], list[Call]]


@dataclass
class Cheat:
    """A run about to be published again. Change what you like, then `publish` and `audit`."""

    honest: Path
    out: Path
    key_file: Path
    tables: dict[str, pa.Table] = field(init=False)
    texts: dict[str, str] = field(init=False)
    rules: Rules = field(init=False)
    terms: LedgerTerms = field(init=False)
    slots: range = field(init=False)
    keys: KeyFile = field(init=False)
    ledger: EmbeddedLedger = field(init=False)
    on_opening: Calls = field(default_factory=lambda: lambda _, calls: calls)
    on_settling: Calls = field(default_factory=lambda: lambda _, calls: calls)
    between: Callable[[int], None] = field(default_factory=lambda: lambda _: None)
    """What is done after each slot's settlement."""
    late_s: int = 0
    """How long after the gate orders are announced."""
    anchors_periods: bool = True
    csv: bool = False

    def __post_init__(self) -> None:
        public = self.honest / "public"
        self.tables = read_public(public)
        texts = (public / name for name in ("settings.toml", "inputs.json", FEEDER))
        self.texts = {path.name: path.read_text(encoding="utf-8") for path in texts if path.exists()}
        settings = load(public / "settings.toml", with_members=False)
        self.rules = rules_of(
            settings, answers_of(settings, Stopwatch()), self.public.suppliers, self.public.member_facts
        )
        self.keys = KeyFile.opened(self.key_file, settings.community.name, create=False)
        self.ledger = EmbeddedLedger.open(None, chain_id_of(settings.community.name), self.keys.operator_key())
        export = open_export(public / CHAIN)
        claimed = claimed_of(Audited(self.rules, self.public, export, 0), settings, public)
        self.terms, self.slots = claimed.terms, claimed.slots
        export.close()

    @property
    def public(self) -> PublicTables:
        """The tables as they stand."""
        return PublicTables(self.tables)

    @property
    def members(self) -> int:
        """How many there are."""
        return len(self.public.pseudonyms)

    # --- changing the tables

    def rewrite(self, table: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        """Every row through a function; None strikes it out."""
        rows = [changed for row in self.tables[table].to_pylist() if (changed := change(dict(row))) is not None]
        self.tables[table] = pa.Table.from_pylist(rows, schema=SCHEMAS[table])

    def add(self, table: str, *rows: dict[str, Any]) -> None:
        """Rows at the end."""
        more = pa.Table.from_pylist(list(rows), schema=SCHEMAS[table])
        self.tables[table] = pa.concat_tables([self.tables[table], more])

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        """The rows with these values."""
        return [r for r in self.tables[table].to_pylist() if all(r[k] == v for k, v in where.items())]

    def state(self, statement: Statement) -> None:
        """A statement in place of the published one of its slot and revision."""
        slot, revision = statement.slot, statement.revision
        for table in ("statements", "postings"):
            self.rewrite(table, lambda r: None if (r["slot"], r["revision"]) == (slot, revision) else r)
        names, accounts = self.public.pseudonyms, account_names(self.public.pseudonyms)
        place = {"slot": slot, "revision": revision}
        legs, postings = _columns(statement.legs), _columns(statement.postings)
        self.add(
            "statements",
            *({**place, **r, "member": names[r["member"]], "leg": Leg(r["leg"]).name.lower()} for r in legs),
        )
        self.add(
            "postings",
            *(
                {
                    **place,
                    **r,
                    "debit": accounts[r["debit"]],
                    "credit": accounts[r["credit"]],
                    "kind": kind_names()[r["kind"]],
                }
                for r in postings
            ),
        )

    def resettle(self, slot: int, agreement: Agreement | None = None) -> Statement:
        """Bills of a slot from the tables as they stand, written into them (no pool of rewards is carried over)."""
        public = self.public
        context = self.rules.settlement_context(slot, self.members, 0)
        agreed = agreement or public.agreement(slot)[0]
        statement = self.rules.settlement.settle(public.orders(slot)[0], agreed, public.readings(slot, 0), context)
        self.state(statement)
        return statement

    def packets(self, slot: int, readings: Readings) -> Readings:
        """Readings signed by the meters, whose keys a run's operator has."""
        return METERINGS.make("plain").read(slot, readings, self.keys, self.rules.community, self.rules.packet_signing)

    # --- publishing

    def publish(self) -> "Cheat":
        """Sign a chain of the tables as they stand, and write the folder around it."""
        self.ledger.found(self.terms, self.rules.slots.start_s(self.slots.start) - self.rules.slots.slot_s)
        self._post_slots()
        receipts = [r for r in self.ledger.receipts() if r.kind in ("open", "clear", "settle")]
        names = SCHEMAS["receipts"].names
        rows = [{name: getattr(r, name) for name in names} for r in receipts]
        self.tables["receipts"] = pa.Table.from_pylist(rows, schema=SCHEMAS["receipts"])
        self.seal(self.write_public())
        return self

    def write_public(self) -> bytes:
        """Write tables and texts as they stand; returns their root."""
        folder = RunFolder(self.out)
        for name in PUBLIC:
            write_table(folder.public / f"{name}.parquet", self.tables[name], SCHEMAS[name])
            if self.csv:
                write_csv(folder.public / f"{name}.csv", self.tables[name])
        return folder.write_texts(self.texts)

    def seal(self, root: bytes) -> None:
        """Anchor a root of public files and write chain and manifest."""
        folder = RunFolder(self.out)
        end_s = self.rules.slots.start_s(self.slots.stop)
        self.post(
            [AnchorCall((end_s - 1) // self.rules.audit_period_s, RUN_ANCHOR, root)], final_s(self.rules, self.slots)
        )
        self.ledger.export(folder.public / CHAIN)
        folder.write_manifest(self.ledger.head())

    def _post_slots(self) -> None:
        slots, leaves = self.rules.slots, []
        audited = Audited(self.rules, self.public, self.ledger, 0)
        for slot in self.slots:
            opening, settling = _split(_calls(audited, slot))
            leaves += self.post(self.on_opening(slot, opening), self.rules.gate_s(slot) + self.late_s)
            if slot == self.slots.start:
                previous: list[Call] = []
            else:
                leaves += self._settle(slot - 1, previous, leaves)
                leaves = leaves if slots.start_s(slot) % self.rules.audit_period_s else []
            previous = settling
        self._settle(self.slots[-1], previous, leaves)

    def _settle(self, slot: int, calls: list[Call], leaves: list[bytes]) -> list[bytes]:
        end_s = self.rules.slots.start_s(slot + 1)
        posted = self.post(self.on_settling(slot, calls), end_s)
        if end_s % self.rules.audit_period_s == 0 and self.anchors_periods:
            period = end_s // self.rules.audit_period_s - 1
            self.post([AnchorCall(period, PERIOD_ANCHOR, merkle_root([*leaves, *posted]))], end_s)
        self.between(slot)
        return posted

    def post(self, calls: Sequence[Call], time_s: int) -> list[bytes]:
        """Post calls as one block; their content hashes."""
        signed: tuple[Signed, ...] = self.ledger.sign(list(calls))
        if signed:
            self.ledger.post(signed, time_s)
        return [call.content_hash for call in signed]

    def send(self, contract: str, signature: str, *arguments: Any, secret: bytes | None = None) -> None:
        """Any call of a contract, by the operator or by whoever has the secret."""
        data = foundation._call(contract, signature, *arguments)
        self.send_raw(self.ledger.deployment.addresses[contract], data, secret)

    def send_raw(self, to: bytes, data: bytes, secret: bytes | None = None) -> None:
        """Any transaction at the time of the newest block."""
        chain, key = self.ledger.chain, secret or self.keys.operator_key()
        nonce = chain.next_nonce(address_of_secret(key))
        raw = sign_transaction(key, chain_id=chain.chain_id, nonce=nonce, to=to, data=data, gas_limit=GAS_LIMIT)
        chain.append([raw], chain.head.time_s)

    def settle_data(self, call: Call) -> bytes:
        """Calldata of a call, signed as the ledger signs it."""
        return next(data for *_, data in self.ledger._planned(call))

    def audit(self) -> AuditResult:
        """What an auditor says of the folder."""
        return audit_run(AuditRequest(self.out))


def failed(result: AuditResult) -> dict[str, tuple[Finding, ...]]:
    """The findings of an audit by the name of the check."""
    return {check.name: check.findings for check in result.checks if check.findings}


def small_community(folder: Path, source: Path, members: Sequence[str], first: str, end: str) -> None:
    """A few members and days of an example, in a folder of its own."""
    folder.mkdir(parents=True)
    (folder / "community.toml").write_bytes((source / "community.toml").read_bytes())
    lines = (source / "members.csv").read_text(encoding="utf-8").splitlines()
    kept = [lines[0], *(line for line in lines[1:] if line.partition(",")[0] in members)]
    (folder / "members.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    table = pq.read_table(source / "profiles.parquet")
    table = table.filter(pc.is_in(table["member"], value_set=pa.array(members)))
    column = next(name for name in table.column_names if pa.types.is_timestamp(table[name].type))
    instants = pc.strftime(table[column], "%Y-%m-%d")
    table = table.filter(pc.and_(pc.greater_equal(instants, first), pc.less(instants, end)))
    pq.write_table(table, folder / "profiles.parquet")


def poisoned_creation(code: bytes, slot: int, value: int) -> bytes:
    """Creation code that writes one storage word and leaves `code`, immutables included, on the chain."""
    push = b"\x7f" + value.to_bytes(32, "big") + b"\x7f" + slot.to_bytes(32, "big") + b"\x55"
    size = len(code).to_bytes(3, "big")
    copy_bytes = 4 + 1 + 3 + 1 + 1 + 1 + 1
    offset = (len(push) + copy_bytes).to_bytes(2, "big")
    return push + b"\x62" + size + b"\x80" + b"\x61" + offset + b"\x5f" + b"\x39" + b"\x5f" + b"\xf3" + code


def replaced_code(name: str, code: bytes) -> Any:
    """The artifact of a contract with other creation code."""
    return replace(artifact(name), creation_code=code)


def _split(calls: list[Call]) -> tuple[list[Call], list[Call]]:
    return calls[:2], calls[2:]


def _columns(table: Any) -> list[dict[str, Any]]:
    arrays = table.arrays()
    return [dict(zip(arrays, row, strict=True)) for row in zip(*(a.tolist() for a in arrays.values()), strict=True)]
