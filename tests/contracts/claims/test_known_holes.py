"""Ways round a demand that the contracts leave open today; each test shows one as it is, and fails when it is mended."""

from __future__ import annotations

import pytest
from tests.contracts.market.test_settle_trades import TRADE as SIGNED_TRADE
from tests.contracts.market.test_settle_trades import settle
from tests.fakes.contract_world import ANSWER_S, BOND_NANO, FIRST_SLOT, WINDOW_S, Batch, World, reverts
from tests.fakes.demanding import Asker, Book, Said, Wish

from commonwatt.contracts import encoding

REWARDS = encoding.REWARDS


def test_an_order_is_filled_twice_over_two_parts_when_a_third_is_voided_between_the_answers(world: World) -> None:
    """What answers showed is counted by generation, and a void of any part begins a new one for all of them."""
    book = Book([Wish(9, is_sell=False, energy_wh=1000, limit=200_000)])
    book.announce(world)
    parts = [
        Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)], part=0, parts=3),
        Batch(FIRST_SLOT, energy=[(10, 9, 1000, 200_000)], part=1, parts=3),
        Batch(FIRST_SLOT, amounts=[(0, 1, 5)], part=2, parts=3),
    ]
    for part in parts:
        world.post(part)
    asker = Asker(world)
    first = asker.demand(parts[0], 0, 1)
    asker.answer(first, book, 0)
    world.void(parts[2])
    second = asker.demand(parts[1], 0, 1)
    asker.answer(second, book, 0)
    assert asker.state(first) == asker.state(second) == 2
    assert world.account(9)[0] == -2 * 1000 * 200_000


def test_a_part_is_voided_when_the_others_can_no_longer_be_demanded(world: World) -> None:
    """Member 9 has imported 1000 Wh that 8 exported; in the last two answering times the quorum takes the trade back."""
    trade = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)], part=0, parts=2)
    rest = Batch(FIRST_SLOT, energy=[(0, 10, 500, 300_000)], part=1, parts=2)
    for part in (trade, rest):
        world.post(part)
    bond = sum(world.account(encoding.BOND))
    world.env.timestamp = (world.env.timestamp // WINDOW_S + 2) * WINDOW_S - 2 * ANSWER_S
    world.void(trade)
    asker = Asker(world)
    with reverts("claims: too late"):
        asker.demand(rest, 1, 8, who=8)
    assert world.account(8) == (10**9, 0, 0)
    assert world.account(9) == (0, 0, 0)
    assert sum(world.account(encoding.BOND)) == bond


def test_signed_trades_are_posted_beside_a_settlement_that_can_no_longer_be_demanded(world: World) -> None:
    """Member 9 imported 600 Wh and paid the supplier for them; two windows later it pays a neighbour for the same 600 Wh."""
    supplied = Batch(FIRST_SLOT, energy=[(0, 9, 600, 300_000)])
    world.post(supplied)
    asker = Asker(world)
    answered = asker.demand(supplied, 0, 1)
    asker.feed(answered, supplied)
    asker.answer_position(answered, Said(9, import_wh=600))
    world.pass_epochs(2)
    settle(world)
    assert world.account(9)[0] == -600 * 300_000 - 600 * 200_000
    with reverts("claims: too late"):
        asker.demand(supplied, 1, 9, who=9)
    with reverts("claims: orders were checked"):
        asker.demand(SIGNED_TRADE, 0, 1, who=9)


def test_whoever_holds_the_wallet_of_the_rewards_takes_half_of_a_lost_lock(world: World) -> None:
    """In a run that is the operator (`foundation`): with a friend who demands first it loses nothing."""
    batch = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)])
    world.post(batch)
    asker = Asker(world)
    demand = asker.demand(batch, 0, 0)
    world.pass_s(ANSWER_S + 1)
    asker.expire(demand, batch)
    half = world.account(REWARDS)[0]
    assert half >= BOND_NANO // 2
    world.vault.call("announce", REWARDS, half, sender=world.wallet(REWARDS))
    world.pass_epochs(2)
    assert world.vault.call("withdraw", REWARDS, sender=world.wallet(REWARDS)) == half


def test_nobody_is_asked_for_positions_in_a_settlement_that_settles_none(world: World) -> None:
    """Who fed in and is paid nothing, like everybody else, has nothing to demand."""
    empty = Batch(FIRST_SLOT)
    world.post(empty)
    with pytest.raises(Exception, match="claims: settles no positions"):
        Asker(world).demand(empty, 0, 8, who=8)
