"""What members send to the contracts beside their claims while a run goes on: heard, heeded, and no finding of an audit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.fakes import markets
from tests.fakes.claimants import Claimant
from tests.fakes.markets import FIRST, WINDOW, Ran
from tests.unit.services.test_attending import audit_findings, rows, traded

from commonwatt.adapters.chain.transactions import decode_transaction
from commonwatt.core.accounts import FIRST_MEMBER
from commonwatt.core.orders import Instructions
from commonwatt.core.records import Reason
from commonwatt.services import trading
from commonwatt.services.audit import Claimed
from commonwatt.services.audit.entries import check_entries
from commonwatt.services.halves import HEARD
from commonwatt.services.instructing import standing_instructions
from commonwatt.services.knowing import Journalled, evidence_of
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.run import trade_days
from commonwatt.services.watching import doubts

HOURS = 6
OUT_NANO = 3 * 10**9
CANCEL = "cancel((uint256,bool,uint256,int256,uint256,uint256,uint256,uint256))"
NEW_WALLET = b"\x77" * 20


def note(ran: Ran) -> str:
    return check_entries(Claimed(ran.audited(), ran.market.terms, ran.slots)).note


def test_members_take_out_money_and_pay_it_in_again_while_the_run_goes_on() -> None:
    hours = 4 * WINDOW
    market = markets.market(chain="embedded", hours=hours)
    member, friend = Claimant(market, 1), Claimant(market, 2)

    def announce() -> None:
        assert member.transact("vault", "announce(uint256,uint256)", member.account, OUT_NANO) == ""

    def withdraw() -> None:
        assert member.transact("vault", "withdraw(uint256)", member.account) == ""
        assert friend.transact("vault", "withdraw(uint256)", member.account) == "vault: not the wallet"

    def pay_in() -> None:
        at = member.ledger.deployment.addresses["vault"]
        assert member.transact("token", "approve(address,uint256)", at, OUT_NANO) == ""
        assert member.transact("vault", "deposit(uint256,uint256)", friend.account, OUT_NANO // 3) == ""

    ran = traded(market, {1: announce, 1 + 2 * WINDOW: withdraw, 2 + 2 * WINDOW: pay_in}, hours)
    deposits, founded = market.ledger.deposits(), [m.deposit_nano for m in market.terms.members]
    assert [int(deposits[FIRST_MEMBER + i]) - founded[i] for i in (1, 2)] == [-OUT_NANO, OUT_NANO // 3]
    assert audit_findings(ran) == []
    assert note(ran).endswith("1 token.approve, 1 vault.announce, 1 vault.deposit, 2 vault.withdraw")


def cancel(member: Claimant, ran_slots: range, *, sell: bool) -> str:
    """Cancel the member's standing order of a side."""
    signed: Instructions = standing_instructions(member.market, ran_slots)
    row = 2 * member.index + sell
    order = (
        member.account,
        int(sell),
        int(signed.energy_wh[row]),
        int(signed.limit_micro_per_kwh[row]),
        int(signed.first_slot[row]),
        int(signed.last_slot[row]),
        int(signed.path[row]),
        signed.salt[row].tobytes(),
    )
    return member.transact("market", CANCEL, *order)


def refused(ran: Ran, index: int) -> dict[int, bool]:
    """By slot whether an order of a member was refused for what its wallet signed."""
    public = ran.audited().public
    found = {}
    for slot in ran.slots:
        book, _, _, reason = public.orders(slot)
        own = reason[book.member == index]
        if len(own):
            found[slot] = bool((own == Reason.INSTRUCTION).all())
    return found


SELLER = 0


def taken_back(timing: str, how: Callable[[Claimant, range], str]) -> Ran:
    """A run in which a member takes back what it signed, behind the second slot that was traded."""
    market = markets.market(timing, chain="embedded", hours=HOURS)
    member, slots = Claimant(market, SELLER), range(FIRST, FIRST + HOURS)

    def take_back() -> None:
        assert how(member, slots) == ""

    return traded(market, {2: take_back})


@pytest.mark.parametrize("timing", [EX_POST, EX_ANTE])
def test_what_a_member_cancels_is_not_accepted_any_more(timing: str) -> None:
    ran = taken_back(
        timing, lambda member, slots: cancel(member, slots, sell=True) or cancel(member, slots, sell=False)
    )
    by_slot = refused(ran, SELLER)
    assert by_slot == {slot: slot >= FIRST + 2 for slot in by_slot}
    assert any(by_slot.values())
    assert not any(refused(ran, SELLER + 1).values())
    assert audit_findings(ran) == []


def test_a_member_with_another_wallet_orders_no_more_by_what_the_old_one_signed() -> None:
    ran = taken_back(
        EX_POST, lambda m, _: m.transact("members", "rotate_wallet(uint256,address)", m.account, NEW_WALLET)
    )
    by_slot = refused(ran, SELLER)
    assert by_slot == {slot: slot >= FIRST + 2 for slot in by_slot}
    assert any(by_slot.values())
    assert audit_findings(ran) == []


def test_an_operator_that_goes_on_with_a_cancelled_order_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading, "revoked", lambda signed, *_: signed.member < 0)
    ran = taken_back(
        EX_POST, lambda member, slots: cancel(member, slots, sell=True) or cancel(member, slots, sell=False)
    )
    found = audit_findings(ran)
    assert found
    assert all("what its member had not taken back" in finding for finding in found)
    market, took_back = ran.market, ran.market.ledger.revocations()
    cap, later = market.terms.price_cap_micro_per_kwh, range(FIRST + 2, FIRST + HOURS)
    published = ran.audited().public
    journalled = Journalled(ran.halves, market.rules, cap, len(market.members), took_back)
    for known in (lambda slot: evidence_of(published, market.rules, cap, slot, took_back), journalled.evidence):
        assert all(known(slot)[SELLER].wish is None for slot in later)
        assert known(FIRST + 1)[SELLER].wish is not None
        live = [batch for batch in market.ledger.batches() if batch.slot in later]
        doubted = [
            d for slot in later for d in doubts(SELLER, [b for b in live if b.slot == slot], known(slot)[SELLER])
        ]
        assert doubted
        assert all(doubt.expected == "an order of the member behind it" for doubt in doubted)


def test_a_run_resumed_from_its_journal_takes_back_the_same() -> None:
    ran = taken_back(EX_ANTE, lambda member, slots: cancel(member, slots, sell=True))
    head, heard = ran.market.ledger.head(), rows(ran, HEARD)
    fresh = replace(ran.market, ledger=markets.ledger("embedded"))
    again = Ran(fresh, ran.journal, ran.slots)
    trade_days(fresh, again.journal, again.slots)
    assert (fresh.ledger.head(), heard) == (head, 1)


def test_a_posting_that_somebody_else_sends_again_changes_nothing() -> None:
    market = markets.market(chain="embedded", hours=HOURS)
    member = Claimant(market, 0)

    def repeat() -> None:
        *_, (raw, _) = member.ledger.chain.transactions()
        assert member.send_data("market", decode_transaction(raw, member.ledger.chain.chain_id).data) == ""

    ran = traded(market, {2: repeat})
    assert audit_findings(ran) == []
    assert "1 market.settle_net" in note(ran)


def test_what_the_operator_sends_beside_its_journal_is_found_and_so_is_who_took_over_its_rights() -> None:
    ran = traded(markets.market(chain="embedded", hours=2), {}, 2)
    regulator, heir = Operating(ran.market, 0), Claimant(ran.market, 1)
    assert regulator.transact("members", "rotate_meter_key(uint256,address)", FIRST_MEMBER, NEW_WALLET) == ""
    wallet = ran.market.terms.members[heir.index].wallet
    assert regulator.transact("members", "propose_regulator(address)", wallet) == ""
    assert heir.transact("members", "accept_regulator()") == ""
    found = audit_findings(ran)
    for call in ("members.rotate_meter_key", "members.propose_regulator", "members.accept_regulator"):
        assert any(finding.endswith(call) for finding in found), call


class Operating(Claimant):
    """The operator at its own chain, beside its journal."""

    @property
    def key(self) -> bytes:
        """The operator's."""
        return markets.keys().operator_key()
