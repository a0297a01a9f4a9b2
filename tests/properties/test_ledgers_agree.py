"""Two ledgers, one behaviour: whatever is posted, contracts and plain Python give the same receipts and balances."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.ledgers import (
    FIRST_SLOT,
    MEMBERS,
    NO_PRIOR,
    OPERATOR_KEY,
    PRICE_CAP,
    SLOT_S,
    cleared,
    digest,
    found,
    opened,
    payment,
    settle,
    signed_orders,
    trade,
    trades_of,
)

from commonwatt.adapters.ledger import open_ledger
from commonwatt.contracts.encoding import IMBALANCE, SETTLEMENT
from commonwatt.contracts.encoding import TRADES as TRADES_KIND
from commonwatt.core.accounts import FIRST_MEMBER, Account, Postings
from commonwatt.core.orders import SETTLE_NET, SETTLE_TRADES
from commonwatt.services.covering import shortfall_nano
from commonwatt.services.ports import AnchorCall, Call, DepositCall, Ledger, SettleCall, TradesCall

MEMBER_ACCOUNTS = range(FIRST_MEMBER, FIRST_MEMBER + MEMBERS)
# Four of five are members or the supplier; one account does not exist.
ACCOUNTS = st.sampled_from(
    [*MEMBER_ACCOUNTS, *MEMBER_ACCOUNTS, *MEMBER_ACCOUNTS, 0, 0, 0, 0, 1, 3, 6, MEMBER_ACCOUNTS.stop]
)
AMOUNTS = st.sampled_from([1, 77, 10**9, 3 * 10**9, 10_000 * PRICE_CAP, 10_000 * PRICE_CAP + 1, 60 * 10**9])
PAYMENTS = st.builds(payment, ACCOUNTS, ACCOUNTS, AMOUNTS)
TRADES = st.builds(trade, ACCOUNTS, ACCOUNTS, st.integers(1, 20_000), st.integers(-PRICE_CAP, PRICE_CAP))

DEPOSITORS = (Account.SUPPLIER, FIRST_MEMBER, FIRST_MEMBER + 1)
AMOUNTS_PAID_IN = (1, 10**9, 40 * 10**9)
RUN_DOWN = st.just(payment(Account.SUPPLIER, Account.GRID, 30 * 10**9))  # twice is more than the supplier has


@st.composite
def pooled(draw: st.DrawFn) -> Postings:
    """Energy into the pool and out of it, at one price."""
    price, energy_wh = draw(st.integers(1, 300_000)), draw(st.integers(1, 5000))
    one, two = draw(st.sampled_from([(8, 9), (9, 10), (11, 8)]))
    return Postings.joined([trade(one, Account.POOL, energy_wh, price), trade(Account.POOL, two, energy_wh, price)])


SYSTEMS = st.builds(
    Postings.joined,
    st.lists(
        st.builds(trade, st.just(Account.SUPPLIER), st.sampled_from(MEMBER_ACCOUNTS), st.just(50), st.just(9)),
        max_size=2,
    ),
)
BATCHES = st.builds(Postings.joined, st.lists(st.one_of(PAYMENTS, TRADES, pooled(), RUN_DOWN), max_size=3))
SLOTS = st.integers(FIRST_SLOT, FIRST_SLOT + 2)


# Rows of the orders that sell and buy, energy, price: most lie within their orders, some do not.
LINES = st.tuples(
    st.sampled_from([0] * 8 + [1] * 4 + [2]),
    st.sampled_from([2] * 4 + [3] * 8 + [9]),
    st.sampled_from([100, 400, 400, 600]),
    st.sampled_from([150_000] * 12 + [90_000, -40_000, 310_000]),
)
SIGNED = st.tuples(
    st.lists(LINES, max_size=3),
    st.sampled_from([SETTLE_TRADES] * 9 + [SETTLE_NET]),
    st.sampled_from([(FIRST_SLOT, FIRST_SLOT + 2)] * 9 + [(FIRST_SLOT + 1, FIRST_SLOT + 9)]),
    st.sampled_from([None] * 9 + [(8, 9, 10, 8)]),
)
Signed = tuple[list[tuple[int, int, int, int]], int, tuple[int, int], tuple[int, ...] | None]
Step = tuple[int, str, int, int, int, int, Postings, Signed]
BATCHED = {"settle": SETTLEMENT, "rest": IMBALANCE, "trades": TRADES_KIND}
WISHES = [(8, True, 1000, 100_000), (9, True, 700, -50_000), (10, False, 900, 300_000), (11, False, 2000, 250_000)]


EVERYTHING = ["settle"] * 6 + ["trades"] * 2 + ["rest", "begin", "anchor", "deposit"]
BY_TRADES = ["trades"] * 6 + ["rest"] * 4 + ["settle"]


@st.composite
def steps(draw: st.DrawFn, kinds: list[str] = EVERYTHING) -> Step:
    """Slots that pass, and a call: kind, slot, revision, part, parts and what it settles."""
    kind = draw(st.sampled_from(kinds))
    revision = draw(st.sampled_from([0, 0, 0, 1, 1, 2]))
    part, parts = draw(st.sampled_from([(0, 1)] * 5 + [(0, 2), (1, 2), (2, 2)]))
    passed, slot = draw(st.sampled_from([0, 0, 1, 9])), draw(SLOTS)
    if kinds is BY_TRADES:
        # Most of it on one slot in two parts, so that orders fill up.
        slot, revision = draw(st.sampled_from([FIRST_SLOT] * 4 + [slot])), draw(st.sampled_from([0, 0, 0, revision]))
        part, parts = draw(st.sampled_from([(0, 2)] * 3 + [(1, 2)] * 3 + [(part, parts)]))
    return passed, kind, slot, revision, part, parts, draw(SYSTEMS if kind == "rest" else BATCHES), draw(SIGNED)


@settings(max_examples=40, deadline=None)
@given(st.lists(steps(), max_size=12))
def test_contracts_and_plain_python_agree_on_any_history(history: list[Step]) -> None:
    with (
        closing(open_ledger("embedded", None, "test street", OPERATOR_KEY)) as contracts,
        closing(open_ledger("memory", None, "test street", OPERATOR_KEY)) as plain,
    ):
        compare((contracts, plain), history)


@settings(max_examples=40, deadline=None)
@given(st.lists(steps(BY_TRADES), min_size=3, max_size=12))
def test_contracts_and_plain_python_agree_on_any_trades_with_signed_orders(history: list[Step]) -> None:
    with (
        closing(open_ledger("embedded", None, "test street", OPERATOR_KEY)) as contracts,
        closing(open_ledger("memory", None, "test street", OPERATOR_KEY)) as plain,
    ):
        compare((contracts, plain), history)


@settings(max_examples=8, deadline=None)
@given(st.lists(steps(BY_TRADES), min_size=3, max_size=8))
def test_the_fast_and_the_reference_executor_agree_on_any_history(history: list[Step]) -> None:
    with (
        closing(open_ledger("embedded", None, "test street", OPERATOR_KEY)) as fast,
        closing(open_ledger("embedded", None, "test street", OPERATOR_KEY, "py-evm")) as reference,
    ):
        compare((fast, reference), history)
        assert fast.head() == reference.head()


def signed_trades(ledger: Ledger, slot: int, part: int, parts: int, signed: Signed) -> TradesCall:
    """Lines between the orders of four members; a row 9 is of no order."""
    lines, path, slots, signers = signed
    orders = signed_orders(ledger.order_domain(), WISHES, slots, path, signers)
    known = [(sell, min(buy, 3), energy, price) for sell, buy, energy, price in lines]
    call = trades_of(slot, orders, *known, part=part, parts=parts)
    return replace(call, buy_order=np.array([buy for _, buy, _, _ in lines], np.int64))


def compare(ledgers: tuple[Ledger, Ledger], history: list[Step]) -> None:
    """Post the same history to both and compare every answer, and every balance now and later."""
    for ledger in ledgers:
        found(ledger)
        # Two of the three slots are begun, one of them is over: most settlements have a chance.
        begun: list[Call] = [opened(FIRST_SLOT), cleared(FIRST_SLOT), opened(FIRST_SLOT + 1), cleared(FIRST_SLOT + 1)]
        ledger.post(ledger.sign(begun), (FIRST_SLOT + 1) * SLOT_S)
    time_s, newest = (FIRST_SLOT + 1) * SLOT_S, dict[tuple[int, int, int], bytes]()
    accepted: set[str] = set()
    for passed, kind, slot, revision, part, parts, postings, signed in history:
        time_s += passed * SLOT_S
        calls: list[Call] = [AnchorCall(slot, revision, digest("root", part))]
        if kind == "begin":
            calls = [opened(slot), cleared(slot)]
        elif kind == "deposit":
            calls = [DepositCall(slot, DEPOSITORS[revision], AMOUNTS_PAID_IN[part])]
        elif kind == "trades":
            calls = [signed_trades(ledgers[0], slot, part, parts, signed)]
        elif kind in ("settle", "rest"):
            of = IMBALANCE if kind == "rest" else SETTLEMENT
            base = (slot, of, revision - 1) if revision or of == SETTLEMENT else (slot, TRADES_KIND, 0)
            prior = newest.get(base, NO_PRIOR)
            calls = [settle(slot, postings, revision=revision, part=part, parts=parts, prior=prior, kind=of)]
        answers, expected_short = [], [is_short(ledger, calls, time_s) for ledger in ledgers]
        for ledger in ledgers:
            # A deposit is three transactions on a chain; the last one says how it ended.
            receipts = ledger.post(ledger.sign(calls), time_s)[-len(calls) :]
            answers.append([(r.kind, r.slot, r.status, r.reason, r.content_hash) for r in receipts])
        assert answers[0] == answers[1]
        assert expected_short[0] == expected_short[1]
        if kind in BATCHED and answers[0][0][4] not in accepted:
            # Covering is foretold to the nano: refused for it is what was said to be short, and nothing else is.
            _, _, status, reason, content = answers[0][0]
            assert expected_short[0] or reason != "market: supplier short"
            assert not (expected_short[0] and status)
            accepted |= {content} if status else set()
        if kind in BATCHED and part == 0 and answers[0][0][2]:
            newest[slot, BATCHED[kind], 0 if kind == "trades" else revision] = ledgers[0].content_hash(calls[0])
        for later_s in (0, 5 * SLOT_S, 100 * SLOT_S):
            chain, plain = (ledger.balances(time_s + later_s) for ledger in ledgers)
            assert np.array_equal(chain.free_nano, plain.free_nano)
            assert np.array_equal(chain.pending_nano, plain.pending_nano)
            assert np.array_equal(chain.debt_nano, plain.debt_nano)
    chain_paid, plain_paid = ([e.paid_nano for e in ledger.entries() if e.paid_nano] for ledger in ledgers)
    assert chain_paid == plain_paid
    assert np.array_equal(ledgers[0].deposits(), ledgers[1].deposits())


def is_short(ledger: Ledger, calls: list[Call], time_s: int) -> bool:
    """Whether the supplier's deposit is foretold not to cover the calls; False of accounts that do not exist."""
    named = [call.postings for call in calls if isinstance(call, SettleCall | TradesCall)]
    if any((np.maximum(p.debit, p.credit) >= MEMBER_ACCOUNTS.stop).any() for p in named):
        return False
    return shortfall_nano(ledger.balances(time_s), calls) > 0
