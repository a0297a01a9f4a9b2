"""Resume: any prefix of the journal leads to the same journal, the same tables and the same chain, and nothing is posted twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, FakeFeed, FakeJournal, Ran

from commonwatt.core.encoding import decode, encode
from commonwatt.core.errors import JournalError
from commonwatt.core.records import Receipt
from commonwatt.services.halves import END, GATE, DeliveryHalf, EndHalf, GateHalf
from commonwatt.services.market import Market
from commonwatt.services.ports import Signed
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.run import Progress, anchor_run, fold, trade_days
from commonwatt.services.state import State

HOURS = 9
SLOTS = range(FIRST, FIRST + HOURS)
TIMINGS = pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])
CHAINS = pytest.mark.parametrize("chain", ["memory", "embedded"])


def street(timing: str, chain: str = "memory") -> Market:
    """With a correction, an election and anchors within the run."""
    feed = FakeFeed.made_up(HOURS)
    feed.silence(0, 4)
    feed.tell(2, 0, 4, 900)
    return markets.market(timing, feed=feed, chain=chain, design=markets.rules(timing, audit_period_s=4 * 3600))


@cache
def undisturbed(timing: str, chain: str) -> Ran:
    return markets.run(street(timing, chain), HOURS)


@TIMINGS
@CHAINS
def test_every_prefix_of_the_journal_leads_to_the_same_end(timing: str, chain: str) -> None:
    whole = undisturbed(timing, chain)
    total, tables = len(whole.journal.written), whole.tables
    for finished in range(total + 1):
        market, journal = street(timing, chain), FakeJournal(whole.journal.written[:finished])
        progress = trade_days(market, journal, SLOTS)
        assert (progress.resumed, progress.executed, progress.total) == (finished, total - finished, total)
        assert journal.written == whole.journal.written
        assert market.ledger.head() == whole.market.ledger.head()
        if finished % 5 == 0:
            assert Ran(market, journal, SLOTS).tables == tables


@TIMINGS
@CHAINS
def test_folding_everything_again_posts_nothing(timing: str, chain: str) -> None:
    ran = markets.run(street(timing, chain), HOURS)
    head, receipts = ran.market.ledger.head(), list(ran.market.ledger.receipts())
    state = State.first(ran.market, SLOTS)
    for half in ran.halves:
        fold(ran.market, state, half)
    assert ran.market.ledger.head() == head
    assert list(ran.market.ledger.receipts()) == receipts


class PowerCut(Exception):  # noqa: N818 - it is what happens
    """The process dies."""


class Mortal:
    """A ledger that dies when asked to post for the n-th time, before or after it did."""

    def __init__(self, ledger: Any, dies_at: int, after: bool) -> None:
        self._ledger, self._left, self._after = ledger, dies_at, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def post(self, signed: Sequence[Signed], time_s: int) -> tuple[Receipt, ...]:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise PowerCut
        receipts: tuple[Receipt, ...] = self._ledger.post(signed, time_s)
        if self._left < 0:
            raise PowerCut
        return receipts


@CHAINS
@pytest.mark.parametrize("after", [False, True], ids=["before posting", "after posting"])
@pytest.mark.parametrize("dies_at", [0, 1, 7])
def test_a_crash_between_journal_and_ledger_loses_nothing_and_repeats_nothing(
    chain: str, after: bool, dies_at: int
) -> None:
    whole = undisturbed(EX_ANTE, chain)
    market, journal = street(EX_ANTE, chain), FakeJournal()
    mortal: Any = Mortal(market.ledger, dies_at, after)
    with pytest.raises(PowerCut):
        trade_days(replace(market, ledger=mortal), journal, SLOTS)
    assert len(journal.written) == dies_at + 1
    trade_days(market, journal, SLOTS)
    assert journal.written == whole.journal.written
    assert market.ledger.head() == whole.market.ledger.head()


def test_whoever_watches_may_stop_the_run_between_halves() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.done == 3:
            raise KeyboardInterrupt

    journal = FakeJournal()
    with pytest.raises(KeyboardInterrupt):
        trade_days(street(EX_ANTE), journal, SLOTS, interrupt)
    assert len(journal.written) == 3


@pytest.mark.parametrize("other", ["slots", "timing", "payload"])
def test_the_journal_of_another_run_is_refused(other: str) -> None:
    written = undisturbed(EX_ANTE, "memory").journal.written
    slots, timing = SLOTS, EX_ANTE
    if other == "slots":
        slots = range(FIRST + 1, FIRST + HOURS)
    if other == "timing":
        timing = EX_POST
    if other == "payload":
        written = [(slot, half, payload[:-1]) for slot, half, payload in written]
    with pytest.raises(JournalError):
        trade_days(street(timing), FakeJournal(written), slots)


@TIMINGS
def test_every_half_is_the_same_after_encoding(timing: str) -> None:
    kinds = set()
    for _, half, payload in undisturbed(timing, "memory").journal.written:
        kind = GateHalf if half == GATE else DeliveryHalf
        kinds.add(kind)
        assert encode(decode(kind, payload)) == payload
    assert len(kinds) == (2 if timing == EX_ANTE else 1)


def test_every_record_of_a_half_keeps_its_types() -> None:
    for half in undisturbed(EX_ANTE, "memory").halves:
        assert all(isinstance(call, Signed) for call in half.calls)
        if isinstance(half, DeliveryHalf):
            assert all(correction.statement.revision == 1 for correction in half.corrections)
    elected = [h.election for h in undisturbed(EX_ANTE, "memory").halves if isinstance(h, DeliveryHalf) and h.election]
    assert [e.validators for e in elected] == [("alpha", "beta")] * 2


@CHAINS
def test_the_end_is_anchored_once_with_one_root(chain: str) -> None:
    ran = markets.run(street(EX_POST, chain), HOURS)
    root = bytes(range(32))
    end = anchor_run(ran.market, ran.journal, SLOTS, root)
    head = ran.market.ledger.head()
    last = list(ran.market.ledger.receipts())[-1]
    assert (last.kind, last.content_hash, last.status) == ("anchor", "0x" + root.hex(), 1)
    assert encode(anchor_run(ran.market, ran.journal, SLOTS, root)) == encode(end)
    assert ran.market.ledger.head() == head
    assert [half for _, half, _ in ran.journal.written].count(END) == 1
    assert encode(decode(EndHalf, ran.journal.written[-1][2])) == ran.journal.written[-1][2]
    with pytest.raises(JournalError, match="root"):
        anchor_run(ran.market, ran.journal, SLOTS, bytes(32))


def test_a_finished_run_has_nothing_left_to_do() -> None:
    ran = markets.run(street(EX_POST), HOURS)
    anchor_run(ran.market, ran.journal, SLOTS, bytes(range(32)))
    progress = trade_days(ran.market, ran.journal, SLOTS)
    assert (progress.resumed, progress.executed) == (HOURS, 0)
    assert len(ran.halves) == HOURS
