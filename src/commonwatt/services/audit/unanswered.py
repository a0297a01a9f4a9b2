"""Audit of claims: what was demanded, answered and voided on the chain, and that what was void stands again as the contracts allow."""

from collections.abc import Sequence

from commonwatt.core.findings import Finding
from commonwatt.services.audit.base import Check
from commonwatt.services.audit.entries import Claimed
from commonwatt.services.claims import Demand, DemandState
from commonwatt.services.ports import Batch
from commonwatt.services.reporting.claims import claims_told


def check_unanswered(claimed: Claimed) -> Check:
    """Every demand was answered in time, or its batch is void; what is void stands again."""
    audited = claimed.audited
    batches, demands = audited.claimed_batches, audited.demands
    found = [*_unanswered(demands, batches), *_not_repeated(batches)]
    note = "; ".join(claims_told(demands, batches, lambda slot: f"slot {slot}"))
    return Check(
        "demands were answered, and what was void stands again", len(demands), "demands", tuple(found), note=note
    )


def _unanswered(demands: Sequence[Demand], batches: Sequence[Batch]) -> list[Finding]:
    live = {(b.slot, b.kind, b.revision, b.part, b.attempt) for b in batches if not b.is_void}
    return [
        Finding(f"chain demand on slot {d.slot} revision {d.revision} line {d.line}", "an answer in time", "none")
        for d in demands
        if d.state in (DemandState.OPEN, DemandState.RECLAIMED) and d.place in live
    ]


def _not_repeated(batches: Sequence[Batch]) -> list[Finding]:
    last = {(b.slot, b.revision, b.part): b for b in batches}
    return [
        Finding(f"chain slot {slot} settle revision {revision} part {part}", "settled again after it was void", "void")
        for (slot, revision, part), batch in last.items()
        if batch.is_void
    ]
