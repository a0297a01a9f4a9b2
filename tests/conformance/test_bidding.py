"""Every strategy keeps the promises of its room."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwatt.bidding import BIDDINGS, BiddingContext, Wishes
from commonwatt.core.determinism import stream
from commonwatt.core.orders import OrderBook, book_findings
from commonwatt.core.records import NOTHING_TRADED, PriceHistory
from commonwatt.core.tariff import Rates
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH

RATES = Rates(300_000, 80_000, 300_000, 80_000, 90_000, 30_000, 20_000, 10_000, 80_000)
NAMES = pytest.mark.parametrize("name", BIDDINGS.names())
LIMITS = st.integers(1 - PRICE_LIMIT_MICRO_PER_KWH, PRICE_LIMIT_MICRO_PER_KWH - 1) | st.integers(-100_000, 500_000)
ROWS = st.lists(
    st.tuples(st.integers(-50_000, 50_000) | st.just(0), LIMITS, LIMITS, st.integers(0, 5), st.integers(0, 1)),
    max_size=12,
)


def wishes_of(rows: list[tuple[int, int, int, int, int]]) -> Wishes:
    columns = np.array(rows, np.int64).reshape(len(rows), 5).T
    return Wishes(np.arange(len(rows)), *columns)


SLOT = 467_376
PRICES = PriceHistory(SLOT - 100, 3600, np.arange(98) % 3 * 1000, 150_000 + np.arange(98))
KNOWN = st.sampled_from([NOTHING_TRADED, PRICES])


def bid(name: str, wishes: Wishes, seed: int = 3, prices: PriceHistory = PRICES) -> OrderBook:
    return BIDDINGS.make(name).bid(wishes, BiddingContext(SLOT, RATES, stream(seed, "bids", name), prices))


def test_the_room_has_answers() -> None:
    assert {"aggressive", "conservative", "forecast_based", "truthful", "zero_intelligence"} <= set(BIDDINGS.names())


@NAMES
@given(rows=ROWS, prices=KNOWN)
@settings(max_examples=60, deadline=None)
def test_orders_stand_on_the_side_of_the_position_within_position_and_limit(
    name: str, rows: list[tuple[int, int, int, int, int]], prices: PriceHistory
) -> None:
    wishes = wishes_of(rows)
    book = bid(name, wishes, prices=prices)
    assert book_findings(book, [str(row) for row in range(len(rows))]) == []
    assert book.sequence.tolist() == list(range(len(book)))
    net = wishes.net_wh[book.member]
    assert (net != 0).all()
    assert (book.is_sell == (net > 0)).all()
    ordered = np.zeros(len(rows), np.int64)
    np.add.at(ordered, book.member, book.energy_wh)
    assert (ordered <= np.abs(wishes.net_wh)).all()
    never_cheaper = book.limit_micro_per_kwh >= wishes.sell_limit_micro_per_kwh[book.member]
    never_dearer = book.limit_micro_per_kwh <= wishes.buy_limit_micro_per_kwh[book.member]
    assert np.where(book.is_sell, never_cheaper, never_dearer).all()


@NAMES
def test_a_stream_gives_the_same_orders_every_time(name: str) -> None:
    wishes = wishes_of([(500, 350_000, 120_000, 1, 0), (-700, 350_000, 120_000, 1, 1)] * 20)
    one, other = bid(name, wishes), bid(name, wishes)
    assert all((one.arrays()[column] == other.arrays()[column]).all() for column in one.arrays())


@NAMES
def test_nobody_orders_where_nobody_wishes(name: str) -> None:
    assert len(bid(name, Wishes.empty())) == 0


@NAMES
def test_a_strategy_breaks_no_promise(name: str) -> None:
    assert not BIDDINGS.answer(name).breaks
