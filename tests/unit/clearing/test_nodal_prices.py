"""Matching on a feeder: the largest welfare within every line by a programme over flows, prices at which nobody wants another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.books import arrived_otherwise, book_of, context, seeded_book
from tests.fakes.feeders import feeder, feeders, flow_optimum, flows_wh, on

from commonwatt.clearing import CLEARINGS, ClearingContext, Lines, OrderFacts, promise_findings
from commonwatt.clearing.multi_criteria import MultiCriteria
from commonwatt.core.errors import SlotFailed
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano

row = st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 40), st.integers(-4, 12))
tame_books = st.lists(row, min_size=1, max_size=12).map(lambda rows: book_of(*rows))


def cleared(book: OrderBook, known: ClearingContext, **parameters: Any) -> Agreement:
    agreement = CLEARINGS.make("multi_criteria", price="nodal", **parameters).clear(book, known)
    assert promise_findings(book, agreement) == []
    return agreement


@settings(max_examples=200, deadline=None)
@given(book=tame_books, lines=feeders(), data=st.data())
def test_no_line_is_overloaded_and_no_other_trades_are_worth_more(
    book: OrderBook, lines: Lines, data: st.DataObject
) -> None:
    bus = np.array(data.draw(st.lists(st.integers(-1, len(lines) - 1), min_size=len(book), max_size=len(book))))
    beta = data.draw(st.sampled_from([0.0, 20.0]))
    known = on(book, lines, bus)
    trades = cleared(book, known, beta_micro_per_kwh=beta).trades
    has_line, flow = lines.toward >= 0, flows_wh(lines, bus, trades)
    assert (np.abs(flow) <= lines.limit_wh)[has_line].all()
    cost = np.round(beta * lines.loss_share).astype(np.int64)
    worth = welfare_nano(book, trades) - int((np.abs(flow) * cost)[has_line].sum())
    assert worth == pytest.approx(flow_optimum(book, lines, bus, cost), abs=1e-6)
    # Duality, to the nano: what orders and lines are worth at these prices is what was reached.
    duals = MultiCriteria(price="nodal", beta_micro_per_kwh=beta).duals(book, known)
    assert duals.line_micro_per_kwh is not None
    assert duals.energy_micro_per_kwh @ book.energy_wh + duals.line_micro_per_kwh @ lines.limit_wh == worth


def test_a_full_line_parts_the_prices_of_its_ends() -> None:
    lines = feeder((-1, 0), (0, 50), (0, 500))
    book = book_of(("sell", 200, 10), ("sell", 100, 25), ("buy", 120, 40))
    known = on(book, lines, [1, 2, 2])
    trades = cleared(book, known).trades
    assert sorted(zip(trades.sell_order.tolist(), trades.energy_wh.tolist(), strict=True)) == [(0, 50), (1, 70)]
    duals = MultiCriteria(price="nodal").duals(book, known)
    assert duals.bus_micro_per_kwh is not None
    assert duals.line_micro_per_kwh is not None
    assert duals.bus_micro_per_kwh[[1, 2]].tolist() == [10, 25]
    assert duals.line_micro_per_kwh.tolist() == [0, 15, 0]
    # The neighbour at the same bus has its bus's price; over the line they meet half way.
    price = dict(zip(trades.sell_order.tolist(), trades.buy_price_micro_per_kwh.tolist(), strict=True))
    assert price == {0: 17, 1: 25}


def test_without_lines_it_is_the_welfare_optimum_at_one_price() -> None:
    for seed in range(20):
        book = seeded_book(seed, 60)
        trades = cleared(book, context()).trades
        assert welfare_nano(book, trades) == optimum_welfare_nano(book)
        assert len(set(trades.sell_price_micro_per_kwh.tolist())) == 1


@settings(max_examples=40, deadline=None)
@given(book=tame_books, lines=feeders(), data=st.data())
def test_arrival_changes_neither_flows_nor_prices(book: OrderBook, lines: Lines, data: st.DataObject) -> None:
    bus = np.array(data.draw(st.lists(st.integers(-1, len(lines) - 1), min_size=len(book), max_size=len(book))))
    other, rows = arrived_otherwise(book, 3)
    first, second = cleared(book, on(book, lines, bus)).trades, cleared(other, on(other, lines, bus[rows])).trades
    assert flows_wh(lines, bus, first).tolist() == flows_wh(lines, bus[rows], second).tolist()
    paid = [sorted((t.sell_price_micro_per_kwh * t.energy_wh).tolist()) for t in (first, second)]
    assert sum(paid[0]) == sum(paid[1])


def test_pairs_see_the_weakest_line_and_the_losses_between_them() -> None:
    lines = feeder((-1, 0), (0, 50), (1, 80), (0, 30), losses=(0.0, 0.02, 0.03, 0.05))
    least, lost = lines.paths(np.array([2, 2, 3, 2, 2, -1]), np.array([1, 3, 0, 2, -1, 3]))
    assert least[[0, 1, 2, 4, 5]].tolist() == [80, 30, 30, 50, 30]
    assert least[3] > 10**9
    assert lost.tolist() == pytest.approx([0.03, 0.1, 0.05, 0.0, 0.05, 0.05])
    book = book_of(("sell", 90, 10), ("buy", 90, 40), ("buy", 90, 30))
    mechanism = CLEARINGS.make("multi_criteria", beta_micro_per_kwh=250.0)
    trades = mechanism.clear(book, on(book, lines, [2, 3, 1])).trades
    # (40 - 10) / 2 less a loss of 0.1 x 250 is below nought; (30 - 10) / 2 less 0.03 x 250 is not.
    assert [trades.sell_order.tolist(), trades.buy_order.tolist(), trades.energy_wh.tolist()] == [[0], [2], [80]]


def test_a_budget_that_could_bind_is_refused_with_nodal_prices() -> None:
    book = book_of(("sell", 9, 10), ("buy", 9, 30))
    facts = OrderFacts.unknown(2).replaced(budget_nano=np.array([2**62, 269]))
    with pytest.raises(SlotFailed, match="expected no budget that could bind with nodal prices"):
        cleared(book, replace(context(), facts=facts))


@pytest.mark.parametrize("toward", [[1, 0], [0], [5, -1], [-2]])
def test_lines_that_are_no_tree_are_refused(toward: list[int]) -> None:
    with pytest.raises(ValueError, match=r"expected (lines that end at a root|buses)"):
        Lines.of(len(toward), toward=np.array(toward))
