"""What members signed: every signature is a wallet's, and every accepted order lies within what its own member signed."""

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from commonwatt.core.findings import Finding
from commonwatt.core.orders import Instructions, OrderBook
from commonwatt.core.records import Reason
from commonwatt.core.units import Flags, Ints
from commonwatt.services import knowing
from commonwatt.services.audit.base import Audited, Check
from commonwatt.services.instructing import signers, standing_rows
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import STANDING


def check_instructions(audited: Audited) -> Check:
    """Each instruction is signed by its member's wallet for this market; each accepted order lies within the one that it names."""
    public = audited.public
    found = [*_signature_findings(audited), *_table_findings(audited)]
    checked = 0
    for slot in audited.each_slot():
        book, accepted, _, reason = public.orders(slot)
        checked += len(book)
        found += _order_findings(audited, slot, book, reason)
        found += _energy_findings(public, slot, book.take(np.arange(accepted)))
        found += [
            Finding(
                f"orders {slot}-o{row}", "what its member had not taken back", "cancelled, or of a wallet it had left"
            )
            for row in np.flatnonzero(taken_back(audited, slot)[:accepted]).tolist()
        ]
    return Check("orders lie within what their members' wallets signed", checked, "orders", tuple(found))


def signed_orders(public: PublicTables, slot: int, path: int) -> Flags:
    """For each order of a slot, in sequence order, whether it lies within the instruction it names."""
    book, rows = public.orders(slot)[0], public.instructed(slot)
    if not len(public.instructions):
        return np.zeros(len(book), np.bool_)
    return (rows >= 0) & public.instructions.take(rows).covers(book, slot, path)


def taken_back(audited: Audited, slot: int) -> Flags:
    """For each order of a slot, in sequence order, whether its member took back what it had signed before the ledger opened the slot."""
    return knowing.taken_back(audited.public, slot, audited.revocations, audited.opened_s.get(slot, 0))


def _signature_findings(audited: Audited) -> Iterator[Finding]:
    public, instructions = audited.public, audited.public.instructions
    rows = np.arange(len(instructions))
    if audited.only is not None:
        rows = np.unique(np.concatenate([public.instructed(slot) for slot in audited.slots] or [rows[:0]]))
        rows = rows[rows >= 0]
    part = instructions.take(rows)
    signed_by = signers(audited.ledger.order_domain(), part)
    for row, member, signer in zip(rows.tolist(), part.member.tolist(), signed_by, strict=True):
        wallet = public.wallets[member]
        if signer != wallet:
            by = "nobody's" if signer is None else f"that of 0x{signer.hex()}"
            yield Finding(f"instructions row {row} signature", f"that of the wallet 0x{wallet.hex()}", by)


def _table_findings(audited: Audited) -> Iterator[Finding]:
    """Ids and wallets follow from the other columns; there is one instruction a member and side, or one an order, and no other."""
    public, table = audited.public, audited.public.tables["instructions"]
    instructions = public.instructions
    wallets = [f"0x{public.wallets[member].hex()}" for member in instructions.member.tolist()]
    for row in _unequal(wallets, table["wallet"].to_pylist()):
        yield Finding(f"instructions row {row} wallet", wallets[row], table["wallet"][row].as_py())
    for row in np.flatnonzero(instructions.path != audited.rules.path).tolist():
        yield Finding(f"instructions row {row} path", str(audited.rules.path), str(instructions.path[row]))
    first = instructions.first_slot
    if audited.rules.order_signing == STANDING:
        within = np.arange(len(instructions))
        sides = standing_rows(_sides(instructions))
        if sides.tolist() != list(range(2 * len(public.pseudonyms))):
            yield Finding("instructions", "one a side of every member, in order", f"{len(instructions)} rows")
    else:
        # Signed together slot by slot: the number starts again with each.
        within = np.arange(len(first)) - np.searchsorted(first, first)
        expected = pc.sort_indices(public.tables["orders"], [("slot", "ascending"), ("sequence", "ascending")])
        named = public.tables["orders"]["instruction"].take(expected).to_pylist()
        if named != table["instruction_id"].to_pylist():
            yield Finding("instructions", "one an order, in order of slot and sequence", f"{len(instructions)} rows")
    ids = [f"{slot}-i{row}" for slot, row in zip(first.tolist(), within.tolist(), strict=True)]
    for row in _unequal(ids, table["instruction_id"].to_pylist()):
        yield Finding(f"instructions row {row} instruction_id", ids[row], table["instruction_id"][row].as_py())


def _sides(instructions: Instructions) -> OrderBook:
    return OrderBook.of(len(instructions), member=instructions.member, is_sell=instructions.is_sell)


def _unequal(expected: list[str], published: list[str]) -> list[int]:
    return [row for row, (is_, says) in enumerate(zip(expected, published, strict=True)) if is_ != says]


def _order_findings(audited: Audited, slot: int, book: OrderBook, reason: Ints) -> Iterator[Finding]:
    public, path = audited.public, audited.rules.path
    rows = public.instructed(slot)
    for row in np.flatnonzero(rows < 0).tolist():
        yield Finding(f"orders {slot}-o{row} instruction", "one of the table `instructions`", "no such one")
    known = np.flatnonzero(rows >= 0)
    book, rows, reason = book.take(known), rows[known], reason[known]
    signed = public.instructions.take(rows) if len(rows) else Instructions.empty()
    # What was refused for lying outside has to (`check_refusals`), but names its own member's instruction like the others.
    is_theirs = (signed.member == book.member) & (signed.is_sell == book.is_sell)
    may_be_outside = np.isin(reason, (int(Reason.INSTRUCTION), int(Reason.GATE_SHUT)))
    for at in np.flatnonzero(~np.where(may_be_outside, is_theirs, signed.covers(book, slot, path))).tolist():
        expected, was = _faults(signed.take(np.array([at])), book.take(np.array([at])), slot, path)
        yield Finding(f"orders {slot}-o{known[at]}", f"within {_name(public, int(rows[at]))}: {expected}", was)


def _energy_findings(public: PublicTables, slot: int, accepted: OrderBook) -> Iterator[Finding]:
    """Orders under one instruction together stay within its energy."""
    rows = public.instructed(slot)[: len(accepted)]
    is_named = rows >= 0
    named, order = np.unique(rows[is_named], return_inverse=True)
    energy = np.zeros(len(named), np.int64)
    np.add.at(energy, order, accepted.energy_wh[is_named])
    most = public.instructions.energy_wh[named]
    for at in np.flatnonzero((energy > most) & (np.bincount(order, minlength=len(named)) > 1)).tolist():
        where = f"orders slot {slot} under {_name(public, int(named[at]))}"
        yield Finding(where, f"at most {most[at]} Wh together", f"{energy[at]} Wh")


def _name(public: PublicTables, row: int) -> str:
    return str(public.tables["instructions"]["instruction_id"][row].as_py())


def _faults(signed: Instructions, order: OrderBook, slot: int, path: int) -> tuple[str, str]:
    """What an instruction allows and an order has, of all that differs; one row each."""
    is_sell = bool(signed.is_sell[0])
    limit, price = int(signed.limit_micro_per_kwh[0]), int(order.limit_micro_per_kwh[0])
    first, last = int(signed.first_slot[0]), int(signed.last_slot[0])
    pairs = [
        (int(signed.member[0]) == int(order.member[0]), "its own member's", "another member's"),
        (is_sell == bool(order.is_sell[0]), "a sell order" if is_sell else "a buy order", "the other side"),
        (order.energy_wh[0] <= signed.energy_wh[0], f"at most {signed.energy_wh[0]} Wh", f"{order.energy_wh[0]} Wh"),
        (price >= limit if is_sell else price <= limit, f"limit {limit} or better", str(price)),
        (first <= slot <= last, f"slots {first}..{last}", f"slot {slot}"),
        (signed.path[0] == path, f"path {path}", str(signed.path[0])),
    ]
    wrong = [(allowed, had) for is_right, allowed, had in pairs if not is_right]
    return ", ".join(allowed for allowed, _ in wrong), ", ".join(had for _, had in wrong)
