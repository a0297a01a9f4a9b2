"""Many markets cleared together are the markets cleared one by one, to the byte, on any books."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import book_of, books, context, seeded_book

from commonwatt.benchmarks.gates import clearing_findings
from commonwatt.clearing import CLEARINGS, Clearing, ClearingContext, clear_markets
from commonwatt.clearing.base import ClearsTogether
from commonwatt.core.encoding import encode
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades
from commonwatt.pricing import PRICINGS

every_mechanism = pytest.mark.parametrize("name", CLEARINGS.names())


class OneByOne:
    """A mechanism of which only `clear` is used."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, mechanism: Clearing) -> None:
        self.mechanism = mechanism

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        return self.mechanism.clear(book, context)


def stacked(parts: list[OrderBook]) -> tuple[OrderBook, np.ndarray]:
    counts = [len(part) for part in parts]
    return OrderBook.joined(parts), np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def contexts(count: int) -> list[ClearingContext]:
    """Some markets share a context, the others have their own price policy."""
    low = ClearingContext(0, context().rates, PRICINGS.make("fixed", reference_micro_per_kwh=-(2**31) + 1))
    high = ClearingContext(1, context().rates, PRICINGS.make("fixed", reference_micro_per_kwh=2**31 - 1))
    book = ClearingContext(2, context().rates, PRICINGS.make("supply_demand_ratio"))
    return [(context(), low, high, book)[number % 4] for number in range(count)]


def assert_alike(name: str, parts: list[OrderBook]) -> None:
    mechanism = CLEARINGS.make(name)
    book, starts = stacked(parts)
    # A context's stream of draws is used up by whoever draws from it: both ways begin with streams of their own.
    together = clear_markets(mechanism, book, starts, contexts(len(parts)))
    assert encode(together) == encode(clear_markets(OneByOne(mechanism), book, starts, contexts(len(parts))))


@every_mechanism
@settings(max_examples=80, deadline=None)
@given(parts=st.lists(books(), max_size=6))
def test_together_is_one_by_one_on_any_books(name: str, parts: list[OrderBook]) -> None:
    assert_alike(name, parts)


@every_mechanism
@pytest.mark.parametrize("span", [1, 3, 20, 2**31 - 1])
def test_together_is_one_by_one_with_ties_and_at_the_ends_of_the_range(name: str, span: int) -> None:
    sizes = [0, 1, 2, 7, 7, 7, 0, 40, 3, 0]
    for most_wh in (3, 2**31 - 1):
        assert_alike(name, [seeded_book(seed, size, -span, span, most_wh) for seed, size in enumerate(sizes)])


@every_mechanism
def test_large_markets_stand_beside_small_ones(name: str) -> None:
    assert_alike(name, [seeded_book(1, 30), seeded_book(2, 9000), seeded_book(3, 30), seeded_book(4, 4097, 0, 5)])


def test_equal_markets_fill_more_than_one_table() -> None:
    assert_alike("uniform_price", [seeded_book(seed, 110, 0, 300) for seed in range(1300)])


def test_what_is_cleared_together_passes_the_queues_of_plain_python() -> None:
    mechanism = CLEARINGS.make("uniform_price")
    assert isinstance(mechanism, ClearsTogether)
    for seed in range(20):
        book = seeded_book(seed, 50, -4, 4, 6)
        agreement = clear_markets(mechanism, book, np.array([0, 50]), [context()])
        assert clearing_findings("uniform_price", frozenset(), book, agreement) == []


@every_mechanism
def test_no_markets_are_an_agreement_without_trades(name: str) -> None:
    agreement = clear_markets(CLEARINGS.make(name), book_of(), np.array([0]), [])
    assert encode(agreement) == encode(Agreement(Trades.empty(), np.zeros(0, np.int64)))


@pytest.mark.parametrize("starts", [[0, 1], [1, 2], [0, 2, 1, 2], [0, 3]], ids=str)
def test_starts_that_do_not_cover_the_book_are_refused(starts: list[int]) -> None:
    book = book_of(("sell", 5, 1), ("buy", 5, 2))
    with pytest.raises(ValueError, match=r"expected starts 0\.\.2 in order"):
        clear_markets(CLEARINGS.make("uniform_price"), book, np.array(starts), [context()] * (len(starts) - 1))
