"""Calls as the market contract takes them: calldata and content hashes; `calldata` reads them back."""

from collections.abc import Sequence

import numpy as np

from commonwatt.adapters.ledger.calldata import (
    ANCHOR,
    CLEAR,
    OPEN,
    SETTLE,
    SETTLE_HEAD_WORDS,
    SETTLE_TRADES,
    SIGNED_ORDER_WORDS,
    TRADES_HEAD_WORDS,
    WORD,
    Place,
    selector,
)
from commonwatt.contracts import encoding as lines
from commonwatt.core.accounts import FIRST_MEMBER, Account, Postings
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.ports import AnchorCall, Call, ClearCall, DepositCall, OpenCall, SettleCall, TradesCall

Signature = tuple[int, int, int]
"""(v, r, s) with v 27 or 28, as `ecrecover` takes it."""

Packed = tuple[int, bytes]
"""How many of a batch's lines are energy lines, and all of them as the market reads them."""


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
    if isinstance(call, TradesCall):
        return Place("trades", call.slot, 0, call.part, call.parts)
    return Place("settle", call.slot, call.revision, call.part, call.parts)


def content_hash(community: bytes, call: Call, packed: Packed | None = None) -> bytes:
    """The 32 bytes under which the market knows this call; an anchor is its own root. `packed`: the call's lines where they are known."""
    if isinstance(call, OpenCall):
        return lines.book_commitment(call.book_root, call.orders)
    if isinstance(call, ClearCall):
        return lines.clearing_commitment(call.order_root, call.clearing_root)
    if isinstance(call, AnchorCall):
        return call.root
    if isinstance(call, DepositCall):
        # The contracts keep no hash of it: it is a sum, and may come again.
        return keccak256(_words(call.slot, call.account, call.amount_nano))
    energy_count, body = packed or packed_lines(call)
    if isinstance(call, TradesCall):
        key = lines.batch_key(community, call.slot, lines.TRADES, 0, call.part)
        return lines.content_hash(key, call.parts, bytes(WORD), energy_count, body)
    key = lines.batch_key(community, call.slot, call.kind, call.revision, call.part)
    return lines.content_hash(key, call.parts, call.prior, energy_count, body)


def pack(postings: Postings) -> Packed:
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


def packed_lines(call: SettleCall | TradesCall) -> Packed:
    """How many of a batch's lines are energy lines, and the packed lines; a settlement's second attempt ends with a line of nothing."""
    energy_count, packed = pack(call.postings)
    if isinstance(call, TradesCall) or call.attempt == 1:
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


def settle_data(call: SettleCall, signatures: Sequence[Signature], known: Packed | None = None) -> bytes:
    """Calldata of `settle_net`; `signatures` of the content hash ascend by address. `known`: the call's lines where they are packed."""
    energy_count, packed = known or packed_lines(call)
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


def trades_data(call: TradesCall, known: Packed | None = None) -> bytes:
    """Calldata of `settle_trades`: lines (`known` where they are packed), signed orders, and for each line the orders that sell and buy.

    Raises:
        ValueError: more orders than a byte can number.

    """
    _, packed = known or packed_lines(call)
    fills = np.stack([call.sell_order, call.buy_order], axis=1)
    if fills.size and (int(fills.max()) >= FILLS_OF_A_BYTE or int(fills.min()) < 0):
        raise ValueError(f"expected orders 0..{FILLS_OF_A_BYTE - 1}, was {int(fills.min())}..{int(fills.max())}")
    arguments = (_bytes(packed), _signed_orders(call), _bytes(fills.astype(np.uint8).tobytes() + bytes(FILLS_PADDING)))
    starts = [TRADES_HEAD_WORDS * WORD]
    for argument in arguments[:-1]:
        starts.append(starts[-1] + len(argument))
    return selector(SETTLE_TRADES) + _words(call.slot, call.part, call.parts, *starts) + b"".join(arguments)


FILLS_OF_A_BYTE = 256
FILLS_PADDING = 30
"""The market reads 32 bytes from the start of the last line's pair."""


def _signed_orders(call: TradesCall) -> bytes:
    """Orders with (v, r, s), a word each field; columns at once, since a batch has hundreds."""
    orders = call.orders
    words = np.zeros((len(orders), SIGNED_ORDER_WORDS, WORD), np.uint8)
    numbers = (orders.member + FIRST_MEMBER, orders.is_sell, orders.energy_wh, orders.limit_micro_per_kwh)
    for field, column in enumerate((*numbers, orders.first_slot, orders.last_slot, orders.path)):
        words[:, field, -8:] = column.astype(">i8").view(np.uint8).reshape(-1, 8)
    words[:, 3, :-8] = np.where(orders.limit_micro_per_kwh < 0, 0xFF, 0)[:, None]
    words[:, 7] = orders.salt
    words[:, 8, -1] = orders.signature[:, -1]
    words[:, 9:] = orders.signature[:, :-1].reshape(-1, 2, WORD)
    return _words(len(orders)) + words.tobytes()


def _bytes(data: bytes) -> bytes:
    return _words(len(data)) + data + bytes(-len(data) % WORD)


def _words(*values: int | bytes) -> bytes:
    return b"".join(value.to_bytes(WORD, "big") if isinstance(value, int) else value for value in values)
