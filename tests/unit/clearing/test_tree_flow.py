"""The flow on a feeder's tree: two solvers of other kinds say the same, both ways to work it out say the same, energy goes one way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from tests.fakes.books import book_of, books
from tests.fakes.feeders import feeder, feeders, usage

from commonwatt.clearing import Lines, _tree
from commonwatt.clearing._rooted import Rooted
from commonwatt.clearing._tree import TreeFlow, tree_flow
from commonwatt.core.orders import OrderBook


class Cheapest:
    """One path after the other that gains most, by Bellman and Ford on the residual graph; nothing of the package in it."""

    def __init__(self, book: OrderBook, lines: Lines, bus: list[int], cost: list[int]) -> None:
        self.edges: list[list[int]] = []
        self.source, self.sink = -2, -3
        rows = zip(bus, book.is_sell.tolist(), book.energy_wh.tolist(), book.limit_micro_per_kwh.tolist(), strict=True)
        for at, sells, energy, limit in rows:
            if sells:
                self._edge(self.source, at, energy, limit)
            else:
                self._edge(at, self.sink, energy, -limit)
        for line, (near, width) in enumerate(zip(lines.toward.tolist(), lines.limit_wh.tolist(), strict=True)):
            wide = width if near >= 0 else 10**9
            for begin, end in ((line, near), (near, line)):
                self._edge(begin, end, wide, cost[line] if near >= 0 else 0)

    def _edge(self, begin: int, end: int, room: int, cost: int) -> None:
        self.edges += [[begin, end, room, cost], [end, begin, 0, -cost]]

    def welfare(self) -> int:
        total = 0
        while True:
            nearest, last = {self.source: 0}, dict[int, int]()
            is_moving = True
            while is_moving:
                is_moving = False
                for number, (begin, end, room, cost) in enumerate(self.edges):
                    if room and begin in nearest and nearest[begin] + cost < nearest.get(end, 10**12):
                        nearest[end], last[end], is_moving = nearest[begin] + cost, number, True
            if nearest.get(self.sink, 0) >= 0:
                return total
            path, at = [], self.sink
            while at != self.source:
                path.append(last[at])
                at = self.edges[last[at]][0]
            energy = min(self.edges[number][2] for number in path)
            for number in path:
                self.edges[number][2] -= energy
                self.edges[number ^ 1][2] += energy
            total -= energy * nearest[self.sink]


def by_programme(book: OrderBook, lines: Lines, bus: list[int], cost: list[int], method: str) -> float:
    """Flows up and down each line, balanced at each bus."""
    orders, buses = len(book), len(lines)
    balance = np.zeros((buses + 1, orders + 2 * buses))
    side = np.where(book.is_sell, 1, -1)
    balance[bus, np.arange(orders)] = side
    for line, near in enumerate(lines.toward.tolist()):
        balance[[line, near], orders + 2 * line] = -1, 1
        balance[[line, near], orders + 2 * line + 1] = 1, -1
    is_line = np.repeat(lines.toward >= 0, 2)
    loss = np.concatenate((side * book.limit_micro_per_kwh, np.repeat(cost, 2) * is_line))
    room = np.where(is_line, np.repeat(lines.limit_wh, 2), 10**6)
    bounds = np.column_stack((np.zeros(len(loss)), np.concatenate((book.energy_wh, room))))
    solved = linprog(loss, A_eq=balance, b_eq=np.zeros(buses + 1), bounds=bounds, method=method)
    assert solved.status == 0
    return -float(solved.fun)


Case = tuple[OrderBook, Lines, list[int], list[int]]
"""A book, lines, the bus of each order, what using each line costs."""

row = st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 40), st.integers(-4, 12))
tame_books = st.lists(row, min_size=1, max_size=12).map(lambda rows: book_of(*rows))


@st.composite
def placed(draw: st.DrawFn, some: st.SearchStrategy[OrderBook]) -> Case:
    """A book on a feeder whose lines cost something or nothing."""
    book, lines = draw(some), draw(feeders())
    bus = draw(st.lists(st.integers(-1, len(lines) - 1), min_size=len(book), max_size=len(book)))
    most = draw(st.sampled_from([0, 4]))
    return book, lines, bus, draw(st.lists(st.integers(0, most), min_size=len(lines), max_size=len(lines)))


def solved(case: Case) -> TreeFlow:
    book, lines, bus, cost = case
    return tree_flow(book, np.array(bus, np.int64), lines, np.array(cost, np.int64))


@settings(max_examples=80, deadline=None)
@given(case=placed(tame_books))
def test_two_solvers_of_other_kinds_reach_the_same_welfare(case: Case) -> None:
    book, lines, bus, cost = case
    flow = solved(case)
    used = usage(lines, np.array(bus, np.int64))
    along = np.abs(used[flow.sell] - used[flow.buy]) @ np.array(cost)
    limit = book.limit_micro_per_kwh
    welfare = int(((limit[flow.buy] - limit[flow.sell] - along) * flow.energy_wh).sum())
    assert welfare == Cheapest(*case).welfare()
    for method in ("highs-ds", "highs-ipm"):
        assert by_programme(*case, method) == pytest.approx(welfare, abs=1e-5)


@settings(max_examples=150, deadline=None)
@given(case=placed(tame_books))
def test_no_two_trades_pass_each_other_on_a_line(case: Case) -> None:
    lines, bus = case[1], np.array(case[2], np.int64)
    flow = solved(case)
    used = usage(lines, bus)
    way = (used[flow.sell] - used[flow.buy]) * flow.energy_wh[:, None]
    assert (np.abs(way.sum(axis=0)) == np.abs(way).sum(axis=0)).all()
    assert (np.abs(way.sum(axis=0)) <= lines.limit_wh)[lines.toward >= 0].all()
    assert (flow.energy_wh > 0).all()


@settings(max_examples=150, deadline=None)
@given(case=placed(books()))
def test_table_and_lists_say_the_same_to_the_byte(case: Case) -> None:
    book, lines, bus, _ = case
    free = (book, lines, bus, [0] * len(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_tree, "_MOST_CELLS", -1)
        by_lists = solved(free)
    for name, column in vars(solved(free)).items():
        assert column.tolist() == getattr(by_lists, name).tolist(), name


def test_a_book_too_large_for_the_table_goes_by_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    case = (book_of(("sell", 9, 10), ("buy", 9, 30)), feeder((-1, 0), (0, 5)), [0, 1], [0, 0])
    monkeypatch.setattr(_tree, "served_by_table", lambda *_: pytest.fail("a table"))
    monkeypatch.setattr(_tree, "_MOST_CELLS", 5)
    assert solved(case).energy_wh.tolist() == [5]


def test_buses_are_numbered_from_the_root_outwards() -> None:
    tree = Rooted.of(np.array([2, 0, -1, 2, -1]))
    # Roots 2 and 4 are as far from the far side of both as each other; then 0 and 3 behind 2, then 1 behind 0.
    assert tree.number.tolist() == [3, 5, 1, 4, 2, 0]
    assert tree.parent == (-1, 0, 0, 1, 1, 3)
    assert tree.kids == ((1, 2), (3, 4), (), (5,), (), ())
    assert tree.levels == ((0, 1), (1, 3), (3, 5), (5, 6))
    assert tree.inwards == ((5, 3), (3, 1), (4, 1), (1, 0), (2, 0), (0, -1))
    assert tree.number[-1] == 0


def test_a_feeder_is_numbered_once() -> None:
    lines = feeder((-1, 0), (0, 5))
    assert lines.rooted is lines.rooted


def test_a_deep_feeder_is_walked_without_recursion() -> None:
    buses = 3_000
    lines = Lines.of(buses, toward=np.arange(-1, buses - 1), limit_wh=7)
    flow = tree_flow(
        book_of(("sell", 9, 10), ("buy", 9, 30)), np.array([buses - 1, 0]), lines, np.zeros(buses, np.int64)
    )
    assert flow.energy_wh.tolist() == [7]
