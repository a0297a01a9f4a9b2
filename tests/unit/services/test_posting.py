"""Posting: statements of any size become batches that the ledger takes, each at zero for itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes import markets

from commonwatt.core.accounts import FIRST_MEMBER, Account, Kind, Postings, amount_postings, balances_nano
from commonwatt.core.errors import LedgerDisagrees
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Legs, Statement, Trades
from commonwatt.core.units import Ints
from commonwatt.services.pairing import LINES_PER_PART
from commonwatt.services.ports import Call, ClearCall, OpenCall, SettleCall
from commonwatt.services.posting import send, settle_calls
from commonwatt.settlement._trades import Peers, trade_postings

PEOPLE = len(markets.MEMBERS)
POOL = -1


def statement(postings: Postings) -> Statement:
    return Statement(markets.FIRST, 0, Legs.empty(), postings, np.zeros(0, np.int64))


def postings_of(sellers: Ints, buyers: Ints, energy: Ints, sell_price: Ints, buy_price: Ints) -> Postings:
    """What trades cost, as every rule posts them; -1 is the pool."""
    book = OrderBook.of(PEOPLE, member=np.arange(PEOPLE), is_sell=np.zeros(PEOPLE, np.bool_))
    trades = Trades(sellers, buyers, energy, sell_price, buy_price, *np.zeros((3, len(energy)), np.int64))
    return trade_postings(Peers.of(book, trades, energy))


def pool_state(postings: Postings) -> tuple[int, int]:
    """Energy and money that stay in the pool."""
    gives = np.where(postings.price_micro_per_kwh < 0, postings.debit, postings.credit)
    takes = np.where(postings.price_micro_per_kwh < 0, postings.credit, postings.debit)
    into, out = (int(postings.energy_wh[side == Account.POOL].sum()) for side in (takes, gives))
    return into - out, int(balances_nano(postings, FIRST_MEMBER + PEOPLE)[Account.POOL])


def drawn(seed: int, pairs: int, prices: tuple[int, int], through_pool: bool) -> Postings:
    """Trades between two sellers and three buyers: at two prices, or as fills with the pool."""
    rng = np.random.Generator(np.random.PCG64(seed))
    sellers, buyers = rng.integers(0, 2, pairs), rng.integers(2, PEOPLE, pairs)
    energy = rng.integers(1, 50, pairs)
    low, high = (rng.integers(*prices, pairs) for _ in range(2))
    sell, buy = np.minimum(low, high), np.maximum(low, high)
    if not through_pool:
        return postings_of(sellers, buyers, energy, sell, buy)
    # What is sold to the pool in other pieces than it is bought from it.
    none = np.full(pairs, POOL)
    shuffled = rng.permutation(energy)
    return postings_of(
        np.append(sellers, none), np.append(none, buyers), np.append(energy, shuffled), np.append(sell, buy), np.append(sell, buy)
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    pairs=st.integers(1, 2500),
    prices=st.sampled_from([(100, 300_000), (-200_000, 200_000), (-5, 6), (-300, -100), (0, 1), (150_000, 150_001)]),
    through_pool=st.booleans(),
    others=st.integers(0, 1500),
)
def test_every_part_is_small_leaves_the_pool_at_zero_and_nothing_is_lost(
    seed: int, pairs: int, prices: tuple[int, int], through_pool: bool, others: int
) -> None:
    fees = amount_postings(
        np.full(others, FIRST_MEMBER), np.full(others, Account.GRID), np.arange(1, others + 1), Kind.FEE
    )
    whole = Postings.joined([drawn(seed, pairs, prices, through_pool), fees])
    assert pool_state(whole) == (0, 0)
    calls = settle_calls(statement(whole))
    assert [(call.part, call.parts) for call in calls] == [(part, len(calls)) for part in range(len(calls))]
    for call in calls:
        assert len(call.postings) <= LINES_PER_PART
        assert pool_state(call.postings) == (0, 0)
        priced = call.postings.take(call.postings.energy_wh > 0)
        assert (priced.amount_nano == priced.energy_wh * np.abs(priced.price_micro_per_kwh)).all()
    posted = Postings.joined(call.postings for call in calls)
    accounts = FIRST_MEMBER + PEOPLE
    assert balances_nano(posted, accounts).tolist() == balances_nano(whole, accounts).tolist()
    assert posted.energy_wh.sum() == whole.energy_wh.sum()
    if len(whole) <= LINES_PER_PART:
        assert len(calls) == 1


@pytest.mark.parametrize("chain", ["memory", "embedded"])
@pytest.mark.parametrize("prices", [(100_000, 200_000), (-40_000, 40_000)], ids=["usual prices", "negative prices too"])
def test_the_ledger_takes_a_slot_of_more_than_a_thousand_lines(chain: str, prices: tuple[int, int]) -> None:
    ledger, slot = markets.ledger(chain), markets.FIRST
    terms = markets.terms()
    ledger.found(terms, slot * 3600 - 3600)
    before = ledger.deposits()
    whole = drawn(3, 1300, prices, through_pool=True)
    calls = settle_calls(statement(whole))
    assert len(calls) > 1
    announced: list[Call] = [
        OpenCall(slot, bytes(31) + b"\1", 0),
        ClearCall(slot, bytes(31) + b"\2", bytes(31) + b"\3"),
    ]
    end_s = (slot + 1) * 3600
    send(ledger, ledger.sign([*announced, *calls]), end_s)
    held = ledger.balances(end_s)
    moved = held.free_nano + held.pending_nano - before
    assert moved.tolist() == balances_nano(whole, FIRST_MEMBER + PEOPLE).tolist()


def test_wholesale_stays_off_the_ledger_and_nothing_is_one_empty_call() -> None:
    outside = amount_postings(np.array([0]), np.array([7]), np.array([5]), Kind.WHOLESALE)
    (call,) = settle_calls(statement(outside))
    assert len(call.postings) == 0
    assert (call.part, call.parts, call.prior) == (0, 1, bytes(32))


def test_a_call_that_reverts_stops_the_run_with_the_contracts_reason() -> None:
    ledger = markets.ledger()
    ledger.found(markets.terms(), markets.FIRST * 3600 - 3600)
    too_early = SettleCall(markets.FIRST, 0, 0, 1, bytes(32), Postings.empty())
    with pytest.raises(LedgerDisagrees, match="market: slot not cleared"):
        send(ledger, ledger.sign([too_early]), markets.FIRST * 3600)


def test_nothing_signed_is_no_block() -> None:
    ledger = markets.ledger()
    ledger.found(markets.terms(), 0)
    head = ledger.head()
    assert send(ledger, (), 10) == ()
    assert ledger.head() == head
