"""Calls as the market contract takes them: calldata, content hashes, and what a transaction was, read back from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from commonwatt.contracts import artifact
from commonwatt.contracts import encoding as lines
from commonwatt.core.accounts import Postings
from commonwatt.services.ports import AnchorCall, Call, ClearCall, OpenCall, SettleCall

OPEN: Final = "open(uint256,bytes32,uint256)"
CLEAR: Final = "clear(uint256,bytes32,bytes32)"
ANCHOR: Final = "anchor(uint256,uint256,bytes32)"
SETTLE: Final = "settle_net(uint256,uint256,uint256,uint256,uint256,bytes32,uint256,bytes,uint256[3][])"

Signature = tuple[int, int, int]
"""(v, r, s) with v 27 or 28, as `ecrecover` takes it."""

_WORD: Final = 32
_SETTLE_HEAD_WORDS: Final = 9
_MARKET: Final = "market"


@dataclass(frozen=True)
class Place:
    """Which posting a call is. `kind` is `open`, `clear`, `settle` or `anchor`.

    Of an anchor, `slot` is the period and `revision` its kind.
    """

    kind: str
    slot: int
    revision: int = 0
    part: int = 0
    parts: int = 1


def place_of(call: Call) -> Place:
    """Which posting a call is."""
    if isinstance(call, OpenCall):
        return Place("open", call.slot)
    if isinstance(call, ClearCall):
        return Place("clear", call.slot)
    if isinstance(call, AnchorCall):
        return Place("anchor", call.period, call.kind)
    return Place("settle", call.slot, call.revision, call.part, call.parts)


def content_hash(community: bytes, call: Call) -> bytes:
    """The 32 bytes under which the market knows this call; an anchor is its own root."""
    if isinstance(call, OpenCall):
        return lines.book_commitment(call.book_root, call.orders)
    if isinstance(call, ClearCall):
        return lines.clearing_commitment(call.order_root, call.clearing_root)
    if isinstance(call, AnchorCall):
        return call.root
    energy_count, packed = pack(call.postings)
    key = lines.batch_key(community, call.slot, lines.SETTLEMENT, call.revision, call.part)
    return lines.content_hash(key, call.parts, call.prior, energy_count, packed)


def pack(postings: Postings) -> tuple[int, bytes]:
    """How many of the lines are energy lines, and the packed lines: postings with energy first, then plain amounts.

    Raises:
        ValueError: more than 1000 postings, or an amount that its energy and price do not give.

    """
    is_energy = postings.energy_wh != 0
    priced, plain = postings.take(is_energy), postings.take(~is_energy)
    if np.any(priced.amount_nano != priced.energy_wh * np.abs(priced.price_micro_per_kwh)):
        raise ValueError("expected the amount of a posting with energy to be energy x |price|")
    # The price is what the side that gave the energy gets: where it is negative, that side pays and is the debit.
    pays = priced.price_micro_per_kwh < 0
    energy = lines.energy_lines(
        np.where(pays, priced.debit, priced.credit),
        np.where(pays, priced.credit, priced.debit),
        priced.energy_wh,
        priced.price_micro_per_kwh,
    )
    amounts = lines.amount_lines(plain.credit, plain.debit, plain.amount_nano)
    return len(energy), lines.pack_lines(energy, amounts)


def open_data(call: OpenCall) -> bytes:
    """Calldata of `open`."""
    return _selector(OPEN) + _words(call.slot, call.book_root, call.orders)


def clear_data(call: ClearCall) -> bytes:
    """Calldata of `clear`."""
    return _selector(CLEAR) + _words(call.slot, call.order_root, call.clearing_root)


def anchor_data(call: AnchorCall) -> bytes:
    """Calldata of `anchor`."""
    return _selector(ANCHOR) + _words(call.period, call.kind, call.root)


def settle_data(call: SettleCall, signatures: Sequence[Signature]) -> bytes:
    """Calldata of `settle_net`; `signatures` of the content hash ascend by address."""
    energy_count, packed = pack(call.postings)
    padded = packed + bytes(-len(packed) % _WORD)
    first_dynamic = _SETTLE_HEAD_WORDS * _WORD
    head = _words(
        call.slot,
        lines.SETTLEMENT,
        call.revision,
        call.part,
        call.parts,
        call.prior,
        energy_count,
        first_dynamic,
        first_dynamic + _WORD + len(padded),
    )
    signed = _words(len(signatures), *(word for signature in signatures for word in signature))
    return _selector(SETTLE) + head + _words(len(packed)) + padded + signed


def read_place(data: bytes) -> Place | None:
    """Which posting some calldata is; None when it is none of the four."""
    selector, words = data[:4], data[4:]
    if selector == _selector(OPEN):
        return Place("open", _word(words, 0))
    if selector == _selector(CLEAR):
        return Place("clear", _word(words, 0))
    if selector == _selector(ANCHOR):
        return Place("anchor", _word(words, 0), _word(words, 1))
    if selector == _selector(SETTLE):
        return Place("settle", _word(words, 0), _word(words, 2), _word(words, 3), _word(words, 4))
    return None


def read_content_hash(community: bytes, data: bytes) -> bytes:
    """The content hash of a posting, from its calldata."""
    selector, words = data[:4], data[4:]
    second, third = (words[i * _WORD : (i + 1) * _WORD] for i in (1, 2))
    if selector == _selector(OPEN):
        return lines.book_commitment(second, int.from_bytes(third, "big"))
    if selector == _selector(CLEAR):
        return lines.clearing_commitment(second, third)
    if selector == _selector(ANCHOR):
        return third
    slot, kind, revision, part, parts = (_word(words, i) for i in range(5))
    at = _word(words, 7)
    packed = words[at + _WORD : at + _WORD + int.from_bytes(words[at : at + _WORD], "big")]
    key = lines.batch_key(community, slot, kind, revision, part)
    return lines.content_hash(key, parts, words[5 * _WORD : 6 * _WORD], _word(words, 6), packed)


def line_count(data: bytes) -> int:
    """How many lines a `settle_net` carries, 0 for any other call."""
    if data[:4] != _selector(SETTLE):
        return 0
    at = 4 + _word(data[4:], 7)
    return (int.from_bytes(data[at : at + _WORD], "big") - lines.PADDING_BYTES) // lines.LINE_BYTES


@cache
def _selector(signature: str) -> bytes:
    return artifact(_MARKET).method_ids[signature]


def _words(*values: int | bytes) -> bytes:
    return b"".join(value.to_bytes(_WORD, "big") if isinstance(value, int) else value for value in values)


def _word(words: bytes, index: int) -> int:
    return int.from_bytes(words[index * _WORD : (index + 1) * _WORD], "big")
