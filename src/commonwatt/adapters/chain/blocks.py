"""Blocks and receipts: what a chain records, how it is encoded, and what its hashes cover.

A block's hash covers number, time, parent, the transactions' root, the receipts' root and whether it closes the
genesis. Gas appears nowhere: an executor may not know it exactly, and two nodes must agree on every hashed byte.
The hash is SHA3-256: no contract reads these, and it costs a fifth of Keccak-256 in Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha3_256
from typing import Final

from commonwatt.adapters.chain.errors import CorruptChainError
from commonwatt.adapters.chain.rlp_codec import RlpDecoded, RlpError, RlpItem, decode, encode

_ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")
_PANIC_SELECTOR: Final = bytes.fromhex("4e487b71")
_LEAF, _NODE, _EMPTY = b"\0", b"\1", b"\2"
_MAX_UINT64: Final = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Log:
    """One event: the contract's 20-byte address, up to four 32-byte topics, and its data."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction.

    `succeeded` False means that it reverted and changed nothing but its sender's nonce. `return_data` is what the call
    returned or reverted with; for a creation the 32-byte hash of the code it left. `contract` is the address created.
    `gas_used` is known only right after an executor that counts gas ran it, and is never stored or hashed.
    """

    transaction_hash: bytes
    block: int
    position: int
    sender: bytes
    to: bytes | None
    succeeded: bool
    return_data: bytes
    logs: tuple[Log, ...]
    contract: bytes | None
    gas_used: int | None = field(default=None, compare=False)

    @property
    def revert_reason(self) -> str:
        """Why the transaction reverted, in words; empty when it succeeded."""
        return "" if self.succeeded else describe_revert(self.return_data)


@dataclass(frozen=True, slots=True)
class Block:
    """One block with its receipts. `time_s` counts seconds since 1970-01-01 UTC; hashes and roots are 32 bytes."""

    number: int
    time_s: int
    parent_hash: bytes
    transactions_root: bytes
    receipts_root: bytes
    seals_genesis: bool
    hash: bytes
    receipts: tuple[Receipt, ...]
    encoded_receipts: tuple[bytes, ...] = field(repr=False, compare=False)


def genesis_parent(chain_id: int, fork: str) -> bytes:
    """Return what block 0 names as its parent, so that no block of one chain fits another chain id or rule set."""
    return _hash(b"commonwatt chain 1\0" + chain_id.to_bytes(32, "big") + fork.encode())


def build_block(
    number: int, time_s: int, parent_hash: bytes, raws: Sequence[bytes], receipts: tuple[Receipt, ...], seals: bool
) -> Block:
    """Return the block over raw transactions and their receipts, hashed. `seals` marks the one that closes genesis."""
    transactions_root = merkle_root(raws)
    encoded = tuple(encode_receipt(receipt) for receipt in receipts)
    receipts_root = merkle_root(encoded)
    digest = header_hash(number, time_s, parent_hash, transactions_root, receipts_root, seals)
    return Block(number, time_s, parent_hash, transactions_root, receipts_root, seals, digest, receipts, encoded)


def header_hash(
    number: int, time_s: int, parent_hash: bytes, transactions_root: bytes, receipts_root: bytes, seals: bool
) -> bytes:
    """Return the SHA3-256 over a header's fixed-width fields, big-endian, in the order of the arguments."""
    if not (0 <= number <= _MAX_UINT64 and 0 <= time_s <= _MAX_UINT64):
        raise CorruptChainError(f"expected number and time as 64-bit counts, was {number} and {time_s}")
    counts = number.to_bytes(8, "big") + time_s.to_bytes(8, "big")
    roots = parent_hash + transactions_root + receipts_root
    return _hash(b"commonwatt block 1\0" + counts + roots + bytes((seals,)))


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the binary Merkle root over `leaves`; leaves and nodes are hashed apart, an odd one moves up as it is."""
    return root_of_leaf_hashes([leaf_hash(leaf) for leaf in leaves])


def leaf_hash(leaf: bytes) -> bytes:
    """Return what stands for a transaction or a receipt in a block's trees."""
    return _hash(_LEAF + leaf)


def root_of_leaf_hashes(hashes: Sequence[bytes]) -> bytes:
    """Return the same root from the hashes of the leaves, for who does not hold them all."""
    level = list(hashes)
    if not level:
        return _hash(_EMPTY)
    while len(level) > 1:
        pairs = [_hash(_NODE + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]


def encode_receipt(receipt: Receipt) -> bytes:
    """Return the bytes of a receipt that are stored and hashed (RLP; block and position are given by its place)."""
    logs: list[RlpItem] = [[log.address, list(log.topics), log.data] for log in receipt.logs]
    return encode(
        [
            receipt.transaction_hash,
            receipt.sender,
            receipt.to or b"",
            b"\1" if receipt.succeeded else b"",
            receipt.return_data,
            logs,
            receipt.contract or b"",
        ]
    )


def decode_receipt(encoded: bytes, block: int, position: int) -> Receipt:
    """Return the receipt stored as `encoded` at `position` of `block`; CorruptChainError when it is none."""
    try:
        return _receipt(decode(encoded), block, position)
    except RlpError as error:
        raise CorruptChainError(f"the receipt of transaction {position} cannot be read: {error}", block) from error


def describe_revert(return_data: bytes) -> str:
    """Return a revert's reason in words: Error(string), Panic(uint256), a custom error's bytes, or none given."""
    if not return_data:
        return "reverted without a reason"
    if return_data[:4] == _ERROR_SELECTOR and len(return_data) >= 68:
        length = int.from_bytes(return_data[36:68], "big")
        return return_data[68 : 68 + length].decode("utf-8", errors="replace")
    if return_data[:4] == _PANIC_SELECTOR and len(return_data) == 36:
        return f"panic {int.from_bytes(return_data[4:], 'big'):#x}"
    return f"reverted with 0x{return_data.hex()}"


def _receipt(fields: RlpDecoded, block: int, position: int) -> Receipt:
    match fields:
        case [
            bytes(transaction_hash),
            bytes(sender),
            bytes(to),
            (b"" | b"\1") as succeeded,
            bytes(return_data),
            list(logs),
            bytes(contract),
        ]:
            return Receipt(
                transaction_hash,
                block,
                position,
                sender,
                to or None,
                bool(succeeded),
                return_data,
                tuple(_log(item) for item in logs),
                contract or None,
            )
    raise RlpError(f"expected seven fields, was {fields!r:.80}")


def _log(item: RlpDecoded) -> Log:
    match item:
        case [bytes(address), list(topics), bytes(data)]:
            return Log(address, tuple(topic for topic in topics if isinstance(topic, bytes)), data)
    raise RlpError(f"expected a log of three fields, was {item!r:.80}")


def _hash(data: bytes) -> bytes:
    return sha3_256(data).digest()
