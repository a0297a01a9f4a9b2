"""The programme over pairs of offers and bids: linear, or mixed-integer where a trade costs something; whole Wh in the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np

from commonwatt.clearing._known import NO_BUDGET, Duals, Lines
from commonwatt.clearing._negotiation import within_lines
from commonwatt.core.errors import SlotFailed
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Flags, Floats, Ints

_NEARLY_WHOLE: Final = 1e-5


class Solution(NamedTuple):
    """What came of a programme."""

    x_wh: Ints
    """Whole Wh of every pair."""
    best_nano: float
    """The optimum before it was made whole, or what a search that stopped early had found."""
    note: str = ""
    """What is not sure of it."""


class LineRoom(NamedTuple):
    """What lines still carry of some pairs."""

    use: Any
    """Sparse (lines, pairs): 1 where the pair's energy goes towards the root, -1 away from it."""
    up_wh: Ints
    """Of each line towards the root."""
    down_wh: Ints

    @classmethod
    def of(cls, lines: Lines, begin: Ints, end: Ints) -> LineRoom:
        """Of empty lines, for pairs between these buses."""
        return cls(lines.use(begin, end), lines.limit_wh, lines.limit_wh)

    def left(self, x_wh: Ints, rest: Flags) -> LineRoom:
        """For the pairs of `rest`, once all pairs trade `x_wh`."""
        flow = np.asarray(self.use @ x_wh, np.int64)
        room = (np.maximum(limit_wh, 0) for limit_wh in (self.up_wh - flow, self.down_wh + flow))
        return LineRoom(self.use[:, np.flatnonzero(rest)], *room)


@dataclass(frozen=True)
class PairProgramme:
    """Maximise `sum weight x - trade_cost n` over the Wh x of pairs, within orders' energy, pairs' capacity, buyers' budgets and lines."""

    book: OrderBook
    budget_nano: Ints
    """One an order of the book."""
    sell: Ints
    """Row of the pair's seller in the book."""
    buy: Ints
    price: Ints
    """What the pair's buyer pays, with its fee of the way, micro per kWh."""
    weight: Floats
    """What a Wh of the pair adds, nano (>= 0)."""
    capacity_wh: Ints
    """The most of each pair."""
    trade_cost_nano: int
    most_nodes: int
    """Of the mixed-integer search."""
    lines: LineRoom | None = None
    """None: nothing is between the pairs."""

    @property
    def most_wh(self) -> Ints:
        """What a pair could trade if there were no other."""
        energy_wh = self.book.energy_wh
        return np.minimum(np.minimum(energy_wh[self.sell], energy_wh[self.buy]), self.capacity_wh)

    def solved(self) -> Solution:
        """Whole Wh of every pair.

        Raises:
            SlotFailed: the solver found no answer.

        """
        if not len(self.sell):
            return Solution(np.zeros(0, np.int64), 0.0)
        if self.trade_cost_nano:
            x, best, note = self._by_search()
        else:
            answer, note = self.linear_answer(), ""
            x, best = self._budgets_first(answer.x), -float(answer.fun) * self._scale
        return Solution(self._whole(x), best, note)

    def spent(self, x_wh: Ints) -> Ints:
        """Rows of the buyers whose budget does not pay another Wh of any of their pairs."""
        left_nano = self.budget_nano.copy()
        np.subtract.at(left_nano, self.buy, x_wh * self.price)
        cheapest = np.full(len(self.book), NO_BUDGET)
        np.minimum.at(cheapest, self.buy, self.price)
        return self._budgeted[(left_nano < cheapest)[self._budgeted]]

    def _budgets_first(self, x: Floats) -> Floats:
        """The pairs of buyers with a budget rounded down, and the optimum of the others for what that leaves, which is whole by itself."""
        has_budget = self.budget_nano[self.buy] < NO_BUDGET
        if not has_budget.any() or has_budget.all():
            return x
        x = np.where(has_budget, np.floor(x + _NEARLY_WHOLE), x)
        left_wh, rest = self.book.energy_wh.copy(), ~has_budget
        np.subtract.at(left_wh, self.sell[has_budget], x[has_budget].astype(np.int64))
        kept = np.where(has_budget, x, 0).astype(np.int64)
        others = replace(
            self,
            book=self.book.replaced(energy_wh=np.maximum(left_wh, 0)),
            lines=None if self.lines is None else self.lines.left(kept, rest),
            **{name: getattr(self, name)[rest] for name in ("sell", "buy", "price", "weight", "capacity_wh")},
        )
        x[rest] = others.linear_answer().x
        return x

    def duals(self) -> Duals:
        """Of the linear programme."""
        energy, budget = np.zeros(len(self.book)), np.zeros(len(self.book))
        if len(self.sell):
            answer, rows = self.linear_answer(), self._rows
            duals = -answer.ineqlin.marginals * self._scale
            energy[rows], budgeted = duals[: len(rows)], self._budgeted
            # The constraint is written in units of its own size.
            ends = len(rows), len(rows) + len(budgeted)
            budget[budgeted] = duals[slice(*ends)] / self._budget_scale(budgeted)
        return Duals(energy, budget)

    @property
    def _scale(self) -> float:
        return max(float(self.weight.max(initial=0.0)), 1.0)

    @property
    def _rows(self) -> Ints:
        return np.concatenate((_as_listed(self.sell), _as_listed(self.buy)))

    @property
    def _budgeted(self) -> Ints:
        return _as_listed(self.buy[self.budget_nano[self.buy] < NO_BUDGET])

    def _budget_scale(self, rows: Ints) -> Floats:
        return np.maximum(np.abs(self.book.limit_micro_per_kwh[rows]), 1).astype(np.float64)

    def _constraints(self) -> tuple[Any, Floats]:
        """Matrix (one column a pair) and bounds: energy of every order, then budgets, then lines either way."""
        from scipy.sparse import coo_array, vstack

        rows, budgeted = self._rows, self._budgeted
        place, budget_place = np.zeros(len(self.book), np.int64), np.full(len(self.book), -1)
        place[rows], budget_place[budgeted] = np.arange(len(rows)), np.arange(len(budgeted))
        pair = np.arange(len(self.sell))
        spend_row = budget_place[self.buy]
        has_budget = spend_row >= 0
        spend_row = spend_row[has_budget]
        spend = self.price[has_budget] / self._budget_scale(budgeted)[spend_row]
        at = np.concatenate((place[self.sell], place[self.buy], len(rows) + spend_row))
        values = np.concatenate((np.ones(2 * len(pair)), spend))
        shape = (len(rows) + len(budgeted), len(pair))
        matrix = coo_array((values, (at, np.concatenate((pair, pair, pair[has_budget])))), shape=shape).tocsr()
        bounds = [self.book.energy_wh[rows], self.budget_nano[budgeted] / self._budget_scale(budgeted)]
        if self.lines is not None:
            used = np.flatnonzero(np.diff(self.lines.use.indptr))
            use = self.lines.use[used]
            matrix = vstack((matrix, use, -use), format="csr")
            bounds += [self.lines.up_wh[used], self.lines.down_wh[used]]
        return matrix, np.concatenate(bounds).astype(np.float64)

    def linear_answer(self) -> Any:
        """What HiGHS says of the linear programme: `x` in Wh, and the duals, of weights divided by the largest.

        Raises:
            SlotFailed: no optimum.

        """
        from scipy.optimize import linprog

        matrix, most = self._constraints()
        # Dual simplex ends in a vertex: without budgets all Wh are whole there.
        bounds = np.column_stack((np.zeros(len(self.sell)), self.most_wh))
        answer = linprog(-self.weight / self._scale, A_ub=matrix, b_ub=most, bounds=bounds, method="highs-ds")
        if answer.status != 0:
            raise SlotFailed(f"multi_criteria: expected an optimum of the linear programme, was {answer.message}")
        return answer

    def _by_search(self) -> tuple[Floats, float, str]:
        """With one yes or no a pair: whether it trades at all; and what is said of a search that stopped before it was sure."""
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import block_array, diags_array

        matrix, most = self._constraints()
        pairs, most_wh = len(self.sell), self.most_wh.astype(np.float64)
        joined = block_array([[matrix, None], [diags_array(np.ones(pairs)), diags_array(-most_wh)]], format="csr")
        cost = np.concatenate((-self.weight, np.full(pairs, float(self.trade_cost_nano)))) / self._scale
        answer = milp(
            cost,
            integrality=np.repeat([0, 1], pairs),
            bounds=Bounds(np.zeros(2 * pairs), np.concatenate((most_wh, np.ones(pairs)))),
            constraints=LinearConstraint(joined, ub=np.concatenate((most, np.zeros(pairs)))),
            options={"mip_rel_gap": 1e-9, "node_limit": self.most_nodes},
        )
        if answer.x is None:
            raise SlotFailed(f"multi_criteria: expected an answer of the search, was {answer.message}")
        found, bound = -float(answer.fun) * self._scale, -float(answer.mip_dual_bound) * self._scale
        note = "" if answer.status == 0 else _unsure(self.most_nodes, found, bound)
        return np.where(answer.x[pairs:] > 0.5, answer.x[:pairs], 0.0), found, note

    def _whole(self, x: Floats) -> Ints:
        """Whole Wh within every constraint: rounded down, cut where that broke one, then filled up in order of weight."""
        x_wh = np.minimum(np.floor(x + _NEARLY_WHOLE).astype(np.int64), self.most_wh)
        if self.lines is not None:
            limit = self.lines.up_wh.astype(np.float64)
            x_wh = within_lines(x_wh.astype(np.float64), self.lines.use, limit, is_whole=True).astype(np.int64)
        left_wh, left_nano = self.book.energy_wh.copy(), self.budget_nano.copy()
        carried = _Carried(self.lines)
        order = np.lexsort((np.arange(len(x)), -self.weight))
        # A price below nought makes room in a budget: first.
        order = order[np.argsort(self.price[order] > 0, kind="stable")]
        whole = np.zeros(len(x), np.int64)
        fill_up_wh = np.where(x > _NEARLY_WHOLE, self.most_wh, 0) if self.trade_cost_nano else self.most_wh
        for limit_wh in (x_wh, fill_up_wh):
            has_room = (limit_wh > whole) & (left_wh[self.sell] > 0) & (left_wh[self.buy] > 0)
            for pair in order[has_room[order]].tolist():
                sell, buy, price = int(self.sell[pair]), int(self.buy[pair]), int(self.price[pair])
                more = min(int(limit_wh[pair] - whole[pair]), int(left_wh[sell]), int(left_wh[buy]))
                if price > 0:
                    more = min(more, max(int(left_nano[buy]), 0) // price)
                more = carried.taken(pair, more)
                whole[pair] += more
                left_wh[[sell, buy]] -= more
                left_nano[buy] -= more * price
        return whole


class _Carried:
    """What lines carry while pairs are filled one after the other; all of it where there are none."""

    def __init__(self, room: LineRoom | None) -> None:
        self.room = room
        if room is not None:
            self.of_pair, self.flow_wh = room.use.T.tocsr(), np.zeros(len(room.up_wh), np.int64)

    def taken(self, pair: int, wanted_wh: int) -> int:
        """As much of it as every line of the pair has room for."""
        if self.room is None:
            return wanted_wh
        own = slice(self.of_pair.indptr[pair], self.of_pair.indptr[pair + 1])
        line, sign = self.of_pair.indices[own], self.of_pair.data[own].astype(np.int64)
        room_wh = np.where(
            sign > 0, self.room.up_wh[line] - self.flow_wh[line], self.room.down_wh[line] + self.flow_wh[line]
        )
        taken_wh = max(min(wanted_wh, int(room_wh.min(initial=wanted_wh))), 0)
        self.flow_wh[line] += sign * taken_wh
        return taken_wh


def _unsure(nodes: int, found_nano: float, bound_nano: float) -> str:
    missing = 100 * (bound_nano - found_nano) / bound_nano if bound_nano > 0 else 0.0
    return f"the search stopped after {nodes} nodes, at most {missing:.3f} % below the optimum"


def _as_listed(rows: Ints) -> Ints:
    """Every row once, in order of the pairs and not of the book, so that a solver is told the same whoever arrived first."""
    once, first = np.unique(rows, return_index=True)
    return once[np.argsort(first)]
