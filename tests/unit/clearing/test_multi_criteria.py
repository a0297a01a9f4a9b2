"""Multi-criteria matching against programmes set up otherwise: all pairs at once, and every choice of pairs one by one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from tests.fakes.books import arrived_otherwise, book_of, books, context, seeded_book

from commonwatt.clearing import CLEARINGS, NO_BUDGET, ClearingContext, OrderFacts, promise_findings
from commonwatt.clearing.multi_criteria import MultiCriteria
from commonwatt.core.errors import SlotFailed
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason
from commonwatt.core.welfare import optimum_welfare_nano, welfare_nano


def told(book: OrderBook, trust: Sequence[float] | None = None, budget: Sequence[int] | None = None) -> ClearingContext:
    facts = OrderFacts.unknown(len(book))
    if trust is not None:
        facts = facts.replaced(trust=np.array(trust, np.float64))
    if budget is not None:
        facts = facts.replaced(budget_nano=np.array(budget, np.int64))
    return replace(context(), facts=facts)


def cleared(book: OrderBook, known: ClearingContext | None = None, **parameters: Any) -> Agreement:
    agreement = CLEARINGS.make("multi_criteria", **parameters).clear(book, known or context())
    assert promise_findings(book, agreement) == []
    return agreement


def rows_of(agreement: Agreement) -> list[tuple[int, int, int]]:
    trades = agreement.trades
    columns = (trades.sell_order, trades.buy_order, trades.energy_wh)
    return sorted((int(s), int(b), int(e)) for s, b, e in zip(*columns, strict=True))


def reasons(agreement: Agreement) -> list[str]:
    return [Reason(int(reason)).name for reason in agreement.reason]


class Reference:
    """Dense, over every pair of a seller and a buyer, with midpoint prices: nothing of the package in it."""

    def __init__(
        self, book: OrderBook, known: ClearingContext, alpha: float = 1, gamma: float = 0, capacity: int = 2**31
    ) -> None:
        assert known.facts is not None
        self.book, self.facts, self.capacity = book, known.facts, capacity
        self.sells, self.buys = (np.flatnonzero(book.is_sell == side).tolist() for side in (True, False))
        self.pairs = list(product(self.sells, self.buys))
        limit, trust = book.limit_micro_per_kwh, np.nan_to_num(known.facts.trust)
        self.price = [(int(limit[s]) + int(limit[b])) // 2 for s, b in self.pairs]
        self.gain = [
            limit[b] - alpha * (limit[s] + limit[b]) / 2 + gamma * trust[s] if limit[s] <= limit[b] else -1.0
            for s, b in self.pairs
        ]

    def optimum(self, allowed: Sequence[bool] | None = None) -> float:
        if not self.pairs:
            return 0.0
        rows, most = [], []
        for order in (*self.sells, *self.buys):
            rows.append([float(order in pair) for pair in self.pairs])
            most.append(float(self.book.energy_wh[order]))
        for buy in self.buys:
            if self.facts.budget_nano[buy] < NO_BUDGET:
                rows.append([p * float(b == buy) for p, (_, b) in zip(self.price, self.pairs, strict=True)])
                most.append(float(self.facts.budget_nano[buy]))
        is_open = allowed or [True] * len(self.pairs)
        bounds = [(0, self.capacity if g >= 0 and ok else 0) for g, ok in zip(self.gain, is_open, strict=True)]
        solved = linprog([-g for g in self.gain], A_ub=rows, b_ub=most, bounds=bounds, method="highs-ipm")
        assert solved.status == 0
        return -float(solved.fun)

    def reached(self, agreement: Agreement, trade_cost: int = 0) -> float:
        gain = dict(zip(self.pairs, self.gain, strict=True))
        return sum(gain[s, b] * e - trade_cost for s, b, e in rows_of(agreement))


row = st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 40), st.integers(1, 12))
tame_books = st.lists(row, min_size=1, max_size=10).map(lambda rows: book_of(*rows))


@settings(max_examples=60, deadline=None)
@given(book=tame_books, data=st.data())
def test_weights_and_pair_capacities_reach_the_optimum_of_all_pairs(book: OrderBook, data: st.DataObject) -> None:
    size = len(book)
    known = told(book, trust=data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=size, max_size=size)))
    alpha, gamma = data.draw(st.sampled_from([0.0, 0.5, 1.0])), data.draw(st.sampled_from([0.0, 3.0]))
    capacity = data.draw(st.integers(1, 45))
    agreement = cleared(book, known, alpha=alpha, gamma_micro_per_kwh=gamma, pair_capacity_wh=capacity)
    assert all(energy <= capacity for *_, energy in rows_of(agreement))
    reference = Reference(book, known, alpha, gamma, capacity)
    assert reference.reached(agreement) == pytest.approx(reference.optimum(), abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(book=tame_books, data=st.data())
def test_budgets_are_kept_and_cost_less_than_a_wh_a_pair(book: OrderBook, data: st.DataObject) -> None:
    budget = data.draw(st.lists(st.integers(0, 200) | st.just(NO_BUDGET), min_size=len(book), max_size=len(book)))
    known = told(book, budget=budget)
    agreement = cleared(book, known)
    trades, spent = agreement.trades, np.zeros(len(book), np.int64)
    np.add.at(spent, trades.buy_order, trades.energy_wh * trades.buy_price_micro_per_kwh)
    assert (spent <= np.array(budget)).all()
    reference = Reference(book, known)
    best = reference.optimum()
    # Whole Wh: a vertex has at most one broken pair for each order and budget.
    assert best - (2 * len(book)) * max([0, *reference.gain]) <= reference.reached(agreement) <= best + 1e-4


@settings(max_examples=30, deadline=None)
@given(rows=st.tuples(row, row, row, row, row), cost=st.integers(1, 120))
def test_the_cost_of_a_trade_is_weighed_as_trying_every_choice_of_pairs_does(
    rows: tuple[tuple[str, int, int], ...], cost: int
) -> None:
    book = book_of(*rows)
    known = told(book)
    reference = Reference(book, known)
    choices = product([False, True], repeat=len(reference.pairs))
    best = max(reference.optimum(choice) - cost * sum(choice) for choice in choices)
    reached = reference.reached(cleared(book, known, trade_cost_nano=cost), cost)
    assert reached == pytest.approx(best, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(book=books())
def test_as_it_stands_it_is_the_welfare_optimum_with_or_without_the_programme(book: OrderBook) -> None:
    assert welfare_nano(book, cleared(book).trades) == optimum_welfare_nano(book)


def test_the_programme_agrees_with_the_matching_by_limits() -> None:
    book = seeded_book(8, 120)
    # A policy's price is the same midpoint here, but only a programme can know.
    by_programme = welfare_nano(book, cleared(book, price="policy").trades)
    assert by_programme == pytest.approx(optimum_welfare_nano(book), rel=1e-6)


def test_trust_moves_volume_to_the_trusted_seller_and_never_past_a_limit() -> None:
    book = book_of(("sell", 10, 10), ("sell", 10, 12), ("sell", 10, 31), ("buy", 10, 30))
    known = told(book, trust=[0.1, 0.9, 1.0, 0.0])
    assert rows_of(cleared(book, known)) == [(0, 3, 10)]
    assert rows_of(cleared(book, known, gamma_micro_per_kwh=100.0)) == [(1, 3, 10)]


def test_sellers_below_the_least_trust_come_back_for_it() -> None:
    book = book_of(("sell", 10, 10), ("sell", 10, 12), ("buy", 15, 30))
    agreement = cleared(book, told(book, trust=[0.4, 0.6, float("nan")]), least_trust=0.5)
    assert rows_of(agreement) == [(1, 2, 10)]
    assert reasons(agreement) == ["TRUST", "FILLED", "NO_COUNTERPART"]
    # Where nobody rates the gate is open.
    assert rows_of(cleared(book, least_trust=0.5)) == [(0, 2, 10), (1, 2, 5)]


def test_a_spent_budget_is_told_and_the_others_lose_no_wh_by_it() -> None:
    # 30 000 nano at 175 pay 171 Wh, 20 000 at 120 pay 166; the third buyer takes all that is left of the cheapest offer.
    book = book_of(
        ("sell", 1200, 90),
        ("sell", 800, 120),
        ("sell", 600, 110),
        ("buy", 500, 260),
        ("buy", 1900, 180),
        ("buy", 700, 150),
    )
    agreement = cleared(book, told(book, budget=[NO_BUDGET] * 3 + [30_000, NO_BUDGET, 20_000]))
    assert rows_of(agreement) == [(0, 3, 171), (0, 4, 863), (0, 5, 166), (1, 4, 437), (2, 4, 600)]
    assert reasons(agreement) == ["FILLED", "NO_COUNTERPART", "FILLED", "BUDGET", "FILLED", "BUDGET"]


def test_a_seller_without_a_proof_does_not_trade() -> None:
    book = book_of(("sell", 10, 10), ("sell", 10, 12), ("buy", 15, 30))
    known = replace(context(), facts=OrderFacts.unknown(3).replaced(is_proven=np.array([False, True, True])))
    agreement = cleared(book, known)
    assert rows_of(agreement) == [(1, 2, 10)]
    assert reasons(agreement) == ["TRUST", "FILLED", "NO_COUNTERPART"]


def test_a_search_that_stops_early_says_how_far_from_the_optimum_it_may_be() -> None:
    book, draw = seeded_book(4, 18, 0, 600, 50), np.random.default_rng(4)
    known = told(book, budget=draw.integers(2000, 9000, 18).tolist())
    terms = {"trade_cost_nano": 150, "pair_capacity_wh": 7}
    early, late = (cleared(book, known, most_nodes=nodes, **terms) for nodes in (1, 20_000))
    assert late.note == ""
    said = re.fullmatch(r"the search stopped after 1 nodes, at most ([0-9.]+) % below the optimum", early.note)
    assert said is not None
    reference = Reference(book, known)
    found, best = (reference.reached(agreement, 150) for agreement in (early, late))
    assert found <= best <= found / (1 - float(said[1]) / 100) + 1


def test_a_trade_that_costs_more_than_it_brings_does_not_take_place() -> None:
    book = book_of(("sell", 10, 10), ("sell", 1, 10), ("buy", 11, 20))
    assert rows_of(cleared(book, trade_cost_nano=6)) == [(0, 2, 10)]
    assert rows_of(cleared(book, trade_cost_nano=60)) == []


def test_duals_are_what_one_more_wh_or_nano_brings() -> None:
    book = book_of(("sell", 20, 10), ("buy", 9, 30), ("buy", 40, 20))
    mechanism, known = MultiCriteria(), told(book, budget=[NO_BUDGET, 100, NO_BUDGET])
    prices = mechanism.duals(book, known)
    reference = Reference(book, known).optimum()
    for order in range(3):
        more = book.replaced(energy_wh=book.energy_wh + (np.arange(3) == order))
        assert prices.energy_micro_per_kwh[order] == pytest.approx(
            Reference(more, known).optimum() - reference, abs=1e-6
        )
    richer = Reference(book, told(book, budget=[NO_BUDGET, 101, NO_BUDGET])).optimum()
    assert prices.budget is not None
    assert prices.budget[1] == pytest.approx(richer - reference, abs=1e-6)
    assert prices.budget[1] > 0


def test_arrival_decides_nothing_in_a_programme() -> None:
    book = seeded_book(3, 40, 0, 9, 30)
    known = told(book, budget=np.where(np.arange(40) % 2, 60, NO_BUDGET).tolist())
    other, rows = arrived_otherwise(book, 5)
    assert known.facts is not None
    moved = replace(known, facts=known.facts.take(rows))
    first, second = cleared(book, known).trades, cleared(other, moved).trades
    assert welfare_nano(book, first) == welfare_nano(other, second)
    assert sorted(first.sell_price_micro_per_kwh) == sorted(second.sell_price_micro_per_kwh)


def test_a_book_of_too_many_pairs_for_a_programme_is_refused_in_words() -> None:
    book = seeded_book(3, 3000)
    with pytest.raises(SlotFailed, match="expected at most 300000 pairs whose limits agree, was"):
        cleared(book, alpha=0.5)
