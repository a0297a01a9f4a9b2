"""Gates of the clearing jobs: volume, welfare and balance by queues in plain Python, which share no code with the mechanisms."""

from __future__ import annotations

import itertools
from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING, Final

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.core.records import Agreement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from commonwatt.core.orders import OrderBook
    from commonwatt.core.tariff import Rates
    from commonwatt.core.units import Ints
    from commonwatt.services.halves import Half

Queue = list[tuple[int, int]]
"""(limit, negative for buyers, and row) of one side, best first."""

RENEWABLE_SOURCES: Final = (1, 2)
"""PV and wind, as `mechanisms` names them for the first round."""


def most_welfare(book: OrderBook) -> tuple[int, int]:
    """Volume (Wh) and welfare (nano) of trading the cheapest offer with the highest bid, on and on, while nobody loses."""
    sells, buys = _queues(book, range(len(book)), range(len(book)))
    left = book.energy_wh.tolist()
    return _totals(book, _matched(sells, buys, left))


def two_rounds(book: OrderBook) -> tuple[int, int]:
    """Volume and welfare of the two rounds of He (2025), order by order: renewables with who prefers them, then all the rest."""
    left = book.energy_wh.tolist()
    rows = range(len(book))
    renewable = compress(rows, [source in RENEWABLE_SOURCES for source in book.source.tolist()])
    prefers = compress(rows, book.preference.tolist())
    pairs = list(_matched(*_queues(book, renewable, prefers), left))
    pairs += _matched(*_queues(book, rows, rows), left)
    return _totals(book, pairs)


EXACT: Final[dict[str, Callable[[OrderBook], tuple[int, int]]]] = {"two_round_double_auction": two_rounds}
"""Mechanisms that promise something else than the largest welfare, and what it is."""


def clearing_findings(name: str, breaks: frozenset[str], book: OrderBook, agreement: Agreement) -> list[Finding]:
    """What is wrong with an agreement: energy and money that do not balance, overfills, another volume or welfare than the reference."""
    trades = agreement.trades
    energy = trades.energy_wh.tolist()
    sellers, buyers = trades.sell_order.tolist(), trades.buy_order.tolist()
    limit = book.limit_micro_per_kwh.tolist()
    filled = [0] * len(book)
    sold = bought = paid = received = welfare = 0
    prices = (trades.sell_price_micro_per_kwh.tolist(), trades.buy_price_micro_per_kwh.tolist())
    outside = 0
    for wh, seller, buyer, low, high in zip(energy, sellers, buyers, *prices, strict=True):
        if seller >= 0:
            sold, received, welfare = sold + wh, received + wh * low, welfare - wh * limit[seller]
            filled[seller] += wh
            outside += low < limit[seller]
        if buyer >= 0:
            bought, paid, welfare = bought + wh, paid + wh * high, welfare + wh * limit[buyer]
            filled[buyer] += wh
            outside += high > limit[buyer]
    over = sum(got > wish for got, wish in zip(filled, book.energy_wh.tolist(), strict=True))
    found = [
        _unequal("energy_wh", f"as much bought as sold ({sold})", bought, sold),
        _wrong(
            "money", "buyers pay what sellers receive", paid - received, "budget_balance" in breaks or paid >= received
        ),
        _wrong("fills", "no order beyond its energy", over, not over),
        _wrong("limits", "no trade outside a limit", outside, "limits" in breaks or not outside),
    ]
    volume, best = EXACT.get(name, most_welfare)(book)
    if name in EXACT or not breaks & {"efficiency", "limits"}:
        found += [
            _unequal("volume_wh", str(volume), bought, volume),
            _unequal("welfare_nano", str(best), welfare, best),
        ]
    else:
        found.append(_wrong("welfare_nano", f"at most {best}", welfare, welfare <= best))
    return [finding for finding in found if finding]


def market_findings(
    name: str, breaks: frozenset[str], book: OrderBook, starts: Ints, agreement: Agreement
) -> list[Finding]:
    """As `clearing_findings` for many markets in one book, each on its own; a trade across two markets is found, too."""
    trades = agreement.trades
    row = np.where(trades.sell_order >= 0, trades.sell_order, trades.buy_order)
    market = np.searchsorted(starts, row, side="right") - 1
    if (np.diff(market) < 0).any():
        return [Finding("markets", "trades in order of market", "another order")]
    cuts = np.searchsorted(market, np.arange(len(starts)))
    found: list[Finding] = []
    for number, (begin, end) in enumerate(itertools.pairwise(starts.tolist())):
        own = trades.take(np.arange(cuts[number], cuts[number + 1]))
        sides = {side: getattr(own, side) for side in ("sell_order", "buy_order")}
        if any(((rows >= 0) & ((rows < begin) | (rows >= end))).any() for rows in sides.values()):
            return [*found, Finding(f"market {number}", "trades between its own orders", "an order of another market")]
        own = own.replaced(**{side: np.where(rows < 0, rows, rows - begin) for side, rows in sides.items()})
        part = Agreement(own, agreement.reason[begin:end])
        for finding in clearing_findings(name, breaks, book.take(np.arange(begin, end)), part):
            found.append(replace(finding, where=f"market {number} {finding.where}"))
    return found


def day_findings(half: Half, rates: Rates) -> list[Finding]:
    """What is wrong with the auction of a journalled slot: a failed slot, or another volume or welfare than by queues.

    What a wire cut from a trade is not asked back.
    """
    trading = half.trading
    if trading is None:
        return []
    where = f"slot {half.slot}"
    if trading.failed:
        return [Finding(where, "traded", trading.failed)]
    book = trading.book.take(np.arange(len(trading.book)) < trading.accepted)
    local = rates.local_fee_micro_per_kwh + rates.local_tax_micro_per_kwh
    ceiling = rates.retail_micro_per_kwh + rates.grid_fee_micro_per_kwh + rates.tax_micro_per_kwh
    limits = [
        max(limit, rates.feed_in_micro_per_kwh) if is_sell else min(limit, ceiling) - local
        for limit, is_sell in zip(book.limit_micro_per_kwh.tolist(), book.is_sell.tolist(), strict=True)
    ]
    if trading.verdict.curtailed_wh:
        return []
    energy_only = book.replaced(limit_micro_per_kwh=np.array(limits, np.int64))
    found = clearing_findings("", frozenset(), energy_only, trading.agreement)
    return [replace(finding, where=f"{where} {finding.where}") for finding in found]


def _queues(book: OrderBook, sellers: Iterable[int], buyers: Iterable[int]) -> tuple[Queue, Queue]:
    limit, is_sell = book.limit_micro_per_kwh.tolist(), book.is_sell.tolist()
    sells = sorted((limit[row], row) for row in sellers if is_sell[row])
    buys = sorted((-limit[row], row) for row in buyers if not is_sell[row])
    return sells, buys


def _matched(sells: Queue, buys: Queue, left: list[int]) -> list[tuple[int, int, int]]:
    """(seller's row, buyer's row, Wh); takes the energy out of `left`."""
    pairs, at_sell, at_buy = [], 0, 0
    while at_sell < len(sells) and at_buy < len(buys) and sells[at_sell][0] <= -buys[at_buy][0]:
        seller, buyer = sells[at_sell][1], buys[at_buy][1]
        energy = min(left[seller], left[buyer])
        if energy:
            pairs.append((seller, buyer, energy))
            left[seller] -= energy
            left[buyer] -= energy
        at_sell += not left[seller]
        at_buy += not left[buyer]
    return pairs


def _totals(book: OrderBook, pairs: Iterable[tuple[int, int, int]]) -> tuple[int, int]:
    limit, volume, welfare = book.limit_micro_per_kwh.tolist(), 0, 0
    for seller, buyer, energy in pairs:
        volume += energy
        welfare += energy * (limit[buyer] - limit[seller])
    return volume, welfare


def _unequal(where: str, expected: str, found: int, should: int) -> Finding | None:
    return _wrong(where, expected, found, found == should)


def _wrong(where: str, expected: str, found: int, is_right: bool) -> Finding | None:
    return None if is_right else Finding(where, expected, str(found))
