"""Every registered mechanism keeps every promise of its room, or declares the one it breaks and the break is real."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import NO_FEES, arrived_otherwise, book_of, books, context, seeded_book

from commonwatt.clearing import CLEARINGS, Clearing, promise_findings
from commonwatt.clearing.base import PROMISES
from commonwatt.core.encoding import encode
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason
from commonwatt.core.registry import NEEDS
from commonwatt.core.tariff import Rates
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano
from commonwatt.services.pairing import one_price_findings

every_mechanism = pytest.mark.parametrize("name", CLEARINGS.names())
every_patient_mechanism = pytest.mark.parametrize(
    "name", [name for name in CLEARINGS.names() if "order_independence" not in CLEARINGS.answer(name).breaks]
)
ZERO_TO_FORTY = replace(NO_FEES, retail_micro_per_kwh=40, feed_in_micro_per_kwh=0)
"""Of which a mechanism that prices by the tariff makes 20."""
TEN_TO_FORTY = replace(ZERO_TO_FORTY, feed_in_micro_per_kwh=10)
"""The same where sellers ask for the feed-in price, as in every run; 25."""
every_tariff = pytest.mark.parametrize("rates", [ZERO_TO_FORTY, TEN_TO_FORTY], ids=["0 to 40", "10 to 40"])
AROUND_THE_BOOKS = replace(NO_FEES, retail_micro_per_kwh=300_000, feed_in_micro_per_kwh=0)
ALL_AT_ZERO = replace(NO_FEES, retail_micro_per_kwh=0, feed_in_micro_per_kwh=0)
GIVES_UP: dict[str, list[int]] = {"no_market": [0, 0, 0, 0], "mcafee": [5, 0, 0, 5]}
"""Who does not trade everything that could be traded, and what is left of the book of peers' faults: without the last seller and buyer."""
BY_FEED_IN = frozenset({"sdr_two_level"})
"""Who pays the feed-in price where supply reaches demand: sellers who ask for more leave for good."""
SMALL = [seeded_book(seed, 12, -20, 20, 9) for seed in range(60)]
LARGER = [seeded_book(seed, 12) for seed in range(60)]
"""Of as many orders, with energies and limits of a household: where somebody comes near the optimum and does not reach it."""


def outcome_by_limit(book: OrderBook, agreement: Agreement) -> tuple[Counter, Counter]:
    """What must not depend on arrival: energy traded at each price, and energy filled per side and limit."""
    trades = agreement.trades
    at_price: Counter = Counter()
    sold = trades.sell_order >= 0
    for price, energy in zip(trades.sell_price_micro_per_kwh[sold], trades.energy_wh[sold], strict=True):
        at_price[int(price)] += int(energy)
    per_limit: Counter = Counter()
    filled = trades.filled_wh(len(book))
    for side, limit, energy in zip(book.is_sell, book.limit_micro_per_kwh, filled, strict=True):
        per_limit[bool(side), int(limit)] += int(energy)
    return at_price, per_limit


def depends_on_arrival(mechanism: Clearing, book: OrderBook, seed: int) -> bool:
    other, _ = arrived_otherwise(book, seed)
    before = outcome_by_limit(book, mechanism.clear(book, context()))
    return before != outcome_by_limit(other, mechanism.clear(other, context()))


def is_inefficient(mechanism: Clearing, book: OrderBook) -> bool:
    return welfare_nano(book, mechanism.clear(book, context()).trades) < optimum_welfare_nano(book)


def breaks_a_check(mechanism: Clearing, book: OrderBook, word: str) -> bool:
    return any(word in f.where for f in promise_findings(book, mechanism.clear(book, context())))


@every_mechanism
def test_it_declares_what_it_needs_and_breaks_in_known_words(name: str) -> None:
    cls = CLEARINGS.answer(name)
    assert cls.needs <= NEEDS
    assert cls.breaks <= PROMISES
    assert cls.__doc__


@every_mechanism
@settings(max_examples=80, deadline=None)
@given(book=books())
def test_it_keeps_the_room_s_promises_on_any_book(name: str, book: OrderBook) -> None:
    mechanism = CLEARINGS.make(name)
    assert promise_findings(book, mechanism.clear(book, context()), mechanism.breaks) == []


@every_mechanism
@settings(max_examples=40, deadline=None)
@given(book=books())
def test_every_order_is_matched_or_returned_with_a_reason(name: str, book: OrderBook) -> None:
    agreement = CLEARINGS.make(name).clear(book, context())
    whole = agreement.trades.filled_wh(len(book)) == book.energy_wh
    assert ((agreement.reason == Reason.FILLED) == whole).all()


@every_mechanism
@settings(max_examples=30, deadline=None)
@given(book=books())
def test_the_same_book_clears_to_the_same_bytes(name: str, book: OrderBook) -> None:
    first, second = (CLEARINGS.make(name).clear(book, context()) for _ in range(2))
    assert encode(first) == encode(second)


@every_patient_mechanism
@settings(max_examples=50, deadline=None)
@given(book=books(), seed=st.integers(0, 99))
def test_arrival_changes_neither_prices_nor_energy(name: str, book: OrderBook, seed: int) -> None:
    mechanism = CLEARINGS.make(name)
    assert not depends_on_arrival(mechanism, book, seed)


@every_patient_mechanism
@settings(max_examples=50, deadline=None)
@given(book=books(), seed=st.integers(0, 99))
def test_an_order_alone_at_its_limit_is_filled_the_same_whenever_it_arrives(
    name: str, book: OrderBook, seed: int
) -> None:
    mechanism = CLEARINGS.make(name)
    other, rows = arrived_otherwise(book, seed)
    before = mechanism.clear(book, context()).trades.filled_wh(len(book))[rows]
    after = mechanism.clear(other, context()).trades.filled_wh(len(book))
    shared = Counter(zip(other.is_sell.tolist(), other.limit_micro_per_kwh.tolist(), strict=True))
    limits = zip(other.is_sell.tolist(), other.limit_micro_per_kwh.tolist(), strict=True)
    alone = np.array([shared[key] == 1 for key in limits], np.bool_)
    assert (before[alone] == after[alone]).all()


@every_mechanism
@settings(max_examples=80, deadline=None)
@given(book=books())
def test_welfare_is_the_optimum_or_never_above_it(name: str, book: OrderBook) -> None:
    mechanism = CLEARINGS.make(name)
    welfare, optimum = welfare_nano(book, mechanism.clear(book, context()).trades), optimum_welfare_nano(book)
    assert welfare <= optimum if mechanism.breaks & {"efficiency", "limits"} else welfare == optimum


@pytest.mark.parametrize("name", [n for n in CLEARINGS.names() if "one_price" not in CLEARINGS.answer(n).breaks])
@settings(max_examples=40, deadline=None)
@given(book=books())
def test_a_trade_and_the_pool_have_one_price(name: str, book: OrderBook) -> None:
    assert one_price_findings(CLEARINGS.make(name).clear(book, context()).trades) == []


@every_mechanism
def test_a_break_that_is_declared_is_true(name: str) -> None:
    mechanism = CLEARINGS.make(name)
    shown = {
        "efficiency": lambda book: is_inefficient(mechanism, book),
        "order_independence": lambda book: depends_on_arrival(mechanism, book, 1),
        "limits": lambda book: breaks_a_check(mechanism, book, "price"),
        "budget_balance": lambda book: breaks_a_check(mechanism, book, "money"),
        "one_price": lambda book: bool(one_price_findings(mechanism.clear(book, context()).trades)),
    }
    for promise in mechanism.breaks:
        assert any(shown[promise](book) for book in (*SMALL, *LARGER)), (
            f"{name} declares {promise} broken, and keeps it"
        )


def leaves_everybody_out(name: str, rates: Rates) -> bool:
    """Whether sellers who ask 10 for as much as is wanted get less than they ask, so that nothing is traded: a real break of efficiency."""
    return name in BY_FEED_IN and rates.feed_in_micro_per_kwh < 10


@every_tariff
@every_mechanism
def test_energy_that_does_not_exist_is_not_traded(name: str, rates: Rates) -> None:
    # A peer's auction trades 13 here: per merged row the smaller of both whole orders, instead of the step of the curve.
    book, mechanism = book_of(("buy", 5, 30), ("buy", 5, 30), ("sell", 3, 10), ("sell", 7, 10)), CLEARINGS.make(name)
    trades = mechanism.clear(book, context(rates=rates)).trades
    filled = trades.filled_wh(4).tolist()
    assert int(trades.energy_wh[trades.buy_order >= 0].sum()) == filled[0] + filled[1] == filled[2] + filled[3] <= 10
    if leaves_everybody_out(name, rates):
        assert "efficiency" in mechanism.breaks
        assert filled == [0, 0, 0, 0]
    else:
        assert filled == GIVES_UP.get(name, [5, 5, 3, 7])


@every_tariff
@every_mechanism
def test_two_identical_orders_of_one_member_are_both_served(name: str, rates: Rates) -> None:
    # A peer loses half of the energy here.
    book = book_of(("sell", 1000, 10), ("sell", 1000, 10), ("buy", 2000, 30), members=[4, 4, 9])
    filled = CLEARINGS.make(name).clear(book, context(rates=rates)).trades.filled_wh(3).tolist()
    # The only buyer is the last one.
    is_left_out = name in GIVES_UP or leaves_everybody_out(name, rates)
    assert filled == ([0, 0, 0] if is_left_out else [1000, 1000, 2000])


@every_mechanism
def test_every_trade_is_of_whole_energy_at_a_whole_price_within_both_limits(name: str) -> None:
    # A peer accepts 2.5e-14 kWh without a price, and dust below the clearing price.
    book, mechanism = seeded_book(5, 400, most_wh=3), CLEARINGS.make(name)
    trades = mechanism.clear(book, context(rates=AROUND_THE_BOOKS)).trades
    assert {array.dtype.kind for array in trades.arrays().values()} == {"i"}
    assert (trades.energy_wh >= 1).all()
    for side, price in (
        (trades.sell_order, -trades.sell_price_micro_per_kwh),
        (trades.buy_order, trades.buy_price_micro_per_kwh),
    ):
        sign = -1 if side is trades.sell_order else 1
        real = side >= 0
        assert (price[real] <= sign * book.limit_micro_per_kwh[side[real]]).all()


@every_mechanism
def test_a_tie_of_everything_with_everything_clears(name: str) -> None:
    book, mechanism = book_of(*[("sell", 7, 0), ("buy", 5, 0)] * 500), CLEARINGS.make(name)
    agreement = mechanism.clear(book, context(rates=ALL_AT_ZERO))
    assert promise_findings(book, agreement, mechanism.breaks) == []
    assert welfare_nano(book, agreement.trades) == 0
    sold, bought = (int(agreement.trades.filled_wh(1000)[side].sum()) for side in (book.is_sell, ~book.is_sell))
    assert sold == bought == {"no_market": 0, "mcafee": 2495}.get(name, 2500)


@every_mechanism
@pytest.mark.parametrize(
    "book",
    [
        book_of(),
        book_of(("sell", 5, 10), ("sell", 4, -10)),
        book_of(("buy", 5, 10)),
        book_of(("sell", 5, 10), ("buy", 5, 9)),
        book_of(("sell", 0, 1), ("buy", 5, 9)),
    ],
    ids=["no orders", "no buyers", "no sellers", "limits apart", "a side without energy"],
)
def test_a_book_without_trades_is_an_agreement_like_any_other(name: str, book: OrderBook) -> None:
    agreement = CLEARINGS.make(name).clear(book, context())
    assert len(agreement.trades) == 0
    assert len(agreement.reason) == len(book)
    assert promise_findings(book, agreement) == []


@every_mechanism
def test_a_large_book_clears_as_well(name: str) -> None:
    book, mechanism = seeded_book(3, 30_000, -(2**31) + 1, 2**31 - 1, 2**31 - 1), CLEARINGS.make(name)
    agreement = mechanism.clear(book, context())
    assert promise_findings(book, agreement, mechanism.breaks) == []
    if name in BY_FEED_IN:
        assert "efficiency" in mechanism.breaks
        assert 0 < welfare_nano(book, agreement.trades) < optimum_welfare_nano(book) / 2
    else:
        assert len(agreement.trades) > (-1 if name == "no_market" else 10_000)


@every_mechanism
def test_a_large_book_of_households_clears_as_well(name: str) -> None:
    # As in a run: sellers ask for the feed-in price, buyers offer up to the grid's.
    book, mechanism = seeded_book(3, 30_000, most_wh=2**31 - 1), CLEARINGS.make(name)
    book = book.replaced(limit_micro_per_kwh=np.where(book.is_sell, 0, book.limit_micro_per_kwh))
    agreement = mechanism.clear(book, context(rates=AROUND_THE_BOOKS))
    assert promise_findings(book, agreement, mechanism.breaks) == []
    assert len(agreement.trades) > (-1 if name == "no_market" else 10_000)


@every_mechanism
def test_ties_are_not_drawn_at_random(name: str) -> None:
    book = book_of(*[("sell", 3, 10)] * 5, *[("buy", 2, 10)] * 3)
    seen = {encode(CLEARINGS.make(name).clear(book, context())) for _ in range(5)}
    assert len(seen) == 1
