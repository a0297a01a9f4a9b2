"""Posting: a statement becomes settle calls, in parts that each sum to zero; what was signed is sent exactly once."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from commonwatt.contracts.encoding import IMBALANCE, SETTLEMENT
from commonwatt.core.accounts import OFF_LEDGER, Account, Kind, Postings, amount_postings
from commonwatt.core.errors import LedgerDisagrees
from commonwatt.core.orders import SETTLE_NET
from commonwatt.core.records import Receipt, Statement
from commonwatt.core.units import Ints, exact_sum
from commonwatt.services.halves import Trading
from commonwatt.services.pairing import LINES_PER_PART, SignedTrades, trades_calls
from commonwatt.services.ports import Call, ClearCall, Ledger, OpenCall, SettleCall, Signed, TradesCall

NO_PRIOR = bytes(32)


def settle_calls(statement: Statement, prior: bytes = NO_PRIOR, path: int = SETTLE_NET) -> tuple[SettleCall, ...]:
    """The calls that post a statement, or on path `SETTLE_TRADES` what is left of it beside the trades.

    `prior` is the content hash of what it builds on: the revision before it, or the slot's trades. Wholesale and exchange are the supplier's business
    with the outside world and never on the ledger. A statement without postings is one empty call, so that a later correction has a
    base to name.
    """
    alone = path == SETTLE_NET
    elsewhere = OFF_LEDGER if alone else (*OFF_LEDGER, Kind.TRADE)
    parts = _parts(statement.postings.take(~np.isin(statement.postings.kind, elsewhere)))
    kind = SETTLEMENT if alone else IMBALANCE
    return tuple(
        SettleCall(statement.slot, statement.revision, part, len(parts), prior, chunk, kind)
        for part, chunk in enumerate(parts)
    )


def slot_calls(
    statement: Statement, signed: SignedTrades, path: int, content_hash: Callable[[Call], bytes]
) -> tuple[TradesCall | SettleCall, ...]:
    """The calls that post revision 0 of a slot by its settlement path; `content_hash` is the ledger's."""
    if path == SETTLE_NET:
        return settle_calls(statement)
    trades = trades_calls(statement.slot, signed)
    return (*trades, *settle_calls(statement, content_hash(trades[0]), path))


def _parts(postings: Postings) -> list[Postings]:
    """Split so that every part has at most LINES_PER_PART lines and leaves the pool at zero energy and zero money."""
    if len(postings) <= LINES_PER_PART:
        return [postings]
    pooled = (postings.debit == Account.POOL) | (postings.credit == Account.POOL)
    *full, rest = _pool_parts(postings.take(pooled)) or [Postings.empty()]
    rest = Postings.joined([rest, postings.take(~pooled)])
    starts = range(0, len(rest), LINES_PER_PART)
    return full + [rest.take(np.arange(start, min(start + LINES_PER_PART, len(rest)))) for start in starts]


def _pool_parts(pool: Postings) -> list[Postings]:
    """The pool's lines cut at the same energy on both sides; where prices differ, each part hands its own excess to the operator."""
    energy = pool.take(pool.energy_wh > 0)
    # With a negative price the side that gave the energy pays, and is the debit.
    sold = (energy.price_micro_per_kwh >= 0) == (energy.debit == Account.POOL)
    sides = (energy.take(sold), energy.take(~sold))
    ends = [np.cumsum(side.energy_wh) for side in sides]
    every = np.sort(np.concatenate(ends))
    # A cut goes through at most one line a side; one line more is the excess.
    step = LINES_PER_PART - 3
    cuts = np.unique(np.concatenate([[0], every[step - 1 :: step], every[-1:]])).tolist()
    return [
        _balanced([_between(side, end, low, high) for side, end in zip(sides, ends, strict=True)])
        for low, high in pairwise(cuts)
    ]


def _between(side: Postings, ends: Ints, low_wh: int, high_wh: int) -> Postings:
    """The part of some energy lines that lies in [low, high) of their cumulated energy, which ends at `ends`."""
    rows = np.arange(np.searchsorted(ends, low_wh, side="right"), np.searchsorted(ends, high_wh) + 1)
    rows = rows[rows < len(side)]
    lines = side.take(rows)
    energy = np.minimum(ends[rows], high_wh) - np.maximum(ends[rows] - lines.energy_wh, low_wh)
    return lines.replaced(energy_wh=energy, amount_nano=energy * np.abs(lines.price_micro_per_kwh))


def _balanced(sides: list[Postings]) -> Postings:
    lines = Postings.joined(sides)
    received = exact_sum(lines.amount_nano[lines.credit == Account.POOL])
    excess = received - exact_sum(lines.amount_nano[lines.debit == Account.POOL])
    handed_on = amount_postings(
        np.array([Account.POOL]), np.array([Account.OPERATOR]), np.array([excess], np.int64), Kind.TRADE
    )
    return Postings.joined([lines, handed_on])


def send(ledger: Ledger, signed: tuple[Signed, ...], time_s: int) -> tuple[Receipt, ...]:
    """Send journalled calls; the ledger recognises what it already has.

    Raises:
        LedgerDisagrees: a call reverted; the run stops for good, because what is journalled is sent again by every resume.

    """
    if not signed:
        return ()
    receipts = ledger.post(signed, time_s)
    for receipt in receipts:
        if receipt.status != 1:
            raise LedgerDisagrees(
                f"slot {receipt.slot} {receipt.kind}: expected the ledger to accept it, was reverted: {receipt.reason}\n"
                "The refused call is in the journal, so --resume ends here again: mend the cause and run into another folder."
            )
    return receipts


def market_calls(slot: int, trading: Trading) -> list[Call]:
    """What announces a slot's orders and trades: the root of the sealed orders, then those of revealed orders and trades."""
    return [
        OpenCall(slot, trading.book_root, trading.accepted),
        ClearCall(slot, trading.order_root, trading.clearing_root),
    ]
