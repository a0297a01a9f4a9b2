"""A supplier's deposit that runs dry: the slot waits without a trace, and more money lets the run go on; paid once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, FakeJournal, Ran

from commonwatt.core.accounts import Account
from commonwatt.core.errors import DepositShort
from commonwatt.services.audit import CHECKS, Claimed
from commonwatt.services.audit.excuses import shut_until_paid
from commonwatt.services.covering import top_up
from commonwatt.services.halves import TOP_UP
from commonwatt.services.market import Market
from commonwatt.services.posting import send
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.run import Progress, trade_days

HOURS = 6
SLOTS = range(FIRST, FIRST + HOURS)
ENOUGH = 5 * 10**9
CASES = pytest.mark.parametrize(
    ("timing", "chain"), [(EX_POST, "memory"), (EX_ANTE, "memory"), (EX_POST, "embedded"), (EX_ANTE, "embedded")]
)


def poor_street(timing: str, chain: str = "memory") -> Market:
    """Members who have prepaid next to nothing, and a supplier who cannot front it."""
    given = markets.terms({m.id: 10**8 for m in markets.MEMBERS}, supplier_nano=10**8)
    return markets.market(timing, hours=HOURS, chain=chain, founded_on=given)


def stopped(market: Market, journal: FakeJournal, top_up_nano: int = 0) -> DepositShort:
    with pytest.raises(DepositShort) as told:
        trade_days(market, journal, SLOTS, top_up_nano=top_up_nano)
    return told.value


@CASES
def test_a_slot_that_is_not_covered_waits_and_leaves_no_trace(timing: str, chain: str) -> None:
    market, journal = poor_street(timing, chain), FakeJournal()
    short = stopped(market, journal)
    assert short.missing_nano > 0
    assert all(slot < short.slot for slot, half, _ in journal.written if half == "delivery")
    head, written = market.ledger.head(), list(journal.written)
    assert all(receipt.status == 1 for receipt in market.ledger.receipts())
    assert stopped(market, journal).missing_nano == short.missing_nano
    assert (market.ledger.head(), journal.written) == (head, written)


@CASES
def test_what_is_missing_is_what_it_takes_to_the_nano(timing: str, chain: str) -> None:
    market, journal = poor_street(timing, chain), FakeJournal()
    first = stopped(market, journal)
    again = stopped(market, journal, first.missing_nano - 1)
    assert (again.slot, again.missing_nano) == (first.slot, 1)
    assert stopped(market, journal, 1).slot > first.slot


@CASES
def test_with_enough_paid_in_the_run_goes_on_and_passes_its_audit(timing: str, chain: str) -> None:
    market, journal = poor_street(timing, chain), FakeJournal()
    waited = stopped(market, journal).slot
    progress = trade_days(market, journal, SLOTS, top_up_nano=ENOUGH)
    assert progress.done == progress.total
    assert progress.paid_in_nano == ENOUGH
    assert [(slot, half) for slot, half, _ in journal.written if half == TOP_UP] == [(waited, TOP_UP)]
    ran = Ran(market, journal, SLOTS)
    assert {row["status"] for row in ran.tables["receipts"].to_pylist()} == {1}
    assert [f for check in CHECKS for f in check(ran.audited()).findings] == []


@CASES
def test_a_crash_after_the_payment_was_journalled_neither_loses_nor_repeats_it(timing: str, chain: str) -> None:
    class PowerCut(Exception):  # noqa: N818 - it is what happens
        """The process dies."""

    class Mortal:
        """Dies instead of paying in."""

        def __init__(self, ledger: Any) -> None:
            self._ledger = ledger

        def __getattr__(self, name: str) -> Any:
            return getattr(self._ledger, name)

        def post(self, signed: Any, time_s: int) -> Any:
            if signed and signed[0].kind == "deposit":
                raise PowerCut
            return self._ledger.post(signed, time_s)

    whole, told = poor_street(timing, chain), FakeJournal()
    trade_days(whole, told, SLOTS, top_up_nano=ENOUGH)
    market, journal = poor_street(timing, chain), FakeJournal()
    mortal: Any = Mortal(market.ledger)
    with pytest.raises(PowerCut):
        trade_days(replace(market, ledger=mortal), journal, SLOTS, top_up_nano=ENOUGH)
    # Typed again as it was: nothing is short any more, so nothing more is paid.
    assert trade_days(market, journal, SLOTS, top_up_nano=ENOUGH).paid_in_nano == 0
    assert journal.written == told.written
    assert market.ledger.head() == whole.ledger.head()
    assert int(market.ledger.deposits()[Account.SUPPLIER]) == 10**8 + ENOUGH


def test_a_deposit_that_covers_everything_takes_nothing_in() -> None:
    market, journal = markets.market(EX_POST, hours=HOURS), FakeJournal()
    progress = trade_days(market, journal, SLOTS, top_up_nano=ENOUGH)
    assert progress.paid_in_nano == 0
    assert TOP_UP not in {half for _, half, _ in journal.written}


def excused(ran: Ran) -> frozenset[int]:
    return shut_until_paid(Claimed(ran.audited(), ran.market.terms, SLOTS))


def test_only_a_slot_whose_gate_was_shut_until_money_came_is_excused_from_meeting_other_communities() -> None:
    market, journal = poor_street(EX_POST, "embedded"), FakeJournal()
    waited = stopped(market, journal).slot
    trade_days(market, journal, SLOTS, top_up_nano=ENOUGH)
    assert excused(Ran(market, journal, SLOTS)) == {waited}


def test_dust_paid_into_an_open_gate_excuses_no_slot() -> None:
    market, journal = markets.market(EX_POST, hours=HOURS, chain="embedded"), FakeJournal()

    def tick(progress: Progress) -> None:
        if progress.done == 3:
            dust = top_up(market, SLOTS[3], 1, market.rules.slots.start_s(SLOTS[3] + 1))
            send(market.ledger, dust.calls, dust.time_s)

    trade_days(market, journal, SLOTS, tick)
    ran = Ran(market, journal, SLOTS)
    assert any(entry.call == "deposit" for entry in market.ledger.entries())
    assert excused(ran) == frozenset()
