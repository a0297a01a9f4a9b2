"""Negotiation of pairs by primal-dual gradients: rounds in which sellers and lines say prices and buyers say quantities."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from commonwatt.core.units import Floats, Ints

_ROUNDS_A_CHECK: Final = 20
_GOOD, _SOME, _LONG = 0.2, 0.8, 0.36
"""When to begin again from the best point: the gap shrank to a fifth; to four fifths and grows again; a third of all rounds went by."""
_PATIENCE: Final = 4
"""Cuts a line, after which overloads are cut as if nothing flowed against them."""


class Point(NamedTuple):
    """Where a negotiation stands, in units of its own scales."""

    x: Floats
    """Quantity of each pair."""
    seller: Floats
    """What a seller asks beyond its limit."""
    buyer: Floats
    """What a buyer holds back from its limit."""
    up: Floats
    """Price of each line in the direction of its root."""
    down: Floats


@dataclass(frozen=True)
class Settled:
    """How a negotiation ended; floats that hold every constraint up to rounding."""

    energy_wh: Floats
    """Of each pair."""
    seller_micro_per_kwh: Floats
    buyer_micro_per_kwh: Floats
    line_micro_per_kwh: Floats
    """Price of each line, positive towards its root."""
    rounds: int
    gap_share: float
    """How far this is below the optimum at most: a bound from its own prices, over the welfare reached."""


@dataclass(frozen=True)
class Negotiation:
    """Pairs that maximise `sum weight x`, each order within its energy and each line within its limit, without anybody who knows all.

    In a round every seller tells its price to its partners, every line its price to those who use it, and every buyer answers each partner
    with a quantity: the gradient of what both gain. Then each seller, buyer and line moves its own price by what was asked of it beyond
    what it has. With limits for utilities plain gradients go round in circles; the extrapolated step of Chambolle and Pock (2011,
    doi:10.1007/s10851-010-0251-1) does not, and beginning again from the average (Applegate et al. 2023, doi:10.1007/s10107-022-01901-9) makes
    it fast. Steps follow from how many partners somebody has, which everybody knows of itself.
    """

    sell: Ints
    """Seller of each pair, dense index."""
    buy: Ints
    weight: Floats
    """What a Wh of the pair adds, micro per kWh (>= 0)."""
    supply_wh: Ints
    demand_wh: Ints
    use: Any
    """Sparse (lines, pairs): 1 where the pair's energy goes towards the root, -1 away from it."""
    line_wh: Ints
    most_wh: Ints = field(init=False)
    """What a pair could trade if there were no other."""

    def __post_init__(self) -> None:
        most = np.minimum(self.supply_wh[self.sell], self.demand_wh[self.buy])
        object.__setattr__(self, "most_wh", most)

    def settled(self, tolerance_share: float, most_rounds: int, before_nano: float = 0.0) -> Settled:
        """Rounds until the prices themselves prove that at most `tolerance_share` of the welfare is missing, or `most_rounds`.

        `before_nano` is what earlier negotiations of the same book reached; shares are of both together.
        """
        steps = _Steps(self)
        before = before_nano / (steps.scale_wh * steps.scale_price)
        now = begun = Point(*(np.zeros(size) for size in steps.sizes))
        summed, since, weighing = now, 0, 1.0
        gap_before = gap_last = np.inf
        bounds, best, done = (0.0, 0.0), now, 0
        while done < most_rounds:
            for _ in range(_ROUNDS_A_CHECK):
                now = steps.moved(now, weighing)
                summed = Point(*(a + b for a, b in zip(summed, now, strict=True)))
            done, since = done + _ROUNDS_A_CHECK, since + _ROUNDS_A_CHECK
            mean = Point(*(a / since for a in summed))
            (gap, reached), best = min(
                ((steps.gap(point), point) for point in (now, mean)), key=lambda found: found[0][0]
            )
            bounds = gap, reached + before
            if gap <= tolerance_share * (reached + before):
                break
            if gap <= _GOOD * gap_before or (gap_last < gap <= _SOME * gap_before) or since >= _LONG * done:
                weighing = _weighed_anew(weighing, begun, best)
                now = begun = best
                summed, since, gap_before, gap_last = Point(*(np.zeros_like(a) for a in best)), 0, gap, np.inf
            else:
                gap_last = gap
        return steps.settled(best, done, *bounds)


def _weighed_anew(weighing: float, begun: Point, ended: Point) -> float:
    """How much prices move against quantities: as much as they had to, since the last beginning."""
    moved, *priced_parts = (float(np.sum((b - a) ** 2)) for a, b in zip(begun, ended, strict=True))
    moved, priced = float(np.sqrt(moved)), float(np.sqrt(sum(priced_parts)))
    return float(np.sqrt(weighing * priced / moved)) if moved > 0 and priced > 0 else weighing


class _Steps:
    """One negotiation in its own scales, with everybody's step lengths."""

    def __init__(self, deal: Negotiation) -> None:
        self.deal = deal
        self.scale_wh = max(float(deal.most_wh.mean()), 1.0)
        self.scale_price = max(float(deal.weight.max(initial=0.0)), 1e-9)
        self.weight = deal.weight / self.scale_price
        self.most = deal.most_wh / self.scale_wh
        self.supply, self.demand = deal.supply_wh / self.scale_wh, deal.demand_wh / self.scale_wh
        self.line = deal.line_wh / self.scale_wh
        sellers, buyers, lines = len(self.supply), len(self.demand), len(self.line)
        self.sizes = (len(self.weight), sellers, buyers, lines, lines)
        used = abs(deal.use)
        self.pair_step = 1 / (2 + np.asarray(used.sum(axis=0)).reshape(-1))
        self.seller_step = 1 / np.maximum(np.bincount(deal.sell, minlength=sellers), 1)
        self.buyer_step = 1 / np.maximum(np.bincount(deal.buy, minlength=buyers), 1)
        self.line_step = 1 / np.maximum(np.asarray(used.sum(axis=1)).reshape(-1), 1)
        self.charge, self.has_lines = deal.use.T.tocsr(), bool(lines)

    def _gain(self, at: Point) -> Floats:
        gain = self.weight - at.seller[self.deal.sell] - at.buyer[self.deal.buy]
        return gain - self.charge @ (at.up - at.down) if self.has_lines else gain

    def _sums(self, x: Floats) -> tuple[Floats, Floats]:
        sold: Floats = np.bincount(self.deal.sell, x, self.sizes[1]).astype(np.float64)
        bought: Floats = np.bincount(self.deal.buy, x, self.sizes[2]).astype(np.float64)
        return sold, bought

    def moved(self, at: Point, weighing: float) -> Point:
        """One round."""
        x = np.minimum(np.maximum(at.x + self.pair_step / weighing * self._gain(at), 0.0), self.most)
        ahead = 2 * x - at.x
        sold, bought = self._sums(ahead)
        seller = np.maximum(at.seller + weighing * self.seller_step * (sold - self.supply), 0.0)
        buyer = np.maximum(at.buyer + weighing * self.buyer_step * (bought - self.demand), 0.0)
        if not self.has_lines:
            return Point(x, seller, buyer, at.up, at.down)
        flow, step = self.deal.use @ ahead, weighing * self.line_step
        up = np.maximum(at.up + step * (flow - self.line), 0.0)
        return Point(x, seller, buyer, up, np.maximum(at.down - step * (flow + self.line), 0.0))

    def feasible(self, x: Floats) -> Floats:
        """Quantities scaled down until every order and line can bear them."""
        sold, bought = self._sums(x)
        shares = (
            np.minimum(1.0, has / np.maximum(asked, 1e-12))
            for has, asked in ((self.supply, sold), (self.demand, bought))
        )
        of_seller, of_buyer = shares
        x = x * np.minimum(of_seller[self.deal.sell], of_buyer[self.deal.buy])
        return within_lines(x, self.deal.use, self.line) if self.has_lines else x

    def gap(self, at: Point) -> tuple[float, float]:
        """What these prices say is missing at most, and what is reached."""
        reached = _sum_of(self.weight, self.feasible(at.x))
        most = _sum_of(at.seller, self.supply) + _sum_of(at.buyer, self.demand)
        most += _sum_of(np.maximum(self._gain(at), 0.0), self.most) + _sum_of(at.up + at.down, self.line)
        return most - reached, reached

    def settled(self, at: Point, rounds: int, gap: float, reached: float) -> Settled:
        return Settled(
            energy_wh=self.feasible(at.x) * self.scale_wh,
            seller_micro_per_kwh=at.seller * self.scale_price,
            buyer_micro_per_kwh=at.buyer * self.scale_price,
            line_micro_per_kwh=(at.up - at.down) * self.scale_price,
            rounds=rounds,
            gap_share=max(gap, 0.0) / reached if reached > 0 else 0.0,
        )


def _sum_of(a: Floats, b: Floats) -> float:
    """Of products, in NumPy's own order: what a BLAS adds up depends on the machine, and an auditor has another one."""
    return float(np.sum(a * b))


def within_lines(x: Floats, use: Any, limit: Floats, is_whole: bool = False) -> Floats:
    """Quantities of which those that go with an overload are cut until no line is overloaded, the worst first; whole ones stay so.

    A cut relieves its line and may take a counterflow from another, so lines are looked at again until all hold. Two lines can go on taking
    ever smaller counterflows from each other: after some cuts a line keeps what it carries without any, and is never overloaded again.
    """
    use = use.tocsr()
    carried = abs(use)
    for cuts in itertools.count():
        flow = use @ x
        # Rounding grows with what is added up, not with what is left of it: a line that carries nothing may show a trace.
        over = np.flatnonzero(np.abs(flow) > limit + 1e-12 * (limit + carried @ x))
        if not len(over):
            break
        line = int(over[np.argmax(np.abs(flow[over]) - limit[over])])
        pairs = use.indices[use.indptr[line] : use.indptr[line + 1]]
        along = pairs[np.sign(flow[line]) * use.data[use.indptr[line] : use.indptr[line + 1]] > 0]
        with_flow = float(x[along].sum())
        beyond = abs(float(flow[line])) - limit[line]
        x = x.copy()
        x[along] *= (max(with_flow - beyond, 0.0) if cuts < _PATIENCE * len(limit) else limit[line]) / with_flow
        if is_whole:
            x[along] = np.floor(x[along])
    return x
