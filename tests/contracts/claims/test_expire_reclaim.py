"""`claims.expire` and `reclaim`: no answer voids the batch and costs the operator; a bond is never lost but to an answer."""

from dataclasses import replace

import pytest
from tests.fakes.contract_world import (
    ANSWER_S,
    BOND_DEPOSIT,
    BOND_NANO,
    COIN,
    FIRST_SLOT,
    Batch,
    World,
    reverts,
)
from tests.fakes.demanding import Asker

from commonwatt.contracts import encoding

TRADE = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)])
LOCK = BOND_NANO + COIN // 5 // 10
REWARDS, POOL, BOND = encoding.REWARDS, encoding.POOL, encoding.BOND


@pytest.fixture
def asker(world: World) -> Asker:
    world.post(TRADE)
    return Asker(world, nano=COIN)


def test_no_answer_voids_the_batch_and_halves_the_lock(world: World, asker: Asker) -> None:
    assert world.account(BOND) == (BOND_DEPOSIT - LOCK, LOCK, 0)
    demand = asker.demand(TRADE, 0, 0)
    with reverts("claims: time to answer"):
        asker.expire(demand, TRADE)
    world.pass_s(ANSWER_S)
    with reverts("claims: time to answer"):
        asker.expire(demand, TRADE)
    world.pass_s(1)
    asker.expire(demand, TRADE)
    assert asker.state(demand) == 3
    assert world.account(BOND) == (BOND_DEPOSIT - LOCK, 0, 0)
    assert world.account(11) == (COIN + LOCK // 2, 0, 0)
    assert world.account(REWARDS) == (LOCK - LOCK // 2, 0, 0)
    assert world.account(8) == world.account(9) == world.account(POOL) == (0, 0, 0)
    with reverts("claims: not open"):
        asker.expire(demand, TRADE)
    with reverts("market: batch was voided"):
        world.post(TRADE, attempt=2)


def test_in_the_next_epoch_the_lock_is_taken_just_so(world: World, asker: Asker) -> None:
    world.pass_epochs(1)
    demand = asker.demand(TRADE, 0, 0)
    world.pass_s(ANSWER_S + 1)
    asker.expire(demand, TRADE)
    assert world.account(BOND) == (BOND_DEPOSIT - LOCK, 0, 0)
    assert world.account(11)[0] == COIN + LOCK // 2


def test_it_expires_before_the_window_closes_or_not_at_all(world: World, asker: Asker) -> None:
    demand = asker.demand(TRADE, 0, 0)
    world.pass_epochs(2)
    with reverts("market: window closed"):
        asker.expire(demand, TRADE)
    world.claims.call("reclaim", demand)
    assert world.account(11)[0] == COIN
    assert world.account(BOND) == (BOND_DEPOSIT, 0, 0)


def test_a_bond_is_reclaimed_once_and_not_while_the_batch_can_be_voided(world: World, asker: Asker) -> None:
    demand = asker.demand(TRADE, 0, 0)
    world.pass_epochs(1)
    with reverts("claims: can still be voided"):
        world.claims.call("reclaim", demand)
    world.pass_epochs(1)
    world.claims.call("reclaim", demand)
    assert asker.state(demand) == 4
    with reverts("claims: not open"):
        world.claims.call("reclaim", demand)


def test_when_one_demand_voids_the_batch_every_other_bond_comes_back_and_the_lock_is_taken_once(
    world: World, asker: Asker
) -> None:
    world.deposit(11, 2 * COIN)
    demands = [asker.demand(TRADE, 0, side) for side in (0, 1)]
    world.pass_s(ANSWER_S + 1)
    asker.expire(demands[0], TRADE)
    with reverts("market: no such batch"):
        asker.expire(demands[1], TRADE)
    world.post(replace(TRADE, amounts=[(1, 8, 1)]), attempt=2)
    with reverts("claims: another attempt"):
        asker.expire(demands[1], TRADE)
    world.claims.call("reclaim", demands[1])
    assert world.account(11)[0] == 2 * COIN + LOCK // 2
    assert world.account(POOL)[0] == 0
    assert sum(world.account(BOND)) == BOND_DEPOSIT - LOCK


def test_a_demand_voids_its_own_batch_only(world: World, asker: Asker) -> None:
    demand = asker.demand(TRADE, 0, 0)
    other = Batch(FIRST_SLOT + 1, energy=[(8, 9, 5, 5)])
    world.post(other)
    world.pass_s(ANSWER_S + 1)
    with reverts("claims: another batch"):
        asker.expire(demand, other)
    with reverts("market: no such batch"):
        asker.expire(demand, replace(TRADE, energy=[(8, 9, 999, 200_000)]))


def test_a_friend_of_the_operator_who_asks_first_protects_nothing(world: World, asker: Asker) -> None:
    """Sybil demand: whoever asked, anyone lets it expire, and half of the lock is gone."""
    demand = asker.demand(TRADE, 0, 0, who=10)
    with reverts("claims: demanded before"):
        asker.demand(TRADE, 0, 0)
    world.pass_s(ANSWER_S + 1)
    asker.expire(demand, TRADE)
    assert world.account(BOND)[0] == BOND_DEPOSIT - LOCK


def test_after_a_second_void_there_is_no_third_attempt(world: World, asker: Asker) -> None:
    second = replace(TRADE, amounts=[(1, 8, 1)])
    for attempt, batch in enumerate((TRADE, second), start=1):
        if attempt == 2:
            world.post(second, attempt=2)
        demand = asker.demand(batch, 0, 0)
        world.pass_s(ANSWER_S + 1)
        asker.expire(demand, batch)
    with reverts("market: goes to the supplier"):
        world.post(replace(TRADE, amounts=[(1, 8, 2)]), attempt=2)
    assert world.post(Batch(FIRST_SLOT, energy=[(0, 9, 1000, 300_000)], kind=encoding.SUPPLIED)) is True
