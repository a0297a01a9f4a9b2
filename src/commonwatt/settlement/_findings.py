"""The conservation checks of every settled slot: two sources are compared, member by member, and every difference is a finding."""

from __future__ import annotations

from typing import Final

import numpy as np

from commonwatt.core.accounts import FIRST_MEMBER, OFF_LEDGER, Account, Kind, Postings, balances_nano
from commonwatt.core.findings import Finding
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import LEG_ENERGY_SIGN, Agreement, Leg, Legs, Readings, Statement, Trades
from commonwatt.core.units import Flags, Ints, exact_sum
from commonwatt.settlement.base import SettlementContext

_SHOWN: Final = 5
_KIND_OF_LEG: Final = np.array(
    [
        Kind.TRADE,
        Kind.TRADE,
        Kind.SUPPLIER,
        Kind.SUPPLIER,
        Kind.IMBALANCE,
        Kind.IMBALANCE,
        Kind.CORRECTION,
        Kind.CORRECTION,
        Kind.FEE,
        Kind.FEE,
        Kind.TAX,
        Kind.REWARD,
        Kind.PENALTY,
        Kind.TAX,
        Kind.FEE,
    ],
    np.int64,
)
_MONEY_SIGN: Final = np.array([1, -1, 1, -1, -1, 1, -1, 1, -1, -1, -1, 1, -1, -1, 1], np.int64)
"""Which way a leg's energy x price goes, by `Leg` (1: to the member); a correction may turn fees and taxes."""


def statement_findings(
    statement: Statement, book: OrderBook, agreement: Agreement, readings: Readings, context: SettlementContext
) -> list[Finding]:
    """What is wrong with revision 0 of a slot.

    Readings against legs (member by member and for the supplier as a whole), trades against peer legs, legs against postings (per member
    and kind), every amount against energy x price, the pools of trades and rewards against zero, fees of the way against the trades, delivered against agreed.
    """
    net = readings.export_wh - readings.import_wh
    return [
        *_delivery_findings(statement, book, agreement, context),
        *_energy_findings(statement.legs, net),
        *_leg_findings(statement.legs, turns=False),
        *_money_findings(statement, context),
        *_system_findings(statement, exact_sum(net), context),
    ]


def correction_findings(
    statement: Statement, before: Readings, after: Readings, context: SettlementContext
) -> list[Finding]:
    """What is wrong with a later revision: its energy is `after - before` member by member, its legs are paid, nobody else is touched."""
    change = np.zeros(context.members, np.int64)
    change[before.member] -= before.export_wh - before.import_wh
    change[after.member] += after.export_wh - after.import_wh
    found = []
    strangers = np.setdiff1d(statement.legs.member, before.member)
    if len(strangers):
        found.append(Finding("correction members", f"only {before.member.tolist()}", str(strangers[:_SHOWN].tolist())))
    return [
        *found,
        *_energy_findings(statement.legs, change),
        *_leg_findings(statement.legs, turns=True),
        *_money_findings(statement, context),
        *_system_findings(statement, exact_sum(change), context),
    ]


def _delivery_findings(
    statement: Statement, book: OrderBook, agreement: Agreement, context: SettlementContext
) -> list[Finding]:
    trades, legs, delivered, found = agreement.trades, statement.legs, statement.delivered_wh, []
    if len(delivered) != len(trades):
        return [Finding("statement delivered_wh", f"one per trade ({len(trades)})", str(len(delivered)))]
    rows = np.flatnonzero((delivered < 0) | (delivered > trades.energy_wh))
    if len(rows):
        found.append(Finding("statement delivered_wh", "0..agreed", f"otherwise for trades {rows[:_SHOWN].tolist()}"))
    sides = (
        (Leg.PEER_SELL, trades.sell_order, trades.sell_price_micro_per_kwh),
        (Leg.PEER_BUY, trades.buy_order, trades.buy_price_micro_per_kwh),
    )
    for leg, orders, price in sides:
        real, own = orders >= 0, legs.leg == leg
        member, energy = book.member[orders[real]], delivered[real]
        agreed_wh, agreed_nano = energy, _MONEY_SIGN[leg] * energy * price[real]
        for what, agreed, billed in (("Wh", agreed_wh, legs.energy_wh), ("nano", agreed_nano, legs.amount_nano)):
            wanted = _by_member(member, agreed, context.members)
            found += _differences(
                f"statement {leg.name.lower()} {what}",
                wanted,
                _by_member(legs.member[own], billed[own], context.members),
            )
    return [*found, *_local_fee_findings(statement, book, trades, context)]


def _local_fee_findings(
    statement: Statement, book: OrderBook, trades: Trades, context: SettlementContext
) -> list[Finding]:
    """Local fees that are not the tariff's on what was bought and those of the way on what was delivered of each trade."""
    legs, members = statement.legs, context.members
    bought = legs.leg == Leg.PEER_BUY
    due_nano = _by_member(legs.member[bought], legs.energy_wh[bought] * -context.rates.local_fee_micro_per_kwh, members)
    for orders, fee in (
        (trades.sell_order, trades.sell_fee_micro_per_kwh),
        (trades.buy_order, trades.buy_fee_micro_per_kwh),
    ):
        real = orders >= 0
        due_nano -= _by_member(book.member[orders[real]], (statement.delivered_wh * fee)[real], members)
    own = legs.leg == Leg.LOCAL_FEE
    billed_nano = _by_member(legs.member[own], legs.amount_nano[own], members)
    return _differences("statement local_fee nano", due_nano, billed_nano)


def _energy_findings(legs: Legs, net_wh: Ints) -> list[Finding]:
    found = []
    if (legs.energy_wh < 0).any():
        found.append(Finding("statement energy_wh", "at least 0", str(int(legs.energy_wh.min()))))
    signed = _by_member(legs.member, LEG_ENERGY_SIGN[legs.leg] * legs.energy_wh, len(net_wh))
    return found + _differences("statement energy (export - import)", net_wh, signed)


def _leg_findings(legs: Legs, *, turns: bool) -> list[Finding]:
    product = _MONEY_SIGN[legs.leg] * legs.energy_wh * legs.price_micro_per_kwh
    wrong = legs.amount_nano != product
    reward = legs.leg == Leg.REWARD
    wrong[reward] = (legs.amount_nano < 0)[reward] | (legs.amount_nano > product)[reward]
    if turns:
        charge = np.isin(legs.leg, (Leg.GRID_FEE, Leg.LOCAL_FEE, Leg.TAX, Leg.LEVY))
        wrong &= ~(charge & (legs.amount_nano == -product))
    return _row_findings("statement amount_nano", "signed energy x price (a reward: at most that)", wrong)


def _money_findings(statement: Statement, context: SettlementContext) -> list[Finding]:
    legs, postings, found = statement.legs, statement.postings, []
    accounts = FIRST_MEMBER + context.members
    billed, paid = np.zeros((2, len(Kind), accounts), np.int64)
    np.add.at(billed, (_KIND_OF_LEG[legs.leg], legs.member + FIRST_MEMBER), legs.amount_nano)
    np.add.at(paid, (postings.kind, postings.credit), postings.amount_nano)
    np.subtract.at(paid, (postings.kind, postings.debit), postings.amount_nano)
    for kind in np.flatnonzero((billed != paid)[:, FIRST_MEMBER:].any(axis=1)):
        name = f"postings {Kind(int(kind)).name.lower()} amount_nano"
        found += _differences(name, billed[kind, FIRST_MEMBER:], paid[kind, FIRST_MEMBER:])
    return found + _posting_findings(postings)


def _posting_findings(postings: Postings) -> list[Finding]:
    energetic = postings.energy_wh != 0
    product = np.abs(postings.energy_wh * postings.price_micro_per_kwh)
    found = _row_findings("postings energy_wh", "at least 0", postings.energy_wh < 0)
    found += _row_findings("postings amount_nano", "energy x |price|", energetic & (postings.amount_nano != product))
    found += _row_findings("postings amount_nano", "more than 0", ~energetic & (postings.amount_nano <= 0))
    found += _row_findings("postings", "two different accounts", postings.debit == postings.credit)
    touches = (postings.debit == Account.WHOLESALE) | (postings.credit == Account.WHOLESALE)
    return found + _row_findings(
        "postings wholesale", "kind and account to go together", touches != np.isin(postings.kind, OFF_LEDGER)
    )


def _system_findings(statement: Statement, net_wh: int, context: SettlementContext) -> list[Finding]:
    """`net_wh`: the community's export - import by its meters, which is what the supplier must be left with."""
    postings, found = statement.postings, []
    net = balances_nano(postings, FIRST_MEMBER + context.members)
    if total := exact_sum(net):
        found.append(Finding("postings", "a sum of zero", str(total)))
    if net[Account.POOL]:
        found.append(Finding("postings pool amount_nano", "0", str(net[Account.POOL])))
    if pooled := _given_wh(postings, Account.POOL):
        found.append(Finding("postings pool energy_wh", "0", str(pooled)))
    rewards = context.rewards_balance_nano + int(net[Account.REWARDS])
    if rewards < 0:
        found.append(Finding("postings rewards balance", "at least 0", str(rewards)))
    leg = statement.legs.leg
    supplied = (leg != Leg.PEER_SELL) & (leg != Leg.PEER_BUY)
    supplier = exact_sum((LEG_ENERGY_SIGN[leg] * statement.legs.energy_wh)[supplied])
    exchange = context.exchange
    crossing = postings.take((postings.debit == Account.POOL) | (postings.credit == Account.POOL))
    crossed = -_given_wh(crossing, Account.SUPPLIER)
    if not min(exchange.energy_wh, 0) <= crossed <= max(exchange.energy_wh, 0):
        found.append(Finding("postings pool to supplier Wh", f"within {exchange.energy_wh}", str(crossed)))
    expected = f"{net_wh - crossed} (the community's export - import, less members' trades with other communities)"
    if supplier != net_wh - crossed:
        found.append(Finding("statement supplier Wh", expected, str(supplier)))
    exchanged = -_given_wh(postings.take(postings.kind == Kind.EXCHANGE), Account.WHOLESALE)
    if exchanged != exchange.energy_wh:
        found.append(Finding("postings exchange energy_wh", str(exchange.energy_wh), str(exchanged)))
    return found + _outside_findings(postings, net_wh, int(net[Account.WHOLESALE]), context)


def _outside_findings(postings: Postings, net_wh: int, paid_nano: int, context: SettlementContext) -> list[Finding]:
    """What was lost is bought by the grid; injected + imported = withdrawn + exported + lost, in energy and in money (`paid_nano`)."""
    found, balancing, exchange = [], context.rates.balancing_micro_per_kwh, context.exchange
    lost = -_given_wh(postings.take(postings.kind == Kind.LOSSES), Account.GRID)
    if lost != context.losses_wh:
        found.append(Finding("postings losses energy_wh", str(context.losses_wh), str(lost)))
    imported = _given_wh(postings, Account.WHOLESALE)
    # What is closed at no price leaves no posting.
    if balancing and imported != context.losses_wh - net_wh:
        expected = f"{context.losses_wh - net_wh} (the community's import - export, and what was lost)"
        found.append(Finding("postings wholesale energy_wh", expected, str(imported)))
    due = -exchange.energy_wh * exchange.price_micro_per_kwh
    due -= (net_wh - context.losses_wh - exchange.energy_wh) * balancing
    if paid_nano != due:
        found.append(Finding("postings wholesale amount_nano", str(due), str(paid_nano)))
    return found


def _given_wh(postings: Postings, account: Account) -> int:
    """Energy that an account gave less what it took: the giver is credited, or debited where the price is negative."""
    turned = postings.price_micro_per_kwh < 0
    giver = np.where(turned, postings.debit, postings.credit)
    taker = np.where(turned, postings.credit, postings.debit)
    return exact_sum(postings.energy_wh[giver == account]) - exact_sum(postings.energy_wh[taker == account])


def _by_member(member: Ints, value: Ints, members: int) -> Ints:
    total = np.zeros(members, np.int64)
    np.add.at(total, member, value)
    return total


def _differences(where: str, expected: Ints, found: Ints) -> list[Finding]:
    return [
        Finding(f"{where} of member {member}", str(expected[member]), str(found[member]))
        for member in np.flatnonzero(expected != found)[:_SHOWN]
    ]


def _row_findings(where: str, expected: str, wrong: Flags) -> list[Finding]:
    if not wrong.any():
        return []
    return [Finding(where, expected, f"otherwise in rows {np.flatnonzero(wrong)[:_SHOWN].tolist()}")]
