"""Repeating: a settlement that was voided is settled once more, as its second attempt, and after that with the supplier alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from commonwatt.contracts.encoding import SUPPLIED
from commonwatt.core.errors import LedgerDisagrees
from commonwatt.core.orders import SETTLE_NET
from commonwatt.core.records import Statement
from commonwatt.services.ports import Batch, BatchLines, SettleCall
from commonwatt.services.posting import NO_PRIOR, settle_calls
from commonwatt.services.watching import Evidence, doubts

SECOND = 2
"""The last attempt that a settlement has."""

VOIDED = "its settlement was void, and what stood behind it could not be shown"


@dataclass(frozen=True)
class Repeat:
    """What settles a voided part again: its statement, and why the slot's trades no longer stand (empty: they do)."""

    statement: Statement
    void: str
    calls: tuple[SettleCall, ...]


def to_repeat(batches: Sequence[Batch]) -> Iterator[Batch]:
    """The batches that were voided and nothing stands for, in the order in which they were posted."""
    last = {(b.slot, b.kind, b.revision, b.part): b for b in batches}
    for (slot, kind, revision, _), batch in last.items():
        if not batch.is_void or (
            batch.attempt == SECOND and kind != SUPPLIED and (slot, SUPPLIED, revision, 0) in last
        ):
            continue
        yield batch


def repeat(
    batch: Batch,
    batches: Sequence[Batch],
    statement: Statement,
    without_trades: Callable[[], Statement],
    known: dict[int, Evidence],
    path: int,
) -> Repeat:
    """What is posted in place of a voided batch.

    Its own statement once more, where every member's order, meter and tariff bear it out; else, and after the second attempt, the slot
    with its trades void: everybody with the supplier, on the meters alone. A correction has no trades and is only ever repeated; so is what
    stands beside trades that the contract checked itself (`path` SETTLE_TRADES).

    Args: `statement` is what the operator's books say was to be posted, `without_trades` settles the slot without them, `known` is what
    each member knows of the slot.

    Raises:
        LedgerDisagrees: what was void was one part of several and its trades cannot be shown, or the supplier's own part, twice.

    """
    if batch.attempt == SECOND and batch.kind == SUPPLIED:
        raise LedgerDisagrees(f"slot {batch.slot}: expected a settlement with the supplier to stand, was void twice")
    to_supplier = batch.attempt == SECOND
    without = to_supplier or batch.kind == SUPPLIED
    void = ""
    has_trades = not statement.revision and path == SETTLE_NET
    if has_trades and (without or not _stands(_calls(statement, batch, path), batches, known)):
        if batch.parts > 1:
            raise LedgerDisagrees(
                f"slot {batch.slot} part {batch.part}: expected one that can be shown, and trades in other parts stand"
            )
        statement, void = without_trades(), VOIDED
    calls = _calls(statement, batch, path)
    if to_supplier:
        calls = tuple(replace(c, kind=SUPPLIED, part=0, parts=1, prior=NO_PRIOR, attempt=1) for c in calls)
    return Repeat(statement, void, calls)


def _calls(statement: Statement, batch: Batch, path: int) -> tuple[SettleCall, ...]:
    """A statement as the second attempt at the place of a batch."""
    calls = settle_calls(statement, batch.prior, path)
    if len(calls) != batch.parts:
        raise LedgerDisagrees(f"slot {batch.slot}: expected {batch.parts} parts as before, was {len(calls)}")
    return (replace(calls[batch.part], kind=batch.kind, attempt=SECOND),)


def _stands(calls: Sequence[SettleCall], batches: Sequence[Batch], known: dict[int, Evidence]) -> bool:
    """Whether no member could doubt these calls among the live batches of their slot."""
    live = [b for b in batches if b.slot == calls[0].slot and not b.is_void] + [_planned(call) for call in calls]
    return not any(doubts(member, live, evidence) for member, evidence in known.items())


def _planned(call: SettleCall) -> Batch:
    """A call as the batch it will be."""
    postings = call.postings
    priced, plain = postings.take(postings.energy_wh != 0), postings.take(postings.energy_wh == 0)
    # The side that gave the energy is the debit where the price is negative.
    pays, nothing = priced.price_micro_per_kwh < 0, np.zeros(len(plain), np.int64)
    lines = BatchLines(
        who=np.concatenate([np.where(pays, priced.debit, priced.credit), plain.credit]),
        other=np.concatenate([np.where(pays, priced.credit, priced.debit), plain.debit]),
        energy_wh=np.concatenate([priced.energy_wh, nothing]),
        price_micro_per_kwh=np.concatenate([priced.price_micro_per_kwh, nothing]),
        amount_nano=np.concatenate([priced.energy_wh * priced.price_micro_per_kwh, plain.amount_nano]),
    )
    return Batch(
        slot=call.slot,
        kind=call.kind,
        revision=call.revision,
        part=call.part,
        parts=call.parts,
        prior=call.prior,
        content_hash=b"",
        posted_s=0,
        is_void=False,
        energy_lines=len(priced),
        lines=lines,
        packed=b"",
        attempt=call.attempt,
    )
