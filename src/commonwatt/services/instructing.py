"""Instructing: what members' wallets sign before anybody orders for them, what they took back of it, and whether an order lies within it."""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from commonwatt.contracts.encoding import order_digest, order_hash
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.orders import Instructions, OrderBook
from commonwatt.core.units import Flags, Ints, slot_energy_wh
from commonwatt.crypto.signatures import signer_address
from commonwatt.services.claims import Revocation
from commonwatt.services.market import Market
from commonwatt.services.rules import STANDING

_VALUE = struct.Struct(">6q")
_SIGNATURE_BYTES = 65
_SALT_BYTES = 32


def standing_instructions(market: Market, slots: range) -> Instructions:
    """What every member signs once for the slots of a run: a row for buying and one for selling, in order of member.

    The limit is the member's own, which no strategy may pass (`bidding`, promises); the energy is what its connection carries in a slot.
    Empty where every order is signed by itself.
    """
    if market.rules.order_signing != STANDING or not len(slots):
        return Instructions.empty()
    count = 2 * len(market.members)
    member = np.arange(count) // 2
    is_sell = np.arange(count) % 2 == 1
    sell, buy = market.sell_limit_micro_per_kwh[member], market.buy_limit_micro_per_kwh[member]
    wishes = Instructions.of(
        count,
        member=member,
        is_sell=is_sell,
        energy_wh=slot_energy_wh(market.fleet.connection_w, market.rules.slots.slot_s)[member],
        limit_micro_per_kwh=np.where(is_sell, sell, buy),
        first_slot=slots[0],
        last_slot=slots[-1],
        path=market.rules.path,
    )
    return _signed(market, wishes)


def standing_rows(book: OrderBook) -> Ints:
    """For each order the row of its member's standing instruction for its side."""
    return 2 * book.member + book.is_sell


def instructed(market: Market, slot: int, book: OrderBook, standing: Instructions) -> tuple[Instructions, Ints]:
    """What was signed at this slot, and for each order the row of its instruction.

    With standing instructions they are signed at the first slot and rows count in them; else each order is its own, row for row.
    """
    if len(standing):
        is_first = int(standing.first_slot[0]) == slot
        return (standing if is_first else Instructions.empty()), standing_rows(book)
    wishes = Instructions.of(
        len(book),
        member=book.member,
        is_sell=book.is_sell,
        energy_wh=book.energy_wh,
        limit_micro_per_kwh=book.limit_micro_per_kwh,
        first_slot=slot,
        last_slot=slot,
        path=market.rules.path,
    )
    return _signed(market, wishes), np.arange(len(book))


def order_digests(domain: bytes, instructions: Instructions) -> list[bytes]:
    """What was signed, 32 bytes a row; `domain` is the market's (`LedgerReader.order_domain`)."""
    return [order_digest(domain, **fields) for fields in _fields(instructions)]


def signers(domain: bytes, instructions: Instructions) -> list[bytes | None]:
    """The 20-byte address that signed each row; None where the bytes are nobody's signature."""
    signatures = instructions.signature.tobytes()
    return [
        signer_address(digest, signatures[_SIGNATURE_BYTES * row : _SIGNATURE_BYTES * (row + 1)])
        for row, digest in enumerate(order_digests(domain, instructions))
    ]


def order_hashes(instructions: Instructions) -> list[bytes]:
    """The 32 bytes by which the market knows each row when it is cancelled."""
    return [order_hash(**fields) for fields in _fields(instructions)]


def revoked(
    instructions: Instructions, wallets: Sequence[bytes], revocations: Sequence[Revocation], opened_s: int
) -> Flags:
    """Whether each row was taken back before a slot was opened at `opened_s`: cancelled, or its member's wallet was another by then.

    `wallets` are the 20-byte addresses of the wallets that sign, by member. What happens in the very second still counts for the slot, as
    the contracts have it (`market.cancelled_at`, `members.signed_for_wallet`).
    """
    before = [r for r in revocations if r.time_s < opened_s]
    if not before:
        return np.zeros(len(instructions), np.bool_)
    cancelled = {(r.account, r.order_hash) for r in before if r.order_hash}
    present = {r.account: r.wallet for r in before if r.wallet}
    accounts = (instructions.member + FIRST_MEMBER).tolist()
    replaced = [
        present.get(account, wallets[account - FIRST_MEMBER]) != wallets[account - FIRST_MEMBER] for account in accounts
    ]
    hashes = order_hashes(instructions) if cancelled else [b""] * len(accounts)
    gone = [pair in cancelled for pair in zip(accounts, hashes, strict=True)]
    return np.array(replaced, np.bool_) | np.array(gone, np.bool_)


def _fields(instructions: Instructions) -> Iterator[dict[str, Any]]:
    """Row by row what an order of the contracts holds."""
    columns = (getattr(instructions, name).tolist() for name in _NUMBERS)
    salts = instructions.salt.tobytes()
    for row, (member, is_sell, energy_wh, limit, first, last, path) in enumerate(zip(*columns, strict=True)):
        yield {
            "member": FIRST_MEMBER + member,
            "is_sell": is_sell,
            "energy_wh": energy_wh,
            "limit_micro_per_kwh": limit,
            "first_slot": first,
            "last_slot": last,
            "path": path,
            "salt": salts[_SALT_BYTES * row : _SALT_BYTES * (row + 1)],
        }


_NUMBERS = ("member", "is_sell", "energy_wh", "limit_micro_per_kwh", "first_slot", "last_slot", "path")


def _signed(market: Market, wishes: Instructions) -> Instructions:
    """Wishes with a salt of their own and their members' signatures."""
    if not len(wishes):
        return wishes
    columns = [getattr(wishes, name).tolist() for name in _NUMBERS]
    drawn = b"".join(
        market.keys.order_salt(first, member, _VALUE.pack(is_sell, energy_wh, limit, first, last, path))
        for member, is_sell, energy_wh, limit, first, last, path in zip(*columns, strict=True)
    )
    salted = wishes.replaced(salt=np.frombuffer(drawn, np.uint8).reshape(len(wishes), _SALT_BYTES))
    ids = [member.id for member in market.members]
    pairs = zip(columns[0], order_digests(market.order_domain, salted), strict=True)
    signed = b"".join(market.keys.sign_wallet(ids[member], digest) for member, digest in pairs)
    return salted.replaced(signature=np.frombuffer(signed, np.uint8).reshape(len(wishes), _SIGNATURE_BYTES))
