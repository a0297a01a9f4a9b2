"""Audit of allotted capacity: caps that the feeder carries all at once, orders within them, and who sent out more than it might."""

from __future__ import annotations

from typing import Final

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.core.records import Envelope, Reason
from commonwatt.core.units import Ints
from commonwatt.grid import Allotting, allotting
from commonwatt.services.audit.base import Audited, Check, recomputed
from commonwatt.services.audit.wires import public_fleet
from commonwatt.services.judging import ordered_wh
from commonwatt.services.reporting.words import several

NAME: Final = "what members may export and import is what the wires carry"


def check_envelopes(audited: Audited) -> Check:
    """Caps of every slot: all of them at once keep every limit (`fixed`: they are computed again), and nobody ordered more.

    A meter that shows more than its cap is no finding: the operator does not hold its member's inverter. It is counted.
    """
    grid, rows = allotting(audited.rules.grid), len(audited.public.tables["envelopes"])
    if grid is None:
        found = (Finding("envelopes", "no rows: nothing is allotted in this run", f"{rows} rows"),) if rows else ()
        return Check(NAME, len(audited.slots), "slots", found)
    found_all: list[Finding] = []
    beyond = energy_wh = 0
    for slot in audited.each_slot():
        faults, broken = recomputed(f"envelopes slot {slot}", _faults, audited, grid, slot)
        found_all += [*(faults or ()), *broken]
        over_wh = _over_wh(audited, slot)
        beyond, energy_wh = beyond + int((over_wh > 0).sum()), energy_wh + int(over_wh.sum())
    note = f"{several(beyond, 'meter reading')} beyond the export cap, by {energy_wh:,} Wh together" if beyond else ""
    return Check(NAME, len(audited.slots), "slots", tuple(found_all), note=note)


def _faults(audited: Audited, grid: Allotting, slot: int) -> list[Finding]:
    public, where = audited.public, f"envelopes slot {slot}"
    members = len(public.pseudonyms)
    whose, allotted = public.envelope(slot)
    book, accepted, _, reason = public.orders(slot)
    if not len(allotted):
        # Where the model could not tell, nothing is traded either.
        failed = not accepted or (reason == Reason.SLOT_FAILED).any()
        return [] if failed else [Finding(where, "a row for every member", "none")]
    if whose.tolist() != list(range(members)):
        return [Finding(where, f"one row for each of {members} members", f"{len(whose)} rows")]
    context = audited.rules.grid_context(slot, public_fleet(audited), is_delivered=False)
    found = [Finding(where, "caps that the wires carry", words) for words in grid.envelope_faults(allotted, context)]
    ordered = ordered_wh(book, members)
    return found + [
        Finding(f"orders slot {slot} member {public.pseudonyms[row]}", _most(allotted, row, ordered), str(ordered[row]))
        for row in np.flatnonzero(ordered != allotted.held(ordered)).tolist()
    ]


def _most(allotted: Envelope, row: int, ordered: Ints) -> str:
    sells = ordered[row] > 0
    cap = (allotted.export_wh if sells else allotted.import_wh)[row]
    return f"at most {cap} Wh {'offered' if sells else 'asked for'}, as it may {'export' if sells else 'import'}"


def _over_wh(audited: Audited, slot: int) -> Ints:
    """What each meter shows beyond its export cap."""
    whose, allotted = audited.public.envelope(slot)
    readings = audited.public.readings(slot, 0)
    if len(whose) != len(readings):
        return np.zeros(0, np.int64)
    over_wh: Ints = np.maximum(readings.export_wh - allotted.export_wh, 0)
    return over_wh
