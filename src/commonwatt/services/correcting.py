"""Correcting: late readings settle between the member and its supplier, never on a neighbour's bill."""

from itertools import groupby

import numpy as np

from commonwatt.core.records import Quality, Readings
from commonwatt.core.units import Ints
from commonwatt.services.delivering import delivered_s, verified
from commonwatt.services.halves import Correction
from commonwatt.services.market import Market
from commonwatt.services.ports import LateReading
from commonwatt.services.state import State
from commonwatt.settlement import correction


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


def _is_final(market: Market, state: State, slot: int, now_s: int) -> bool:
    settled = state.settled.get(slot)
    return settled is not None and now_s // market.rules.window_s >= settled.posted_s // market.rules.window_s + 2


def _corrected(market: Market, state: State, counters: Ints, slot: int, lates: list[LateReading]) -> Correction:
    newest = {late.member: late for late in lates}
    members = np.array(sorted(newest), np.int64)
    load_wh = np.array([newest[m].load_wh for m in members.tolist()], np.int64)
    pv_wh = np.array([newest[m].pv_wh for m in members.tolist()], np.int64)
    row = slot - state.first_slot
    storage_wh = state.storage_wh[row, members]
    # The battery did what it did on the substitute; only load and PV are known better now.
    before = state.pv_wh[row, members] - state.load_wh[row, members] + storage_wh
    after = pv_wh - load_wh + storage_wh
    revision = state.settled[slot].revision + 1
    raw = Readings.of(
        len(members),
        member=members,
        import_wh=np.maximum(-after, 0),
        export_wh=np.maximum(after, 0),
        quality=int(Quality.CORRECTED),
        revision=revision,
        counter=counters[members] + 1,
    )
    context = market.rules.settlement_context(slot, len(market.members), state.rewards_nano)
    statement = correction(
        members,
        import_wh=raw.import_wh - np.maximum(-before, 0),
        export_wh=raw.export_wh - np.maximum(before, 0),
        revision=revision,
        context=context,
    )
    return Correction(verified(market, slot, raw, counters), load_wh, pv_wh, statement)
