"""Answering: what the operator shows when a member demands what stands behind a line, from its own books; or nothing, when it cannot."""

from collections.abc import Iterator, Sequence

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.services.claims import (
    AnswerOrderCall,
    AnswerPositionCall,
    ClaimCall,
    Demand,
    DemandState,
    FeedCall,
    Substitute,
)
from commonwatt.services.evidence import PacketEvidence, book_entry, packet_evidence, signed_order
from commonwatt.services.ports import Batch
from commonwatt.services.public import PublicTables
from commonwatt.services.watching import GIVER, Doubt, Evidence, doubts


def place_of(batch: Batch) -> tuple[int, int, int, int, int]:
    """Slot, kind, revision, part and attempt, as a demand names them."""
    return batch.slot, batch.kind, batch.revision, batch.part, batch.attempt


def is_position(batch: Batch, line: int, side: int) -> bool:
    """Whether a line is one with a system account, behind which the member's whole position stands, or no line (their number)."""
    if line == len(batch.lines):
        return True
    other = int((batch.lines.other if side == GIVER else batch.lines.who)[line])
    return other < FIRST_MEMBER and other != Account.POOL


def due(demands: Sequence[Demand], batches: Sequence[Batch], now_s: int) -> list[tuple[Demand, Batch]]:
    """The demands that can still be answered, each with its batch."""
    live = {place_of(batch): batch for batch in batches if not batch.is_void}
    return [
        (demand, live[demand.place])
        for demand in demands
        if demand.state == DemandState.OPEN and now_s <= demand.deadline_s and demand.place in live
    ]


def answer(
    demand: Demand, batch: Batch, batches: Sequence[Batch], tables: PublicTables, known: Evidence
) -> tuple[ClaimCall, ...]:
    """The calls that answer a demand; none where the operator cannot stand by the line.

    Args: `batches` are all of the run, `known` is what the demanded member knows of the slot.
    """
    member = demand.member - FIRST_MEMBER
    of_slot = sorted(
        (b for b in batches if b.slot == demand.slot and not b.is_void), key=lambda b: (b.revision, b.kind, b.part)
    )
    wrong = doubts(member, of_slot, known)
    if not is_position(batch, demand.line, demand.side):
        if any(doubt.batch is batch and doubt.line == demand.line for doubt in wrong):
            return ()
        signed, entry = signed_order(tables, demand.slot, member), book_entry(tables, demand.slot, member)
        return (AnswerOrderCall(demand.id, signed, entry),) if signed and entry else ()
    if any(d.batch.revision <= demand.revision and _is_of_position(d) for d in wrong):
        return ()
    now = _registers(tables, demand, demand.revision)
    before = _registers(tables, demand, demand.revision - 1) if demand.revision else None
    if now is None or _revision_of(now) != demand.revision or (demand.revision and before is None):
        return ()
    fed = [b for b in of_slot if b.revision <= demand.revision]
    return (*(FeedCall(demand.id, b) for b in fed), AnswerPositionCall(demand.id, now, before))


def _is_of_position(doubt: Doubt) -> bool:
    return doubt.line == len(doubt.batch.lines) or is_position(doubt.batch, doubt.line, doubt.side)


def _revision_of(said: PacketEvidence | Substitute) -> int:
    """The revision of which registers are; a substitute is of the first settlement."""
    return 0 if isinstance(said, Substitute) else said.revision


def _registers(tables: PublicTables, demand: Demand, revision: int) -> PacketEvidence | Substitute | None:
    """What the demanded member's meter said up to a revision, or what was put in its place."""
    member = demand.member - FIRST_MEMBER
    packet = packet_evidence(tables, demand.slot, member, revision)
    return packet or next(_substitutes(tables, demand, member), None)


def _substitutes(tables: PublicTables, demand: Demand, member: int) -> Iterator[Substitute]:
    readings = tables.readings(demand.slot, 0)
    for row in np.flatnonzero(readings.member == member).tolist():
        yield Substitute(demand.slot, demand.member, int(readings.import_wh[row]), int(readings.export_wh[row]))
