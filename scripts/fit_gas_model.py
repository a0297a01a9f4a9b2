"""Fit the gas model that ships beside the contracts (`make artifacts`): seeded slots run on py-evm, which counts exactly.

Writes `src/commonwatt/contracts/gas_model.json`. The same contracts give the same bytes: coefficients are whole gas.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields

import numpy as np

from commonwatt.adapters.chain.transactions import decode_transaction
from commonwatt.adapters.ledger import calldata
from commonwatt.adapters.ledger.embedded import EmbeddedLedger
from commonwatt.adapters.ledger.foundation import chain_id_of
from commonwatt.adapters.ledger.gas_use import GasUse
from commonwatt.contracts.encoding import IMBALANCE
from commonwatt.contracts.gas import FILE, KINDS_OF_WORK, Work, code_hashes, intrinsic_gas
from commonwatt.core.accounts import FIRST_MEMBER, Account, Kind, Postings, amount_postings, energy_postings
from commonwatt.core.determinism import stream
from commonwatt.core.orders import SETTLE_TRADES, Instructions
from commonwatt.core.units import Ints
from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import address_of_secret, sign
from commonwatt.services.instructing import order_digests
from commonwatt.services.ports import (
    AnchorCall,
    Call,
    ClearCall,
    LedgerMember,
    LedgerTerms,
    OpenCall,
    SettleCall,
    TradesCall,
)

from compile_contracts import CONTRACTS  # isort: skip  (a neighbour, not a package)

KEY = bytes(31) + b"\x05"
SLOT_S, WINDOW_SLOTS = 3600, 4
FIRST_SLOT = 120_000 * WINDOW_SLOTS
SIZES = (3, 8, 25, 60, 110)
SLOTS = 6


def wallet(member: int) -> bytes:
    """The secret key of a member's wallet."""
    return keccak256(b"wallet %d" % member)


def terms(members: int) -> LedgerTerms:
    """A community whose money never runs out, so that nothing reverts."""
    known = tuple(
        LedgerMember(
            f"{i:016x}", address_of_secret(wallet(i)), keccak256(b"meter %d" % i)[:20], 10**6, 10**14, "prosumer"
        )
        for i in range(members)
    )
    return LedgerTerms(f"gas model {members}", SLOT_S, WINDOW_SLOTS, 10**6, 10**16, known)


def settlement(slot: int, members: int) -> Postings:
    """Trades, through the pool and between neighbours, the supplier's lines, fees and taxes of a slot with some of the members."""
    draw = stream(1, "gas model", members, slot)
    active = FIRST_MEMBER + draw.permutation(members)[: draw.integers(2, members + 1)]
    sellers, buyers = np.split(active, [max(1, int(len(active) * draw.uniform(0.1, 0.6)))])
    # Every other slot has trades without regard to its size, or the price of a line could not be told from that of a member.
    trades = int(draw.integers(0, (2 * len(buyers), 200)[slot % 2] + 1))

    def some(of: Ints, count: int) -> Ints:
        return draw.choice(of, count) if len(of) else np.zeros(0, np.int64)

    seller, buyer, energy = some(sellers, trades), some(buyers, trades), draw.integers(1, 3000, trades)
    price = np.full(trades, draw.integers(80_000, 300_000))
    pool = np.full(trades, Account.POOL)
    supplier = np.full(len(active), Account.SUPPLIER)
    return Postings.joined(
        [
            energy_postings(seller, buyer, energy, price, Kind.TRADE)
            if draw.random() < 0.5
            else Postings.joined(
                [
                    energy_postings(seller, pool, energy, price, Kind.TRADE),
                    energy_postings(pool, buyer, energy, price, Kind.TRADE),
                ]
            ),
            energy_postings(supplier, active, draw.integers(1, 3000, len(active)), np.full(len(active), 300_000), Kind.SUPPLIER),
            amount_postings(buyers, np.full(len(buyers), Account.GRID), draw.integers(1, 10**9, len(buyers)), Kind.FEE),
            amount_postings(buyers, np.full(len(buyers), Account.STATE), draw.integers(0, 10**9, len(buyers)), Kind.TAX),
        ]
    )  # fmt: skip


def by_trades(slot: int, members: int, domain: bytes) -> tuple[TradesCall, Postings]:
    """The same slot as trades with signed orders, and what is left beside them."""
    whole = settlement(slot, members)
    is_trade = whole.kind == Kind.TRADE
    draw = stream(1, "gas model trades", members, slot)
    active = draw.permutation(members)[: draw.integers(2, members + 1)]
    sellers, buyers = np.split(active, [max(1, int(len(active) * draw.uniform(0.1, 0.6)))])
    count = int(draw.integers(0, 2 * len(buyers) + 1))
    sell, buy = draw.integers(0, len(sellers), count), len(sellers) + draw.integers(0, max(len(buyers), 1), count)
    used, rows = np.unique(np.concatenate([sell, buy]), return_inverse=True)
    orders = Instructions.of(
        len(used),
        member=active[used],
        is_sell=used < len(sellers),
        energy_wh=10**8,
        limit_micro_per_kwh=np.where(used < len(sellers), 0, 10**6),
        first_slot=slot,
        last_slot=slot,
        path=SETTLE_TRADES,
        salt=np.full((len(used), 32), slot % 251, np.uint8),
    )
    signatures = [
        sign(digest, wallet(int(m))) for m, digest in zip(orders.member, order_digests(domain, orders), strict=True)
    ]
    signed = [r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((27 + v,)) for v, r, s in signatures]
    orders = orders.replaced(signature=np.frombuffer(b"".join(signed), np.uint8).reshape(len(used), 65))
    postings = energy_postings(
        FIRST_MEMBER + orders.member[rows[:count]],
        FIRST_MEMBER + orders.member[rows[count:]],
        draw.integers(1, 3000, count),
        np.full(count, draw.integers(80_000, 300_000)),
        Kind.TRADE,
    )
    # Fees as runs post them, on energy: more lines than members.
    charged = FIRST_MEMBER + active[: draw.integers(0, len(active) + 1)]
    fees = energy_postings(
        np.full(len(charged), Account.GRID), charged, draw.integers(1, 3000, len(charged)), np.full(len(charged), 9000), Kind.FEE
    )  # fmt: skip
    rest = Postings.joined([whole.take(~is_trade), fees])
    return TradesCall(slot, 0, 1, postings, orders, rows[:count], rows[count:]), rest


def settling(ledger: EmbeddedLedger, slot: int, members: int, one_by_one: bool) -> list[Call]:
    """What settles a slot, in one batch or (`one_by_one`) trade by trade."""
    if not one_by_one:
        return [SettleCall(slot, 0, 0, 1, bytes(32), settlement(slot, members))]
    trades, rest = by_trades(slot, members, ledger.order_domain())
    return [trades, SettleCall(slot, 0, 0, 1, ledger.content_hash(trades), rest, IMBALANCE)]


def measured(members: int, one_by_one: bool) -> Iterator[tuple[str, int, Work | None]]:
    """Kind, gas beyond the price of the bytes, and what a settlement did, of every posting of a seeded run."""
    ledger = EmbeddedLedger.open(None, chain_id_of(terms(members).community), KEY, "py-evm")
    ledger.found(terms(members), (FIRST_SLOT - 1) * SLOT_S)
    use = GasUse(FIRST_MEMBER + members)
    for slot in range(FIRST_SLOT, FIRST_SLOT + SLOTS):
        root = keccak256(b"%d" % slot)
        wanted: list[Call] = [
            OpenCall(slot, root, 9),
            ClearCall(slot, root, root),
            *settling(ledger, slot, members, one_by_one),
            AnchorCall(slot, 0, root),
        ]
        raws = [signed.raw for signed in ledger.sign(wanted)]
        for raw, receipt in zip(raws, ledger.chain.append(raws, (slot + 1) * SLOT_S).receipts, strict=True):
            if not receipt.succeeded:
                raise ValueError(f"slot {slot} of {members} members: {receipt.revert_reason}")
            transaction = decode_transaction(raw, ledger.chain.chain_id, receipt.sender)
            place = calldata.read_place(transaction.data)
            assert place is not None
            work = use.work_of(transaction.data, (slot + 1) // WINDOW_SLOTS)
            yield place.kind, (receipt.gas_used or 0) - intrinsic_gas(transaction.data), work
    ledger.close()


def model_text() -> str:
    """The file's content."""
    samples = [sample for members in SIZES for path in (False, True) for sample in measured(members, path)]
    plain = {kind: {gas for k, gas, work in samples if k == kind} for kind in ("open", "clear", "anchor")}
    unequal = [kind for kind, gas in plain.items() if len(gas) != 1]
    if unequal:
        raise ValueError(f"expected one price for each plain call, was several for {unequal}")
    model = {
        "code_hashes": code_hashes(),
        "plain_gas": {kind: values.pop() for kind, values in plain.items()},
        **{f"{name}_gas": fitted(kind, samples) for name, kind in KINDS_OF_WORK.items()},
    }
    return json.dumps(model, indent=1) + "\n"


def fitted(kind: type[Work], samples: Sequence[tuple[str, int, Work | None]]) -> dict[str, int]:
    """Gas for each regressor of a kind of work, by name."""
    seen = [(gas, work) for _, gas, work in samples if type(work) is kind]
    design = np.array([work.row() for _, work in seen], np.float64)
    gas = np.array([gas for gas, _ in seen], np.float64)
    # Relative errors count: a small slot's price should be as right as a large one's.
    coefficients, *_ = np.linalg.lstsq(design / gas[:, None], np.ones(len(gas)), rcond=None)
    worst = float(np.abs(design @ np.rint(coefficients) / gas - 1).max())
    print(f"{kind.__name__}: {len(gas)} batches, largest error {worst:.1%}")
    names = ("constant", *(field.name for field in fields(kind)))
    return dict(zip(names, np.rint(coefficients).astype(int).tolist(), strict=True))


def main() -> None:
    """Write the model."""
    (CONTRACTS / FILE).write_text(model_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
