"""One price for everybody: where supply and demand cross, the marginal side rationed pro rata."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from commonwatt.clearing._markets import Markets, Outcome, agreement, clear_small
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, Trades
from commonwatt.core.splits import largest_remainder
from commonwatt.core.units import Flags, Ints
from commonwatt.pricing import PricingContext

_BUCKET_BITS: Final = 14
_SORT_UP_TO: Final = 4096
"""Books of up to this many orders are sorted, larger ones are narrowed by histograms first."""

_EXACT_FLOAT: Final = 2**53
"""Histograms add in floats, which are exact below this many Wh."""


@dataclass(frozen=True)
class UniformPrice:
    """Pay-as-clear double auction: every trade at one price, all with the pool, the largest volume that maximal welfare allows.

    The clearing prices of a book are an interval; `pricing` chooses in it. Who is strictly better off at the lowest of them is filled
    whole; of those whose limit is that lowest price, the longer side shares what is left in proportion to its orders (largest
    remainder, equal remainders by sequence). The interval has more than one price only where nothing is left to share, so a choice
    inside it changes nobody's energy.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Trades with the pool at one price, one row a filled order in sequence order; sums of energy exact."""
        supply_wh = _total(book.energy_wh, book.is_sell)
        demand_wh = int(book.energy_wh.sum()) - supply_wh
        if not supply_wh or not demand_wh:
            return _agreement(book, np.zeros(len(book), np.int64), Trades.empty(), int(Reason.NO_COUNTERPART))
        # A price clears when all energy limited to at most that price, of both sides together, reaches the demand:
        # supply(<= p) >= demand(> p)  <=>  supply(<= p) + demand(<= p) >= demand. The lowest such price is an order statistic.
        low = energy_rank_price(book.limit_micro_per_kwh, book.energy_wh, demand_wh)
        fills_wh, is_interval = _fills(book, low)
        rows = np.flatnonzero(fills_wh != 0)
        if not len(rows):
            return _agreement(book, fills_wh, Trades.empty(), int(Reason.PRICE))
        price = _price(book, low, is_interval, context)
        # All bits set (-1, the pool) for a buyer's row, none for a seller's.
        pool = book.is_sell[rows].astype(np.int64) - 1
        own = np.full(len(rows), price)
        trades = Trades.at_one_price(rows | pool, rows | ~pool, fills_wh[rows], own, np.ones(len(rows), np.int8))
        # Every order that accepts the price but got less was rationed; the others asked for another price.
        limit = book.limit_micro_per_kwh
        accepts = (limit == price) | (book.is_sell ^ (limit > price))
        return _agreement(book, fills_wh, trades, accepts.view(np.int8) + np.int8(Reason.PRICE))

    def clear_together(self, book: OrderBook, starts: Ints, contexts: Sequence[ClearingContext]) -> Agreement:
        """Many markets at once (`clear_markets`): small ones side by side in tables, large ones each by `clear`."""
        markets = Markets(book, starts)
        outcome = Outcome.blank(len(book), len(contexts))
        counts = markets.counts
        clear_small(markets, np.flatnonzero((counts > 0) & (counts <= _SORT_UP_TO)), outcome)
        for number in np.flatnonzero(counts > _SORT_UP_TO).tolist():
            self._clear_alone(markets, number, contexts[number], outcome)
        sums_wh = (outcome.supply_wh, outcome.demand_wh)

        def book_of(market: int) -> OrderBook:
            return book.take(np.arange(starts[market], starts[market + 1]))

        return agreement(markets, outcome, lambda *interval: _prices(contexts, sums_wh, book_of, *interval))

    def _clear_alone(self, markets: Markets, number: int, context: ClearingContext, outcome: Outcome) -> None:
        rows = np.arange(markets.starts[number], markets.starts[number + 1])
        book = markets.book.take(rows)
        cleared = self.clear(book, context)
        outcome.supply_wh[number] = _total(book.energy_wh, book.is_sell)
        outcome.demand_wh[number] = _total(book.energy_wh, ~book.is_sell)
        outcome.fills_wh[rows], outcome.reason[rows] = cleared.trades.filled_wh(len(rows)), cleared.reason
        if len(cleared.trades):
            outcome.is_traded[number] = True
            outcome.low[number] = outcome.high[number] = cleared.trades.sell_price_micro_per_kwh[0]


def _prices(
    contexts: Sequence[ClearingContext],
    sums_wh: tuple[Ints, Ints],
    book_of: Callable[[int], OrderBook],
    markets: Ints,
    low: Ints,
    high: Ints,
) -> Ints:
    """Prices of some markets; those that share a context are asked for together. `sums_wh`: supply and demand of every market."""
    shared = np.fromiter(map(id, contexts), np.int64, len(contexts))[markets]
    order = np.argsort(shared, kind="stable")
    price = np.empty(len(markets), np.int64)
    for own in np.split(order, np.flatnonzero(np.diff(shared[order])) + 1) if len(order) else ():
        context = contexts[int(markets[own[0]])]
        supply_wh, demand_wh = (side[markets[own]] for side in sums_wh)
        known = PricingContext(context.slot, context.rates, supply_wh, demand_wh)
        if context.deviation is not None:
            short_wh = np.array([context.lately(book_of(market))[0] for market in markets[own].tolist()], np.int64)
            known = replace(known, short_wh=short_wh, flagged_share=context.deviation.flagged_share)
        price[own] = context.pricing.price(low[own], high[own], known)
    return price


def energy_rank_price(limit_micro_per_kwh: Ints, energy_wh: Ints, rank_wh: int) -> int:
    """The lowest limit up to which orders hold `rank_wh` Wh together (1 <= rank_wh <= their sum).

    A weighted order statistic: histograms of the energy over the price range narrow a large book to one bucket, over and over, and
    only what is left is sorted. Linear in the number of orders.
    """
    limit, energy, below_wh = limit_micro_per_kwh, energy_wh, 0
    exact = int(energy.sum()) < _EXACT_FLOAT
    while exact and len(limit) > _SORT_UP_TO:
        lowest = int(limit.min())
        span = int(limit.max()) - lowest
        if not span:
            return lowest
        bucket = limit - lowest
        bucket >>= max(span.bit_length() - _BUCKET_BITS, 0)
        up_to_wh = np.cumsum(np.bincount(bucket, weights=energy)) + below_wh
        found = int(np.searchsorted(up_to_wh, rank_wh))
        below_wh = int(up_to_wh[found - 1]) if found else below_wh
        inside = np.flatnonzero(bucket == found)
        limit, energy = limit[inside], energy[inside]
    order = np.argsort(limit)
    return int(limit[order[np.searchsorted(np.cumsum(energy[order]), rank_wh - below_wh)]])


def _fills(book: OrderBook, low: int) -> tuple[Ints, bool]:
    """Energy per order at the lowest clearing price, and whether prices above it clear the same energy."""
    at = book.limit_micro_per_kwh == low
    higher = book.limit_micro_per_kwh > low
    fills_wh: Ints = book.energy_wh * (at | (book.is_sell ^ higher))
    sold_wh = _total(fills_wh, book.is_sell)
    bought_wh = int(fills_wh.sum()) - sold_wh
    rows = np.flatnonzero(at & (book.is_sell == (sold_wh > bought_wh)))
    marginal_wh = book.energy_wh[rows]
    left_wh = int(marginal_wh.sum()) - abs(sold_wh - bought_wh)
    if sold_wh != bought_wh:
        fills_wh[rows] = largest_remainder(left_wh, marginal_wh)
    # The price may rise above `low` without losing a sale only where no buyer at `low` gets anything.
    return fills_wh, sold_wh <= bought_wh and not left_wh


def _price(book: OrderBook, low: int, is_interval: bool, context: ClearingContext) -> int:
    higher = (book.limit_micro_per_kwh > low) & (book.energy_wh > 0)
    high = int(book.limit_micro_per_kwh[higher].min()) if is_interval else low
    ends = (np.array([low], np.int64), np.array([high], np.int64))
    return int(context.priced(book, *ends)[0])


def _agreement(book: OrderBook, fills_wh: Ints, trades: Trades, rest: npt.NDArray[np.int8] | int) -> Agreement:
    """`rest` is the reason of who was not filled whole; FILLED is 0."""
    return Agreement(trades, ((fills_wh != book.energy_wh) * np.asarray(rest, np.int8)).astype(np.int64))


def _total(energy_wh: Ints, rows: Flags) -> int:
    # A product is several times faster here than picking rows out by a mask.
    return int((energy_wh * rows).sum())
