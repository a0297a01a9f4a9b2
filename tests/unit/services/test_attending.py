"""Members demand what stands behind lines while a run goes on: an honest operator answers all, another one loses the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.fakes import markets
from tests.fakes.cheats import CHEATS
from tests.fakes.claimants import Cheating, Claimant
from tests.fakes.markets import FIRST, FakeJournal, Ran

from commonwatt.contracts.encoding import IMBALANCE, SUPPLIED, TRADES
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.orders import SETTLE_TRADES
from commonwatt.metering import GATEWAY, METER
from commonwatt.services import attending
from commonwatt.services.audit import CHECKS, CLAIM_CHECKS, Claimed
from commonwatt.services.audit.excuses import check_failures
from commonwatt.services.claims import DemandState
from commonwatt.services.halves import AGAIN, ANSWERS, HEARD
from commonwatt.services.knowing import evidence_of
from commonwatt.services.market import Market
from commonwatt.services.ports import Batch
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.run import Progress, anchor_run, trade_days
from commonwatt.services.watching import Doubt, doubts
from commonwatt.settlement import SETTLEMENTS

BOND_NANO = 10**7
CHEATED = FIRST + 1
HOURS = 6


def traded(market: Market, at: dict[int, Callable[[], object]], hours: int = HOURS) -> Ran:
    """Trade some hours, do something on the chain after so many steps, and close the run."""
    ran = Ran(market, FakeJournal(), range(FIRST, FIRST + hours))

    def tick(progress: Progress) -> None:
        at.get(progress.done, lambda: None)()

    trade_days(market, ran.journal, ran.slots, tick)
    anchor_run(market, ran.journal, ran.slots, bytes(31) + b"\1")
    return ran


def audit_findings(ran: Ran) -> list[str]:
    audited = ran.audited()
    claimed = Claimed(audited, ran.market.terms, ran.slots)
    checks = [check(audited) for check in CHECKS] + [check(claimed) for check in CLAIM_CHECKS]
    return [f"{check.name}: {finding}" for check in checks for finding in check.findings]


def rows(ran: Ran, kind: str) -> int:
    return [half for _, half, _ in ran.journal.rows()].count(kind)


def doubted(market: Market, slot: int, ran_so_far: Ran) -> list[tuple[int, Doubt]]:
    """Every member's doubts about a slot, by what the operator has journalled."""
    batches = [b for b in market.ledger.batches() if b.slot == slot and not b.is_void]
    now = Ran(market, ran_so_far.journal, ran_so_far.slots)
    known = evidence_of(now.audited().public, market.rules, market.terms.price_cap_micro_per_kwh, slot)
    return [(member, doubt) for member, evidence in known.items() for doubt in doubts(member, batches, evidence)]


def every_line(market: Market, slot: int, revision: int = 0) -> list[str]:
    """Every member demands every line that names it, and its own position without one; why any demand was refused."""
    refused = []
    for index in range(len(market.members)):
        member = Claimant(market, index)
        batch = member.batch(slot, revision=revision)
        for line in range(len(batch.lines)):
            sides = (int(batch.lines.who[line]), int(batch.lines.other[line]))
            if member.account in sides:
                refused += member.demand(batch, line, sides.index(member.account))
        if not revision:
            refused += member.demand(batch, len(batch.lines), member.account)
    return [reason for reason in refused if reason]


def with_gaps(timing: str, packets: str) -> Market:
    """A silent meter, and its reading an hour after."""
    feed = markets.FakeFeed.made_up(HOURS)
    feed.silence(1, 3)
    feed.tell(2, 1, 3, 900)
    design = markets.rules(timing, packet_signing=packets, window_slots=1)
    founded = replace(markets.terms(window_slots=1), answer_s=300)
    return markets.market(timing, feed=feed, design=design, founded_on=founded, chain="embedded")


@pytest.mark.parametrize("packets", [METER, GATEWAY])
@pytest.mark.parametrize("timing", [EX_POST, EX_ANTE])
def test_an_honest_operator_answers_for_every_line_at_once(timing: str, packets: str) -> None:
    market = with_gaps(timing, packets)
    steps = 1 if timing == EX_POST else 2
    ran = traded(market, {2 * steps + steps - 1: lambda: every_line(market, CHEATED)})
    demands = list(market.ledger.demands())
    assert len(demands) >= len(market.members)
    assert {demand.state for demand in demands} == {DemandState.ANSWERED}
    assert {demand.closed_s - demand.asked_s for demand in demands} == {0}
    assert rows(ran, ANSWERS) == 1
    assert audit_findings(ran) == []


def test_the_lines_of_a_correction_are_answered_with_both_readings() -> None:
    market = with_gaps(EX_POST, METER)
    corrected: list[Batch] = []

    def ask() -> None:
        corrected.extend(b for b in market.ledger.batches() if b.revision and not corrected)
        if corrected and not list(market.ledger.demands()):
            assert every_line(market, corrected[0].slot, corrected[0].revision) == []

    ran = traded(market, dict.fromkeys(range(1, HOURS + 1), ask))
    assert corrected
    assert {demand.state for demand in market.ledger.demands()} == {DemandState.ANSWERED}
    assert audit_findings(ran) == []


def test_what_is_answered_costs_the_member_its_bond() -> None:
    market = markets.market(chain="embedded", hours=HOURS)
    member = Claimant(market, 0)

    def ask() -> None:
        batch = member.batch(CHEATED)
        assert member.demand(batch, *member.lines(batch, peer=True)[0]) == [""]

    ran = traded(market, {2: ask})
    moved = [move for entry in market.ledger.entries() for move in entry.moved_nano]
    assert moved == [(member.account, 6, BOND_NANO), (6, 7, BOND_NANO)]
    assert (rows(ran, HEARD), rows(ran, ANSWERS), rows(ran, AGAIN)) == (1, 1, 0)


def cheated(cheat: str) -> Market:
    market = markets.market(chain="embedded", hours=HOURS)
    return replace(market, ledger=Cheating(market.ledger, CHEATED, CHEATS[cheat], (1,)))


def harmed(market: Market, journal_of: Ran, attempt: int = 1) -> Claimant:
    """The first member that doubts a line of the cheated slot has demanded what stands behind it."""
    index, doubt = doubted(market, CHEATED, journal_of)[0]
    member = Claimant(market, index)
    assert doubt.batch.attempt == attempt
    for batch, line, side in (*doubt.together, (doubt.batch, doubt.line, doubt.side)):
        assert member.demand(batch, line, side) == [""]
    return member


@pytest.mark.parametrize("cheat", sorted(CHEATS))
def test_a_line_that_nothing_stands_behind_costs_the_operator_the_batch(cheat: str) -> None:
    market = cheated(cheat)
    ran = Ran(market, FakeJournal(), range(FIRST, FIRST + HOURS))
    members: list[Claimant] = []

    def tick(progress: Progress) -> None:
        if progress.done == 2:
            members.append(harmed(market, ran))
        if progress.done == 3:
            assert set(members[0].expire()) == {""}

    trade_days(market, ran.journal, ran.slots, tick)
    anchor_run(market, ran.journal, ran.slots, bytes(31) + b"\1")
    of_slot = [b for b in market.ledger.batches() if b.slot == CHEATED]
    assert [(b.kind, b.attempt, b.is_void) for b in of_slot] == [(0, 1, True), (0, 2, False)]
    assert doubted(market, CHEATED, ran) == []
    account = members[0].account
    moved = [move for entry in market.ledger.entries() if entry.call == "claims.expire" for move in entry.moved_nano]
    paid = [nano for payer, payee, nano in moved if (payer, payee) == (7, account)]
    kept = [nano for payer, payee, nano in moved if (payer, payee) == (7, 3)]
    assert len(paid) == len(kept) == 1
    assert 0 <= kept[0] - paid[0] <= 1
    assert paid[0] >= market.terms.bond_nano // 2
    assert audit_findings(ran) == []


def void_twice(market: Market) -> Ran:
    """A run in which both attempts at a slot fell to demands."""
    market = replace(market, ledger=Cheating(market.ledger, CHEATED, CHEATS["wrong_net"], (1, 2)))
    ran = Ran(market, FakeJournal(), range(FIRST, FIRST + HOURS))
    members: list[Claimant] = []

    def tick(progress: Progress) -> None:
        if progress.done in (2, 4):
            members.append(harmed(market, ran, attempt=1 + len(members)))
        if progress.done in (3, 5):
            assert set(members[-1].expire()) == {""}

    trade_days(market, ran.journal, ran.slots, tick)
    anchor_run(market, ran.journal, ran.slots, bytes(31) + b"\1")
    return ran


def test_a_slot_that_is_void_twice_goes_to_the_supplier() -> None:
    ran = void_twice(markets.market(chain="embedded", hours=HOURS))
    of_slot = [b for b in ran.market.ledger.batches() if b.slot == CHEATED]
    assert [(b.kind, b.attempt, b.is_void) for b in of_slot] == [(0, 1, True), (0, 2, True), (SUPPLIED, 1, False)]
    assert all(min(pair) < FIRST_MEMBER for pair in zip(of_slot[2].lines.who, of_slot[2].lines.other, strict=True))
    slots = {row["slot"]: row for row in ran.tables["slots"].to_pylist()}
    assert "void" in slots[CHEATED]["reason"]
    assert not any(slots[slot]["failed"] for slot in slots if slot != CHEATED)
    assert audit_findings(ran) == []


def test_what_stands_beside_signed_trades_falls_alone_and_goes_to_the_supplier_after_a_second_void() -> None:
    market = markets.market(chain="embedded", hours=HOURS, design=markets.rules(EX_POST, path=SETTLE_TRADES))
    ran = void_twice(market)
    of_slot = [(b.kind, b.attempt, b.is_void) for b in ran.market.ledger.batches() if b.slot == CHEATED]
    assert of_slot == [(TRADES, 1, False), (IMBALANCE, 1, True), (IMBALANCE, 2, True), (SUPPLIED, 1, False)]
    assert not any(row["failed"] for row in ran.tables["slots"].to_pylist())
    assert doubted(ran.market, CHEATED, ran) == []
    assert audit_findings(ran) == []


def test_a_slot_that_the_operator_voided_of_its_own_accord_has_no_excuse_for_its_trades() -> None:
    ran = void_twice(markets.market(chain="embedded", hours=HOURS))
    audited = ran.audited()
    audited.__dict__["demands"] = ()  # as if its signers had voided both attempts, and nobody had asked
    check = check_failures(Claimed(audited, ran.market.terms, ran.slots))
    assert [finding.found for finding in check.findings] == ["slot_failed"]


def test_who_missed_the_time_to_answer_settles_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    market = markets.market(chain="embedded", hours=HOURS)
    monkeypatch.setattr(attending, "answer", lambda *_: ())
    member = Claimant(market, 1)

    def ask() -> None:
        batch = member.batch(CHEATED)
        assert member.demand(batch, *member.lines(batch, peer=True)[0]) == [""]

    ran = traded(market, {2: ask, 3: lambda: member.expire()})
    first, again = (b for b in market.ledger.batches() if b.slot == CHEATED)
    assert first.is_void
    assert not again.is_void
    assert again.lines.amount_nano.tolist() == [*first.lines.amount_nano.tolist(), 0]
    assert again.content_hash != first.content_hash
    assert audit_findings(ran) == []


def test_a_demand_that_nobody_followed_up_is_a_finding_and_its_bond_goes_back() -> None:
    market = cheated("wrong_net")
    ran = Ran(market, FakeJournal(), range(FIRST, FIRST + HOURS))

    def tick(progress: Progress) -> None:
        if progress.done == 2:
            harmed(market, ran)

    trade_days(market, ran.journal, ran.slots, tick)
    anchor_run(market, ran.journal, ran.slots, bytes(31) + b"\1")
    (demand,) = market.ledger.demands()
    assert demand.state == DemandState.RECLAIMED
    assert [f for f in audit_findings(ran) if f.startswith("demands were answered")] != []


def test_a_resumed_run_sends_the_same_bytes_of_claims_again() -> None:
    market = cheated("wrong_net")
    ran = Ran(market, FakeJournal(), range(FIRST, FIRST + HOURS))
    members: list[Claimant] = []

    def tick(progress: Progress) -> None:
        if progress.done == 2:
            members.append(harmed(market, ran))
        if progress.done == 3:
            members[0].expire()

    trade_days(market, ran.journal, ran.slots, tick)
    fresh = replace(market, ledger=markets.ledger("embedded"))
    progress = trade_days(fresh, ran.journal, ran.slots)
    assert (progress.executed, progress.resumed) == (0, HOURS)
    assert fresh.ledger.head() == market.ledger.head()


def test_slots_settled_before_a_second_void_audit_though_the_pool_of_rewards_was_another() -> None:
    settlement = SETTLEMENTS.make("scheduled", rewards_fee_share=0.2, reward_beta_micro_per_kwh=25_000)
    market = markets.market(EX_ANTE, chain="embedded", hours=10, design=markets.rules(EX_ANTE, settlement=settlement))
    market = replace(market, ledger=Cheating(market.ledger, CHEATED, CHEATS["wrong_net"], (1, 2)))
    ran = Ran(market, FakeJournal(), range(FIRST, FIRST + 10))
    members: list[Claimant] = []

    def tick(progress: Progress) -> None:
        if progress.done in (5, 9):
            members.append(harmed(market, ran, attempt=1 + len(members)))
        if progress.done in (7, 11):
            members[-1].expire()

    trade_days(market, ran.journal, ran.slots, tick)
    anchor_run(market, ran.journal, ran.slots, bytes(31) + b"\1")
    assert audit_findings(ran) == []


def test_a_demand_behind_another_transaction_of_a_member_is_heard() -> None:
    market = markets.market(chain="embedded", hours=HOURS)
    member = Claimant(market, 0)

    def ask() -> None:
        assert member.transact("vault", "touch(uint256[])", 32, 0) == ""
        batch = member.batch(CHEATED)
        assert member.demand(batch, *member.lines(batch, peer=True)[0]) == [""]

    ran = traded(market, {2: ask, 3: member.expire})
    assert [demand.state for demand in market.ledger.demands()] == [DemandState.ANSWERED]
    assert audit_findings(ran) == []
