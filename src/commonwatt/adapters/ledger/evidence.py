"""The part of a chain that a bill carries: cut out of an export, and read back with every hash and signature checked."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from commonwatt.adapters.chain.blocks import (
    Receipt,
    decode_receipt,
    genesis_parent,
    header_hash,
    leaf_hash,
    root_of_leaf_hashes,
)
from commonwatt.adapters.chain.chain_file import StoredBlock
from commonwatt.adapters.chain.transactions import created_address, decode_transaction, hashed_bytes
from commonwatt.adapters.ledger.calldata import (
    POSTED_KINDS,
    Admitted,
    Place,
    read_admissions,
    read_content_hash,
    read_place,
    word,
)
from commonwatt.adapters.ledger.foundation import CONTRACTS, chain_id_of, community_hash
from commonwatt.core.findings import Finding
from commonwatt.crypto.either import keccak256_ahead
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.billing.bill import BlockPart, ChainPart

HEADER_BYTES: Final = 73
CREATIONS, CALLS, SEAL = 0, 1, 2
"""The blocks of the genesis."""

_SETTLED: Final = b"Settled(uint256,bytes32,bytes32,uint256,uint256,uint256,uint256,uint256)"
_VOIDED: Final = b"Voided(uint256,bytes32,bytes32,uint256)"
_CONTENT_TOPIC: Final = 3


_READ_TOGETHER: Final = 32
"""Blocks whose transactions are hashed at once."""

_Item = tuple[bytes, bytes | None]
"""The leaf hash of an item of a block, and the item where it is here."""


@dataclass(frozen=True)
class Booked:
    """A posting that the chain holds and accepted."""

    place: Place
    block: int
    time_s: int
    transaction: bytes
    content: bytes
    data: bytes
    is_void: bool = False
    """Whether a later transaction, which is here too, undid it."""


@dataclass(frozen=True)
class Proven:
    """What a part of a chain shows; `findings` say where it contradicts itself."""

    head_number: int
    head_hash: bytes
    times_s: tuple[int, ...]
    """Time of every block by number."""
    whole: frozenset[int]
    """Blocks of which every transaction is here."""
    operator: bytes
    admitted: tuple[Admitted, ...]
    posted: tuple[Booked, ...]
    header_findings: tuple[Finding, ...]
    block_findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Located:
    """Where a chain holds a posting, and when its block was made."""

    place: Place
    block: int
    position: int
    time_s: int
    content: bytes
    data: bytes
    voided_at: tuple[int, int] | None = None
    """Block and position of the transaction that undid it; None while it stands."""


def located(blocks: Iterable[StoredBlock], community: str) -> tuple[Located, ...]:
    """Every posting that a chain holds and accepted, in order; signatures are not looked at."""
    chain_id, named, found = chain_id_of(community), community_hash(community), []
    voids: dict[bytes, tuple[int, int]] = {}
    for block in blocks:
        for position, (raw, encoded) in enumerate(zip(block.raws, block.receipts, strict=True)):
            receipt = decode_receipt(encoded, block.number, position)
            transaction = decode_transaction(raw, chain_id, receipt.sender)
            voids |= dict.fromkeys(_contents(receipt, _VOIDED), (block.number, position))
            place = read_place(transaction.data) if transaction.to is not None and receipt.succeeded else None
            if place is not None:
                content = read_content_hash(named, transaction.data)
                found.append(Located(place, block.number, position, block.time_s, content, transaction.data))
    return tuple(replace(f, voided_at=voids.get(f.content)) if f.place.kind == "settle" else f for f in found)


def chain_part(blocks: Iterable[StoredBlock], fork: str, wanted: Mapping[int, Collection[int] | None]) -> ChainPart:
    """Cut out of a chain what a bill needs: by number of a block the positions of the transactions wanted, None for all of them.

    The genesis and the last block, which anchors the run's files, are always part of it.
    """
    headers, parts, head = [], [], None
    for block in blocks:
        head = block
        fields = block.time_s.to_bytes(8, "big") + block.transactions_root + block.receipts_root
        headers.append(b64encode(fields + bytes((block.seals_genesis,))).decode())
        if block.number in (CREATIONS, CALLS) or block.number in wanted:
            # Creations are carried as hashes: their receipts say which contract is where, their code is long.
            chosen = {CREATIONS: (), CALLS: None}.get(block.number, wanted.get(block.number))
            parts.append(_part(block, chosen))
    if head is None:
        raise ValueError("expected a chain with blocks, was an empty one")
    if parts[-1].number != head.number:
        parts.append(_part(head, None))
    return ChainPart(fork, head.hash.hex(), tuple(headers), tuple(parts))


def _part(block: StoredBlock, chosen: Collection[int] | None) -> BlockPart:
    is_kept = [chosen is None or position in chosen for position in range(len(block.raws))]
    has_receipt = [kept or block.number == CREATIONS for kept in is_kept]
    return BlockPart(
        block.number,
        tuple(_text(raw, kept) for raw, kept in zip(block.raws, is_kept, strict=True)),
        tuple(_text(receipt, kept) for receipt, kept in zip(block.receipts, has_receipt, strict=True)),
    )


def _text(data: bytes, is_kept: bool) -> str:
    return b64encode(data).decode() if is_kept else "#" + leaf_hash(data).hex()


def proven(chain: ChainPart, community: str, said: Callable[[int, int], None] | None = None) -> Proven:
    """Read the part of a chain that a bill of `community` carries; `said` is told how many of how many blocks are read.

    Raises:
        ValueError: bytes that are no headers, transactions or receipts at all.

    """
    reading = _Reading(chain, community)
    reading.read_headers()
    reading.read_blocks(said)
    return Proven(
        len(reading.headers) - 1,
        reading.hashes[-1] if reading.hashes else b"",
        tuple(header[0] for header in reading.headers),
        frozenset(reading.whole),
        reading.operator,
        tuple(reading.admitted),
        tuple(replace(p, is_void=p.place.kind == "settle" and p.content in reading.void) for p in reading.posted),
        tuple(reading.header_findings),
        tuple(reading.block_findings),
    )


class _Reading:
    """Walks headers, then blocks."""

    def __init__(self, chain: ChainPart, community: str) -> None:
        self.chain = chain
        self.chain_id = chain_id_of(community)
        self.community = community_hash(community)
        self.headers: list[tuple[int, bytes, bytes]] = []
        self.hashes: list[bytes] = []
        self.whole: set[int] = set()
        self.operator = b""
        self.addresses: dict[str, bytes] = {}
        self.admitted: list[Admitted] = []
        self.posted: list[Booked] = []
        self.void: set[bytes] = set()
        self.header_findings: list[Finding] = []
        self.block_findings: list[Finding] = []

    def read_headers(self) -> None:
        """Hash every header over the one before it; the last hash is the head's."""
        parent = genesis_parent(self.chain_id, self.chain.fork)
        for number, text in enumerate(self.chain.headers):
            raw = unbase64(text)
            if len(raw) != HEADER_BYTES or raw[-1] not in (0, 1):
                raise ValueError(f"header {number}: expected {HEADER_BYTES} bytes, found {len(raw)}")
            time_s, transactions, receipts = int.from_bytes(raw[:8], "big"), raw[8:40], raw[40:72]
            if bool(raw[-1]) != (number == SEAL):
                found = "one that seals it" if raw[-1] else "one that does not"
                self.header_findings.append(Finding(f"block {number}", f"the genesis sealed by block {SEAL}", found))
            if self.headers and time_s < self.headers[-1][0]:
                self.header_findings.append(
                    Finding(f"block {number} time", f"at least {self.headers[-1][0]}", str(time_s))
                )
            self.headers.append((time_s, transactions, receipts))
            parent = header_hash(number, time_s, parent, transactions, receipts, bool(raw[-1]))
            self.hashes.append(parent)
        if parent.hex() != self.chain.head_hash:
            self.header_findings.append(Finding("head", f"0x{parent.hex()} (of these headers)", self.chain.head_hash))

    def read_blocks(self, said: Callable[[int, int], None] | None) -> None:
        """Check every block that is carried against its header, and note what it says."""
        numbers = [block.number for block in self.chain.blocks]
        needed = {CREATIONS, CALLS, len(self.headers) - 1}
        if numbers != sorted(set(numbers)) or not needed <= set(numbers) or max(numbers) >= len(self.headers):
            raise ValueError(
                f"blocks: expected numbers of the chain, each once and in order, {sorted(needed)} among them"
            )
        blocks = self.chain.blocks
        for start in range(0, len(blocks), _READ_TOGETHER):
            if said is not None:
                said(start, len(blocks))
            group = [(block, *_unpacked_block(block)) for block in blocks[start : start + _READ_TOGETHER]]
            raws = [
                raw for block, items, _ in group if block.number != CREATIONS for _, raw in items if raw is not None
            ]
            keccak256_ahead(message for raw in raws for message in hashed_bytes(raw, self.chain_id))
            for block, transactions, receipts in group:
                self._read_block(block, transactions, receipts)

    def _read_block(self, block: BlockPart, raws: Sequence[_Item], receipts: Sequence[_Item]) -> None:
        where = f"block {block.number}"
        time_s, transactions_root, receipts_root = self.headers[block.number]
        for what, items, root in (
            ("transactions", raws, transactions_root),
            ("receipts", receipts, receipts_root),
        ):
            if root_of_leaf_hashes([item[0] for item in items]) != root:
                self.block_findings.append(Finding(f"{where} {what}", "those of its header", "others"))
                return
        if all(raw is not None for _, raw in raws):
            self.whole.add(block.number)
        if block.number == CREATIONS:
            self._read_creations([receipt for _, receipt in receipts])
            return
        for position, ((_, raw), (_, encoded)) in enumerate(zip(raws, receipts, strict=True)):
            if raw is None:
                continue
            if encoded is None:
                self.block_findings.append(Finding(f"{where} receipt {position}", "the receipt", "its hash only"))
                continue
            self._read_transaction(raw, decode_receipt(encoded, block.number, position), time_s)

    def _read_creations(self, receipts: Sequence[bytes | None]) -> None:
        if len(receipts) != len(CONTRACTS) or any(receipt is None for receipt in receipts):
            raise ValueError(f"block {CREATIONS}: expected the receipts of {len(CONTRACTS)} creations")
        read = [decode_receipt(receipt or b"", CREATIONS, at) for at, receipt in enumerate(receipts)]
        self.operator = read[0].sender
        for nonce, (name, receipt) in enumerate(zip(CONTRACTS, read, strict=True)):
            self.addresses[name] = created_address(self.operator, nonce)
            if receipt.contract != self.addresses[name] or not receipt.succeeded or receipt.sender != self.operator:
                self.block_findings.append(
                    Finding(f"block {CREATIONS} {name}", f"created by 0x{self.operator.hex()}", "otherwise")
                )

    def _read_transaction(self, raw: bytes, receipt: Receipt, time_s: int) -> None:
        where = f"block {receipt.block} transaction {receipt.position}"
        transaction = decode_transaction(raw, self.chain_id)
        if (receipt.transaction_hash, receipt.to) != (transaction.hash, transaction.to):
            self.block_findings.append(Finding(f"{where} receipt", "of this transaction", "of another"))
        # The market takes postings from anyone who carries the operator's; in a run the operator carries all of them itself.
        is_operators = receipt.block == CALLS or transaction.to == self.addresses["market"]
        if transaction.sender != receipt.sender or (is_operators and transaction.sender != self.operator):
            found = f"signed by 0x{transaction.sender.hex()}"
            self.block_findings.append(Finding(where, f"signed by the operator 0x{self.operator.hex()}", found))
        if not receipt.succeeded:
            return
        if receipt.block == CALLS:
            if transaction.to == self.addresses["members"]:
                self.admitted += read_admissions(transaction.data)
            return
        void = set(_contents(receipt, _VOIDED, self.addresses["market"]))
        self.void |= void
        if transaction.to != self.addresses["market"] or void:
            # Money paid in or out at the vault, and what members demand, is no matter of a bill.
            return
        place = read_place(transaction.data)
        # Of `settle_net`, word 1 is the kind.
        if place is None or (place.kind == "settle" and word(transaction.data[4:], 1) not in POSTED_KINDS):
            self.block_findings.append(Finding(where, "a posting of a slot or an anchor", "another call"))
            return
        content = read_content_hash(self.community, transaction.data)
        if place.kind in ("settle", "trades") and not _logged(receipt, self.addresses["market"], content):
            # The same batch sent again succeeds without effect and logs nothing.
            return
        self.posted.append(Booked(place, receipt.block, time_s, transaction.hash, content, transaction.data))


def _logged(receipt: Receipt, market: bytes, content: bytes) -> bool:
    return content in _contents(receipt, _SETTLED, market)


def _contents(receipt: Receipt, event: bytes, market: bytes | None = None) -> Iterator[bytes]:
    """The content hashes that an event of the market names (of any address, where `market` is None)."""
    topic = _topic(event)
    return (
        log.topics[_CONTENT_TOPIC]
        for log in receipt.logs
        if log.address == (market or log.address) and len(log.topics) == _CONTENT_TOPIC + 1 and log.topics[0] == topic
    )


@cache
def _topic(event: bytes) -> bytes:
    return keccak256(event)


def _unpacked_block(block: BlockPart) -> tuple[list[_Item], list[_Item]]:
    """Its transactions and its receipts."""
    if len(block.transactions) != len(block.receipts):
        raise ValueError(f"block {block.number}: expected a receipt for each transaction")
    return [_unpacked(text) for text in block.transactions], [_unpacked(text) for text in block.receipts]


def _unpacked(text: str) -> _Item:
    if text[:1] == "#":
        digest = bytes.fromhex(text[1:])
        if "#" + digest.hex() != text or len(digest) != 32:
            raise ValueError(f"expected # and 32 bytes in hex, found {text!r:.80}")
        return digest, None
    raw = unbase64(text)
    return leaf_hash(raw), raw


def unbase64(text: str) -> bytes:
    """The bytes of a text in base64, written in its one form.

    Raises:
        ValueError: another text.

    """
    data = b64decode(text, validate=True)
    if b64encode(data).decode() != text:
        raise ValueError(f"expected base64, found {text[:40]!r}")
    return data
