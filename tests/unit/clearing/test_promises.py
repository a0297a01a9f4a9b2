"""The check of the room's promises finds every kind of breach."""

import numpy as np
import pytest
from tests.fakes.books import book_of

from commonwatt.clearing import promise_findings
from commonwatt.core.records import Agreement, Trades

BOOK = book_of(("sell", 10, 5), ("buy", 10, 20), ("buy", 10, 9))


def agreement(*rows: tuple[int, int, int, int, int], orders: int = 3) -> Agreement:
    """Trades of (sell row, buy row, Wh, sell price, buy price)."""
    columns = np.array([(*row, 1, 0, 0) for row in rows], np.int64).reshape(-1, 8).T
    return Agreement(Trades(*columns), np.zeros(orders, np.int64))


def test_a_fair_agreement_has_no_findings() -> None:
    assert promise_findings(BOOK, agreement((0, 1, 10, 7, 7))) == []


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ([(0, 1, 11, 7, 7)], "agreement fills"),
        ([(0, 1, 5, 7, 7), (0, 1, 6, 7, 7)], "agreement fills"),
        ([(0, 2, 5, 10, 10)], "agreement buy_price"),
        ([(0, 1, 5, 4, 4)], "agreement sell_price"),
        ([(1, 0, 5, 7, 7)], "agreement sell_order"),
        ([(0, 3, 5, 7, 7)], "agreement buy_order"),
        ([(0, 1, 0, 7, 7)], "agreement energy_wh"),
        ([(-1, -1, 5, 7, 7)], "agreement trades"),
        ([(0, -1, 5, 7, 7)], "agreement energy"),
        ([(0, 1, 5, 9, 7)], "agreement money"),
    ],
    ids=[
        "more than wished",
        "more than wished in two trades",
        "above a bid",
        "below an offer",
        "sides swapped",
        "an order that is not there",
        "no energy",
        "the pool with itself",
        "sold to nobody",
        "sellers get more than buyers pay",
    ],
)
def test_a_breach_is_found(rows: list[tuple[int, int, int, int, int]], where: str) -> None:
    assert where in [finding.where for finding in promise_findings(BOOK, agreement(*rows))]


def test_a_missing_reason_is_found() -> None:
    assert [f.where for f in promise_findings(BOOK, agreement(orders=2))] == ["agreement reason"]


def test_a_declared_break_is_not_a_finding() -> None:
    assert promise_findings(BOOK, agreement((0, 1, 5, 9, 7)), frozenset({"budget_balance"})) == []
    assert promise_findings(BOOK, agreement((0, 2, 5, 10, 10)), frozenset({"limits"})) == []


def test_money_beyond_64_bits_is_still_compared() -> None:
    most = 2**31 - 1
    book = book_of(*[("sell", most, most)] * 4, *[("buy", most, most)] * 4)
    # Four times 2**62 is 0 in 64-bit arithmetic: sellers who get everything from buyers who pay nothing would look balanced.
    rows = [(row, row + 4, most, most, 0) for row in range(4)]
    assert "agreement money" in [f.where for f in promise_findings(book, agreement(*rows, orders=8))]
