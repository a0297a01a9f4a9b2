"""`market.void`: the exact inverse, within the window, and what the key takes afterwards."""

from dataclasses import replace

import pytest
from tests.fakes.contract_world import ANSWER_S, COIN, FIRST_SLOT, Batch, World, reverts
from tests.fakes.demanding import Asker, Book, Wish

TRADE = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000), (0, 10, 500, 300_000)], amounts=[(1, 9, 77)])
OTHER = replace(TRADE, energy=[(8, 9, 900, 200_000)])
THIRD = replace(TRADE, energy=[(8, 9, 800, 200_000)])


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_void_in_the_window_is_the_exact_inverse(world: World, epochs: int) -> None:
    world.deposit(9, 100)
    world.post(Batch(FIRST_SLOT + 1, energy=[(9, 10, 10, 7)]))
    world.pass_epochs(epochs)
    before = world.accounts()
    debt = world.vault.call("total_debt")
    world.post(TRADE)
    assert world.accounts() != before
    world.void(TRADE)
    assert world.accounts() == before
    assert world.vault.call("total_debt") == debt


def test_a_void_after_a_roll_takes_the_credit_from_where_it_is(world: World) -> None:
    world.post(Batch(FIRST_SLOT + 1, energy=[(8, 11, 5, 5)]))
    world.post(TRADE)
    world.pass_epochs(1)
    world.post(Batch(FIRST_SLOT + 2, energy=[(8, 11, 5, 5)]))
    world.void(TRADE)
    assert world.account(8) == (0, 25, 25)


def test_a_void_gives_back_what_a_deposit_repaid_in_between(world: World) -> None:
    world.deposit(9, COIN // 10)
    world.post(TRADE)
    debt = COIN // 5 + 77 - COIN // 10
    assert world.account(9)[0] == -debt
    world.deposit(9, debt + 5)
    assert world.account(9)[0] == 5
    world.void(TRADE)
    assert world.account(9) == (COIN // 10 + debt + 5, 0, 0)


def test_a_void_gives_back_what_a_later_batch_took(world: World) -> None:
    world.post(TRADE)
    world.post(Batch(FIRST_SLOT + 1, energy=[(11, 8, 100, 7)]))
    assert world.account(8) == (-700, COIN // 5, 0)
    world.void(TRADE)
    assert world.account(8) == (-700, 0, 0)
    assert world.account(9) == (0, 0, 0)


def test_it_says_what_was_voided(world: World) -> None:
    world.post(TRADE)
    world.void(TRADE)
    expected = {"slot": FIRST_SLOT, "key": TRADE.key, "content": TRADE.content, "attempt": 1}
    assert world.market.logs() == [("Voided", expected)]
    assert world.market.call("batch_of", TRADE.key)[2:] == (1, 2)
    assert world.market.call("group_of", FIRST_SLOT, 0, 0)[:3] == (1, 0, 0)


def test_it_closes_when_the_first_credit_becomes_free(world: World) -> None:
    world.pass_s(3599)
    world.post(TRADE)
    world.pass_s(3600)
    with world.anchored():
        world.void(TRADE)
    world.pass_s(1)
    assert world.account(8)[0] == COIN // 5
    with reverts("market: window closed"):
        world.void(TRADE)


def test_a_part_of_several_is_voided_in_its_epoch_or_not_at_all_by_a_quorum(world: World) -> None:
    """Later the other parts could stand without it when their own time to be demanded is over."""
    parts = [replace(TRADE, part=0, parts=2), Batch(FIRST_SLOT, energy=[(0, 10, 500, 300_000)], part=1, parts=2)]
    for part in parts:
        world.post(part)
    with world.anchored():
        world.void(parts[0])
    world.pass_epochs(1)
    with reverts("market: part of others"):
        world.void(parts[0])


def test_it_needs_a_quorum_that_signed_this_void(world: World) -> None:
    world.post(TRADE)
    with reverts("market: quorum"):
        world.void(TRADE, names=["signer a"])
    with reverts("market: signer"):
        world.void(TRADE, names=["signer a", "stranger"])
    with reverts("market: signer"):
        world.void(TRADE, attempt=2)


def test_only_what_stands_can_be_voided(world: World) -> None:
    with reverts("market: no such batch"):
        world.void(TRADE, attempt=0)
    world.post(TRADE)
    with reverts("market: no such batch"):
        world.void(OTHER)
    world.void(TRADE)
    with reverts("market: no such batch"):
        world.void(TRADE)


def test_a_void_batchs_hash_reverts_for_good(world: World) -> None:
    world.post(TRADE)
    world.void(TRADE)
    with reverts("market: batch was voided"):
        world.post(TRADE, attempt=2)


def test_its_key_takes_one_other_hash_signed_as_the_second_attempt(world: World) -> None:
    world.post(TRADE)
    world.void(TRADE)
    with reverts("market: signer"):
        world.post(OTHER, attempt=1)
    assert world.post(OTHER, attempt=2) is True
    assert world.post(OTHER, attempt=2) is False
    with reverts("market: key taken"):
        world.post(TRADE, attempt=2)
    assert world.account(8) == (0, 180_000_000, 0)


def test_voided_again_it_goes_to_the_supplier(world: World) -> None:
    world.post(TRADE)
    world.void(TRADE)
    world.post(OTHER, attempt=2)
    with reverts("market: signer"):
        world.void(OTHER, attempt=1)
    world.void(OTHER, attempt=2)
    with reverts("market: goes to the supplier"):
        world.post(THIRD, attempt=3)
    with reverts("market: goes to the supplier"):
        world.post(TRADE, attempt=3)
    assert world.market.call("group_of", FIRST_SLOT, 0, 0)[:3] == (1, 0, 1)


def test_the_second_attempt_keeps_the_number_of_parts(world: World) -> None:
    world.post(TRADE)
    world.void(TRADE)
    with reverts("market: parts"):
        world.post(replace(OTHER, parts=2), attempt=2)


def test_a_member_admitted_in_between_does_not_disturb_it(world: World) -> None:
    before = world.accounts()
    world.post(TRADE)
    world.members.call("admit", *world.admission(12), sender=world.regulator)
    world.void(TRADE)
    assert world.accounts() == before


def test_a_quorum_cannot_void_its_way_out_of_a_demand(world: World) -> None:
    """Void to dodge the bond: while a demand waits, the batch is answered for or expires at the operator's cost."""
    book = Book([Wish(8, is_sell=True), Wish(9, is_sell=False, limit=300_000)])
    book.announce(world)
    world.post(TRADE)
    asker = Asker(world)
    demands = [asker.demand(TRADE, 0, side) for side in (0, 1)]
    assert world.claims.call("open_demands", TRADE.key, 1) == 2
    asker.answer(demands[0], book, 0)
    with reverts("market: demanded"):
        world.void(TRADE)
    world.pass_s(ANSWER_S + 1)
    with reverts("market: demanded"):
        world.void(TRADE)
    asker.expire(demands[1], TRADE)
    world.post(OTHER, attempt=2)
    world.void(OTHER, attempt=2)


def test_what_was_answered_for_can_be_voided_by_the_quorum(world: World) -> None:
    book = Book([Wish(8, is_sell=True)])
    book.announce(world)
    world.post(TRADE)
    asker = Asker(world)
    asker.answer(asker.demand(TRADE, 0, 0), book, 0)
    assert world.claims.call("open_demands", TRADE.key, 1) == 0
    world.void(TRADE)
    assert world.account(8)[1:] == (0, 0)
