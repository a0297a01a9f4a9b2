"""Judging: what the model of the grid says of a schedule at its gate and leaves of the trades, and of what flowed; the same for a run and its audit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from commonwatt.core.errors import BrokenPromise
from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, GridVerdict, Readings, Reason, Trades, Verdict, with_filled
from commonwatt.core.units import Ints
from commonwatt.services.failing import attempted
from commonwatt.services.rules import Rules, scheduled_wh
from commonwatt.venues import Meeting

UNTOLD: Final = GridVerdict(Verdict.UNCHECKED, reason="the model failed")
"""Of energy that flowed."""


@dataclass(frozen=True)
class AtGate:
    """Who is judged at a gate."""

    slot: int
    fleet: Fleet
    ordered_wh: Ints
    """What members ordered, refused orders too, Wh out, shape (members,)."""


def gate_verdict(rules: Rules, gate: AtGate, accepted: OrderBook, meeting: Meeting) -> GridVerdict:
    """What the model says of the trades of accepted orders; raises what the model raises."""
    agreement = meeting.agreement
    context = rules.grid_context(gate.slot, gate.fleet, is_delivered=False, ordered_wh=gate.ordered_wh)
    schedule = scheduled_wh(rules, accepted, agreement, len(gate.ordered_wh))
    said = rules.grid.check(schedule, rules.as_cleared(gate.slot, accepted), agreement, context)
    return replace(said, rounds=meeting.rounds)


def flow_verdict(rules: Rules, slot: int, fleet: Fleet, readings: Readings) -> tuple[GridVerdict, str]:
    """What the model says of the energy that flowed by these readings, one of every member in order; `UNTOLD`, and why, where it could not tell."""
    net_wh, nothing = readings.export_wh - readings.import_wh, Agreement.nothing(0, Reason.PRICE)
    context = rules.grid_context(slot, fleet, is_delivered=True)
    return attempted(lambda: rules.grid.check(net_wh, OrderBook.empty(), nothing, context), UNTOLD)


def cut_agreement(book: OrderBook, agreement: Agreement, verdict: GridVerdict) -> Agreement:
    """What a verdict leaves of an agreement; the same one where nothing is cut.

    Raises:
        BrokenPromise: a cut of less than 0 Wh.

    """
    if not verdict.curtailed_wh:
        return agreement
    trades = agreement.trades
    energy = trades.energy_wh.copy()
    for row, cut in verdict.curtailed_wh:
        if cut < 0:
            raise BrokenPromise(f"expected the grid to cut at least 0 Wh of a trade, was {cut}")
        energy[row] -= cut
    kept = trades.replaced(energy_wh=energy).take(energy > 0)
    # Rationed or not before: whoever lost energy to the grid is told so, and the audit knows the slot by it.
    is_cut = kept.filled_wh(len(book)) < trades.filled_wh(len(book))
    return with_filled(book, kept, np.where(is_cut, int(Reason.CURTAILED), agreement.reason), agreement.note)


def curtailed(agreement: Agreement, verdict: GridVerdict) -> Trades:
    """What a verdict cuts of an agreement, a row a cut: the trade, with the energy that it loses."""
    rows, energy_wh = np.array(verdict.curtailed_wh, np.int64).reshape(-1, 2).T
    return agreement.trades.take(rows).replaced(energy_wh=energy_wh)


def ordered_wh(book: OrderBook, members: int) -> Ints:
    """What members ordered, refused orders too, Wh out of the member: what everybody knows of a slot's energy at its gate, shape (members,)."""
    net = np.zeros(members, np.int64)
    np.add.at(net, book.member, np.where(book.is_sell, book.energy_wh, -book.energy_wh))
    return net
