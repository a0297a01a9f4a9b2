"""Two rounds: who meets whom in which, and what the page says it costs."""

import re
from pathlib import Path

import pytest
from tests.fakes.books import book_of, context, seeded_book

from commonwatt.clearing import CLEARINGS
from commonwatt.core.orders import OrderBook, Preference, Source
from commonwatt.core.records import Reason, Trades
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano

PAGE = Path(__file__).parents[3] / "docs" / "explain" / "clearing.md"
ANY, GREEN = int(Preference.ANY), int(Preference.RENEWABLE)


def traded(book: OrderBook, renewable_storage: bool = False) -> Trades:
    return CLEARINGS.make("two_round_double_auction").clear(book, context(renewable_storage)).trades


def test_who_prefers_renewables_meets_them_before_a_higher_bid_does() -> None:
    book = book_of(
        ("sell", 5, 10, int(Source.WIND), ANY),
        ("sell", 5, 12, int(Source.FUEL), ANY),
        ("buy", 5, 90, 0, ANY),
        ("buy", 5, 20, 0, GREEN),
    )
    trades = traded(book)
    assert trades.sell_order.tolist() == [0, 1]
    assert trades.buy_order.tolist() == [3, 2]
    assert trades.round.tolist() == [1, 2]
    assert trades.sell_price_micro_per_kwh.tolist() == [15, 51]


@pytest.mark.parametrize("source", [Source.BATTERY, Source.EV])
def test_storage_is_renewable_only_when_the_community_says_so(source: Source) -> None:
    book = book_of(("sell", 5, 10, int(source), ANY), ("buy", 5, 20, 0, GREEN))
    assert traded(book).round.tolist() == [2]
    assert traded(book, renewable_storage=True).round.tolist() == [1]


def test_what_round_one_left_trades_in_round_two() -> None:
    book = book_of(("sell", 7, 10, int(Source.PV), ANY), ("buy", 4, 20, 0, GREEN), ("buy", 9, 15, 0, ANY))
    trades = traded(book)
    assert trades.energy_wh.tolist() == [4, 3]
    assert trades.round.tolist() == [1, 2]


def test_equal_limits_are_served_in_sequence() -> None:
    book = book_of(("buy", 2, 20), ("sell", 3, 10), ("sell", 3, 10), ("buy", 2, 20))
    trades = traded(book)
    assert trades.sell_order.tolist() == [1, 1, 2]
    assert trades.buy_order.tolist() == [0, 3, 3]
    assert trades.energy_wh.tolist() == [2, 1, 1]


def test_an_order_learns_whether_a_limit_or_a_rival_stood_in_its_way() -> None:
    book = book_of(("sell", 5, 10), ("sell", 5, 15), ("sell", 5, 25), ("buy", 5, 20), ("buy", 5, 5))
    reason = CLEARINGS.make("two_round_double_auction").clear(book, context()).reason
    assert [Reason(int(r)) for r in reason] == [
        Reason.FILLED,
        Reason.NO_COUNTERPART,
        Reason.PRICE,
        Reason.FILLED,
        Reason.PRICE,
    ]


def test_the_page_tells_the_efficiency_that_was_measured() -> None:
    """1000 books, six sellers and six buyers each, 0..300 000 micro per kWh, 1..5000 Wh, all sources and preferences."""
    shares = []
    for seed in range(1000):
        book = seeded_book(seed, 12)
        book = book.replaced(is_sell=book.sequence < 6)
        optimum = optimum_welfare_nano(book)
        if optimum:
            shares.append(welfare_nano(book, traded(book)) / optimum)
    measured = {
        "books": str(len(shares)),
        "mean": f"{sum(shares) / len(shares):.3f}",
        "worst": f"{min(shares):.3f}",
        "whole": str(sum(s == 1 for s in shares)),
    }
    told = dict(re.findall(r"^\| (\w+) \| [^|]+ \| ([\d.]+) \|$", PAGE.read_text(), re.MULTILINE))
    assert told == measured
