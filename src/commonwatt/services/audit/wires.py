"""Audit of the wires: what the grid model said of every slot, said again from public orders, trades and readings."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from commonwatt.core.findings import Finding
from commonwatt.core.members import Fleet
from commonwatt.core.records import Agreement, GridVerdict, Readings, Reason, Trades, Verdict
from commonwatt.core.units import Ints
from commonwatt.grid import NO_SOLUTION
from commonwatt.services.audit.base import Audited, Check, differences, met_again, recomputed
from commonwatt.services.audit.slots import newest_before
from commonwatt.services.judging import AtGate, curtailed, cut_agreement, flow_verdict, gate_verdict, ordered_wh
from commonwatt.services.reporting.words import several
from commonwatt.services.rules import EX_POST
from commonwatt.services.schemas import SCHEMAS
from commonwatt.services.tables import FAILED, Column, curtailment_columns, wires_row
from commonwatt.venues import Meeting

NAME: Final = "what the wires carried, computed again"

Late = tuple[dict[str, Any], GridVerdict]
"""What is published of a slot's wires by column, and what the model says of it with the readings that came late."""


def check_wires(audited: Audited) -> Check:
    """Verdict, losses, fullest line and voltages of every slot, and which trades were cut; every member on a bus of the feeder."""
    found = _bus_findings(audited)
    lost_wh = full = 0
    late: list[Late] = []
    for done, slot in enumerate(audited.slots):
        audited.at(done)
        rows = audited.public.wires(slot)
        if len(rows) != 1:
            found.append(Finding(f"wires slot {slot}", "one row", f"{len(rows)}"))
            continue
        names = audited.public.tables["wires"].column_names[1:]
        published = dict(zip(names, rows[0], strict=True))
        failed = (published["verdict"], published["verdict_why"]) == ("unchecked", FAILED.reason)
        again, faults = recomputed(f"wires slot {slot}", _again, audited, slot, failed)
        found += faults
        if again is None:
            continue
        said, more = again
        found += more
        found += [
            Finding(f"wires slot {slot} {name}", repr(expected), repr(was))
            for (name, was), expected in zip(published.items(), said, strict=True)
            if was != expected
        ]
        lost_wh += int(published["losses_wh"])
        full += published["flowed"] == "infeasible"
        flowed_late, _ = recomputed(f"wires slot {slot}", _flowed_late, audited, slot)
        late += [] if flowed_late is None else [(published, flowed_late)]
    notes = [f"{lost_wh:,} Wh lost; beyond a limit in {several(full, 'slot')}"] if lost_wh or full else []
    return Check(NAME, len(audited.slots), "slots", tuple(found), note="; ".join(notes + _late_notes(late)))


def _bus_findings(audited: Audited) -> list[Finding]:
    feeder = audited.rules.feeder
    return [
        Finding(f"members row {row} bus", "empty" if feeder is None else "a bus of the feeder", repr(facts.bus))
        for row, facts in enumerate(audited.public.member_facts)
        if (facts.bus not in feeder.places if feeder is not None else facts.bus)
    ]


def _again(audited: Audited, slot: int, failed: bool) -> tuple[list[str | int], list[Finding]]:
    """The row of a slot as it should be, and what is wrong with its cuts; `failed`: it is said to have failed for another reason."""
    public, rules = audited.public, audited.rules
    flowed = _flowed_again(audited, slot, public.readings(slot, 0))
    _, accepted, _, reason = public.orders(slot)
    cut = Trades.empty()
    if failed and (not accepted or (reason == Reason.SLOT_FAILED).any()):
        verdict, found = FAILED, list[Finding]()
    elif rules.timing == EX_POST:
        verdict, found = flowed, []
    else:
        meeting = met_again(public, rules, slot)
        verdict, cleared = verdict_again(audited, slot, meeting), meeting.agreement
        if verdict.verdict == Verdict.INFEASIBLE:
            found = _kept_findings(slot, reason[:accepted])
        else:
            found, cut = _left_findings(audited, slot, cleared, verdict), curtailed(cleared, verdict)
    found += _curtailment_findings(audited, slot, curtailment_columns(slot, cut, verdict))
    return list(wires_row(verdict, flowed).values()), found


def _flowed_again(audited: Audited, slot: int, readings: Readings) -> GridVerdict:
    """What the model says of the energy of these readings, one of every member in order."""
    return flow_verdict(audited.rules, slot, public_fleet(audited), readings)[0]


def _flowed_late(audited: Audited, slot: int) -> GridVerdict | None:
    """What the model says of a slot with the readings that came late; None where none did."""
    public = audited.public
    if len(public.revisions(slot)) < 2:
        return None
    first = public.readings(slot, 0)
    newest = newest_before(public, slot, max(public.revisions(slot)) + 1, first)
    return _flowed_again(audited, slot, newest)


def _late_notes(late: list[Late]) -> list[str]:
    """What would be said of the wires by readings that came late: they are judged once, on the first ones."""
    if not any(newest.verdict != Verdict.UNCHECKED for _, newest in late):
        return []
    solved = [(said, newest) for said, newest in late if NO_SOLUTION not in (said["flowed_why"], newest.reason)]
    more_wh = sum(newest.losses_wh - int(said["losses_wh"]) for said, newest in solved)
    told = [f"{abs(more_wh):,} Wh {'more' if more_wh > 0 else 'less'} were lost, which nobody pays or gets"]
    told = told if more_wh else []
    passed = [(said["flowed"] == "infeasible", newest.verdict == Verdict.INFEASIBLE) for said, newest in late]
    for change, words in (((False, True), "more"), ((True, False), "fewer")):
        if count := passed.count(change):
            told.append(f"{several(count, 'slot')} {words} {'is' if count == 1 else 'are'} beyond a limit")
    if dark := len(late) - len(solved):
        told.append(f"in {several(dark, 'slot')} the losses cannot be compared, for want of a power flow")
    judged = f"{several(len(late), 'slot')} {'is' if len(late) == 1 else 'are'}"
    return [f"{judged} not judged again on readings that came late: by them {', '.join(told) or 'the same is said'}"]


def verdict_again(audited: Audited, slot: int, meeting: Meeting) -> GridVerdict:
    """What the model says of trades at their gate; raises what the model raises."""
    book, accepted, _, _ = audited.public.orders(slot)
    ordered = ordered_wh(book, len(audited.public.pseudonyms))
    return gate_verdict(
        audited.rules, AtGate(slot, public_fleet(audited), ordered), book.take(np.arange(accepted)), meeting
    )


def _kept_findings(slot: int, reason: Ints) -> list[Finding]:
    """A slot that no cut helps and that did not fail: its trades are what the wires cannot carry. `reason` is of its accepted orders."""
    if (reason == Reason.SLOT_FAILED).all():
        return []
    return [Finding(f"orders slot {slot} reason", "slot_failed: no cut of trades helps the wires", "others")]


def _left_findings(audited: Audited, slot: int, cleared: Agreement, verdict: GridVerdict) -> list[Finding]:
    """Published trades that are not what the cuts leave."""
    book, accepted, _, reason = audited.public.orders(slot)
    published = audited.public.agreement(slot)[0].trades
    left = cut_agreement(book.take(np.arange(accepted)), cleared, verdict)
    if (left.reason == Reason.CURTAILED).any() != (reason == Reason.CURTAILED).any():
        expected = "cuts" if left is not cleared else "no cuts"
        return [Finding(f"orders slot {slot} reason", f"{expected} by the grid", "others")]
    return differences(f"trades slot {slot}", left.trades, published)


def _curtailment_findings(audited: Audited, slot: int, columns: dict[str, Column]) -> list[Finding]:
    """Published cuts of a slot that are not those of the model, row by row."""
    again = pa.table(columns, schema=SCHEMAS["curtailments"]).to_pylist()
    said = audited.public.rows("curtailments", slot).to_pylist()
    if len(again) != len(said):
        return [Finding(f"curtailments slot {slot}", f"{len(again)} rows", f"{len(said)}")]
    return [
        Finding(f"curtailments slot {slot} row {row} {name}", repr(value), repr(found[name]))
        for row, (expected, found) in enumerate(zip(again, said, strict=True))
        for name, value in expected.items()
        if found[name] != value
    ]


def public_fleet(audited: Audited) -> Fleet:
    """What is public of the members' equipment: their connections."""
    members = audited.public.tables["members"]
    return Fleet.of(len(members), connection_w=np.array(members["connection_w"].to_pylist(), np.int64))
