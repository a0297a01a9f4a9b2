"""What the published seed draws of every slot, drawn again: the sequence of accepted orders, and the events of a run on past data."""

import numpy as np

from commonwatt.core.events import EventKind, Events
from commonwatt.core.findings import Finding
from commonwatt.core.records import Exchange
from commonwatt.services.audit.base import Audited, Check, recomputed
from commonwatt.services.deviating import published_deviation
from commonwatt.services.drawing import drawn_events, in_drawn_sequence
from commonwatt.services.failing import ROOM_FAILURES
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules


def check_drawn(audited: Audited) -> Check:
    """Accepted orders stand in the drawn sequence, and what they did is what was drawn for them: nothing forged, nothing left out."""
    found = []
    for slot in audited.each_slot():
        for part, of in ((_sequence_findings, "orders"), (_event_findings, "events")):
            more, faults = recomputed(f"{of} slot {slot}", part, audited, slot)
            found += [*(more or ()), *faults]
    return Check("sequence and events are those the seed draws", len(audited.slots), "slots", tuple(found))


def drawn_again(public: PublicTables, rules: Rules, slot: int, exchange: Exchange | None = None) -> Events:
    """The events that the seed draws for the published orders of a slot; `exchange` None: with what crossed as published.

    Raises whatever the venue does.
    """
    book, accepted, nonces, _ = public.orders(slot)
    orders, lately = book.take(np.arange(accepted)), published_deviation(public, rules, slot)
    crossed = public.exchange(slot) if exchange is None else exchange
    return drawn_events(rules, slot, orders, nonces, crossed, lately)


def _sequence_findings(audited: Audited, slot: int) -> list[Finding]:
    book, accepted, _, _ = audited.public.orders(slot)
    orders = book.take(np.arange(accepted))
    drawn = in_drawn_sequence(audited.rules.seed, slot, orders)
    differs = np.zeros(accepted, np.bool_)
    for name, again in drawn.arrays().items():
        differs |= again != getattr(orders, name)
    if not differs.any():
        return []
    first = int(np.flatnonzero(differs)[0])
    return [Finding(f"orders slot {slot} sequence", "as its seed draws it", f"another from {slot}-o{first} on")]


def _event_findings(audited: Audited, slot: int) -> list[Finding]:
    public, where = audited.public, f"events slot {slot}"
    published, _ = public.events(slot)
    if not public.orders(slot)[1] and not len(published):
        return []  # A slot may have failed before there were orders to draw for.
    try:
        drawn = drawn_again(public, audited.rules, slot)
    except ROOM_FAILURES as error:
        failed = f"none: the venue cannot draw them ({type(error).__name__}: {error})"
        return [Finding(where, failed, str(len(published)))] if len(published) else []
    if len(drawn) != len(published):
        return [Finding(where, f"the {len(drawn)} that its seed draws", str(len(published)))]
    found = []
    for name, again in drawn.arrays().items():
        says = getattr(published, name)
        for row in np.unique(np.nonzero(again != says)[0]).tolist():
            found.append(Finding(f"{where} sequence {row} {name}", _said(name, again[row]), _said(name, says[row])))
    return found


def _said(name: str, value: np.generic) -> str:
    if name == "kind":
        return EventKind(int(value)).name.lower()
    return "0x" + value.tobytes().hex() if name == "commitment" else str(value)
