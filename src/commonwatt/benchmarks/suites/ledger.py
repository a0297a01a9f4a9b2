"""The ledger: signed orders checked, trades settled on the embedded chain, and what a trade costs in gas."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from commonwatt.adapters.ledger.embedded import EmbeddedLedger
from commonwatt.adapters.ledger.foundation import chain_id_of
from commonwatt.benchmarks.base import Figure, Job, Trial
from commonwatt.benchmarks.contracts import (
    DEPOSIT_NANO,
    FIRST_SLOT,
    OPERATOR,
    SLOT_S,
    Fees,
    NetSlots,
    Slots,
    TradeSlots,
    founding_terms,
    signed_by_wallets,
    wallet,
)
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.determinism import stream
from commonwatt.core.findings import Finding
from commonwatt.core.orders import SETTLE_NET, Instructions, OrderBook
from commonwatt.crypto.secp256k1 import address_of_secret
from commonwatt.services.instructing import order_digests, signers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonwatt.core.units import Flags
    from commonwatt.services.ports import Signed

SEED: Final = 5
MEMBERS: Final = 100
ORDERS: Final = 5_000
TRADES: Final = 50_000
TRADES_A_SLOT: Final = 990
GAS_TRADES: Final = 250
FORGED_SHARE: Final = 0.05
DOMAIN: Final = bytes(range(32))
QUOTED_SPEED: Final = "142 tx/s of the paper's chain; a prototype's 400 000 trades/s as net positions, 76 000 one by one in batches of 250"
QUOTED_GAS: Final = "CoW Protocol: 115 000 gas a matched pair"


class OrdersTrial(Trial):
    """Orders of every kind of fault among good ones: signatures recovered, limits, energy, validity and path compared."""

    reference_name = "coincurve verify"

    def __init__(self, orders: int) -> None:
        self.signed, self.book, self.expected = _orders(orders)
        self.wallets = np.array([np.frombuffer(address_of_secret(wallet(m)), np.uint8) for m in range(MEMBERS)])
        self._verified = _verifications(self.signed)

    def run(self, ready: Any) -> Flags:  # noqa: ARG002
        """Whether each order is one that its member's wallet signed."""
        signed_by = b"".join(signer or bytes(20) for signer in signers(DOMAIN, self.signed))
        is_signed = (np.frombuffer(signed_by, np.uint8).reshape(-1, 20) == self.wallets[self.signed.member]).all(axis=1)
        is_fit: Flags = is_signed & self.signed.covers(self.book, FIRST_SLOT, SETTLE_NET)
        return is_fit

    def reference(self) -> object:
        """Check as many signatures with known keys, nothing else."""
        return [key.verify(signature, digest, hasher=None) for key, signature, digest in self._verified]

    def findings(self, ready: Any, result: Flags) -> list[Finding]:  # noqa: ARG002
        """Just the orders that were made well may pass."""
        wrong = np.flatnonzero(result != self.expected)
        said = Finding("orders", "the well made ones to pass, and no other", f"otherwise in rows {wrong[:5].tolist()}")
        return [said] if len(wrong) else []


class SettlingTrial(Trial):
    """Slots of trades posted to a chain in a file, a block each: signed, checked, executed, written."""

    def __init__(self, kind: type[Slots], trades: int) -> None:
        self.slots = kind(MEMBERS, _parts(trades))

    @contextmanager
    def fresh(self) -> Iterator[EmbeddedLedger]:
        """A chain with members who have paid in."""
        with TemporaryDirectory(prefix="commonwatt-bench-") as folder, _founded(MEMBERS, Path(folder)) as ledger:
            self.slots.prepare(ledger)
            yield ledger

    def run(self, ready: EmbeddedLedger) -> list[int]:
        """Settle every slot; the status of each transaction."""
        return [
            receipt.status
            for number, calls in enumerate(self.slots.calls)
            for receipt in ready.post(ready.sign(calls), (FIRST_SLOT + number + 1) * SLOT_S)
        ]

    def findings(self, ready: EmbeddedLedger, result: list[int]) -> list[Finding]:
        """Everything accepted, and every account holds what it paid in and what the trades, added up one by one, left it with."""
        found = [] if all(result) else [Finding("transactions", "all accepted", str(Counter(result)))]
        held = ready.balances((FIRST_SLOT + len(self.slots.calls)) * SLOT_S)
        expected = Counter(dict.fromkeys(range(FIRST_MEMBER, FIRST_MEMBER + MEMBERS), DEPOSIT_NANO))
        for seller, buyer, energy_wh, price in self.slots.rows():
            expected[seller] += energy_wh * price
            expected[buyer] -= energy_wh * price
        balances = (held.free_nano + held.pending_nano).tolist()
        wrong = [account for account in sorted(expected) if balances[account] != expected[account]]
        return found + [
            Finding(f"account {account}", str(expected[account]), str(balances[account])) for account in wrong[:5]
        ]


class GasTrial(Trial):
    """A slot's settlement on py-evm, which counts gas exactly; one slot goes before, so that no account is empty."""

    def __init__(self, members: int, trades: int) -> None:
        self.members, self.slots = members, Fees(members, (trades, trades))
        self._gas: list[int] = []

    @contextmanager
    def fresh(self) -> Iterator[tuple[EmbeddedLedger, tuple[Signed, ...]]]:
        """The second slot signed, the first one settled."""
        with (
            TemporaryDirectory(prefix="commonwatt-bench-") as folder,
            _founded(self.members, Path(folder), "py-evm") as ledger,
        ):
            first, second = self.slots.calls
            ledger.post(ledger.sign(first), (FIRST_SLOT + 1) * SLOT_S)
            yield ledger, ledger.sign(second)

    def run(self, ready: tuple[EmbeddedLedger, tuple[Signed, ...]]) -> list[int]:
        """Gas of the settlement, calldata included."""
        ledger, signed = ready
        block = ledger.chain.append([call.raw for call in signed], (FIRST_SLOT + 2) * SLOT_S)
        self._gas = [
            receipt.gas_used or 0
            for call, receipt in zip(signed, block.receipts, strict=True)
            if call.kind == "settle" and receipt.succeeded
        ]
        return self._gas

    def findings(self, ready: Any, result: list[int]) -> list[Finding]:
        """One settlement, accepted, and its gas within a twentieth of the shipped model's."""
        if len(result) != 1:
            return [Finding("settlements", "one, accepted", str(len(result)))]
        ledger, signed = ready
        modelled, _ = ledger.gas()
        expected = modelled["0x" + next(call for call in signed if call.kind == "settle").transaction.hex()]
        is_near = abs(result[0] - expected) * 20 <= expected
        return [] if is_near else [Finding("gas", f"about {expected} (the shipped model)", str(result[0]))]

    def figure(self, name: str) -> float:  # noqa: ARG002
        """Gas per trade."""
        return sum(self._gas) / GAS_TRADES


@dataclass(frozen=True)
class Ledger:
    """Orders checked, trades settled, gas counted, at a hundred members."""

    def jobs(self, scale: float) -> list[Job]:
        """In part fewer orders and trades; gas is that of a whole slot at any scale."""
        orders, trades = max(100, round(ORDERS * scale)), max(TRADES_A_SLOT, round(TRADES * scale))
        limits = (20_000.0, 300_000.0, 70_000.0) if scale == 1 else (None, None, None)
        ends = ("", "", "") if scale == 1 else (f"-{orders}", f"-{trades}", f"-{trades}")
        rows = (
            Figure(f"signed-orders{ends[0]}", "/s", limits[0], note=ORDERS_NOTE),
            Figure(f"net-trades{ends[1]}", "trades/s", limits[1], QUOTED_SPEED, NET_NOTE),
            Figure(f"single-trades{ends[2]}", "trades/s", limits[2], QUOTED_SPEED, SINGLE_NOTE),
        )
        jobs = [
            Job((rows[0],), orders, OrdersTrial, runs=5),
            Job((rows[1],), trades, partial(SettlingTrial, NetSlots), runs=5, growth_sizes=_smaller(trades)),
            Job((rows[2],), trades, partial(SettlingTrial, TradeSlots), runs=5),
        ]
        for members, limit in ((20, 1_600.0), (100, 3_600.0)):
            figure = Figure(f"gas-{members}-members", "gas", limit, QUOTED_GAS, GAS_NOTE)
            jobs.append(Job((figure,), GAS_TRADES, partial(GasTrial, members), runs=2))
        return jobs


ORDERS_NOTE: Final = "EIP-712 digest, signer recovered (the reference is given the key), limit, energy, validity, path; one order in twenty is faulty"
NET_NOTE: Final = f"{MEMBERS} members, {TRADES_A_SLOT} trades a slot and block, netted by the contract; signing, execution and file included"
SINGLE_NOTE: Final = f"the same trades by signed orders, {MEMBERS} a slot, each signature checked by the contract; signing of the batch, execution and file included"
GAS_NOTE: Final = f"{GAS_TRADES} trades, each buyer's fee, calldata and one signature of the batch (a quorum of one is what a community is founded with)"


@contextmanager
def _founded(members: int, folder: Path, executor: str = "auto") -> Iterator[EmbeddedLedger]:
    terms = founding_terms(members)
    path, chain_id = folder / "chain.sqlite", chain_id_of(terms.community)
    with closing(EmbeddedLedger.open(path, chain_id, OPERATOR, executor)) as ledger:
        ledger.found(terms, (FIRST_SLOT - 1) * SLOT_S)
        yield ledger


def _parts(trades: int) -> tuple[int, ...]:
    """Trades of each slot."""
    whole, rest = divmod(trades, TRADES_A_SLOT)
    return (TRADES_A_SLOT,) * whole + ((rest,) if rest else ())


def _smaller(trades: int) -> tuple[int, ...]:
    return tuple(n for n in (trades // 10,) if n >= TRADES_A_SLOT)


def _orders(count: int) -> tuple[Instructions, OrderBook, Flags]:
    """Signed instructions, the order under each, and which of them are well made: one fault at most in each of the others."""
    draw = stream(SEED, "bench", "orders", count)
    member, is_sell = draw.integers(0, MEMBERS, count), draw.random(count) < 0.5
    signed = signed_by_wallets(
        DOMAIN,
        Instructions.of(
            count,
            member=member,
            is_sell=is_sell,
            energy_wh=2_000,
            limit_micro_per_kwh=150_000,
            first_slot=FIRST_SLOT,
            last_slot=FIRST_SLOT,
            path=SETTLE_NET,
            salt=draw.integers(0, 256, (count, 32)).astype(np.uint8),
        ),
    )
    fault = np.where(draw.random(count) < FORGED_SHARE, draw.integers(1, 5, count), 0)
    better = np.where(is_sell, 10_000, -10_000)
    book = OrderBook.of(
        count,
        member=member,
        is_sell=is_sell,
        energy_wh=np.where(fault == 1, 2_001, 2_000),
        limit_micro_per_kwh=150_000 + np.where(fault == 2, -better, better),
        sequence=np.arange(count),
    )
    signature = signed.signature.copy()
    signature[fault == 3, 40] ^= 1
    return signed.replaced(signature=signature, path=np.where(fault == 4, 1, SETTLE_NET)), book, fault == 0


def _verifications(signed: Instructions) -> list[tuple[Any, bytes, bytes]]:
    """Key, signature and digest of as many good signatures."""
    from coincurve import PrivateKey

    keys = [PrivateKey(wallet(member)) for member in range(MEMBERS)]
    digests = zip(signed.member.tolist(), order_digests(DOMAIN, signed), strict=True)
    return [(keys[m].public_key, keys[m].sign(digest, hasher=None), digest) for m, digest in digests]
