"""Calldata read back without a compiler's artifacts or NumPy: which posting it is, its content hash, its lines."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from commonwatt.contracts.encoding import (
    IMBALANCE,
    LINE_BYTES,
    PADDING_BYTES,
    SETTLEMENT,
    SUPPLIED,
    TRADES,
    batch_key,
    book_commitment,
    clearing_commitment,
    content_hash,
)
from commonwatt.crypto.keccak import keccak256

OPEN: Final = "open(uint256,bytes32,uint256)"
CLEAR: Final = "clear(uint256,bytes32,bytes32)"
ANCHOR: Final = "anchor(uint256,uint256,bytes32)"
SETTLE: Final = "settle_net(uint256,uint256,uint256,uint256,uint256,bytes32,uint256,bytes,uint256[3][])"
SETTLE_TRADES: Final = (
    "settle_trades(uint256,uint256,uint256,bytes,"
    "((uint256,bool,uint256,int256,uint256,uint256,uint256,uint256),uint256,uint256,uint256)[],bytes)"
)
ADMIT: Final = "admit_many((address,uint8,address,bytes32,uint256)[])"

WORD: Final = 32
SETTLE_HEAD_WORDS: Final = 9
TRADES_HEAD_WORDS: Final = 6
SIGNED_ORDER_WORDS: Final = 11
POSTED_KINDS: Final = (SETTLEMENT, IMBALANCE, SUPPLIED)
"""Kinds of `settle_net` that this package posts: whole settlements, what is left beside trades, what was void twice; trades are kind 3."""
_ADMISSION_WORDS: Final = 5
_ENERGY_LINE: Final = struct.Struct(">HHIi")
_AMOUNT_LINE: Final = struct.Struct(">HHq")


@dataclass(frozen=True)
class Place:
    """Which posting a call is. `kind` is `open`, `clear`, `trades`, `settle`, `anchor` or `deposit`.

    Of an anchor, `slot` is the period and `revision` its kind.
    """

    kind: str
    slot: int
    revision: int = 0
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class PostedLine:
    """A line of a batch: account `who` receives `amount_nano` from account `other`; energy and price are 0 for a plain amount."""

    who: int
    other: int
    energy_wh: int
    price_micro_per_kwh: int
    amount_nano: int


@dataclass(frozen=True)
class Posted:
    """The arguments of a `settle_net` or `settle_trades` but for what was signed."""

    slot: int
    kind: int
    revision: int
    part: int
    parts: int
    prior: bytes
    energy_count: int
    packed: bytes


@dataclass(frozen=True)
class Admitted:
    """A member as it was registered at the foundation."""

    wallet: bytes
    meter_key: bytes
    pseudonym_root: bytes
    connection_w: int


@cache
def selector(signature: str) -> bytes:
    """The first four bytes of calldata: of the hash of the function's signature."""
    return keccak256(signature.encode())[:4]


def read_place(data: bytes) -> Place | None:
    """Which posting some calldata is; None when it is none of the five."""
    called, words = data[:4], data[4:]
    if called == selector(OPEN):
        return Place("open", word(words, 0))
    if called == selector(CLEAR):
        return Place("clear", word(words, 0))
    if called == selector(ANCHOR):
        return Place("anchor", word(words, 0), word(words, 1))
    if called == selector(SETTLE):
        return Place("settle", word(words, 0), word(words, 2), word(words, 3), word(words, 4))
    if called == selector(SETTLE_TRADES):
        return Place("trades", word(words, 0), 0, word(words, 1), word(words, 2))
    return None


def read_content_hash(community: bytes, data: bytes) -> bytes:
    """The content hash of a posting, from its calldata."""
    called, words = data[:4], data[4:]
    second, third = (words[i * WORD : (i + 1) * WORD] for i in (1, 2))
    if called == selector(OPEN):
        return book_commitment(second, int.from_bytes(third, "big"))
    if called == selector(CLEAR):
        return clearing_commitment(second, third)
    if called == selector(ANCHOR):
        return third
    posted = read_posted(data)
    key = batch_key(community, posted.slot, posted.kind, posted.revision, posted.part)
    return content_hash(key, posted.parts, posted.prior, posted.energy_count, posted.packed)


def read_posted(data: bytes) -> Posted:
    """The arguments of a `settle_net`, or of a `settle_trades`, of which all lines are energy lines."""
    words = data[4:]
    if data[:4] == selector(SETTLE_TRADES):
        packed = _argument(words, 3)
        count = max(len(packed) - PADDING_BYTES, 0) // LINE_BYTES
        return Posted(word(words, 0), TRADES, 0, word(words, 1), word(words, 2), bytes(WORD), count, packed)
    slot, kind, revision, part, parts = (word(words, i) for i in range(5))
    prior = words[5 * WORD : 6 * WORD]
    return Posted(slot, kind, revision, part, parts, prior, word(words, 6), _argument(words, 7))


def read_batch(data: bytes) -> Posted | None:
    """What a settlement or a batch of trades posts; None for any other call."""
    return read_posted(data) if data[:4] in (selector(SETTLE), selector(SETTLE_TRADES)) else None


def read_orders(data: bytes) -> int:
    """How many signed orders a `settle_trades` carries."""
    return word(data[4:], word(data[4:], 4) // WORD)


def read_lines(data: bytes) -> Iterator[PostedLine]:
    """The lines of a `settle_net` or a `settle_trades`, in order.

    Raises:
        ValueError: the bytes of its lines are no whole number of lines.

    """
    posted = read_posted(data)
    packed, energy_count = posted.packed, posted.energy_count
    count = (len(packed) - PADDING_BYTES) // LINE_BYTES
    if len(packed) != count * LINE_BYTES + PADDING_BYTES or not 0 <= energy_count <= count:
        raise ValueError(f"expected lines of {LINE_BYTES} bytes with padding, was {len(packed)} bytes, {energy_count=}")
    for row in range(count):
        if row < energy_count:
            who, other, energy_wh, price = _ENERGY_LINE.unpack_from(packed, row * LINE_BYTES)
            yield PostedLine(who, other, energy_wh, price, energy_wh * price)
        else:
            who, other, amount_nano = _AMOUNT_LINE.unpack_from(packed, row * LINE_BYTES)
            yield PostedLine(who, other, 0, 0, amount_nano)


def read_admissions(data: bytes) -> tuple[Admitted, ...]:
    """The members that an `admit_many` registers, in order; none for any other call.

    Raises:
        ValueError: fewer members than it announces.

    """
    if data[:4] != selector(ADMIT):
        return ()
    words = data[4:]
    first = word(words, 0) // WORD
    count = word(words, first)
    if len(words) < (first + 1 + count * _ADMISSION_WORDS) * WORD:
        raise ValueError(f"expected {count} members, was fewer")
    return tuple(_admitted(words, first + 1 + _ADMISSION_WORDS * row) for row in range(count))


def word(words: bytes, index: int) -> int:
    """A word of ABI-encoded arguments as a number."""
    return int.from_bytes(words[index * WORD : (index + 1) * WORD], "big")


def _admitted(words: bytes, at: int) -> Admitted:
    wallet, _, meter_key, root, _ = (words[(at + i) * WORD : (at + i + 1) * WORD] for i in range(_ADMISSION_WORDS))
    return Admitted(wallet[12:], meter_key[12:], root, word(words, at + 4))


def _argument(words: bytes, index: int) -> bytes:
    """The bytes that a word of the head points to."""
    at = word(words, index)
    return words[at + WORD : at + WORD + int.from_bytes(words[at : at + WORD], "big")]
