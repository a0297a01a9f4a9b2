"""Curtailment of a schedule: which trades are cut where a feeder is full, in which order and by how much; every Wh by a written rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import LEFT_OUT, Agreement, Trades
from commonwatt.core.splits import largest_remainder
from commonwatt.core.units import Floats, Ints
from commonwatt.grid._cuts import POOL
from commonwatt.grid._excess import Excess, Seen, excesses

if TYPE_CHECKING:
    from commonwatt.grid._feeder import Feeder, Tree
    from commonwatt.grid._sweep import PowerFlow

CURTAILMENTS: Final = {
    "pro_rata": "all trades that push it lose the same part",
    "newest": "of the trades that push it the newest go first",
    "least_welfare": "of the trades that push it those go first that are worth least per Wh of relief",
}
"""Rules by name, in the words of a reason."""
_SECTIONS: Final = 64
"""So many amounts are tried at once."""
_SAME: Final = 1e-12
"""Pushes that differ by less are alike."""

Cut = tuple[int, int, str, str]
"""(row of the trades, Wh, name of the line or bus, why in words)."""


@dataclass(frozen=True)
class Schedule:
    """A slot's trades and what they make of the members' positions."""

    net_wh: Ints
    """Of each member as it is judged, Wh out, before any cut."""
    book: OrderBook
    trades: Trades
    rest_wh: Ints
    """Of each order what is firm beside its trades; firm no more once one of them is cut."""

    @classmethod
    def of(cls, net_wh: Ints, book: OrderBook, agreement: Agreement) -> Schedule:
        """What a member's position has beyond its trades is the firm rest of its orders."""
        filled = agreement.trades.filled_wh(len(book))
        traded = np.zeros_like(net_wh)
        np.add.at(traded, book.member, np.where(book.is_sell, filled, -filled))
        is_firm = (net_wh != traded)[book.member] & ~np.isin(agreement.reason, LEFT_OUT)
        return cls(net_wh, book, agreement.trades, np.where(is_firm, book.energy_wh - filled, 0))

    def positions(self, left_wh: Ints) -> Ints:
        """Of each member where so much is left of each trade, shape (trades, columns) to (members, columns)."""
        cut = self.trades.energy_wh[:, None] - left_wh
        lost = np.zeros((len(self.book), left_wh.shape[1]), np.int64)
        for side in (self.trades.sell_order, self.trades.buy_order):
            real = side != POOL
            np.add.at(lost, side[real], cut[real])
        lost += self.rest_wh[:, None] * (lost > 0)
        net = np.repeat(self.net_wh[:, None], left_wh.shape[1], axis=1)
        np.subtract.at(net, self.book.member, np.where(self.book.is_sell[:, None], lost, -lost))
        return net


@dataclass(frozen=True)
class Pairs:
    """What can be cut together, in the order in which it is: a sale and a purchase; the same row for a trade of two members, two rows for the pool's."""

    sale: Ints
    purchase: Ints
    energy_wh: Ints
    relief: Floats
    """What a Wh less does for the limit that is passed."""

    def take(self, rows: Ints) -> Pairs:
        """Some of them, in that order."""
        return Pairs(self.sale[rows], self.purchase[rows], self.energy_wh[rows], self.relief[rows])

    def cut_wh(self, amounts_wh: Ints, trades: int, *, alike: bool) -> Ints:
        """Of each trade where so much is cut in all: alike, or the first pairs first; shape (trades, amounts)."""
        if alike:
            each = np.stack([largest_remainder(amount, self.energy_wh) for amount in amounts_wh.tolist()], axis=1)
        else:
            before = np.cumsum(self.energy_wh) - self.energy_wh
            each = np.clip(amounts_wh[None, :] - before[:, None], 0, self.energy_wh[:, None])
        cut = np.zeros((trades, len(amounts_wh)), np.int64)
        np.add.at(cut, self.sale, each)
        two = self.sale != self.purchase
        np.add.at(cut, self.purchase[two], each[two])
        return cut


@dataclass(frozen=True)
class Curtailing:
    """Cuts a schedule until a feeder carries it."""

    feeder: Feeder
    bus: Ints
    schedule: Schedule
    flow: Callable[[Ints], PowerFlow]
    """Of positions of members, Wh, shape (members, columns)."""
    rating_share: float
    tangent: float
    """Reactive power that members draw per real power that they draw."""
    rule: str

    def cuts(self) -> tuple[Cut, ...] | None:
        """What is cut, one entry a trade and limit; None where no cut helps. Afterwards every limit is kept."""
        left = self.schedule.trades.energy_wh
        made: dict[tuple[int, str], tuple[int, str]] = {}
        # Every round settles a branch or a bus for good, or another one that it had hidden; the last one takes all that is left.
        rounds = 4 * len(self.feeder.tree.toward)
        for again in range(rounds + 2):
            seen = Seen.of(self.feeder, self.flow(self.schedule.positions(left[:, None])))
            found = excesses(self.feeder, seen, self.rating_share)
            if not found:
                return tuple((row, wh, name, why) for (row, name), (wh, why) in made.items())
            cut = self._cut(left, found[0]) if again < rounds else left
            if cut is None or not cut.any():
                return None
            for row in np.flatnonzero(cut).tolist():
                before, why = made.get((row, found[0].name), (0, f"{found[0].words}: {CURTAILMENTS[self.rule]}"))
                made[row, found[0].name] = before + int(cut[row]), why
            left = left - cut
        return None

    def _cut(self, left: Ints, excess: Excess) -> Ints | None:
        """The fewest Wh of each trade with which a limit is kept; None where it is not without all trades either."""
        for pairs in self._tiers(left, excess):

            def kept(amounts_wh: Ints, pairs: Pairs = pairs) -> Ints:
                return left[:, None] - pairs.cut_wh(amounts_wh, len(left), alike=self.rule == "pro_rata")

            def holds(amounts_wh: Ints, kept: Callable[[Ints], Ints] = kept) -> Ints:
                flow = self.flow(self.schedule.positions(kept(amounts_wh)))
                return np.flatnonzero(excess.kept(self.feeder, flow, self.rating_share))

            amount = fewest(int(pairs.energy_wh.sum()), holds)
            if amount:
                return left - kept(np.array([amount]))[:, 0]
        return None

    def _tiers(self, left: Ints, excess: Excess) -> Iterator[Pairs]:
        """Who is asked to give, one after the other: who pushes the limit; who moves it at all (reactive power alone can fill a line); everybody."""
        if excess.node:
            push = self._push(left, excess)
            yield self._pairs(left, push)
            yield self._pairs(left, push, is_any=True)
        yield self._pairs(left, np.ones(len(self.schedule.book)), is_any=True)

    def _push(self, left: Ints, excess: Excess) -> Floats:
        """What a Wh out of each order's member does to a limit, the way that it is passed."""
        tree, book = self.feeder.tree, self.schedule.book
        node = tree.node[self.bus[book.member]]
        if excess.side:
            resistance, reactance = _shared(tree, excess.node)
            return excess.side * np.where(
                book.is_sell, resistance[node], resistance[node] + self.tangent * reactance[node]
            )
        behind = tree.behind(excess.node)
        net = self.schedule.positions(left[:, None])[:, 0]
        way = int(np.sign(net[behind[tree.node[self.bus]]].sum()))
        return np.where(behind[node], float(way or 1), 0.0)

    def _pairs(self, left: Ints, push: Floats, *, is_any: bool = False) -> Pairs:
        """Trades that push, or all that move a limit at all, in the order of the rule."""
        sell, buy = self.schedule.trades.sell_order, self.schedule.trades.buy_order
        rows = np.flatnonzero((sell != POOL) & (buy != POOL) & (left > 0))
        relief = push[sell[rows]] - push[buy[rows]]
        if is_any:
            pushing = (push[sell[rows]] != 0) | (push[buy[rows]] != 0)
            relief = np.ones(len(rows))
        else:
            pushing = relief > _SAME
        own = Pairs(rows[pushing], rows[pushing], left[rows[pushing]], relief[pushing])
        pool = self._pool(left, push, is_any=is_any)
        both = Pairs(
            *(
                np.concatenate([getattr(own, name), getattr(pool, name)])
                for name in ("sale", "purchase", "energy_wh", "relief")
            )
        )
        return both.take(self._order(both))

    def _order(self, pairs: Pairs) -> Ints:
        book, trades = self.schedule.book, self.schedule.trades
        sell, buy = trades.sell_order[pairs.sale], trades.buy_order[pairs.purchase]
        row = np.maximum(pairs.sale, pairs.purchase)
        if self.rule == "newest":
            return np.lexsort((-row, -np.maximum(book.sequence[sell], book.sequence[buy])))
        if self.rule == "least_welfare":
            limit = book.limit_micro_per_kwh
            return np.lexsort((row, (limit[buy] - limit[sell]) / pairs.relief))
        return np.arange(len(row))

    def _pool(self, left: Ints, push: Floats, *, is_any: bool) -> Pairs:
        """Sales to the pool that push more than its mean, with purchases that push less: cut together, the pool sells what it buys."""
        trades = self.schedule.trades
        sales = np.flatnonzero((trades.buy_order == POOL) & (left > 0))
        purchases = np.flatnonzero((trades.sell_order == POOL) & (left > 0))
        up, down = push[trades.sell_order[sales]], push[trades.buy_order[purchases]]
        if len(sales) and not is_any:
            whole = left[sales].sum() + left[purchases].sum()
            mean = ((left[sales] * up).sum() + (left[purchases] * down).sum()) / whole
            sales, purchases = sales[up > mean + _SAME], purchases[down < mean - _SAME]
        sales, purchases = (
            rows[self._side_order(side[rows], rows)]
            for rows, side in ((sales, trades.sell_order), (purchases, trades.buy_order))
        )
        given, taken = left[sales], left[purchases]
        most = min(int(given.sum()), int(taken.sum()))
        if self.rule == "pro_rata" and most:
            given, taken = largest_remainder(most, given), largest_remainder(most, taken)
        until_given, until_taken = np.cumsum(given), np.cumsum(taken)
        ends = np.unique(np.concatenate([until_given, until_taken]))
        ends = ends[(ends > 0) & (ends <= most)]
        starts = np.append(0, ends)[:-1] if len(ends) else ends
        sale = sales[np.searchsorted(until_given, starts, side="right")] if len(ends) else sales[:0]
        purchase = purchases[np.searchsorted(until_taken, starts, side="right")] if len(ends) else purchases[:0]
        relief = np.ones(len(ends))
        if not is_any:
            relief = push[trades.sell_order[sale]] - push[trades.buy_order[purchase]]
        return Pairs(sale, purchase, ends - starts, relief)

    def _side_order(self, orders: Ints, rows: Ints) -> Ints:
        """One side of the pool, in the order in which it is cut."""
        book = self.schedule.book
        if self.rule == "newest":
            return np.lexsort((-rows, -book.sequence[orders]))
        if self.rule == "least_welfare":
            # The dearest offers and the lowest bids are worth least.
            cost = np.where(book.is_sell[orders], -1, 1) * book.limit_micro_per_kwh[orders]
            return np.lexsort((rows, cost))
        return np.arange(len(rows))


def fewest(most_wh: int, holds: Callable[[Ints], Ints]) -> int | None:
    """The least amount from 1 to `most_wh` that holds, by sections, as if every larger one held too; None where none of the first sections does.

    `holds` says which of some ascending amounts hold, by index.
    """
    if most_wh < 1:
        return None
    below, enough = 0, most_wh + 1
    while enough - below > 1:
        span = min(enough, most_wh) - below
        amounts = np.unique(below + (span * np.arange(1, _SECTIONS + 1) + _SECTIONS - 1) // _SECTIONS)
        held = holds(amounts)
        if not len(held):
            return None
        at = int(held[0])
        below, enough = int(amounts[at - 1]) if at else below, int(amounts[at])
    return enough


def _shared(tree: Tree, node: int) -> tuple[Floats, Floats]:
    """Resistance and reactance that the way of each node to the source shares with that of one of them, per unit."""
    on_way = {node}
    at = node
    while tree.toward[at] > 0:
        at = tree.toward[at]
        on_way.add(at)
    shared = np.zeros(len(tree.toward), np.complex128)
    for below in range(1, len(tree.toward)):
        shared[below] = shared[tree.toward[below]] + (tree.impedance[below] if below in on_way else 0.0)
    return shared.real, shared.imag
