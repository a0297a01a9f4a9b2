"""The sealed reverse auction against the paper's words told offer by offer: filters, floor, who wins, what is paid, why not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import book_of, books, context, seeded_book

from commonwatt.clearing import CLEARINGS, promise_findings
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano

every_form = pytest.mark.parametrize("fulfilment", ["whole", "partial", "multi_unit"])
every_payment = pytest.mark.parametrize("payment", ["first", "second"])


def cleared(book: OrderBook, **parameters: Any) -> Agreement:
    return CLEARINGS.make("sealed_reverse_auction", **parameters).clear(book, context())


def rows_of(agreement: Agreement) -> list[tuple[int, int, int, int]]:
    trades = agreement.trades
    assert (trades.sell_price_micro_per_kwh == trades.buy_price_micro_per_kwh).all()
    columns = (trades.sell_order, trades.buy_order, trades.energy_wh, trades.sell_price_micro_per_kwh)
    return [(int(s), int(b), int(e), int(p)) for s, b, e, p in zip(*columns, strict=True)]


def reasons(agreement: Agreement) -> list[str]:
    return [Reason(int(reason)).name for reason in agreement.reason]


def as_told(book: OrderBook, fulfilment: str, payment: str, floor: int) -> list[tuple[int, int, int, int]]:
    """Request by request, looking at every offer anew."""
    left, limit, found = book.energy_wh.tolist(), book.limit_micro_per_kwh.tolist(), []
    requests = [r for r in range(len(book)) if not book.is_sell[r] and left[r] and limit[r] > floor]
    for buy in sorted(requests, key=lambda r: (-limit[r], -left[r], r)):
        wanted, asked, won = left[buy], left[buy], []
        valid = [
            (max(limit[r], floor), -int(book.energy_wh[r]), r)
            for r in range(len(book))
            if book.is_sell[r]
            and left[r] >= (asked if fulfilment == "whole" else 1)
            and max(limit[r], floor) <= limit[buy]
        ]
        valid.sort()
        for price, _, sell in valid[: None if fulfilment == "multi_unit" else 1]:
            if energy := min(wanted, left[sell]):
                won.append((sell, buy, energy, price))
                wanted, left[sell] = wanted - energy, left[sell] - energy
        beaten = [price for price, _, sell in valid if sell not in {row[0] for row in won}]
        second = min(beaten, default=limit[buy])
        found += [(s, b, e, second if payment == "second" else p) for s, b, e, p in won]
    return found


@every_form
@every_payment
@settings(max_examples=60, deadline=None)
@given(book=books(16), floor=st.sampled_from([-(2**31), -1, 0, 2]))
def test_each_request_is_served_as_the_paper_tells_it(
    fulfilment: str, payment: str, book: OrderBook, floor: int
) -> None:
    agreement = cleared(book, fulfilment=fulfilment, payment=payment, floor_micro_per_kwh=floor)
    assert rows_of(agreement) == as_told(book, fulfilment, payment, floor)
    assert promise_findings(book, agreement) == []
    prices = agreement.trades.sell_price_micro_per_kwh
    assert (prices >= floor).all()


@every_form
@every_payment
def test_a_larger_book_is_served_the_same(fulfilment: str, payment: str) -> None:
    book = seeded_book(11, 400)
    assert rows_of(cleared(book, fulfilment=fulfilment, payment=payment)) == as_told(
        book, fulfilment, payment, -(2**31)
    )


def test_the_lowest_price_that_covers_the_request_wins() -> None:
    book = book_of(("buy", 5, 30), ("sell", 4, 10), ("sell", 5, 22), ("sell", 9, 20))
    assert rows_of(cleared(book, fulfilment="whole")) == [(3, 0, 5, 20)]
    assert rows_of(cleared(book, fulfilment="partial")) == [(1, 0, 4, 10)]
    assert rows_of(cleared(book)) == [(1, 0, 4, 10), (3, 0, 1, 20)]


def test_the_second_price_is_the_lowest_that_does_not_win_or_the_most_that_was_offered() -> None:
    book = book_of(("buy", 5, 30), ("sell", 5, 10), ("sell", 5, 22))
    assert rows_of(cleared(book, payment="second")) == [(1, 0, 5, 22)]
    assert rows_of(cleared(book_of(("buy", 5, 30), ("sell", 5, 10)), payment="second")) == [(1, 0, 5, 30)]
    # An offer beyond what the buyer pays is not valid.
    dear = book_of(("buy", 5, 30), ("sell", 5, 10), ("sell", 5, 31))
    assert rows_of(cleared(dear, payment="second")) == [(1, 0, 5, 30)]


def test_no_other_price_than_its_own_gains_a_single_seller_of_one_request_anything_at_the_second_price() -> None:
    others, own = [("buy", 5, 30), ("sell", 5, 14), ("sell", 6, 18)], 12

    def gain(payment: str, said: int) -> int:
        rows = rows_of(cleared(book_of(*others, ("sell", 5, said)), payment=payment, fulfilment="whole"))
        return sum(energy * (price - own) for sell, _, energy, price in rows if sell == 3)

    assert max(gain("second", said) for said in range(35)) == gain("second", own)
    assert max(gain("first", said) for said in range(35)) > gain("first", own)


def test_the_floor_refuses_requests_and_raises_offers() -> None:
    book = book_of(("buy", 5, 30), ("buy", 5, 15), ("sell", 4, 10), ("sell", 9, 40))
    agreement = cleared(book, floor_micro_per_kwh=15)
    assert rows_of(agreement) == [(2, 0, 4, 15)]
    assert reasons(agreement) == ["NO_COUNTERPART", "PRICE", "FILLED", "PRICE"]


def test_a_request_that_nobody_covers_whole_comes_back() -> None:
    agreement = cleared(book_of(("buy", 5, 30), ("sell", 4, 10), ("sell", 4, 10)), fulfilment="whole")
    assert rows_of(agreement) == []
    assert reasons(agreement) == ["TERMS"] * 3


def test_one_winner_a_request_gives_up_welfare_and_several_do_not() -> None:
    book = seeded_book(2, 60)
    reached = {
        form: welfare_nano(book, cleared(book, fulfilment=form).trades) for form in ("whole", "partial", "multi_unit")
    }
    assert reached["multi_unit"] == optimum_welfare_nano(book) > max(reached["whole"], reached["partial"])
