"""The token ring: who is asked when, how much each may answer, where the ring ends."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import book_of, books, context, seeded_book

from commonwatt.clearing import CLEARINGS, OrderFacts, token_ring
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Trades


def traded(book: OrderBook, microgrid: list[int] | None = None, trust: list[float] | None = None) -> Trades:
    facts = OrderFacts.unknown(len(book))
    if microgrid is not None:
        facts = facts.replaced(microgrid=np.array(microgrid))
    if trust is not None:
        facts = facts.replaced(trust=np.array(trust))
    return CLEARINGS.make("token_ring").clear(book, replace(context(), facts=facts)).trades


def rows_of(trades: Trades) -> list[tuple[int, int, int]]:
    columns = (trades.sell_order, trades.buy_order, trades.energy_wh)
    return [(int(s), int(b), int(e)) for s, b, e in zip(*columns, strict=True)]


def by_tokens(book: OrderBook) -> list[tuple[int, int, int]]:
    """One ring, told token by token."""
    ring = sorted(range(len(book)), key=lambda r: (book.member[r], book.limit_micro_per_kwh[r], -book.energy_wh[r], r))
    left, limit, found, size = book.energy_wh.tolist(), book.limit_micro_per_kwh.tolist(), [], len(ring)
    for hop in range(1, size // 2 + 1):
        for ahead in (hop, -hop):
            if 2 * hop == size and ahead < 0:
                continue
            for place, buyer in enumerate(ring):
                holder = ring[(place + ahead) % size]
                if book.is_sell[buyer] or not book.is_sell[holder] or limit[holder] > limit[buyer]:
                    continue
                if energy := min(left[buyer], left[holder]):
                    found.append((holder, buyer, energy))
                    left[buyer] -= energy
                    left[holder] -= energy
    return found


@pytest.mark.parametrize("few_pairs", [0, 12, 1 << 20], ids=["by hops", "by both", "by pairs"])
@settings(max_examples=100, deadline=None)
@given(book=books(20), look_ahead=st.sampled_from([1, 2, 32]))
def test_tokens_travel_as_the_paper_tells_it(few_pairs: int, book: OrderBook, look_ahead: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_ring, "_FEW_PAIRS", few_pairs)
        patch.setattr(token_ring, "_LOOK_AHEAD_HOPS", look_ahead)
        assert rows_of(traded(book)) == by_tokens(book)


def test_a_long_ring_is_told_the_same_by_hops_and_by_pairs() -> None:
    book, microgrid = seeded_book(6, 3000), (np.arange(3000) % 3 // 2).tolist()
    trust = np.linspace(0.0, 5.0, 3000).tolist()
    whole = rows_of(traded(book, microgrid, trust))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_ring, "_FEW_PAIRS", 0)
        assert rows_of(traded(book, microgrid, trust)) == whole


def test_the_nearer_holder_is_asked_before_the_cheaper_one() -> None:
    book = book_of(("buy", 5, 30), ("sell", 4, 20), ("sell", 4, 10), ("sell", 4, 40), ("buy", 1, 5))
    assert rows_of(traded(book)) == [(1, 0, 4), (2, 0, 1)]


def test_no_token_leaves_its_microgrid() -> None:
    book = book_of(("buy", 5, 30), ("sell", 4, 20), ("sell", 4, 10), ("buy", 9, 30))
    assert rows_of(traded(book, microgrid=[0, 1, 1, 1])) == [(1, 3, 4), (2, 3, 4)]


def test_two_microgrids_without_a_link_trade_nothing_with_each_other() -> None:
    assert rows_of(traded(book_of(("buy", 5, 30), ("sell", 5, 20)), microgrid=[0, 1])) == []


def test_rating_points_cap_what_a_holder_may_give_of_the_asked_energy() -> None:
    for trust, given_wh in ((0.5, 50), (2.0, 75), (3.9, 90), (4.0, 100), (float("nan"), 100)):
        book = book_of(("buy", 100, 30), ("sell", 500, 20))
        assert rows_of(traded(book, trust=[4.0, trust])) == [(1, 0, given_wh)]
