"""What the ledger's suite posts: a community that never runs out of money, and slots of random trades between its members."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER, Account, Kind, Postings, energy_postings, member_account
from commonwatt.core.determinism import stream
from commonwatt.core.orders import SETTLE_TRADES, Instructions
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import address_of_secret
from commonwatt.crypto.signatures import Signer
from commonwatt.services.instructing import order_digests
from commonwatt.services.ports import Call, ClearCall, LedgerMember, LedgerTerms, OpenCall, SettleCall, TradesCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commonwatt.adapters.ledger.embedded import EmbeddedLedger
    from commonwatt.core.units import Ints

SEED: Final = 6
OPERATOR: Final = bytes(31) + b"\x06"
SLOT_S: Final = 900
WINDOW_SLOTS: Final = 96
FIRST_SLOT: Final = 18_000 * WINDOW_SLOTS
DEPOSIT_NANO: Final = 10**14
FEE_MICRO_PER_KWH: Final = 20_000
_CONNECTION_W: Final = 10**7


def wallet(member: int) -> bytes:
    """The 32-byte key of a member's wallet."""
    return keccak256(b"bench wallet %d" % member)


def founding_terms(members: int) -> LedgerTerms:
    """Everybody has paid in, and no connection is too small."""
    known = tuple(
        LedgerMember(f"{m:016x}", address_of_secret(wallet(m)), keccak256(b"meter %d" % m)[:20], _CONNECTION_W, DEPOSIT_NANO)
        for m in range(members)
    )  # fmt: skip
    return LedgerTerms(f"Bench {members}", SLOT_S, WINDOW_SLOTS, 10**6, 10**16, known, operator_bond_nano=10**15)


def signed_by_wallets(domain: bytes, wishes: Instructions) -> Instructions:
    """The same with the signatures of their members' wallets."""
    keys = {member: Signer(wallet(member)) for member in np.unique(wishes.member).tolist()}
    pairs = zip(wishes.member.tolist(), order_digests(domain, wishes), strict=True)
    signatures = b"".join(keys[member].sign(digest) for member, digest in pairs)
    return wishes.replaced(signature=np.frombuffer(signatures, np.uint8).reshape(len(wishes), 65))


@dataclass
class Slots:
    """Slots of random trades, the first half of the members selling to the others, so many in each."""

    members: int
    trades: Sequence[int]

    def prepare(self, ledger: EmbeddedLedger) -> None:
        """What can only be made for a ledger that was founded."""

    @cached_property
    def calls(self) -> list[list[Call]]:
        """What is posted, a block a slot."""
        return [[*_announced(FIRST_SLOT + n), *self.settling(n)] for n in range(len(self.trades))]

    def settling(self, number: int) -> list[Call]:
        """The calls that settle a slot."""
        raise NotImplementedError

    def drawn(self, number: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Seller and buyer (dense index), energy and price of the trades of a slot."""
        draw, count = stream(SEED, "bench", "trades", self.members, number), self.trades[number]
        half = self.members // 2
        return (
            draw.integers(0, half, count),
            draw.integers(half, self.members, count),
            draw.integers(50, 2_500, count),
            draw.integers(60_000, 310_000, count),
        )

    def rows(self) -> Iterator[tuple[int, int, int, int]]:
        """Every trade: accounts of seller and buyer, energy, price."""
        for number in range(len(self.trades)):
            seller, buyer, energy, price = (column.tolist() for column in self.drawn(number))
            accounts = ([FIRST_MEMBER + member for member in side] for side in (seller, buyer))
            yield from zip(*accounts, energy, price, strict=True)

    def postings(self, number: int) -> Postings:
        """The trades of a slot as lines."""
        seller, buyer, energy, price = self.drawn(number)
        return energy_postings(member_account(seller), member_account(buyer), energy, price, Kind.TRADE)


class NetSlots(Slots):
    """Settled by batches of lines, which the contract nets by member."""

    def settling(self, number: int) -> list[Call]:
        """One batch."""
        return [SettleCall(FIRST_SLOT + number, 0, 0, 1, bytes(32), self.postings(number))]


class Fees(NetSlots):
    """The same with a fee line for every buyer."""

    def postings(self, number: int) -> Postings:
        """Trades and fees."""
        _, buyer, energy, _ = self.drawn(number)
        bought = np.zeros(self.members, np.int64)
        np.add.at(bought, buyer, energy)
        payer = np.flatnonzero(bought)
        grid = np.full(len(payer), Account.GRID)
        fee = np.full(len(payer), FEE_MICRO_PER_KWH)
        fees = energy_postings(grid, member_account(payer), bought[payer], fee, Kind.FEE)
        return Postings.joined([super().postings(number), fees])


class TradeSlots(Slots):
    """Settled trade by trade, each between two signed orders: one a member and slot."""

    def prepare(self, ledger: EmbeddedLedger) -> None:
        """Orders are signed for the market's address."""
        self._domain = ledger.order_domain()
        # Every ledger of these terms has the same address.
        _ = self.calls

    def settling(self, number: int) -> list[Call]:
        """One batch with its orders."""
        seller, buyer, _, _ = self.drawn(number)
        used, rows = np.unique(np.concatenate([seller, buyer]), return_inverse=True)
        is_sell = used < self.members // 2
        slot = FIRST_SLOT + number
        wishes = Instructions.of(
            len(used),
            member=used,
            is_sell=is_sell,
            energy_wh=10**8,
            limit_micro_per_kwh=np.where(is_sell, 0, 10**6),
            first_slot=slot,
            last_slot=slot,
            path=SETTLE_TRADES,
            salt=np.full((len(used), 32), number % 251, np.uint8),
        )
        orders, count = signed_by_wallets(self._domain, wishes), len(seller)
        return [TradesCall(slot, 0, 1, self.postings(number), orders, rows[:count], rows[count:])]


def _announced(slot: int) -> list[Call]:
    root = keccak256(b"slot %d" % slot)
    return [OpenCall(slot, root, 9), ClearCall(slot, root, root)]
