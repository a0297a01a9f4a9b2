"""What was demanded of the operator during a run, and what became of it, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from commonwatt.contracts.encoding import SUPPLIED
from commonwatt.services.claims import Demand, DemandState
from commonwatt.services.ports import Batch
from commonwatt.services.reporting.facts import DemandCounts
from commonwatt.services.reporting.words import several

_WORDS: Final = {
    DemandState.ANSWERED: "answered by the operator",
    DemandState.EXPIRED: "not answered in time, so that the settlement was void and the member was paid from the operator's bond",
    DemandState.RECLAIMED: "without effect, the bond given back",
    DemandState.OPEN: "open",
}


def demand_counts(demands: Sequence[Demand], batches: Sequence[Batch]) -> DemandCounts:
    """How many demands there are, and what became of them."""
    states = Counter(demand.state for demand in demands)
    answered, unanswered = states[DemandState.ANSWERED], states[DemandState.EXPIRED]
    return DemandCounts(len(demands), answered, unanswered, sum(batch.is_void for batch in batches))


def counts_told(counts: DemandCounts) -> str:
    """The counts in a few words; empty where nothing was demanded and nothing was void."""
    if not counts.made and not counts.voided:
        return ""
    told = f"{several(counts.made, 'demand')} of members, {counts.answered} answered"
    return told + (f"; {several(counts.voided, 'settlement')} void" if counts.voided else "")


def claims_told(demands: Sequence[Demand], batches: Sequence[Batch], named: Callable[[int], str]) -> list[str]:
    """What members demanded and what was void, one thing each; nothing when nothing was. `named` says which slot it is."""
    told = []
    if demands:
        states = Counter(demand.state for demand in demands)
        became = ", ".join(f"{states[state]} {text}" for state, text in _WORDS.items() if states[state])
        told.append(f"members demanded what stands behind {several(len(demands), 'line')} of the settlement: {became}")
    return [*told, *(f"{named(b.slot)} was void{_of(b)} and {_after(b, batches)}" for b in batches if b.is_void)]


def _of(batch: Batch) -> str:
    said = [f"revision {batch.revision}"] if batch.revision else []
    said += [f"part {batch.part}"] if batch.parts > 1 else []
    return f" ({', '.join(said)})" if said else ""


def _after(void: Batch, batches: Sequence[Batch]) -> str:
    later = [b for b in batches if (b.slot, b.revision) == (void.slot, void.revision) and b.posted_s >= void.voided_s]
    same = [b for b in later if (b.kind, b.part) == (void.kind, void.part) and b is not void]
    if same:
        return f"settled again, attempt {same[0].attempt}"
    supplied = any(b.kind == SUPPLIED for b in later)
    return "settled with the supplier alone" if supplied else "nothing stands in its place"
