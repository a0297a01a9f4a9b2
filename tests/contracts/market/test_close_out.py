"""`market.close_out` and `void_for`: the end of a community, and who may void for a demand."""

import pytest
from tests.fakes.contract_world import CLOSE_AFTER_S, COIN, FIRST_SLOT, WINDOW_S, Batch, World, reverts
from tests.fakes.demanding import Asker

from commonwatt.contracts import encoding

TRADE = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)])
ROOT = encoding.keccak256(b"root")


@pytest.fixture
def closed(world: World) -> World:
    world.deposit(9, COIN)
    world.post(TRADE)
    world.pass_s(WINDOW_S + CLOSE_AFTER_S)
    world.market.call("close_out")
    return world


def test_it_closes_when_nothing_was_settled_for_long(world: World) -> None:
    world.post(TRADE)
    world.env.timestamp = (world.env.timestamp // WINDOW_S + 1) * WINDOW_S + CLOSE_AFTER_S - 1
    with reverts("market: not idle"):
        world.market.call("close_out")
    world.pass_s(1)
    assert world.market.call("is_closed") is False
    world.market.call("close_out", sender=world.wallet(8))
    assert world.market.logs() == [("Closed", {"epoch": world.env.timestamp // WINDOW_S})]
    assert world.market.call("is_closed") is True


def test_a_batch_puts_it_off(world: World) -> None:
    world.pass_s(CLOSE_AFTER_S - WINDOW_S)
    world.post(TRADE)
    world.pass_s(CLOSE_AFTER_S - WINDOW_S)
    with reverts("market: not idle"):
        world.market.call("close_out")


def test_afterwards_nothing_is_debited_any_more(closed: World) -> None:
    for call in (
        ("open", FIRST_SLOT + 9, ROOT, 1),
        ("clear", FIRST_SLOT, ROOT, ROOT),
        ("anchor", 1, 0, ROOT),
        ("settle_net", *TRADE.arguments, []),
        ("void", *TRADE.arguments, []),
        ("settle_trades", FIRST_SLOT, 0, 1, TRADE.lines, [], bytes(32)),
        ("void_for", TRADE.place, TRADE.lines, 8),
        ("close_out",),
    ):
        with reverts("market: closed"):
            closed.market.call(*call, sender=closed.operator)
    with reverts("claims: too late"):
        Asker(closed).demand(TRADE, 0, 0)


def test_afterwards_everybody_leaves_and_nothing_is_left(closed: World) -> None:
    accounts = [0, encoding.BOND, 8, 9]
    for index in accounts:
        closed.vault.call("announce", index, 2**78, sender=closed.wallet(index))
    closed.pass_epochs(2)
    for index in reversed(accounts):
        closed.vault.call("withdraw", index, sender=closed.wallet(index))
    assert closed.vault.call("held") == 0


def test_what_everybody_can_claim_is_always_backed(closed: World) -> None:
    """So no share has to be fixed when a community ends: held / (free + pending) of all but the supplier is at least 1."""
    claims = [sum(part for part in closed.account(index) if part > 0) for index in range(1, 12)]
    assert closed.vault.call("held") >= sum(claims)


def test_only_the_claims_void_for_a_demand(world: World) -> None:
    world.post(TRADE)
    for stranger in (world.operator, world.wallet(8), world.regulator):
        with reverts("market: not the claims"):
            world.market.call("void_for", TRADE.place, TRADE.lines, 8, sender=stranger)
