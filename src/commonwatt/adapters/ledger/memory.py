"""A ledger in plain Python, without contracts: the reference in tests, and for research runs that need no chain."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from hashlib import sha3_256
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from commonwatt.adapters.ledger.batches import batch_of
from commonwatt.adapters.ledger.books import Books
from commonwatt.adapters.ledger.calldata import Posted
from commonwatt.adapters.ledger.calls import content_hash, pack, place_of
from commonwatt.adapters.ledger.foundation import Genesis, chain_id_of, community_hash
from commonwatt.adapters.ledger.signed_orders import RevertedError
from commonwatt.adapters.store.files import read_json, write_text
from commonwatt.contracts.encoding import IMBALANCE, TRADES, domain_separator
from commonwatt.core.encoding import decode, encode
from commonwatt.core.errors import LedgerError
from commonwatt.core.findings import Finding
from commonwatt.core.records import Receipt
from commonwatt.core.units import Ints
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import address_of_secret, checksum_address
from commonwatt.services.claims import ClaimCall, ClaimTerms, Demand, ForeignBlock, Revocation
from commonwatt.services.ports import (
    AnchorCall,
    Balances,
    Batch,
    Call,
    ChainCheck,
    ClearCall,
    DepositCall,
    Entry,
    Head,
    LedgerTerms,
    OpenCall,
    Registered,
    SettleCall,
    Signed,
    TradesCall,
)
from commonwatt.services.withdrawing import Announcement

FORMAT: Final = "commonwatt memory ledger 1"
_LARGEST_BYTES: Final = 2**32
"""Of an export: every call of a run is in it."""
_NO_CLAIMS: Final = "expected a chain that takes demands, was the memory ledger"
_CALLS: Final[dict[str, Any]] = {
    "open": OpenCall,
    "clear": ClearCall,
    "trades": TradesCall,
    "settle": SettleCall,
    "anchor": AnchorCall,
    "deposit": DepositCall,
}
_BATCHES: Final[dict[str, Any]] = {kind: _CALLS[kind] for kind in ("trades", "settle")}


class MemoryLedger:
    """Promises of `Ledger` but for durability: what was posted is gone with the process, and is posted again on resume.

    Nothing is signed: a transaction is the call itself with its number. `read` opens what `export` wrote.
    """

    def __init__(self, operator: str) -> None:
        self._operator = operator
        self._books: Books | None = None
        self._founded_s = 0
        self._blocks: list[tuple[int, tuple[bytes, ...]]] = []
        self._receipts: dict[bytes, Receipt] = {}
        self._head = bytes(32)
        self._expected_head: bytes | None = None

    @property
    def executor(self) -> str:
        """Plain Python."""
        return "memory"

    @classmethod
    def open(cls, operator_key: bytes) -> Self:
        """An empty ledger of the operator with this 32-byte key."""
        return cls(checksum_address(address_of_secret(operator_key)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """A ledger as it was exported, with every call done again. Raises LedgerError when the file is none."""
        try:
            exported = read_json(path, _LARGEST_BYTES)
            if exported["format"] != FORMAT:
                raise LedgerError(f"{path}: expected {FORMAT!r}, was {exported['format']!r}")
            ledger = cls(exported["operator"])
            ledger.found(decode(LedgerTerms, bytes.fromhex(exported["terms"])), exported["founded_s"])
            for time_s, raws in exported["blocks"]:
                ledger._append([bytes.fromhex(raw) for raw in raws], time_s)
            ledger._expected_head = bytes.fromhex(exported["head"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LedgerError(f"{path}: expected a ledger's export, was unreadable ({error})") from error
        return ledger

    @property
    def note(self) -> None:
        """Nothing to tell about who runs the contracts: there are none."""

    def found(self, terms: LedgerTerms, time_s: int) -> None:
        """Open the accounts and take the deposits; on a ledger founded on the same terms: nothing."""
        if self._books is None:
            self._books, self._founded_s = Books(terms, self._domain(terms)), time_s
            self._head = sha3_256(FORMAT.encode() + time_s.to_bytes(8, "big") + encode(terms)).digest()
        elif self._books.terms != terms:
            raise LedgerError("expected a ledger founded on these terms, was founded on others")

    def sign(self, calls: Sequence[Call]) -> tuple[Signed, ...]:
        """Number calls as the next transactions, in order, without sending them."""
        return tuple(self._numbered(call, len(self._receipts) + i) for i, call in enumerate(calls))

    def sign_claims(self, calls: Sequence[ClaimCall]) -> tuple[Signed, ...]:
        """Refuse: nothing stands behind lines of plain books, so nobody demands it.

        Raises:
            LedgerError: always.

        """
        raise LedgerError(f"{_NO_CLAIMS} ({len(calls)} calls)")

    def refusal(self, call: ClaimCall) -> str:
        """Every call would be."""
        return f"{_NO_CLAIMS} ({type(call).__name__})"

    def claim_terms(self) -> ClaimTerms:
        """There are none.

        Raises:
            LedgerError: always.

        """
        raise LedgerError(_NO_CLAIMS)

    def foreign(self) -> tuple[ForeignBlock, ...]:
        """Nobody else ever posts here."""
        return ()

    def demands(self) -> Iterator[Demand]:
        """There are none."""
        return iter(())

    def revocations(self) -> tuple[Revocation, ...]:
        """There are none: members have no way to send anything here."""
        return ()

    def announcements(self) -> tuple[Announcement, ...]:
        """There are none: nobody takes anything out of plain books."""
        return ()

    def post(self, signed: Sequence[Signed], time_s: int) -> tuple[Receipt, ...]:
        """Do the calls as one block, or recognise that they were done before; LedgerError when it may not be."""
        missing = [call.raw for call in signed if call.transaction not in self._receipts]
        if missing:
            self._append(missing, time_s)
        return tuple(self._receipts[call.transaction] for call in signed)

    def objection(self, signed: Sequence[Signed], time_s: int) -> str:
        """Why one of these calls would be refused as the next block; empty when none. Nothing is kept."""
        books = self._ready().copied()
        try:
            for call in signed:
                kind, body = call.raw.partition(b" ")[0].decode(), call.raw.partition(b"\n")[2]
                books.apply(decode(_CALLS[kind], body), time_s)
        except RevertedError as error:
            return str(error)
        return ""

    def caught_up(self) -> str:
        """Nothing is ever left of another process."""
        return ""

    def export(self, path: Path) -> None:
        """Write everything posted as JSON: the same ledger gives the same bytes."""
        exported = {
            "format": FORMAT,
            "operator": self._operator,
            "terms": encode(self._ready().terms).hex(),
            "founded_s": self._founded_s,
            "blocks": [[time_s, [raw.hex() for raw in raws]] for time_s, raws in self._blocks],
            "head": self._head.hex(),
        }
        write_text(path, json.dumps(exported, indent=1) + "\n")

    def balances(self, time_s: int) -> Balances:
        """Every account at an instant."""
        return self._ready().balances(time_s)

    def receipts(self) -> Iterator[Receipt]:
        """Everything posted, in order."""
        return iter(self._receipts.values())

    def entries(self) -> Iterator[Entry]:
        """Everything posted, in order; all of it by the operator."""
        for receipt, (raw, _) in zip(self._receipts.values(), self._sent(), strict=True):
            paid = _paid_nano(raw) if receipt.kind == "deposit" and receipt.status == 1 else ()
            yield Entry(receipt, self._blocks[receipt.block][0], _name(raw), by_operator=True, paid_nano=paid)

    def batches(self) -> Iterator[Batch]:
        """Every batch that was accepted, in order; none is ever voided here."""
        known: set[str] = set()
        for receipt, (raw, time_s) in zip(self._receipts.values(), self._sent(), strict=True):
            if receipt.kind in _BATCHES and receipt.status == 1 and receipt.content_hash not in known:
                known.add(receipt.content_hash)
                call: SettleCall | TradesCall = decode(_BATCHES[receipt.kind], raw.partition(b"\n")[2])
                energy_count, packed = pack(call.postings)
                kind, revision, prior = (
                    (TRADES, 0, bytes(32)) if isinstance(call, TradesCall) else (call.kind, call.revision, call.prior)
                )
                posted = Posted(call.slot, kind, revision, call.part, call.parts, prior, energy_count, packed)
                yield batch_of(posted, bytes.fromhex(receipt.content_hash[2:]), time_s)

    def foundation_findings(self, terms: LedgerTerms, founded_s: int) -> list[Finding]:
        """Which of the terms it was founded on are others."""
        pairs = [("founded_s", founded_s, self._founded_s)]
        pairs += [(f.name, getattr(terms, f.name), getattr(self._ready().terms, f.name)) for f in fields(terms)]
        return [
            Finding(f"foundation {name}", str(expected), str(was)) for name, expected, was in pairs if expected != was
        ]

    def head(self) -> Head:
        """Number and hash of the newest block, and the operator; there is no code."""
        return Head(len(self._blocks) - 1, "0x" + self._head.hex(), self._operator, {})

    def order_domain(self) -> bytes:
        """The 32-byte EIP-712 domain of the market, where the contracts of these terms would stand."""
        return self._domain(self._ready().terms)

    def content_hash(self, call: Call) -> bytes:
        """The hash under which this call is known: the same as the contracts'."""
        return content_hash(community_hash(self._ready().terms.community), call)

    def members(self) -> tuple[Registered, ...]:
        """The registry of members, as the terms say."""
        return tuple(
            Registered(keccak256(m.pseudonym.encode()), m.wallet, m.meter_key, m.role, m.connection_w)
            for m in self._ready().terms.members
        )

    def deposits(self) -> Ints:
        """What was paid into every account, nano."""
        return np.array(self._ready().deposits_nano, np.int64)

    def gas(self) -> tuple[dict[str, int], str]:
        """None: nothing ran on an EVM."""
        return {}, "none"

    def verify(self, reference: bool = False, at: Callable[[int], None] = lambda _: None) -> ChainCheck:  # noqa: ARG002 - this is the reference, and `read` did it all
        """Whether doing everything again, which `read` did, ends where the export says."""
        findings = []
        if self._expected_head not in (None, self._head):
            findings.append(Finding("chain", f"head {self._head.hex()}", (self._expected_head or b"").hex()))
        return ChainCheck(tuple(findings), len(self._receipts), "memory", {})

    def close(self) -> None:
        """Nothing to release."""

    def _domain(self, terms: LedgerTerms) -> bytes:
        market = Genesis(terms, bytes.fromhex(self._operator[2:])).addresses["market"]
        return domain_separator(chain_id_of(terms.community), market)

    def _sent(self) -> Iterator[tuple[bytes, int]]:
        """Every call as it was sent, with its block's time."""
        return ((raw, time_s) for time_s, block in self._blocks for raw in block)

    def _ready(self) -> Books:
        if self._books is None:
            raise LedgerError("expected a ledger that was founded")
        return self._books

    def _numbered(self, call: Call, number: int) -> Signed:
        place, content = place_of(call), self.content_hash(call)
        raw = f"{place.kind} {number}\n".encode() + encode(call)
        transaction = sha3_256(raw).digest()
        return Signed(place.kind, place.slot, place.revision, place.part, place.parts, content, transaction, raw)

    def _append(self, raws: Sequence[bytes], time_s: int) -> None:
        last_s = self._blocks[-1][0] if self._blocks else self._founded_s
        if time_s < last_s:
            raise LedgerError(f"expected a block time of at least {last_s} s, was {time_s} s")
        calls = [self._call(raw, len(self._receipts) + i) for i, raw in enumerate(raws)]
        hashed = sha3_256(self._head + time_s.to_bytes(8, "big"))
        for raw, call in zip(raws, calls, strict=True):
            receipt = self._done(raw, call, time_s)
            self._receipts[sha3_256(raw).digest()] = receipt
            hashed.update(sha3_256(raw).digest() + encode(receipt))
        self._blocks.append((time_s, tuple(raws)))
        self._head = hashed.digest()

    def _call(self, raw: bytes, number: int) -> Call:
        head, _, body = raw.partition(b"\n")
        kind, _, said = head.decode("ascii", errors="replace").partition(" ")
        if kind not in _CALLS or said != str(number):
            raise LedgerError(f"expected transaction number {number} of {', '.join(_CALLS)}, was {kind} {said}")
        call: Call = decode(_CALLS[kind], body)
        return call

    def _done(self, raw: bytes, call: Call, time_s: int) -> Receipt:
        reason = ""
        try:
            self._ready().apply(call, time_s)
        except RevertedError as error:
            reason = str(error)
        place = place_of(call)
        return Receipt(
            place.slot,
            place.kind,
            place.revision,
            place.part,
            place.parts,
            "0x" + self.content_hash(call).hex(),
            "0x" + sha3_256(raw).hexdigest(),
            len(self._blocks),
            0 if reason else 1,
            reason,
        )


def _name(raw: bytes) -> str:
    """What a call is as an entry of the ledger."""
    kind, body = raw.partition(b" ")[0].decode(), raw.partition(b"\n")[2]
    return "rest" if kind == "settle" and decode(SettleCall, body).kind == IMBALANCE else kind


def _paid_nano(raw: bytes) -> tuple[tuple[int, int], ...]:
    call: DepositCall = decode(DepositCall, raw.partition(b"\n")[2])
    return ((call.account, call.amount_nano),)
