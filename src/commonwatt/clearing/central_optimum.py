"""The central optimum: what a planner who sees every limit would let trade; the upper bound for every other mechanism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.clearing._matching import Places, kept_apart, matched, merit_order, unserved
from commonwatt.clearing._tree import Met, tree_flow
from commonwatt.clearing.base import ClearingContext, Lines
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades, with_filled
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class CentralOptimum:
    """Largest welfare, and of all such outcomes the largest volume, at dual prices of the linear programme.

    Maximise the sum of (bid - ask) x Wh over all pairs, subject to every order's energy. Without a network the programme has one balance
    constraint and is solved exactly, in whole Wh, by trading the cheapest offers with the highest bids while nobody loses; tests hold
    that against a solver. The dual price of the balance is an interval, in which `pricing` chooses: at any of its prices nobody wants
    another trade. Where limits tie, the earlier order is served whole (`uniform_price` shares instead).

    On a feeder there is a balance for every bus, and every line has its limit and its fee, which is what its use costs; solved exactly by merit
    orders merged along the tree (`_tree`). Then every bus has its dual price, and a pair trades between those of both less their fees.

    Holds every promise.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()
    takes_lines: ClassVar[bool] = True

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Pairwise trades in order of the offers' price, all at one dual price; with lines at prices of places."""
        if context.lines is not None:
            return _on_lines(book, context, context.lines)
        left_wh = book.energy_wh.copy()
        sell, buy, energy_wh = matched(book, left_wh, *merit_order(book))
        if not len(sell):
            return with_filled(book, Trades.empty(), unserved(book))
        low, high = _dual_interval(book, left_wh, sell, buy)
        price = context.priced(book, low, high)
        prices = {f"{side}_price_micro_per_kwh": np.repeat(price, len(sell)) for side in ("sell", "buy")}
        trades = Trades.of(len(sell), sell_order=sell, buy_order=buy, energy_wh=energy_wh, round=1, **prices)
        return with_filled(book, trades, unserved(book))


def _on_lines(book: OrderBook, context: ClearingContext, lines: Lines) -> Agreement:
    bus = context.buses_of(context.facts_of(book))
    cost = np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh)
    rows = np.lexsort((book.member, bus, -book.energy_wh, cost))
    rows = rows[book.energy_wh[rows] > 0]
    flow, places = tree_flow(book.take(rows), bus[rows], lines, lines.fee_micro_per_kwh), Places(lines, bus)
    met, sell, buy = Met.of(flow, bus[rows], lines), rows[flow.sell], rows[flow.buy]
    price = context.priced(book, met.asked, met.offered, sell, buy)
    trades = Trades.at_one_price(sell, buy, flow.energy_wh, price, np.ones(len(sell), np.int8))
    trades = trades.with_fees(met.sell_fee, met.buy_fee)
    return with_filled(book, trades, kept_apart(book, trades, unserved(book, places), places))


def _dual_interval(book: OrderBook, left_wh: Ints, sell: Ints, buy: Ints) -> tuple[Ints, Ints]:
    """Lowest and highest price at which who traded still wants to and who has energy left does not; one element each."""
    limit, has_left = book.limit_micro_per_kwh, left_wh > 0
    low = np.append(limit[sell[-1]], limit[has_left & ~book.is_sell]).max(keepdims=True)
    high = np.append(limit[buy[-1]], limit[has_left & book.is_sell]).min(keepdims=True)
    return low, high
