"""Posting: a statement becomes settle calls, in parts that each sum to zero; what was signed is sent exactly once."""

import numpy as np

from commonwatt.core.accounts import Account, Kind, Postings
from commonwatt.core.errors import LedgerDisagrees
from commonwatt.core.records import Receipt, Statement
from commonwatt.services.halves import Trading
from commonwatt.services.ports import Call, ClearCall, Ledger, OpenCall, SettleCall, Signed

LINES_PER_PART = 1000
"""What one batch holds (`market.settle_net`)."""

NO_PRIOR = bytes(32)


def settle_calls(statement: Statement, prior: bytes = NO_PRIOR) -> tuple[SettleCall, ...]:
    """The calls that post a statement; `prior` is the content hash of the revision before it.

    Wholesale is the supplier's business with the outside world and never on the ledger. A statement without postings is one empty
    call, so that a later correction has a base to name.
    """
    postings = statement.postings.take(statement.postings.kind != Kind.WHOLESALE)
    parts = _parts(postings)
    return tuple(
        SettleCall(statement.slot, statement.revision, part, len(parts), prior, chunk)
        for part, chunk in enumerate(parts)
    )


def _parts(postings: Postings) -> list[Postings]:
    """Split so that every part has at most LINES_PER_PART lines and leaves the pool at zero."""
    if len(postings) <= LINES_PER_PART:
        return [postings]
    pooled = (postings.debit == Account.POOL) | (postings.credit == Account.POOL)
    lines = Postings.joined([_paired(postings.take(pooled)), postings.take(~pooled)])
    # Pairs of pool lines stand at even rows and LINES_PER_PART is even, so no cut parts a pair.
    return [
        lines.take(np.arange(start, min(start + LINES_PER_PART, len(lines))))
        for start in range(0, len(lines), LINES_PER_PART)
    ]


def _paired(pool: Postings) -> Postings:
    """Pool lines as pairs of equal energy and price, one into the pool and one out of it, energy split where needed."""
    sold = pool.take((pool.price_micro_per_kwh >= 0) == (pool.debit == Account.POOL))
    bought = pool.take((pool.price_micro_per_kwh >= 0) == (pool.credit == Account.POOL))
    pieces = []
    for price in np.unique(pool.price_micro_per_kwh):
        one, two = (side.take(side.price_micro_per_kwh == price) for side in (sold, bought))
        ends_one, ends_two = np.cumsum(one.energy_wh), np.cumsum(two.energy_wh)
        ends = np.union1d(ends_one, ends_two)
        energy = np.diff(ends, prepend=0)
        halves = [
            side.take(np.searchsorted(side_ends, ends)).replaced(energy_wh=energy, amount_nano=energy * abs(int(price)))
            for side, side_ends in ((one, ends_one), (two, ends_two))
        ]
        both = Postings.joined(halves)
        pieces.append(both.take(np.arange(len(both)).reshape(2, -1).T.ravel()))
    return Postings.joined(pieces)


def send(ledger: Ledger, signed: tuple[Signed, ...], time_s: int) -> tuple[Receipt, ...]:
    """Send journalled calls; the ledger recognises what it already has.

    Raises:
        LedgerDisagrees: a call reverted; the run stops, resumable.

    """
    if not signed:
        return ()
    receipts = ledger.post(signed, time_s)
    for receipt in receipts:
        if receipt.status != 1:
            raise LedgerDisagrees(
                f"slot {receipt.slot} {receipt.kind}: expected the ledger to accept it, was reverted: {receipt.reason}"
            )
    return receipts


def market_calls(slot: int, trading: Trading) -> list[Call]:
    """What announces a slot's orders and trades: the root of the sealed orders, then those of revealed orders and trades."""
    return [
        OpenCall(slot, trading.book_root, trading.accepted),
        ClearCall(slot, trading.order_root, trading.clearing_root),
    ]
