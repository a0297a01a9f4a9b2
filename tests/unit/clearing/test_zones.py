"""Zone by zone: which lines say something, who climbs a full one, and what each zone's price is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.books import NO_FEES, book_of, context, seeded_book
from tests.fakes.feeders import feeder, on

from commonwatt.clearing import (
    CLEARINGS,
    ClearingContext,
    OrderFacts,
    clear_markets,
    clear_on_lines,
    promise_findings,
    zones_of,
)
from commonwatt.core.encoding import encode
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades

UNIFORM = CLEARINGS.make("uniform_price")
STREET = feeder((-1, 0), (0, 100), (1, 100), (0, 100), fees=(9, 0, 3, 0))
"""A root with two branches, the first of them two buses long with a fee on its last line; the root has no line, and no fee."""


def test_a_line_that_costs_nothing_and_carries_whatever_could_cross_joins_its_ends() -> None:
    book = book_of(("sell", 80, 1), ("buy", 500, 9), ("buy", 120, 9))
    assert zones_of(book, on(book, STREET, [1, 0, 3])) is None
    places = zones_of(book, on(book, STREET, [2, 0, 3]))
    assert places is not None
    assert [places.lines.toward.tolist(), places.lines.fee_micro_per_kwh.tolist()] == [[-1, 0], [0, 3]]
    assert places.bus.tolist() == [1, 0, 0]
    wide = book.replaced(energy_wh=np.array([101, 500, 120]))
    places = zones_of(wide, on(wide, STREET, [1, 0, -1]))
    assert places is not None
    assert [places.lines.limit_wh.tolist(), places.bus.tolist()] == [[0, 100], [1, 0, 0]]


def test_a_fee_that_nothing_could_pay_parts_nobody() -> None:
    book = book_of(("sell", 80, 1), ("buy", 500, 9))
    assert zones_of(book, on(book, STREET, [2, 2])) is None
    assert zones_of(book_of(("sell", 80, 1)), on(book_of(("sell", 80, 1)), STREET, [2])) is None


def test_every_zone_has_one_price_and_a_full_line_parts_two() -> None:
    book = book_of(("sell", 60, 10), ("sell", 300, 20), ("buy", 40, 30), ("buy", 50, 80), ("buy", 90, 70))
    trades = clear_on_lines(UNIFORM, book, on(book, STREET, [1, 1, 1, 0, 3])).trades
    bought = trades.buy_order >= 0
    price = dict(zip(trades.buy_order[bought].tolist(), trades.buy_price_micro_per_kwh[bought].tolist(), strict=True))
    # Behind the line 360 are offered for 40; of what is left 100 come out, the cheapest first, and are short there.
    assert price == {2: 10, 3: 70, 4: 70}
    assert trades.filled_wh(5).tolist() == [60, 80, 40, 50, 50]


def test_one_price_everywhere_where_nothing_binds() -> None:
    book = book_of(("sell", 60, 10), ("buy", 40, 30), ("buy", 50, 80))
    trades = clear_on_lines(UNIFORM, book, on(book, STREET, [1, 0, 3])).trades
    assert len(set(trades.sell_price_micro_per_kwh.tolist())) == 1


def test_best_limits_climb_first_and_equal_ones_pro_rata() -> None:
    book = book_of(("sell", 30, 5), ("sell", 100, 7), ("sell", 200, 7), ("sell", 50, 8), ("buy", 400, 20))
    trades = clear_on_lines(UNIFORM, book, on(book, STREET, [1, 1, 1, 1, 0])).trades
    # 70 are left for the two at 7: 23.3 and 46.7.
    assert trades.filled_wh(5).tolist() == [30, 23, 47, 0, 100]


def test_a_cap_by_trust_is_of_the_whole_order_however_many_places_it_comes_to() -> None:
    book = book_of(("sell", 1000, 0), ("buy", 200, 300_000), ("buy", 900, 300_000))
    rates = replace(NO_FEES, retail_micro_per_kwh=300_000, feed_in_micro_per_kwh=150_000)
    facts = OrderFacts.unknown(3).replaced(bus=np.array([1, 1, 0]), trust=np.array([1.0, np.nan, np.nan]))
    known = replace(context(rates=rates), facts=facts, lines=feeder((-1, 0), (0, 700)))
    filled = clear_on_lines(CLEARINGS.make("sdr_two_level"), book, known).trades.filled_wh(3)
    # A point allows half of the 1000: 200 at home, then 300, and not half of the 700 that climbed.
    assert filled.tolist() == [500, 200, 300]


def test_many_markets_with_lines_are_each_as_alone() -> None:
    whole = [seeded_book(seed, 12) for seed in range(3)]
    joined = OrderBook.joined(whole)
    known = [on(book, feeder((-1, 0), (0, 900), fees=(0, 10)), [0, 1] * 6) for book in whole]
    together = clear_markets(UNIFORM, joined, np.array([0, 12, 24, 36]), known)
    alone = [clear_on_lines(UNIFORM, book, own) for book, own in zip(whole, known, strict=True)]
    assert any(one.trades.buy_fee_micro_per_kwh.any() for one in alone)
    assert together.reason.tolist() == np.concatenate([one.reason for one in alone]).tolist()
    assert together.trades.energy_wh.tolist() == np.concatenate([one.trades.energy_wh for one in alone]).tolist()


def test_a_negotiation_pays_the_fee_of_its_way() -> None:
    lines = feeder((-1, 0), (0, 5000), (0, 5000), fees=(0, 40, 70))
    book = book_of(("sell", 100, 10), ("buy", 100, 300), ("buy", 100, 119))
    known = on(book, lines, [1, 2, 2])
    agreement = clear_on_lines(CLEARINGS.make("bilateral_primal_dual"), book, known)
    assert promise_findings(book, agreement, frozenset(), known) == []
    trades = agreement.trades
    # 10 + 110 are above 119.
    assert trades.filled_wh(3).tolist() == [100, 100, 0]
    assert [trades.sell_fee_micro_per_kwh.tolist(), trades.buy_fee_micro_per_kwh.tolist()] == [[40], [70]]


def fees_of(trades: Trades, known: ClearingContext, book: OrderBook) -> list[str]:
    return [
        f.where for f in promise_findings(book, Agreement(trades, np.zeros(len(book), np.int64)), frozenset(), known)
    ]


@pytest.mark.parametrize(
    ("sell_fee", "buy_fee", "found"),
    [(3, 0, []), (0, 3, ["agreement fees"]), (3, 1, ["agreement fees"]), (0, 0, ["agreement fees"])],
    ids=["its own way", "the other's way", "too much", "too little"],
)
def test_fees_that_are_not_those_of_the_way_are_found(sell_fee: int, buy_fee: int, found: list[str]) -> None:
    book = book_of(("sell", 10, 1), ("buy", 10, 20))
    one = np.array([0])
    trades = Trades.at_one_price(one, one + 1, one + 10, one + 9, one + 1).with_fees(one + sell_fee, one + buy_fee)
    assert fees_of(trades, on(book, STREET, [2, 1]), book) == found


def test_a_fee_counts_in_both_limits_and_a_full_line_is_found() -> None:
    book = book_of(("sell", 200, 8), ("buy", 200, 9))
    one = np.array([0])
    trades = Trades.at_one_price(one, one + 1, one + 101, one + 9, one + 1).with_fees(one + 3, one)
    assert fees_of(trades, on(book, STREET, [2, 1]), book) == ["agreement sell_price", "agreement lines"]
    assert fees_of(trades.with_fees(one, one), on(book, None, [2, 1]), book) == []
    assert fees_of(trades, on(book, None, [2, 1]), book) == ["agreement sell_price", "agreement fees"]


def test_nothing_but_the_lines_makes_a_difference_to_a_mechanism() -> None:
    book = seeded_book(4, 30)
    assert encode(clear_on_lines(UNIFORM, book, context())) == encode(UNIFORM.clear(book, context()))
