"""Forecast errors that settlement remembers: a run and its audit fold the same ones, whatever becomes of a slot afterwards."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.fakes import markets
from tests.fakes.cheats import CHEATS
from tests.fakes.claimants import Cheating, Claimant
from tests.fakes.markets import FIRST, FakeJournal, Ran, rows
from tests.unit.services.test_attending import CHEATED, audit_findings, harmed
from tests.unit.services.test_audit import audit_tables
from tests.unit.services.test_failing_rooms import Spoilt, raising

from commonwatt.services.audit import Audited
from commonwatt.services.deviating import PublishedErrors
from commonwatt.services.rules import EX_ANTE, EX_POST, Rules
from commonwatt.services.run import Progress, anchor_run, trade_days
from commonwatt.settlement import SETTLEMENTS

HOURS = 6
SHARE = 0.5


def design(timing: str = EX_ANTE, share: float = SHARE) -> Rules:
    scheduled = SETTLEMENTS.make("scheduled", reward_form="proportional", rewards_fee_share=0.2, smoothing_share=share)
    return markets.rules(timing, settlement=scheduled)


def smoothed(**changes: Any) -> Ran:
    return markets.run(markets.market(EX_ANTE, hours=HOURS, design=design(), **changes), HOURS)


def penalties(ran: Ran) -> dict[tuple[int, str], int]:
    """Energy of penalties by hour and member."""
    return {
        (row["slot"] - FIRST, row["member"]): row["energy_wh"] for row in rows(ran.tables["statements"], leg="penalty")
    }


def missed(ran: Ran) -> dict[tuple[int, str], int]:
    """By hour and member how far the meter was from the orders, told again from the tables row by row."""
    net = defaultdict(int)
    for row in rows(ran.tables["readings"], revision=0):
        net[row["slot"] - FIRST, row["member"]] = row["export_wh"] - row["import_wh"]
    ordered: dict[tuple[int, str], int] = defaultdict(int)
    for row in ran.tables["orders"].to_pylist():
        ordered[row["slot"] - FIRST, row["member"]] += row["energy_wh"] * (1 if row["side"] == "sell" else -1)
    return {at: abs(wh - net[at]) for at, wh in ordered.items()}


def test_penalties_are_on_the_errors_of_all_slots_so_far_by_their_age() -> None:
    ran = smoothed()
    off, charged = missed(ran), penalties(ran)
    for member in {name for _, name in off}:
        error = 0.0
        for hour in range(HOURS):
            if (hour, member) in off:
                error = SHARE * off[hour, member] + (1 - SHARE) * error
                assert charged.get((hour, member), 0) == pytest.approx(error, abs=1)
    assert sum(charged.values()) <= sum(off.values())
    assert [finding for check in audit_tables(ran.audited()) for finding in check.findings] == []


def test_one_slot_alone_is_audited_with_the_errors_before_it() -> None:
    ran = smoothed()
    for hour in (HOURS - 1, 2):
        alone = replace(ran.audited(), only=frozenset({FIRST + hour}))
        assert [finding for check in audit_tables(alone) for finding in check.findings] == []


def test_a_penalty_by_another_coefficient_is_found() -> None:
    ran = smoothed()
    audited: Audited = replace(ran.audited(), rules=design(share=0.6))
    assert {check.name for check in audit_tables(audited) if check.findings} == {
        "trades, readings and tariff settled again give the same bills"
    }


def test_errors_can_be_asked_for_in_any_order() -> None:
    ran = smoothed()
    public = ran.audited().public
    once = PublishedErrors(public, ran.market.rules)
    forward = [np.asarray(once.before(FIRST + hour)).tolist() for hour in range(HOURS)]
    again = PublishedErrors(public, ran.market.rules)
    assert [np.asarray(again.before(FIRST + h)).tolist() for h in reversed(range(HOURS))] == forward[::-1]
    assert forward[0] == [0] * len(markets.MEMBERS)


@pytest.mark.parametrize("rules", [design(EX_POST), design(share=1.0)])
def test_where_nothing_is_smoothed_nothing_is_remembered(rules: Rules) -> None:
    assert PublishedErrors(smoothed().audited().public, rules).before(FIRST + 3) is None


def test_a_failed_slot_costs_no_penalty_but_its_error_counts_in_those_after() -> None:
    honest = design()
    rule: Any = Spoilt(
        honest.settlement, "settle", lambda *of: bool(of[3].slot == FIRST + 2 and len(of[1].trades)), raising
    )
    failing = replace(honest, settlement=rule)
    ran = markets.run(markets.market(EX_ANTE, hours=HOURS, design=failing), HOURS)
    whole, broken = penalties(smoothed()), penalties(ran)
    assert any(hour == 2 for hour, _ in whole)
    assert broken == {at: wh for at, wh in whole.items() if at[0] != 2}
    assert [finding for check in audit_tables(ran.audited()) for finding in check.findings] == []


def test_a_settlement_that_is_voided_later_changes_no_error_that_others_were_settled_on() -> None:
    market = markets.market(EX_ANTE, chain="embedded", hours=HOURS, design=design())
    market = replace(market, ledger=Cheating(market.ledger, CHEATED, CHEATS["wrong_net"], (1, 2)))
    ran = Ran(market, FakeJournal(), range(FIRST, FIRST + HOURS))
    members: list[Claimant] = []

    def tick(progress: Progress) -> None:
        if progress.done in (5, 8):
            members.append(harmed(market, ran, attempt=1 + len(members)))
        if progress.done in (7, 10):
            assert set(members[-1].expire()) == {""}

    trade_days(market, ran.journal, ran.slots, tick)
    anchor_run(market, ran.journal, ran.slots, bytes(31) + b"\1")
    slots = {row["slot"]: row for row in ran.tables["slots"].to_pylist()}
    assert "void" in slots[CHEATED]["reason"]
    whole, voided = penalties(smoothed()), penalties(ran)
    assert voided == {at: wh for at, wh in whole.items() if at[0] + FIRST != CHEATED}
    assert len(voided) < len(whole)
    assert audit_findings(ran) == []
