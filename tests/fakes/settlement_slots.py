"""Books, trades, readings and contexts of one slot, written in a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER, Account, Kind, Postings, balances_nano
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Leg, Quality, Readings, Reason, Statement, Trades, with_filled
from commonwatt.core.tariff import Rates
from commonwatt.settlement import SettlementContext

RATES = Rates(
    retail_micro_per_kwh=300_000,
    feed_in_micro_per_kwh=80_000,
    imbalance_buy_micro_per_kwh=350_000,
    imbalance_sell_micro_per_kwh=60_000,
    grid_fee_micro_per_kwh=70_000,
    local_fee_micro_per_kwh=20_000,
    tax_micro_per_kwh=30_000,
    local_tax_micro_per_kwh=10_000,
    balancing_micro_per_kwh=50_000,
)
"""Nine different numbers, so that no rate can stand in for another."""

Wish = tuple[int, str, int]
"""Member, `sell` or `buy`, Wh."""
Deal = tuple[int, int, int, int, int]
"""Sell order, buy order (-1: the pool), Wh, sell price, buy price."""


def book(*wishes: Wish) -> OrderBook:
    """Orders in sequence, without limits."""
    return OrderBook.of(
        len(wishes),
        member=np.array([w[0] for w in wishes], np.int64),
        is_sell=np.array([w[1] == "sell" for w in wishes], bool),
        energy_wh=np.array([w[2] for w in wishes], np.int64),
        sequence=np.arange(len(wishes)),
    )


def agreement(orders: OrderBook, *deals: Deal, reason: Reason = Reason.PRICE) -> Agreement:
    """Trades of a book; what is not filled has `reason`."""
    table = np.array(deals, np.int64).reshape(-1, 5)
    trades = Trades.of(
        len(table),
        sell_order=table[:, 0],
        buy_order=table[:, 1],
        energy_wh=table[:, 2],
        sell_price_micro_per_kwh=table[:, 3],
        buy_price_micro_per_kwh=table[:, 4],
    )
    return with_filled(orders, trades, np.full(len(orders), int(reason), np.int64))


def readings(*registers: tuple[int, int], members: Sequence[int] | None = None) -> Readings:
    """(export, import) per member, Wh."""
    table = np.array(registers, np.int64).reshape(-1, 2)
    rows = np.arange(len(table)) if members is None else np.array(members, np.int64)
    return Readings.of(
        len(table), member=rows, export_wh=table[:, 0], import_wh=table[:, 1], quality=int(Quality.MEASURED)
    )


def context(
    members: int, timing: str = "ex_ante", rates: Rates = RATES, rewards_balance_nano: int = 0
) -> SettlementContext:
    """The context of slot 7."""
    return SettlementContext(7, members, rates, timing, rewards_balance_nano)


def rates(**changed: int) -> Rates:
    """`RATES` with some of them changed, named without their unit."""
    return replace(RATES, **{f"{name}_micro_per_kwh": value for name, value in changed.items()})


def bill(statement: Statement, member: int) -> list[tuple[str, int, int, int]]:
    """A member's legs: name, Wh, price, amount."""
    legs = statement.legs
    return [
        (
            Leg(int(legs.leg[row])).name.lower(),
            int(legs.energy_wh[row]),
            int(legs.price_micro_per_kwh[row]),
            int(legs.amount_nano[row]),
        )
        for row in np.flatnonzero(legs.member == member)
    ]


def lines(postings: Postings, kind: Kind) -> list[tuple[int, int, int]]:
    """The postings of a kind: debit, credit, amount."""
    own = postings.take(postings.kind == kind)
    return list(zip(own.debit.tolist(), own.credit.tolist(), own.amount_nano.tolist(), strict=True))


def system_balances(statement: Statement, members: int) -> Mapping[Account, int]:
    """What each system account received less paid."""
    net = balances_nano(statement.postings, FIRST_MEMBER + members)
    return {account: int(net[account]) for account in Account}
