"""A run by the path of signed trades: the bills of the other path, every peer line with its orders, all that a run goes through."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, FakeFeed, FakeJournal, Ran, rows

from commonwatt.clearing import CLEARINGS
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.errors import DepositShort
from commonwatt.core.orders import SETTLE_NET, SETTLE_TRADES
from commonwatt.core.records import Agreement
from commonwatt.services import pairing
from commonwatt.services.audit import CHECKS
from commonwatt.services.halves import DeliveryHalf
from commonwatt.services.market import Market
from commonwatt.services.rules import EVERY_ORDER, EX_ANTE, EX_POST, STANDING
from commonwatt.services.run import trade_days
from commonwatt.settlement import SETTLEMENTS

HOURS = 9
SLOTS = range(FIRST, FIRST + HOURS)
CASES = [
    (timing, clearing, rule, chain, signing)
    for timing in (EX_POST, EX_ANTE)
    for clearing in ("uniform_price", "two_round_double_auction")
    for rule in ("scheduled", "delivered")
    for chain, signing in (("memory", EVERY_ORDER), ("embedded", STANDING))
]
Case = tuple[str, str, str, str, str]


SINGLE = [name for name in CLEARINGS.names() if "one_price" not in CLEARINGS.answer(name).breaks]


def street(path: int, case: Case, **changes: Any) -> Market:
    """With a silent meter whose reading comes late enough to be corrected within the run."""
    timing, clearing, rule, chain, signing = case
    feed = FakeFeed.made_up(HOURS)
    feed.silence(0, 4)
    feed.tell(2, 0, 4, 900)
    design = markets.rules(
        timing,
        path=path,
        order_signing=signing,
        clearing=CLEARINGS.make(clearing),
        settlement=SETTLEMENTS.make(rule),
        audit_period_s=4 * 3600,
    )
    return markets.market(timing, feed=feed, chain=chain, design=design, **changes)


@cache
def ran(path: int, case: Case) -> Ran:
    return markets.run(street(path, case), HOURS)


def found(run: Ran) -> list[Any]:
    audited = run.audited()
    return [finding for check in CHECKS for finding in check(audited).findings]


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_bills_trades_and_postings_are_those_of_the_net_path(case: Case) -> None:
    net, trades = (ran(path, case) for path in (SETTLE_NET, SETTLE_TRADES))
    for table in ("statements", "postings", "trades", "slots", "flows"):
        assert trades.tables[table].equals(net.tables[table]), table
    sums = [
        np.add(*(np.array(run.tables["balances"][name].to_pylist()) for name in ("free_nano", "pending_nano")))
        for run in (net, trades)
    ]
    # The operator's bond apart, every account holds the same in the end.
    assert np.array_equal(np.delete(sums[0], 7), np.delete(sums[1], 7))


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_what_was_posted_is_what_the_audit_computes_again(case: Case) -> None:
    run = ran(SETTLE_TRADES, case)
    assert found(run) == []
    receipts = run.tables["receipts"]
    for slot in SLOTS:
        kinds = [(row["kind"], row["revision"]) for row in rows(receipts, slot=slot)]
        revised = [("settle", 1)] if slot == FIRST else []
        assert kinds == [("open", 0), ("clear", 0), ("trades", 0), ("settle", 0), *revised]
    assert len(rows(run.tables["trades"])) > 0


@pytest.mark.parametrize("chain", ["memory", "embedded"])
def test_lines_between_members_are_in_the_trades_and_all_others_beside_them(chain: str) -> None:
    run = ran(
        SETTLE_TRADES, (EX_POST, "uniform_price", "scheduled", chain, STANDING if chain == "embedded" else EVERY_ORDER)
    )
    peers = 0
    for batch in run.market.ledger.batches():
        between = (np.minimum(batch.lines.who, batch.lines.other) >= FIRST_MEMBER).tolist()
        assert between == [batch.kind == 3] * len(between)
        assert not np.isin(Account.POOL, [batch.lines.who, batch.lines.other])
        peers += len(between) if batch.kind == 3 else 0
    assert peers > 0


def test_many_orders_and_lines_go_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    case = (EX_ANTE, "two_round_double_auction", "scheduled", "embedded", EVERY_ORDER)
    monkeypatch.setattr(pairing, "ORDERS_PER_PART", 2)
    run = markets.run(street(SETTLE_TRADES, case), HOURS)
    parts = [row["parts"] for row in rows(run.tables["receipts"], kind="trades")]
    assert max(parts) > 1
    assert found(run) == []
    assert run.tables["statements"].equals(ran(SETTLE_NET, case).tables["statements"])


@pytest.mark.parametrize("chain", ["memory", "embedded"])
@pytest.mark.parametrize("timing", [EX_POST, EX_ANTE])
def test_every_prefix_of_the_journal_leads_to_the_same_end(timing: str, chain: str) -> None:
    case = (timing, "uniform_price", "delivered", chain, EVERY_ORDER)
    whole = markets.run(street(SETTLE_TRADES, case), HOURS)
    for finished in range(0, len(whole.journal.written) + 1, 3):
        market, journal = street(SETTLE_TRADES, case), FakeJournal(whole.journal.written[:finished])
        trade_days(market, journal, SLOTS)
        assert journal.written == whole.journal.written
        assert market.ledger.head() == whole.market.ledger.head()


@pytest.mark.parametrize("chain", ["memory", "embedded"])
def test_a_slot_that_the_deposit_does_not_cover_waits_and_is_topped_up(chain: str) -> None:
    given = markets.terms({m.id: 10**8 for m in markets.MEMBERS}, supplier_nano=10**8)
    case = (EX_POST, "uniform_price", "scheduled", chain, STANDING)
    market, journal = street(SETTLE_TRADES, case, founded_on=given), FakeJournal()
    with pytest.raises(DepositShort):
        trade_days(market, journal, SLOTS)
    assert all(receipt.status == 1 for receipt in market.ledger.receipts())
    trade_days(market, journal, SLOTS, top_up_nano=50 * 10**9)
    assert found(Ran(market, journal, SLOTS)) == []


@pytest.mark.parametrize("timing", [EX_POST, EX_ANTE])
@pytest.mark.parametrize("name", SINGLE)
def test_every_mechanism_with_one_price_settles_by_it(name: str, timing: str) -> None:
    clearing, hours = CLEARINGS.make(name), 4
    runs = [
        markets.run(
            markets.market(timing, hours=hours, design=markets.rules(timing, path=path, clearing=clearing)), hours
        )
        for path in (SETTLE_NET, SETTLE_TRADES)
    ]
    assert set(runs[1].tables["slots"]["reason"].to_pylist()) == {""}
    assert runs[1].tables["statements"].equals(runs[0].tables["statements"])
    assert found(runs[1]) == []


class TwoPrices:
    """A mechanism that keeps a part of what buyers pay."""

    needs: frozenset[str] = frozenset()
    breaks: frozenset[str] = frozenset({"one_price"})

    def clear(self, book: Any, context: Any) -> Agreement:
        agreed = CLEARINGS.make("two_round_double_auction").clear(book, context)
        trades = agreed.trades
        lower = np.minimum(trades.sell_price_micro_per_kwh, book.limit_micro_per_kwh[trades.sell_order])
        return Agreement(trades.replaced(sell_price_micro_per_kwh=lower), agreed.reason)


@pytest.mark.parametrize("path", [SETTLE_NET, SETTLE_TRADES])
def test_a_mechanism_with_two_prices_trades_on_the_net_path_only(path: int) -> None:
    design = markets.rules(EX_ANTE, path=path, clearing=TwoPrices())
    run = markets.run(markets.market(EX_ANTE, hours=4, design=design), 4)
    failed = [half.trading or half.failed for half in run.halves if isinstance(half, DeliveryHalf)]
    assert len(failed) == 4
    reasons = set(run.tables["slots"]["reason"].to_pylist())
    if path == SETTLE_NET:
        assert reasons == {""}
    else:
        assert any("one price for both sides" in reason for reason in reasons)
    assert found(run) == []


def test_a_changed_price_of_a_trade_is_not_what_the_contract_took() -> None:
    run = ran(SETTLE_TRADES, (EX_POST, "uniform_price", "scheduled", "embedded", STANDING))
    postings = run.tables["postings"]
    row = next(i for i, kind in enumerate(postings["kind"].to_pylist()) if kind == "trade")
    amounts = postings["amount_nano"].to_pylist()
    amounts[row] += 1
    index = postings.column_names.index("amount_nano")
    tampered = postings.set_column(index, postings.schema.field("amount_nano"), pa.array(amounts, pa.int64()))
    audited = run.audited({"postings": tampered})
    assert any(check(audited).findings for check in CHECKS)
