"""Rule `delivered`, penalties to buyers: who had bought what did not come is paid by who had sold it, and nobody else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from tests.fakes.settlement_slots import agreement, bill, book, context, lines, readings, system_balances
from tests.fakes.settlement_worlds import World, worlds

from commonwatt.core.accounts import Account, Kind
from commonwatt.core.records import Exchange, Leg, Trades
from commonwatt.settlement.delivered import Delivered

RULE = Delivered(penalty_to="buyers", penalty_gamma_micro_per_kwh=20_000)
PRICE = 200_000
TWO_SELLERS = book((0, "sell", 1000), (1, "sell", 1000), (2, "buy", 1500), (3, "buy", 500))
PAIRS = agreement(
    TWO_SELLERS, (0, 2, 1000, PRICE, PRICE), (1, 2, 500, PRICE, PRICE), (1, 3, 500, PRICE, PRICE)
)  # fmt: skip
POOLED = agreement(
    TWO_SELLERS, (0, -1, 1000, PRICE, 0), (1, -1, 1000, PRICE, 0), (-1, 2, 1500, 0, PRICE), (-1, 3, 500, 0, PRICE)
)  # fmt: skip


def made_good(statement: object, member: int) -> list[tuple[str, int, int, int]]:
    return [leg for leg in bill(statement, member) if leg[0] in {"reward", "penalty"}]  # type: ignore[arg-type]


def test_the_penalty_of_a_seller_goes_to_who_had_bought_from_it() -> None:
    statement = RULE.settle(
        TWO_SELLERS, PAIRS, readings((400, 0), (1000, 0), (0, 1500), (0, 500)), context(4)
    )  # fmt: skip
    assert made_good(statement, 0) == [("penalty", 600, 20_000, -12_000_000)]
    assert made_good(statement, 2) == [("reward", 600, 20_000, 12_000_000)]
    assert made_good(statement, 1) == made_good(statement, 3) == []
    assert lines(statement.postings, Kind.PENALTY) == [(8, Account.REWARDS, 12_000_000)]
    assert lines(statement.postings, Kind.REWARD) == [(Account.REWARDS, 10, 12_000_000)]
    assert system_balances(statement, 4)[Account.REWARDS] == 0


def test_across_the_pool_it_is_shared_by_what_each_buyer_did_not_get() -> None:
    statement = RULE.settle(
        TWO_SELLERS, POOLED, readings((400, 0), (1000, 0), (0, 1500), (0, 500)), context(4)
    )  # fmt: skip
    assert made_good(statement, 0) == [("penalty", 600, 20_000, -12_000_000)]
    assert made_good(statement, 2) == [("reward", 450, 20_000, 9_000_000)]
    assert made_good(statement, 3) == [("reward", 150, 20_000, 3_000_000)]


def test_who_bought_and_did_not_use_it_is_paid_nothing_and_the_rest_stays_in_the_pool() -> None:
    statement = RULE.settle(
        TWO_SELLERS, PAIRS, readings((400, 0), (1000, 0), (0, 1000), (0, 500)), context(4)
    )  # fmt: skip
    # 600 Wh were sold to the buyer and not there, and of those it had to buy only 100 from its supplier.
    assert made_good(statement, 2) == [("reward", 100, 20_000, 2_000_000)]
    assert system_balances(statement, 4)[Account.REWARDS] == 10_000_000


def test_what_was_sold_to_other_communities_makes_good_nobody_here() -> None:
    orders = book((0, "sell", 1000))
    crossing = agreement(orders, (0, -1, 1000, PRICE, 0))
    trades: Trades = crossing.trades.replaced(round=np.array([-1], np.int8))
    away = replace(context(1), exchange=Exchange(1000, PRICE))
    statement = RULE.settle(orders, replace(crossing, trades=trades), readings((400, 0)), away)
    assert made_good(statement, 0) == [("penalty", 600, 20_000, -12_000_000)]
    assert system_balances(statement, 1)[Account.REWARDS] == 12_000_000


@settings(max_examples=200, deadline=None)
@given(world=worlds("ex_ante"))
def test_buyers_are_paid_at_most_the_penalties_and_at_most_for_what_their_supplier_had_to_provide(world: World) -> None:
    to_buyers, to_pool = (
        replace(RULE, penalty_to=to).settle(world.book, world.agreement, world.readings, world.context)
        for to in ("buyers", "rewards")
    )
    legs = to_buyers.legs
    paid = legs.take(legs.leg == Leg.REWARD)
    assert paid.energy_wh.sum() <= legs.energy_wh[legs.leg == Leg.PENALTY].sum()
    supplied = np.zeros(world.context.members, np.int64)
    own = legs.leg == Leg.SUPPLIER_BUY
    np.add.at(supplied, legs.member[own], legs.energy_wh[own])
    assert (paid.energy_wh <= supplied[paid.member]).all()
    assert (paid.amount_nano == paid.energy_wh * 20_000).all()
    # Nothing else on any bill depends on it.
    rest = legs.take(legs.leg != Leg.REWARD)
    assert all((a == b).all() for a, b in zip(rest.arrays().values(), to_pool.legs.arrays().values(), strict=True))
