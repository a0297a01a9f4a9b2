"""Two-level pricing by the ratio of supply to demand: between microgrids, then inside each (preset `layered-trust`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.clearing._pool import pool_trades, pro_rata
from commonwatt.clearing._rating import TOP_POINTS, caps_percent, rating_points
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, Trades, with_filled
from commonwatt.core.splits import largest_remainder
from commonwatt.core.supply_demand import bought_price_micro_per_kwh, supply_demand_price_micro_per_kwh
from commonwatt.core.units import Flags, Ints


@dataclass(frozen=True)
class SdrTwoLevel:
    """Prices from the supply-demand ratio on two levels, as in Haider (2024), Eqs. 3.1 to 3.4; rating points decide who is served first.

    With SDR = supply / demand, FiT the feed-in price and RT the grid's price for a neighbour's kWh, sellers get
    `p = FiT RT / ((RT - FiT) SDR + FiT)` up to SDR 1 and FiT beyond (Liu et al. 2017, doi:10.1109/TPWRS.2017.2649558, from which the
    garbled Eq. 3.4 derives; `core.supply_demand`). Level 2 applies it to the net positions of the microgrids (Eqs. 3.1, 3.2). Level 1 applies it
    inside each, with FiT := level 2's selling price and RT := what level 2 and the grid together cost a buyer on average, rounded up.

    Trades carry the sellers' price p, one price for both sides, so the budget balances exactly and nothing is rounded twice. The paper's
    buyers' price is the mean of these trades and the grid's energy, which everybody buys from its own supplier: the same bill. Where no
    energy can cross (one microgrid, or all short, or all long) level 2 has no price, and level 1 lies between the utility's two.

    Members whose limit the price breaks leave together and for good, and both levels are computed again until nobody leaves. A long
    side is served by trust rating points, the most first, equal points in proportion; so is the energy from other microgrids, which is never
    dearer than a microgrid's own. Points cap what an order may trade (50, 75, 90, 100 %; reason `trust`); unrated orders have all.

    Declares efficiency broken: prices follow from volumes and tariff, and points come before limits.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency"})

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Trades with the pool in sequence order: round 1 inside the microgrids, round 2 between them."""
        facts = context.facts_of(book)
        # Where some was traded nearer already, the cap is of all that was asked.
        asked_wh, traded_wh = context.begun or (book.energy_wh, np.zeros(len(book), np.int64))
        most_wh = np.maximum(asked_wh * caps_percent(facts.trust) // 100 - traded_wh, 0)
        capped = book.replaced(energy_wh=np.minimum(book.energy_wh, most_wh))
        floor, ceiling = context.rates.feed_in_micro_per_kwh, context.rates.neighbour_ceiling_micro_per_kwh
        microgrid = np.unique(facts.microgrid, return_inverse=True)[1].reshape(-1)
        levels, takes_part = _settled(capped, microgrid, floor, ceiling)
        classes = microgrid * TOP_POINTS + TOP_POINTS - rating_points(facts.trust)
        inside, between = _fills(capped, takes_part, classes, levels)
        price = levels.inside_price[microgrid]
        first = pool_trades(book, inside, price, price)
        second = pool_trades(book, between, levels.between_price, levels.between_price)
        trades = Trades.joined([first, second.replaced(round=np.full(len(second), 2, np.int8))])
        could = takes_part & levels.has_price[microgrid]
        rest = np.where(could, int(Reason.RATIONED), int(Reason.NO_COUNTERPART))
        rest[(capped.energy_wh > 0) & ~takes_part] = int(Reason.PRICE)
        rest[(capped.energy_wh < book.energy_wh) & (inside + between == capped.energy_wh)] = int(Reason.TRUST)
        return with_filled(book, trades, rest)


@dataclass(frozen=True)
class _Levels:
    """Both levels for those who take part; arrays are one a microgrid."""

    supply_wh: Ints
    demand_wh: Ints
    between_price: int
    """Of a kWh that crosses, micro; where nothing crosses, the utility's feed-in."""
    inside_price: Ints
    """Of a kWh that stays."""
    has_price: Flags
    """Where an order can trade at all."""

    @property
    def crossing_wh(self) -> tuple[Ints, Ints]:
        """Energy that leaves and that enters each microgrid: what the short side has, shared in proportion to net positions."""
        net_wh = self.supply_wh - self.demand_wh
        long_wh, short_wh = np.maximum(net_wh, 0), np.maximum(-net_wh, 0)
        traded_wh = min(int(long_wh.sum()), int(short_wh.sum()))
        return largest_remainder(traded_wh, long_wh), largest_remainder(traded_wh, short_wh)

    @classmethod
    def of(cls, supply_wh: Ints, demand_wh: Ints, floor: int, ceiling: int) -> _Levels:
        """Level 2, then level 1; utility prices in micro per kWh."""
        net_wh = supply_wh - demand_wh
        long_wh, short_wh = (int(np.maximum(side, 0).sum()) for side in (net_wh, -net_wh))
        low, high = floor, ceiling
        if long_wh and short_wh:
            low = supply_demand_price_micro_per_kwh(long_wh, short_wh, floor, ceiling)
            high = bought_price_micro_per_kwh(low, ceiling, min(long_wh, short_wh), short_wh)
        pairs = zip(supply_wh.tolist(), demand_wh.tolist(), strict=True)
        # Without supply of its own a microgrid only buys what crosses.
        own = [supply_demand_price_micro_per_kwh(s, d, low, high) if s else low for s, d in pairs]
        has_price = (supply_wh > 0) & (demand_wh > 0) | bool(long_wh and short_wh)
        return cls(supply_wh, demand_wh, low, np.array(own, np.int64), has_price)


def _settled(book: OrderBook, microgrid: Ints, floor: int, ceiling: int) -> tuple[_Levels, Flags]:
    """The levels that nobody leaves any more, and who is left."""
    count = int(microgrid.max(initial=-1)) + 1
    takes_part: Flags = book.energy_wh > 0
    while True:
        sides = []
        for side in (book.is_sell, ~book.is_sell):
            sums = np.zeros(count, np.int64)
            np.add.at(sums, microgrid[takes_part & side], book.energy_wh[takes_part & side])
            sides.append(sums)
        levels = _Levels.of(sides[0], sides[1], floor, ceiling)
        price, limit = levels.inside_price[microgrid], book.limit_micro_per_kwh
        refuses = np.where(book.is_sell, limit > price, limit < price) & levels.has_price[microgrid]
        if not (takes_part & refuses).any():
            return levels, takes_part
        takes_part &= ~refuses


def _fills(book: OrderBook, takes_part: Flags, classes: Ints, levels: _Levels) -> tuple[Ints, Ints]:
    """Energy of every order that stays in its microgrid, and that crosses."""
    stays_wh = np.minimum(levels.supply_wh, levels.demand_wh)
    inside, between = np.zeros(len(book), np.int64), np.zeros(len(book), np.int64)
    for side, crossing_wh in zip((book.is_sell, ~book.is_sell), levels.crossing_wh, strict=True):
        rows = np.flatnonzero(takes_part & side)
        filled_wh = _served(book, rows, classes, stays_wh + crossing_wh)
        # What crosses goes over those who were served by the same rule.
        crosses_wh = _served(book.replaced(energy_wh=filled_wh), rows, classes, crossing_wh)
        between += crosses_wh
        inside += filled_wh - crosses_wh
    return inside, between


def _served(book: OrderBook, rows: Ints, classes: Ints, total_wh: Ints) -> Ints:
    """Share `total_wh` (one a microgrid) over some orders, class after class, within a class in proportion; one an order of the book."""
    fills_wh = np.zeros(len(book), np.int64)
    wanted_wh = np.zeros(len(total_wh) * TOP_POINTS, np.int64)
    np.add.at(wanted_wh, classes[rows], book.energy_wh[rows])
    by_grid = wanted_wh.reshape(-1, TOP_POINTS)
    before_wh = np.cumsum(by_grid, axis=1) - by_grid
    given_wh = np.clip(total_wh[:, None] - before_wh, 0, by_grid).reshape(-1)
    is_whole = given_wh == wanted_wh
    whole = rows[is_whole[classes[rows]]]
    fills_wh[whole] = book.energy_wh[whole]
    # Of each microgrid at most one class is served in part.
    partly = rows[(~is_whole & (given_wh > 0))[classes[rows]]]
    partly = partly[np.argsort(classes[partly], kind="stable")]
    for own in np.split(partly, np.flatnonzero(np.diff(classes[partly])) + 1) if len(partly) else ():
        fills_wh[own] = pro_rata(book, own, int(given_wh[classes[own[0]]]))
    return fills_wh
