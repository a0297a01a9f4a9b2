"""What the ledger would refuse of a slot: said in plain words before anything is kept, and gone on from once the cause is mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, FakeJournal, Ran

from commonwatt.core.errors import LedgerDisagrees
from commonwatt.core.orders import SETTLE_NET, SETTLE_TRADES
from commonwatt.core.tariff import Rates
from commonwatt.services.claims import ClaimsLedger
from commonwatt.services.market import Market
from commonwatt.services.ports import Call, OpenCall, Signed
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.run import trade_days

HOURS = 6
BROKEN = FIRST + 3
SLOTS = range(FIRST, FIRST + HOURS)
CASES = pytest.mark.parametrize(
    ("timing", "chain", "path"),
    [
        (EX_POST, "memory", SETTLE_NET),
        (EX_ANTE, "memory", SETTLE_TRADES),
        (EX_POST, "embedded", SETTLE_TRADES),
        (EX_ANTE, "embedded", SETTLE_NET),
    ],
)


class Dear:
    """A rule whose local tax is five thousand times the tariff in one slot."""

    def __init__(self, rule: Any) -> None:
        self._rule = rule
        self.needs, self.breaks = rule.needs, rule.breaks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rule, name)

    def settle(self, book: Any, agreement: Any, readings: Any, context: Any) -> Any:
        rates: Rates = context.rates
        if context.slot == BROKEN:
            rates = replace(rates, local_tax_micro_per_kwh=5000 * rates.local_tax_micro_per_kwh)
        return self._rule.settle(book, agreement, readings, replace(context, rates=rates))


def street(timing: str, chain: str, path: int) -> Market:
    feed = markets.FakeFeed.made_up(HOURS)
    return markets.market(timing, feed=feed, chain=chain, design=markets.rules(timing, path=path))


def broken(market: Market) -> Market:
    dear: Any = Dear(market.rules.settlement)
    return replace(market, rules=replace(market.rules, settlement=dear))


@CASES
def test_what_would_be_refused_is_said_in_words_and_leaves_no_trace(timing: str, chain: str, path: int) -> None:
    whole = markets.run(street(timing, chain, path), HOURS)
    market, journal = street(timing, chain, path), FakeJournal()
    for _ in range(2):
        with pytest.raises(LedgerDisagrees) as told:
            trade_days(broken(market), journal, SLOTS)
        assert f"slot {BROKEN}" in str(told.value)
        assert "would be refused: market: cap" in str(told.value)
        assert "more than its connection carries" in str(told.value)
        assert "--resume" in str(told.value)
    assert journal.written == whole.journal.written[: len(journal.written)]
    assert all(receipt.status == 1 for receipt in market.ledger.receipts())
    # The rule is mended: the same run goes on and ends as if nothing had been.
    trade_days(market, journal, SLOTS)
    assert journal.written == whole.journal.written
    assert market.ledger.head() == whole.market.ledger.head()
    assert Ran(market, journal, SLOTS).tables["statements"].equals(whole.tables["statements"])


def test_members_beyond_the_cap_are_named() -> None:
    market = street(EX_POST, "memory", SETTLE_NET)
    with pytest.raises(LedgerDisagrees) as told:
        trade_days(broken(market), FakeJournal(), SLOTS)
    named = str(told.value).partition("price_cap_micro_per_kwh): ")[2].partition(".")[0].split(", ")
    assert named
    assert set(named) <= {member.id for member in market.members}
    assert np.all([name == name.strip() for name in named])


class Early:
    """A ledger whose operator opens another slot than the one that is due: a year ahead."""

    def __init__(self, ledger: ClaimsLedger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def sign(self, calls: Sequence[Call]) -> tuple[Signed, ...]:
        far = [replace(c, slot=BROKEN + 8760) if isinstance(c, OpenCall) and c.slot == BROKEN else c for c in calls]
        return self._ledger.sign(far)


@CASES
def test_a_slot_that_could_not_be_opened_is_said_before_anything_of_it_is_kept(
    timing: str, chain: str, path: int
) -> None:
    whole = markets.run(street(timing, chain, path), HOURS)
    market, journal = street(timing, chain, path), FakeJournal()
    with pytest.raises(LedgerDisagrees, match=f"slot {BROKEN}.*would be refused: market: slot too far ahead"):
        trade_days(replace(market, ledger=Early(market.ledger)), journal, SLOTS)
    assert all(receipt.status == 1 for receipt in market.ledger.receipts())
    trade_days(market, journal, SLOTS)
    assert journal.written == whole.journal.written
    assert market.ledger.head() == whole.market.ledger.head()
