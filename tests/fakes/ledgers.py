"""A small community's terms, and calls for its ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from commonwatt.contracts.encoding import SETTLEMENT
from commonwatt.core.accounts import FIRST_MEMBER, Account, Kind, Postings, amount_postings, energy_postings
from commonwatt.core.orders import SETTLE_TRADES, Instructions
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import address_of_secret, sign
from commonwatt.services.instructing import order_digests
from commonwatt.services.ports import (
    ClearCall,
    Ledger,
    LedgerMember,
    LedgerTerms,
    OpenCall,
    SettleCall,
    TradesCall,
)

OPERATOR_KEY: Final = bytes(31) + b"\x05"
SLOT_S: Final = 3600
WINDOW_SLOTS: Final = 4
WINDOW_S: Final = SLOT_S * WINDOW_SLOTS
FIRST_SLOT: Final = 120_000 * WINDOW_SLOTS
MEMBERS: Final = 4
CONNECTION_W: Final = 10_000
PRICE_CAP: Final = 2_000_000
DEPOSIT_NANO: Final = 3 * 10**9
SUPPLIER_DEPOSIT_NANO: Final = 50 * 10**9
BOND: Final = 7
BOND_DEPOSIT_NANO: Final = 2 * 10**9
NO_PRIOR: Final = bytes(32)


def digest(*name: object) -> bytes:
    """32 bytes for a name."""
    return keccak256(repr(name).encode())


def terms(community: str = "test street", deposit_nano: int = DEPOSIT_NANO) -> LedgerTerms:
    """Four members with prepayments, a supplier with a deposit."""
    members = tuple(
        LedgerMember(
            f"{i:016x}",
            address_of_secret(digest("wallet", i)),
            address_of_secret(digest("meter", i)),
            CONNECTION_W + i,
            deposit_nano,
            "consumer" if i % 2 else "prosumer",
        )
        for i in range(MEMBERS)
    )
    return LedgerTerms(
        community,
        SLOT_S,
        WINDOW_SLOTS,
        PRICE_CAP,
        SUPPLIER_DEPOSIT_NANO,
        members,
        operator_bond_nano=BOND_DEPOSIT_NANO,
    )


def slot_end_s(slot: int) -> int:
    """When a slot is over."""
    return (slot + 1) * SLOT_S


def opened(slot: int) -> OpenCall:
    """Opens a slot."""
    return OpenCall(slot, digest("book", slot), 3)


def cleared(slot: int) -> ClearCall:
    """Clears a slot."""
    return ClearCall(slot, digest("orders", slot), digest("trades", slot))


def trade(seller: int, buyer: int, energy_wh: int, price_micro_per_kwh: int) -> Postings:
    """Energy from one account to another; account numbers, members from FIRST_MEMBER."""
    columns = [np.array([value]) for value in (seller, buyer, energy_wh, price_micro_per_kwh)]
    return energy_postings(columns[0], columns[1], columns[2], columns[3], Kind.TRADE)


def payment(payer: int, receiver: int, amount_nano: int) -> Postings:
    """A plain amount from one account to another."""
    return amount_postings(np.array([payer]), np.array([receiver]), np.array([amount_nano]), Kind.FEE)


def settle(
    slot: int,
    *postings: Postings,
    revision: int = 0,
    part: int = 0,
    parts: int = 1,
    prior: bytes = NO_PRIOR,
    kind: int = SETTLEMENT,
) -> SettleCall:
    """Settles a part of a slot."""
    return SettleCall(slot, revision, part, parts, prior, Postings.joined(postings), kind)


def some_settlement(slot: int) -> SettleCall:
    """Trades through the pool and between members, a supplier leg and a fee."""
    ann, bob, cleo, dan = range(FIRST_MEMBER, FIRST_MEMBER + MEMBERS)
    return settle(
        slot,
        trade(ann, bob, 700, 150_000),
        trade(cleo, Account.POOL, 300, 140_000),
        trade(Account.POOL, dan, 300, 140_000),
        trade(Account.SUPPLIER, dan, 900, 300_000),
        payment(bob, Account.GRID, 12_345),
    )


def found(ledger: Ledger) -> None:
    """Found a ledger on the usual terms, an hour before the first slot."""
    ledger.found(terms(), (FIRST_SLOT - 1) * SLOT_S)


def settle_slot(ledger: Ledger, call: SettleCall) -> None:
    """Open, clear and settle a slot when it is over, and insist that it was accepted."""
    receipts = ledger.post(ledger.sign([opened(call.slot), cleared(call.slot), call]), slot_end_s(call.slot))
    assert [receipt.reason for receipt in receipts] == ["", "", ""]


Wish = tuple[int, bool, int, int]
"""Account, whether it sells, greatest energy in Wh, limit in micro per kWh."""


def signed_orders(
    domain: bytes,
    wishes: Sequence[Wish],
    slots: tuple[int, int] = (FIRST_SLOT, FIRST_SLOT + 2),
    path: int = SETTLE_TRADES,
    signers: Sequence[int] | None = None,
) -> Instructions:
    """Orders of accounts, signed by their wallets, or by those of the accounts `signers`."""
    account = np.array([wish[0] for wish in wishes], np.int64)
    unsigned = Instructions.of(
        len(wishes),
        member=account - FIRST_MEMBER,
        is_sell=np.array([wish[1] for wish in wishes], np.bool_),
        energy_wh=np.array([wish[2] for wish in wishes], np.int64),
        limit_micro_per_kwh=np.array([wish[3] for wish in wishes], np.int64),
        first_slot=slots[0],
        last_slot=slots[1],
        path=path,
        salt=np.frombuffer(b"".join(digest("salt", wish) for wish in wishes), np.uint8).reshape(-1, 32),
    )
    signatures = b""
    for signer, hashed in zip(signers or account.tolist(), order_digests(domain, unsigned), strict=True):
        recovery_id, r, s = sign(hashed, digest("wallet", signer - FIRST_MEMBER))
        signatures += r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((27 + recovery_id,))
    return unsigned.replaced(signature=np.frombuffer(signatures, np.uint8).reshape(-1, 65))


def trades_of(
    slot: int, orders: Instructions, *lines: tuple[int, int, int, int], part: int = 0, parts: int = 1
) -> TradesCall:
    """Trades posted one by one; a line is the rows of its sell and buy order, energy in Wh and price in micro per kWh."""
    sell, buy, energy, price = (np.array([line[k] for line in lines], np.int64) for k in range(4))
    seller, buyer = (FIRST_MEMBER + orders.member[side] if len(lines) else side for side in (sell, buy))
    return TradesCall(slot, part, parts, energy_postings(seller, buyer, energy, price, Kind.TRADE), orders, sell, buy)
