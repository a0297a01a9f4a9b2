"""Uniform prices of many small markets at once: a market is a row of a table, what costs time is done on whole tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, Trades
from commonwatt.core.splits import largest_remainder
from commonwatt.core.units import Flags, Ints

_ORDERS_AT_ONCE: Final = 1 << 16
"""Tables of about this many orders stay in the processor's cache."""

_ENERGY_BITS: Final = 31
_ENERGY_MASK: Final = (1 << _ENERGY_BITS) - 1
_LAST: Final = np.iinfo(np.int64).max
"""Key of an order without energy: behind all others."""

Priced = Callable[[Ints, Ints, Ints], Ints]
"""Prices of some markets (their numbers, lowest and highest clearing price)."""


@dataclass(frozen=True)
class Markets:
    """Many markets in one book: market m has the rows `starts[m]` to before `starts[m + 1]`."""

    book: OrderBook
    starts: Ints

    @property
    def counts(self) -> Ints:
        """Orders of each market."""
        return np.diff(self.starts)

    def rows(self, markets: Ints) -> Ints:
        """Rows of some markets, one market after the other."""
        counts = self.counts[markets]
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(self.starts[markets], counts) + within


@dataclass(frozen=True)
class Outcome:
    """What is found out of each order (fills, reason) and of each market (supply, demand, the interval of its prices)."""

    fills_wh: Ints
    reason: Ints
    low: Ints
    high: Ints
    supply_wh: Ints
    demand_wh: Ints
    is_traded: Flags

    @classmethod
    def blank(cls, orders: int, markets: int) -> Outcome:
        """Nothing traded anywhere."""
        fills_wh, reason = np.zeros((2, orders), np.int64)
        low, high, supply_wh, demand_wh = np.zeros((4, markets), np.int64)
        return cls(fills_wh, reason, low, high, supply_wh, demand_wh, np.zeros(markets, np.bool_))


@dataclass(frozen=True)
class _Table:
    """Some markets of about the same length side by side: shape (markets, orders); what is missing at the end has no energy."""

    markets: Ints
    rows: Ints | slice
    """Where the orders stand in the book, flat; of padded tables only the real ones."""
    limit: Ints
    energy_wh: Ints
    is_sell: Flags
    is_real: Flags | None
    """None where nothing is padded."""

    def put(self, column: Ints, values: npt.NDArray[np.integer]) -> None:
        """Write a value an order into a column of the book's length."""
        column[self.rows] = values.ravel() if self.is_real is None else values[self.is_real]


def clear_small(markets: Markets, numbers: Ints, outcome: Outcome) -> None:
    """Clear the markets of these numbers; writes what it finds into `outcome`.

    The rule is that of one market (`uniform_price`). The lowest clearing price is the limit at which the orders' energy, added up from the
    lowest limit on, reaches the demand; sorting limit and energy as one number sorts the energy along.
    """
    for table in _tables(markets, numbers):
        demand_wh = (table.energy_wh * ~table.is_sell).sum(axis=1)
        supply_wh = table.energy_wh.sum(axis=1) - demand_wh
        outcome.supply_wh[table.markets], outcome.demand_wh[table.markets] = supply_wh, demand_wh
        is_alive = (demand_wh > 0) & (supply_wh > 0)
        key = (table.limit << _ENERGY_BITS) | table.energy_wh
        if not table.energy_wh.all():
            key[table.energy_wh == 0] = _LAST
        key.sort(axis=1)
        reaches = np.cumsum(key & _ENERGY_MASK, axis=1) < demand_wh[:, None]
        each = np.arange(len(key))
        low = key[each, np.minimum(reaches.sum(axis=1), key.shape[1] - 1)] >> _ENERGY_BITS
        outcome.low[table.markets] = low
        outcome.high[table.markets] = low
        some = np.flatnonzero(_fill(table, low, is_alive, outcome))
        next_above = (key[some] <= ((low[some, None] << _ENERGY_BITS) | _ENERGY_MASK)).sum(axis=1)
        outcome.high[table.markets[some]] = key[some, next_above] >> _ENERGY_BITS


def agreement(markets: Markets, outcome: Outcome, priced: Priced) -> Agreement:
    """Prices, then one trade with the pool a filled order, in order of the book."""
    book, starts, counts = markets.book, markets.starts, markets.counts
    price = outcome.low.copy()
    traded = np.flatnonzero(outcome.is_traded)
    price[traded] = priced(traded, outcome.low[traded], outcome.high[traded])
    _settle_reasons(markets, outcome, price)
    sell, buy, energy_wh, own = (np.empty(len(book), np.int64) for _ in range(4))
    done = 0
    for first, last in _blocks(counts):
        begin, fills_wh = starts[first], outcome.fills_wh[starts[first] : starts[last]]
        within = np.flatnonzero(fills_wh != 0)
        new = slice(done, done + len(within))
        rows = within + begin
        # All bits set (-1, the pool) for a buyer's row, none for a seller's.
        pool = book.is_sell[rows].astype(np.int64) - 1
        np.bitwise_or(rows, pool, out=sell[new])
        np.bitwise_or(rows, ~pool, out=buy[new])
        np.take(fills_wh, within, out=energy_wh[new])
        own[new] = np.repeat(price[first:last], np.diff(np.searchsorted(rows, starts[first : last + 1])))
        done = new.stop
    sell, buy, energy_wh, own = sell[:done], buy[:done], energy_wh[:done], own[:done]
    return Agreement(Trades.at_one_price(sell, buy, energy_wh, own, np.ones(done, np.int8)), outcome.reason)


def _fill(table: _Table, low: Ints, is_alive: Flags, outcome: Outcome) -> Flags:
    """Fill at the lowest price, ration the longer side; says where prices above it clear the same."""
    width = table.limit.shape[1]
    at = table.limit == low[:, None]
    takes = at | (table.is_sell ^ (table.limit > low[:, None]))
    fills_wh = table.energy_wh * takes
    fills_wh[~is_alive] = 0
    sold_wh = (fills_wh * table.is_sell).sum(axis=1)
    surplus_wh = 2 * sold_wh - fills_wh.sum(axis=1)
    marginal = np.flatnonzero(at)
    marginal = marginal[table.is_sell.ravel()[marginal] == (surplus_wh > 0)[marginal // width]]
    market, energy_wh = marginal // width, table.energy_wh.ravel()[marginal]
    # Sums of fewer than 2**22 orders are exact in floats.
    left_wh = np.bincount(market, energy_wh, len(low)).astype(np.int64) - np.abs(surplus_wh)
    several = np.bincount(market, minlength=len(low)) > 1
    alone = (surplus_wh[market] != 0) & ~several[market]
    flat_wh = fills_wh.reshape(-1)
    flat_wh[marginal[alone]] = left_wh[market[alone]]
    for number in np.flatnonzero(several & (surplus_wh != 0)):
        own = market == number
        flat_wh[marginal[own]] = largest_remainder(int(left_wh[number]), energy_wh[own])
    is_traded = is_alive & (sold_wh > 0)
    outcome.is_traded[table.markets] = is_traded
    # Who accepts the price and got less was RATIONED, of the others PRICE stood in the way.
    reason = takes.view(np.int8) + np.int8(Reason.PRICE)
    reason[~is_traded] = int(Reason.PRICE)
    reason[~is_alive] = int(Reason.NO_COUNTERPART)
    reason *= fills_wh != table.energy_wh
    table.put(outcome.fills_wh, fills_wh)
    table.put(outcome.reason, reason)
    is_interval: Flags = is_traded & (surplus_wh <= 0) & (left_wh == 0)
    return is_interval


def _settle_reasons(markets: Markets, outcome: Outcome, price: Ints) -> None:
    """Who accepts a price is known at the lowest one; where the price was moved up from there, ask again."""
    moved = np.flatnonzero(price > outcome.low)
    rows = markets.rows(moved)
    own, limit = np.repeat(price[moved], markets.counts[moved]), markets.book.limit_micro_per_kwh[rows]
    accepts = np.where(markets.book.is_sell[rows], limit <= own, limit >= own)
    rest = np.where(accepts, int(Reason.RATIONED), int(Reason.PRICE))
    outcome.reason[rows] = np.where(outcome.fills_wh[rows] == markets.book.energy_wh[rows], int(Reason.FILLED), rest)


def _tables(markets: Markets, numbers: Ints) -> Iterator[_Table]:
    counts = markets.counts[numbers]
    # Markets of one length stand side by side; a stable sort leaves a book of equal ones as it is.
    order = np.argsort(counts, kind="stable")
    numbers, counts = numbers[order], counts[order]
    for first, last in _blocks(counts):
        yield _table(markets, numbers[first:last], counts[first:last])


def _table(markets: Markets, numbers: Ints, counts: Ints) -> _Table:
    book, width = markets.book, int(counts[-1])
    begin = int(markets.starts[numbers[0]])
    if int(counts[0]) == width and int(numbers[-1]) - int(numbers[0]) == len(numbers) - 1:
        rows = slice(begin, begin + width * len(numbers))
        return _Table(
            numbers,
            rows,
            book.limit_micro_per_kwh[rows].reshape(-1, width),
            book.energy_wh[rows].reshape(-1, width),
            book.is_sell[rows].reshape(-1, width),
            None,
        )
    at = np.arange(width)
    is_real = at < counts[:, None]
    places = np.minimum(markets.starts[numbers][:, None] + at, len(book) - 1)
    return _Table(
        numbers,
        places[is_real],
        book.limit_micro_per_kwh[places],
        book.energy_wh[places] * is_real,
        book.is_sell[places],
        is_real,
    )


def _blocks(counts: Ints) -> Iterator[tuple[int, int]]:
    """Ranges of markets with about `_ORDERS_AT_ONCE` orders each, at least one market."""
    ends, first = np.cumsum(counts), 0
    while first < len(counts):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _ORDERS_AT_ONCE, side="right")))
        yield first, last
        first = last
