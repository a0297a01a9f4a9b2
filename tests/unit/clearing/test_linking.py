"""The pool of one place as trades between members."""

from __future__ import annotations

import numpy as np
from tests.fakes.books import book_of

from commonwatt.clearing._linking import linked
from commonwatt.core.records import Trades

BOOK = book_of(("sell", 300, 20), ("buy", 400, 90), ("sell", 500, 10), ("buy", 250, 95), ("buy", 150, 80))


def pooled(*rows: tuple[int, int, int]) -> Trades:
    """Sales (order, -1) at 50 and purchases (-1, order) at 60."""
    table = np.array(rows, np.int64)
    return Trades.of(
        len(table),
        sell_order=table[:, 0],
        buy_order=table[:, 1],
        energy_wh=table[:, 2],
        sell_price_micro_per_kwh=np.where(table[:, 0] >= 0, 50, 0),
        buy_price_micro_per_kwh=np.where(table[:, 1] >= 0, 60, 0),
        round=1,
    )


def rows_of(trades: Trades) -> list[tuple[int, int, int, int, int]]:
    columns = (trades.sell_order, trades.buy_order, trades.energy_wh)
    prices = (trades.sell_price_micro_per_kwh, trades.buy_price_micro_per_kwh)
    return list(zip(*(column.tolist() for column in (*columns, *prices)), strict=True))


def test_who_asks_least_sells_to_who_bids_most_and_fills_and_prices_stay() -> None:
    trades = pooled((0, -1, 300), (-1, 1, 400), (2, -1, 500), (-1, 3, 250), (-1, 4, 150))
    pairs = linked(trades, BOOK)
    assert rows_of(pairs) == [(2, 3, 250, 50, 60), (2, 1, 250, 50, 60), (0, 1, 150, 50, 60), (0, 4, 150, 50, 60)]
    assert pairs.filled_wh(5).tolist() == trades.filled_wh(5).tolist()


def test_rounds_are_linked_in_turn_and_trades_between_two_members_stay() -> None:
    trades = pooled((0, -1, 100), (-1, 4, 100), (2, -1, 100), (-1, 3, 100), (2, 1, 7))
    trades = trades.replaced(round=np.array([1, 1, 2, 2, 1], np.int8))
    assert rows_of(linked(trades, BOOK)) == [(2, 1, 7, 50, 60), (0, 4, 100, 50, 60), (2, 3, 100, 50, 60)]


def test_without_a_pool_nothing_is_linked() -> None:
    trades = pooled((0, 1, 10))
    assert linked(trades, BOOK) is trades
    assert not len(linked(Trades.empty(), BOOK))
