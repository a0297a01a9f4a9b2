"""Ways in which an operator's posted lines of a slot can differ from what its members ordered and their meters said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER, Account, Kind, Postings, energy_postings
from commonwatt.services.ports import SettleCall

EXTRA_WH = 10
RETAIL, FEED_IN = 300_000, 80_000


def wrong_net(call: SettleCall) -> SettleCall:
    """Every member bought more from the supplier than its meter saw."""
    p = call.postings
    more = EXTRA_WH * ((p.kind == Kind.SUPPLIER) & (p.debit >= FIRST_MEMBER) & (p.energy_wh > 0))
    energy = p.energy_wh + more
    priced = np.where(p.energy_wh > 0, energy * np.abs(p.price_micro_per_kwh), p.amount_nano)
    return replace(call, postings=p.replaced(energy_wh=energy, amount_nano=priced))


def beyond_limit(call: SettleCall) -> SettleCall:
    """Sellers get a hundredth of what was agreed, buyers pay as much less: the pool is even, and sellers below their limits."""
    p = call.postings
    of_trade = (p.kind == Kind.TRADE) & (p.energy_wh > 0)
    price = np.where(of_trade, p.price_micro_per_kwh // 100, p.price_micro_per_kwh)
    amount = np.where(of_trade, p.energy_wh * price, p.amount_nano)
    return replace(call, postings=p.replaced(price_micro_per_kwh=price, amount_nano=amount))


def overfilled(call: SettleCall) -> SettleCall:
    """A buyer is sold more than it ordered, and sells it on to the supplier at a loss: its meter agrees, its order does not."""
    seller, buyer, price = _traders(call.postings)
    more = [(seller, buyer, price), (Account.SUPPLIER, seller, RETAIL), (buyer, Account.SUPPLIER, FEED_IN)]
    return _with(call, [(giver, taker, EXTRA_WH, at) for giver, taker, at in more])


def not_ordered(call: SettleCall) -> SettleCall:
    """Who ordered to sell is made to buy from its own buyer."""
    seller, buyer, price = _traders(call.postings)
    more = [(buyer, seller, price), (Account.SUPPLIER, buyer, RETAIL), (seller, Account.SUPPLIER, FEED_IN)]
    return _with(call, [(giver, taker, EXTRA_WH, at) for giver, taker, at in more])


def left_out(call: SettleCall) -> SettleCall:
    """A member has its trades, if any, and nothing else: what was between it and the supplier is on no line."""
    p = call.postings
    row = np.flatnonzero((p.kind == Kind.SUPPLIER) & (p.energy_wh > 0))[-1]
    member = max(p.credit[row], p.debit[row])
    return replace(call, postings=p.take((p.kind == Kind.TRADE) | ((p.debit != member) & (p.credit != member))))


def nothing(call: SettleCall) -> SettleCall:
    """Nobody is billed or paid anything."""
    return replace(call, postings=Postings.empty())


def trades_only(call: SettleCall) -> SettleCall:
    """What neighbours traded, and nothing between anybody and the supplier."""
    return replace(call, postings=call.postings.take(call.postings.kind == Kind.TRADE))


CHEATS: dict[str, Callable[[SettleCall], SettleCall]] = {
    cheat.__name__: cheat
    for cheat in (wrong_net, beyond_limit, overfilled, not_ordered, left_out, nothing, trades_only)
}


def _traders(postings: Postings) -> tuple[int, int, int]:
    """A seller and a buyer among the trades, and the seller's price."""
    trades = postings.take((postings.kind == Kind.TRADE) & (postings.energy_wh > 0))
    sold, bought = trades.take(trades.credit >= FIRST_MEMBER), trades.take(trades.debit >= FIRST_MEMBER)
    return int(sold.credit[0]), int(bought.debit[-1]), int(sold.price_micro_per_kwh[0])


def _with(call: SettleCall, lines: list[tuple[int, int, int, int]]) -> SettleCall:
    giver, taker, energy_wh, price = (np.array(column, np.int64) for column in zip(*lines, strict=True))
    kinds = np.where((giver >= FIRST_MEMBER) & (taker >= FIRST_MEMBER), int(Kind.TRADE), int(Kind.SUPPLIER))
    return replace(
        call, postings=Postings.joined([call.postings, energy_postings(giver, taker, energy_wh, price, kinds)])
    )
