"""Energy that crosses to other communities: members through the pool, suppliers with each other, nothing lost on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.settlement_slots import agreement, bill, book, context, lines, readings, system_balances
from tests.fakes.settlement_worlds import World, seeded_world

from commonwatt.core.accounts import FIRST_MEMBER, Account, Kind, balances_nano
from commonwatt.core.errors import ConservationBroken
from commonwatt.core.records import WITH_OTHERS, Agreement, Exchange, Statement, Trades, with_filled
from commonwatt.settlement import Settlement, statement_findings
from commonwatt.settlement._rewards import REFUSED
from commonwatt.settlement.delivered import Delivered
from commonwatt.settlement.scheduled import Scheduled

FIRM = Scheduled(reward_form="none")
OUT = Exchange(600, 120_000)

ORDERS = book((0, "sell", 1000), (1, "buy", 200))


def crossing(*deals: tuple[int, int, int, int, int], own: int) -> Agreement:
    """The first `own` trades are the community's, the others cross."""
    agreed = agreement(ORDERS, *deals)
    rounds = np.where(np.arange(len(deals)) < own, 1, WITH_OTHERS)
    return Agreement(agreed.trades.replaced(round=rounds.astype(np.int8)), agreed.reason)


AGREED = crossing((0, 1, 200, 150_000, 150_000), (0, -1, 600, 120_000, 120_000), own=1)


def test_a_seller_is_paid_through_the_pool_and_the_supplier_sells_on() -> None:
    metered = readings((1000, 0), (0, 200))
    of = replace(context(2, "ex_post"), exchange=OUT)

    statement = FIRM.settle(ORDERS, AGREED, metered, of)

    assert ("peer_sell", 600, 120_000, 72_000_000) in bill(statement, 0)
    assert ("supplier_sell", 200, 80_000, 16_000_000) in bill(statement, 0)
    assert (Account.SUPPLIER, Account.POOL, 72_000_000) in lines(statement.postings, Kind.TRADE)
    assert lines(statement.postings, Kind.EXCHANGE) == [(Account.WHOLESALE, Account.SUPPLIER, 72_000_000)]
    # 800 Wh left the community: 600 crossed, the rest is balanced.
    assert lines(statement.postings, Kind.WHOLESALE) == [(Account.WHOLESALE, Account.SUPPLIER, 10_000_000)]
    assert statement_findings(statement, ORDERS, AGREED, metered, of) == []


def test_the_exchange_stands_when_the_trades_of_the_slot_are_void() -> None:
    metered, of = readings((1000, 0), (0, 200)), replace(context(2, "ex_post"), exchange=OUT)
    void = Agreement.nothing(2, AGREED.reason[0])

    statement = FIRM.settle(ORDERS, void, metered, of)

    assert lines(statement.postings, Kind.EXCHANGE) == [(Account.WHOLESALE, Account.SUPPLIER, 72_000_000)]
    assert system_balances(statement, 2)[Account.POOL] == 0
    assert statement_findings(statement, ORDERS, void, metered, of) == []


@pytest.mark.parametrize(("rule", "sold_wh", "short_wh"), [(FIRM, 600, 500), (Delivered(), 225, 0)])
def test_what_the_meter_does_not_show_is_between_the_seller_and_its_own_supplier(
    rule: Settlement, sold_wh: int, short_wh: int
) -> None:
    """The seller has 300 Wh for 200 to a neighbour and 600 to others; the supplier stands by all 600."""
    metered, of = readings((300, 0), (0, 200)), replace(context(2, "ex_ante"), exchange=OUT)

    statement = rule.settle(ORDERS, AGREED, metered, of)

    energy = {(leg, price): wh for leg, wh, price, _ in bill(statement, 0)}
    assert energy["peer_sell", 120_000] == sold_wh
    assert energy.get(("imbalance_short", 350_000), 0) == short_wh
    assert lines(statement.postings, Kind.EXCHANGE) == [(Account.WHOLESALE, Account.SUPPLIER, 72_000_000)]
    assert statement_findings(statement, ORDERS, AGREED, metered, of) == []


def test_members_cannot_trade_more_with_others_than_crosses() -> None:
    of = replace(context(2, "ex_post"), exchange=Exchange(500, 120_000))

    with pytest.raises(ConservationBroken, match="600 Wh left"):
        FIRM.settle(ORDERS, AGREED, readings((1000, 0), (0, 200)), of)


@pytest.mark.parametrize("exchange", [Exchange(599, 120_000), Exchange(600, 119_999), Exchange(-600, 120_000)])
def test_an_exchange_other_than_the_agreed_one_is_found(exchange: Exchange) -> None:
    metered, of = readings((1000, 0), (0, 200)), replace(context(2, "ex_post"), exchange=OUT)
    statement = FIRM.settle(ORDERS, AGREED, metered, of)

    assert statement_findings(statement, ORDERS, AGREED, metered, replace(of, exchange=exchange))


def crossed(world: World, exchange: Exchange) -> Agreement:
    """The world's trades and, from what its orders have left, trades of those that were not refused with other communities, up to the exchange."""
    orders, trades = world.book, world.agreement.trades
    left = orders.energy_wh - trades.filled_wh(len(orders))
    sells, want = exchange.energy_wh > 0, abs(exchange.energy_wh)
    stands = ~np.isin(world.agreement.reason, REFUSED)
    rows = np.flatnonzero((orders.is_sell == sells) & (left > 0) & stands)
    take = np.diff(np.minimum(np.cumsum(left[rows]), want), prepend=0)
    rows, take = rows[take > 0], take[take > 0]
    none = np.full(len(rows), -1, np.int64)
    price = np.full(len(rows), exchange.price_micro_per_kwh, np.int64)
    more = Trades.at_one_price(
        rows if sells else none, none if sells else rows, take, price, np.full(len(rows), WITH_OTHERS)
    )
    return with_filled(orders, Trades.joined([trades, more]), world.agreement.reason)


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    members=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    timing=st.sampled_from(["ex_post", "ex_ante"]),
    rule=st.sampled_from([Delivered(), Scheduled(), Scheduled(residual="gate")]),
    energy_wh=st.integers(-2000, 2000),
    price=st.integers(-100_000, 400_000),
)
def test_between_two_communities_no_money_and_no_energy_is_lost(
    seed: int, members: tuple[int, int], timing: str, rule: Settlement, energy_wh: int, price: int
) -> None:
    outside = 0
    for number, sign in enumerate((1, -1)):
        world = seeded_world(seed + number, members[number], timing)
        exchange = Exchange(sign * energy_wh, price)
        of = replace(world.context, exchange=exchange)
        agreed = crossed(world, exchange)

        statement = rule.settle(world.book, agreed, world.readings, of)

        assert statement_findings(statement, world.book, agreed, world.readings, of) == []
        outside += exchanged_nano(statement, members[number])
    assert outside == 0


def exchanged_nano(statement: Statement, members: int) -> int:
    of = statement.postings.take(statement.postings.kind == Kind.EXCHANGE)
    return int(balances_nano(of, FIRST_MEMBER + members)[Account.SUPPLIER])


def test_by_priority_a_neighbour_is_served_before_other_communities() -> None:
    """The seller has 300 Wh for 200 to a neighbour and 600 to others."""
    metered, of = readings((300, 0), (0, 200)), replace(context(2, "ex_ante"), exchange=OUT)

    statement = Delivered(allocation="priority").settle(ORDERS, AGREED, metered, of)

    energy = {(leg, price): wh for leg, wh, price, _ in bill(statement, 0)}
    assert energy["peer_sell", 150_000] == 200
    assert energy["peer_sell", 120_000] == 100
