"""Calls as the market contract takes them: calldata and content hashes; `calldata` reads them back."""

from collections.abc import Sequence

import numpy as np

from commonwatt.adapters.ledger.calldata import ANCHOR, CLEAR, OPEN, SETTLE, SETTLE_HEAD_WORDS, WORD, Place, selector
from commonwatt.contracts import encoding as lines
from commonwatt.core.accounts import Account, Postings
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.ports import AnchorCall, Call, ClearCall, DepositCall, OpenCall, SettleCall

Signature = tuple[int, int, int]
"""(v, r, s) with v 27 or 28, as `ecrecover` takes it."""


def place_of(call: Call) -> Place:
    """Which posting a call is."""
    if isinstance(call, OpenCall):
        return Place("open", call.slot)
    if isinstance(call, ClearCall):
        return Place("clear", call.slot)
    if isinstance(call, AnchorCall):
        return Place("anchor", call.period, call.kind)
    if isinstance(call, DepositCall):
        return Place("deposit", call.slot)
    return Place("settle", call.slot, call.revision, call.part, call.parts)


def content_hash(community: bytes, call: Call) -> bytes:
    """The 32 bytes under which the market knows this call; an anchor is its own root."""
    if isinstance(call, OpenCall):
        return lines.book_commitment(call.book_root, call.orders)
    if isinstance(call, ClearCall):
        return lines.clearing_commitment(call.order_root, call.clearing_root)
    if isinstance(call, AnchorCall):
        return call.root
    if isinstance(call, DepositCall):
        # The contracts keep no hash of it: it is a sum, and may come again.
        return keccak256(_words(call.slot, call.account, call.amount_nano))
    energy_count, packed = packed_lines(call)
    key = lines.batch_key(community, call.slot, call.kind, call.revision, call.part)
    return lines.content_hash(key, call.parts, call.prior, energy_count, packed)


def pack(postings: Postings) -> tuple[int, bytes]:
    """How many of the lines are energy lines, and the packed lines: postings with energy first, then plain amounts.

    Raises:
        ValueError: more than 1000 postings, or an amount that its energy and price do not give.

    """
    is_energy = postings.energy_wh != 0
    # Most batches have energy lines only.
    priced, plain = (postings, postings.empty()) if is_energy.all() else map(postings.take, (is_energy, ~is_energy))
    if (priced.amount_nano != priced.energy_wh * np.abs(priced.price_micro_per_kwh)).any():
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


def packed_lines(call: SettleCall) -> tuple[int, bytes]:
    """How many of a settlement's lines are energy lines, and the packed lines; a second attempt ends with a line of nothing."""
    energy_count, packed = pack(call.postings)
    if call.attempt == 1:
        return energy_count, packed
    nothing = lines.amount_lines([Account.SUPPLIER], [Account.OPERATOR], [0]).tobytes()
    body = packed[: -lines.PADDING_BYTES] + nothing
    if len(body) > lines.MAX_LINES * lines.LINE_BYTES:
        raise ValueError(f"expected a line to spare for the second attempt, was {lines.MAX_LINES} lines")
    return energy_count, body + bytes(lines.PADDING_BYTES)


def open_data(call: OpenCall) -> bytes:
    """Calldata of `open`."""
    return selector(OPEN) + _words(call.slot, call.book_root, call.orders)


def clear_data(call: ClearCall) -> bytes:
    """Calldata of `clear`."""
    return selector(CLEAR) + _words(call.slot, call.order_root, call.clearing_root)


def anchor_data(call: AnchorCall) -> bytes:
    """Calldata of `anchor`."""
    return selector(ANCHOR) + _words(call.period, call.kind, call.root)


def settle_data(call: SettleCall, signatures: Sequence[Signature]) -> bytes:
    """Calldata of `settle_net`; `signatures` of the content hash ascend by address."""
    energy_count, packed = packed_lines(call)
    padded = packed + bytes(-len(packed) % WORD)
    first_dynamic = SETTLE_HEAD_WORDS * WORD
    head = _words(
        call.slot,
        call.kind,
        call.revision,
        call.part,
        call.parts,
        call.prior,
        energy_count,
        first_dynamic,
        first_dynamic + WORD + len(padded),
    )
    signed = _words(len(signatures), *(word for signature in signatures for word in signature))
    return selector(SETTLE) + head + _words(len(packed)) + padded + signed


def _words(*values: int | bytes) -> bytes:
    return b"".join(value.to_bytes(WORD, "big") if isinstance(value, int) else value for value in values)
