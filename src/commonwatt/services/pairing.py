"""Pairing: what was delivered of a slot's trades as lines between two members, each with the signed orders behind it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from commonwatt.core.accounts import Kind, energy_postings, member_account
from commonwatt.core.columns import Columns
from commonwatt.core.errors import BrokenPromise
from commonwatt.core.findings import Finding
from commonwatt.core.orders import Instructions
from commonwatt.core.records import Trades
from commonwatt.core.units import Ints
from commonwatt.services.ports import TradesCall

LINES_PER_PART = 999
"""What one batch holds (`market.settle_net`, `market.settle_trades`), less the line that tells a second attempt from the first."""
ORDERS_PER_PART = 250
"""Signed orders that one batch of trades holds (`market.settle_trades`)."""


@dataclass(frozen=True)
class SignedTrades:
    """The trades of a slot with what was delivered of each, and what their members signed."""

    trades: Trades
    delivered_wh: Ints
    """Per trade; empty where the trades were void."""
    instruction: Ints
    """For each order of the book the row of `instructions` that allows it."""
    instructions: Instructions


@dataclass(frozen=True)
class Pairs(Columns):
    """Energy from one order to another."""

    sell_order: Ints
    """Row of the slot's book."""
    buy_order: Ints
    energy_wh: Ints
    price_micro_per_kwh: Ints


def one_price_findings(trades: Trades) -> list[Finding]:
    """Why trades cannot be settled one by one: a line between two members has one price, and so has the pool that links many."""
    direct, sold, bought = _sides(trades)
    differ = trades.sell_price_micro_per_kwh[direct] != trades.buy_price_micro_per_kwh[direct]
    pool = np.unique(np.concatenate([trades.sell_price_micro_per_kwh[sold], trades.buy_price_micro_per_kwh[bought]]))
    if not differ.any() and len(pool) <= 1:
        return []
    return [
        Finding(
            "agreement prices",
            'one price for both sides of a trade and for the whole pool, where [ledger] path = "trades"',
            f"{int(differ.sum())} trades with two" if differ.any() else f"{len(pool)} prices in the pool",
        )
    ]


def pairs(trades: Trades, delivered_wh: Ints) -> Pairs:
    """What was delivered, from order to order.

    Trades with the pool are linked in the order in which they stand: the first seller's energy goes to the first buyer until one of
    them has no more, and so on, which makes at most one line fewer than there are sellers and buyers.

    Raises:
        BrokenPromise: two prices, or a pool that does not pass on what it takes.

    """
    if not len(delivered_wh):
        return Pairs.empty()
    moved = delivered_wh > 0
    trades, energy = trades.take(moved), delivered_wh[moved]
    if findings := one_price_findings(trades):
        raise BrokenPromise("; ".join(str(finding) for finding in findings))
    direct, sold, bought = _sides(trades)
    both = Pairs(
        trades.sell_order[direct], trades.buy_order[direct], energy[direct], trades.sell_price_micro_per_kwh[direct]
    )
    sold_to, bought_to = np.cumsum(energy[sold]), np.cumsum(energy[bought])
    if not len(sold) and not len(bought):
        return both
    if sold_to[-1:].tolist() != bought_to[-1:].tolist():
        raise BrokenPromise(f"expected the pool to pass on what it takes, was {sold_to[-1:]} Wh of {bought_to[-1:]} Wh")
    cuts = np.union1d(sold_to, bought_to)
    linked = Pairs(
        trades.sell_order[sold][np.searchsorted(sold_to, cuts)],
        trades.buy_order[bought][np.searchsorted(bought_to, cuts)],
        np.diff(cuts, prepend=0),
        np.full(len(cuts), trades.sell_price_micro_per_kwh[sold[0]]),
    )
    return Pairs.joined([both, linked])


def trades_calls(slot: int, signed: SignedTrades) -> tuple[TradesCall, ...]:
    """The calls that post a slot's trades one by one; a slot without trades is one empty call, for the rest to build on."""
    lines = pairs(signed.trades, signed.delivered_wh)
    # Row of the instructions of each line's seller and buyer.
    sell, buy = signed.instruction[lines.sell_order], signed.instruction[lines.buy_order]
    ends = list(_part_ends(sell, buy))
    calls = []
    for part, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        rows = np.arange(start, end)
        used, at = np.unique(np.concatenate([sell[rows], buy[rows]]), return_inverse=True)
        own, orders = lines.take(rows), signed.instructions.take(used)
        postings = energy_postings(
            member_account(signed.instructions.member[sell[rows]]),
            member_account(signed.instructions.member[buy[rows]]),
            own.energy_wh,
            own.price_micro_per_kwh,
            Kind.TRADE,
        )
        calls.append(TradesCall(slot, part, len(ends), postings, orders, at[: len(rows)], at[len(rows) :]))
    return tuple(calls)


def _sides(trades: Trades) -> tuple[Ints, Ints, Ints]:
    """Rows of the trades between two members, of the sales to the pool, and of the purchases from it."""
    sells, buys = trades.sell_order >= 0, trades.buy_order >= 0
    return np.flatnonzero(sells & buys), np.flatnonzero(sells & ~buys), np.flatnonzero(~sells & buys)


def _part_ends(sell: Ints, buy: Ints) -> Iterator[int]:
    """Where parts end that hold at most LINES_PER_PART lines and ORDERS_PER_PART orders each; one end where there are no lines."""
    sold_before, bought_before = _last_before(sell), _last_before(buy)
    start, count = 0, len(sell)
    while start < count or not count:
        rows = slice(start, min(start + LINES_PER_PART, count))
        # An order is new to a part in the first line that names it there; no order is on both sides.
        orders = np.cumsum((sold_before[rows] < start).astype(np.int64) + (bought_before[rows] < start))
        start += int(np.searchsorted(orders, ORDERS_PER_PART, side="right"))
        yield start
        if not count:
            return


def _last_before(values: Ints) -> Ints:
    """For each row the last earlier one with the same value, -1 where there is none."""
    order = np.argsort(values, kind="stable")
    last = np.full(len(values), -1, np.int64)
    same = np.diff(values[order]) == 0
    last[order[1:][same]] = order[:-1][same]
    return last
