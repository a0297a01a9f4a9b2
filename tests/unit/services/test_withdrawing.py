"""A withdrawal that was announced: it covers no order until it was taken, taken back or has lapsed; run, watcher and audit agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from tests.fakes import markets
from tests.fakes.claimants import Claimant
from tests.fakes.markets import FIRST, RICH_NANO, SUPPLIER_NANO, WINDOW, Ran
from tests.unit.services.test_attending import audit_findings, doubted, traded

from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.orders import Instructions
from commonwatt.core.records import Reason
from commonwatt.services import trading
from commonwatt.services.halves import HEARD
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.run import trade_days
from commonwatt.services.withdrawing import Announcement, held_back_nano

DAN = 3
HOURS = 3 * WINDOW + 2
"""From a window's first hour on until the third one after it is begun."""
ANNOUNCE, WITHDRAW = "announce(uint256,uint256)", "withdraw(uint256)"


def held(*announced: Announcement, epoch: int) -> list[int]:
    found: list[int] = held_back_nano(announced, 4, epoch).tolist()
    return found


def test_what_is_announced_is_held_back_until_its_window_has_ended() -> None:
    said = Announcement(2, 50, ready_epoch=7)
    assert [held(said, epoch=epoch)[2] for epoch in (5, 6, 7, 8)] == [50, 50, 50, 0]
    assert held(said, epoch=7) == [0, 0, 50, 0]


def test_the_newest_word_of_a_wallet_counts() -> None:
    first, more, other = Announcement(2, 50, 7), Announcement(2, 80, 8), Announcement(3, 9, 7)
    assert held(first, other, more, epoch=7) == [0, 0, 80, 9]
    assert held(first, Announcement(2, 0, 0), epoch=5) == [0, 0, 0, 0]


def test_more_may_be_announced_than_any_account_holds() -> None:
    assert held(Announcement(1, 2**79, 7), epoch=7)[1] >= 2**62


def announce(member: Claimant, amount_nano: int) -> Callable[[], None]:
    def said() -> None:
        assert member.transact("vault", ANNOUNCE, member.account, amount_nano) == ""

    return said


def reasons(ran: Ran) -> dict[int, Reason | None]:
    """By slot why dan's order was refused for want of balance; None where it was not."""
    public = ran.audited().public
    found: dict[int, Reason | None] = {}
    for slot in ran.slots:
        book, _, _, reason = public.orders(slot)
        for said in reason[book.member == DAN].tolist():
            found[slot] = Reason.BALANCE if said == Reason.BALANCE else None
    return found


def hours_refused(ran: Ran) -> list[int]:
    return [slot - FIRST for slot, reason in reasons(ran).items() if reason]


STEPS = {EX_POST: 1, EX_ANTE: 2}
"""Steps of the run an hour."""
both_timings = pytest.mark.parametrize("timing", [EX_POST, EX_ANTE])


def with_dan(timing: str, acts: Callable[[Claimant], dict[int, Callable[[], None]]]) -> Ran:
    """A run in which dan does something after the settlement of some hours, counted from 1."""
    market = markets.market(timing, chain="embedded", hours=HOURS)
    dan = Claimant(market, DAN)
    return traded(market, {hour * STEPS[timing]: act for hour, act in acts(dan).items()}, HOURS)


@both_timings
def test_what_is_announced_covers_no_order_until_it_has_lapsed(timing: str) -> None:
    ran = with_dan(timing, lambda dan: {1: announce(dan, RICH_NANO)})
    ordered = [slot - FIRST for slot in reasons(ran)]
    # Heard in the first window, it can be taken in the third, to its end.
    refused = range(STEPS[timing], 3 * WINDOW + (1 if timing == EX_ANTE else -1))
    assert hours_refused(ran) == [hour for hour in ordered if hour in refused]
    assert hours_refused(ran) != ordered
    assert len(hours_refused(ran)) > WINDOW
    assert audit_findings(ran) == []
    assert [doubt for slot in ran.slots for doubt in doubted(ran.market, slot, ran)] == []


@both_timings
def test_who_takes_an_announcement_back_orders_again(timing: str) -> None:
    ran = with_dan(timing, lambda dan: {1: announce(dan, RICH_NANO), WINDOW: announce(dan, 0)})
    assert hours_refused(ran)
    assert max(hours_refused(ran)) <= WINDOW
    assert max(slot - FIRST for slot in reasons(ran)) > WINDOW + 1
    assert audit_findings(ran) == []


@both_timings
def test_no_slot_that_is_settled_after_it_was_taken_was_covered_by_it(timing: str) -> None:
    def acts(dan: Claimant) -> dict[int, Callable[[], None]]:
        def take() -> None:
            assert dan.transact("vault", WITHDRAW, dan.account) == ""

        return {1: announce(dan, RICH_NANO), 2 * WINDOW + 1: take}

    ran = with_dan(timing, acts)
    taken_nano = RICH_NANO - int(ran.market.ledger.deposits()[FIRST_MEMBER + DAN])
    assert RICH_NANO * 9 // 10 < taken_nano < RICH_NANO
    ordered = [slot - FIRST for slot in reasons(ran)]
    assert hours_refused(ran) == [hour for hour in ordered if hour >= STEPS[timing]]
    assert audit_findings(ran) == []


def test_what_a_supplier_announces_fronts_no_slot() -> None:
    market = markets.market(EX_ANTE, hours=1)
    market.ledger.found(market.terms, 0)
    balances = market.ledger.balances(0)
    said = Announcement(int(Account.SUPPLIER), SUPPLIER_NANO, market.rules.gate_s(FIRST) // market.rules.window_s)
    net, nobody = np.array([2000, 1000, -500, -1000, -700]), Instructions.empty()
    shut = trading.trade(market, FIRST, net, balances, nobody, announced=[said])
    assert {Reason(int(reason)) for reason in shut.agreement.reason} == {Reason.GATE_SHUT}
    lapsed = replace(said, ready_epoch=said.ready_epoch - 1)
    assert trading.trade(market, FIRST, net, balances, nobody, announced=[lapsed]).accepted == 5


def test_an_operator_that_takes_orders_on_announced_money_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading, "held_back_nano", lambda _, accounts, __: np.zeros(accounts, np.int64))
    ran = with_dan(EX_POST, lambda dan: {1: announce(dan, RICH_NANO)})
    assert hours_refused(ran) == []
    found = audit_findings(ran)
    assert found
    assert all("expected refused (" in finding and "found accepted" in finding for finding in found)


def test_an_operator_that_refuses_after_the_announcement_has_lapsed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading, "held_back_nano", lambda said, accounts, _: held_back_nano(said, accounts, 0))
    ran = with_dan(EX_POST, lambda dan: {1: announce(dan, RICH_NANO)})
    found = audit_findings(ran)
    assert found
    assert all("expected accepted (" in finding and "found balance" in finding for finding in found)


@both_timings
def test_a_run_resumed_from_its_journal_holds_the_same_back(timing: str) -> None:
    ran = with_dan(timing, lambda dan: {1: announce(dan, RICH_NANO), WINDOW: announce(dan, 0)})
    fresh = replace(ran.market, ledger=markets.ledger("embedded"))
    kept = list(ran.journal.rows())[: STEPS[timing] + 1]
    assert kept[-1][1] == HEARD
    assert len(hours_refused(ran)) > 0
    # From the journal's whole, and from what stood in it when the announcement had just been heard.
    trade_days(fresh, markets.FakeJournal(list(ran.journal.rows())), ran.slots)
    assert fresh.ledger.head() == ran.market.ledger.head()
    half = Ran(replace(ran.market, ledger=markets.ledger("embedded")), markets.FakeJournal(kept), ran.slots)
    trade_days(half.market, half.journal, half.slots)
    first = [slot for slot, reason in reasons(ran).items() if slot < FIRST + WINDOW]
    assert [reasons(half)[slot] for slot in first] == [reasons(ran)[slot] for slot in first]
