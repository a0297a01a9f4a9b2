"""Correcting: late readings settle between the member and its supplier, never on a neighbour's bill."""

from itertools import groupby

import numpy as np

from commonwatt.core.errors import ConservationBroken
from commonwatt.core.records import Quality, Readings
from commonwatt.core.units import Ints
from commonwatt.services.delivering import delivered_s, verified
from commonwatt.services.feed import LateReading
from commonwatt.services.halves import Correction
from commonwatt.services.market import Market
from commonwatt.services.state import State
from commonwatt.settlement import correction, correction_findings


def due_corrections(market: Market, state: State, readings: Readings, slot: int) -> tuple[Correction, ...]:
    """What arrived late and can be settled now: the base revision's window has closed, so it can no longer be voided.

    `readings` are those of the slot just delivered; the corrected packets are counted on from there.
    """
    now_s = delivered_s(market, slot)
    due = [late for late in state.late if _is_final(market, state, late.slot, now_s)]
    due.sort(key=lambda late: (late.slot, late.member))
    counters = np.maximum(state.counters, readings.counter)
    corrections = []
    for of, lates in groupby(due, key=lambda late: late.slot):
        corrections.append(_corrected(market, state, counters, of, list(lates)))
        counters[corrections[-1].readings.member] += 1
    return tuple(corrections)


def waiting_notices(waiting: tuple[LateReading, ...]) -> tuple[str, ...]:
    """What to say of late readings that a run ended too early to settle; nothing when there are none."""
    if not waiting:
        return ()
    many = len(waiting) != 1
    return (
        f"{len(waiting)} late reading{'s are' if many else ' is'} not settled in this run: the settlement of the "
        f"slot{'s they correct' if many else ' it corrects'} did not become final before its end (or is too old to correct), so the "
        "bills still show the substitutes",
    )


def _is_final(market: Market, state: State, slot: int, now_s: int) -> bool:
    settled = state.settled.get(slot)
    return settled is not None and now_s // market.rules.window_s >= settled.posted_s // market.rules.window_s + 2


def _corrected(market: Market, state: State, counters: Ints, slot: int, lates: list[LateReading]) -> Correction:
    newest = {late.member: late for late in lates}
    members = np.array(sorted(newest), np.int64)
    load_wh = np.array([newest[m].load_wh for m in members.tolist()], np.int64)
    pv_wh = np.array([newest[m].pv_wh for m in members.tolist()], np.int64)
    row, settled = slot - state.first_slot, state.settled[slot]
    # The battery did what it did on the substitute; only load and PV are known better now.
    storage_wh = state.storage_wh[row, members]
    flowed = state.pv_wh[row, members] - state.curtailed_wh[row, members]
    before = _registers(members, flowed - state.load_wh[row, members] + storage_wh)
    # The inverter watches the meter itself, not what was put in its place: it held back what passed the cap.
    net_wh = pv_wh - load_wh + storage_wh
    curtailed_wh = np.clip(net_wh - state.export_cap_wh[row, members], 0, pv_wh)
    after = _registers(members, net_wh - curtailed_wh)
    after = after.replaced(
        quality=np.full(len(members), int(Quality.CORRECTED)),
        revision=np.full(len(members), settled.revision + 1),
        counter=counters[members] + 1,
    )
    context = market.rules.settlement_context(slot, len(market.members), state.rewards_nano)
    statement = correction(settled.first, settled.revision + 1, before, after, context)
    findings = correction_findings(statement, before, after, context)
    if findings:
        raise ConservationBroken(f"slot {slot} revision {statement.revision}: " + "; ".join(str(f) for f in findings))
    return Correction(verified(market, slot, after, counters), load_wh, pv_wh, curtailed_wh, statement)


def _registers(members: Ints, net_wh: Ints) -> Readings:
    return Readings.of(
        len(members), member=members, import_wh=np.maximum(-net_wh, 0), export_wh=np.maximum(net_wh, 0), counter=-1
    )
