"""`vault.deposit`, `deposit_many` and `sweep`: money in."""

import pytest
from tests.fakes.contract_world import COIN, FIRST_SLOT, Batch, World, reverts


def test_a_deposit_is_free_at_once(world: World) -> None:
    held = world.vault.call("held")
    world.deposit(8, COIN)
    expected = {"index": 8, "payer": "0x" + world.operator.hex(), "amount_nano": COIN}
    assert world.vault.logs() == [("Deposited", expected)]
    assert world.account(8) == (COIN, 0, 0)
    assert world.vault.call("held") == held + COIN
    assert world.token.call("balanceOf", world.vault.address) == held + COIN


def test_a_deposit_repays_a_debt_first(world: World) -> None:
    world.post(Batch(FIRST_SLOT, amounts=[(1, 8, 100)]))
    world.deposit(8, 40)
    assert world.account(8)[0] == -60
    assert world.vault.call("total_debt") == 60
    world.deposit(8, 100)
    assert world.account(8)[0] == 40
    assert world.vault.call("total_debt") == 0


def test_many_deposits_are_one_transfer(world: World) -> None:
    world.vault.call("deposit_many", [8, 9, 8], [5, 6, 7], sender=world.operator)
    logs = world.vault.last.get_raw_log_entries()
    assert [bytes(entry[1]) for entry in logs].count(world.token.address) == 1
    assert world.account(8)[0] == 12
    assert world.account(9)[0] == 6


def test_many_deposits_need_an_amount_each(world: World) -> None:
    with reverts("vault: lengths differ"):
        world.vault.call("deposit_many", [8, 9], [5], sender=world.operator)


@pytest.mark.parametrize("index", [6, 12, 1024])
def test_a_deposit_to_the_pool_or_to_nobody_reverts(world: World, index: int) -> None:
    with reverts("vault: unknown account"):
        world.deposit(index, 1)
    with reverts("vault: unknown account"):
        world.vault.call("deposit_many", [8, index], [1, 1], sender=world.operator)


@pytest.mark.parametrize("amount", [0, 2**79, 2**255])
def test_a_deposit_of_nothing_or_too_much_reverts(world: World, amount: int) -> None:
    with reverts("vault: amount"):
        world.deposit(8, amount)


def test_a_deposit_takes_the_callers_tokens_only(world: World) -> None:
    with reverts("token: allowance"):
        world.vault.call("deposit", 8, 1, sender=world.wallet(8))


def test_tokens_that_came_otherwise_go_to_the_rewards(world: World) -> None:
    with reverts("vault: nothing to sweep"):
        world.vault.call("sweep")
    world.token.call("transfer", world.vault.address, 55, sender=world.operator)
    assert world.vault.call("sweep") == 55
    assert world.account(3)[0] == 55
    assert world.vault.call("held") == world.token.call("balanceOf", world.vault.address)
    with reverts("vault: nothing to sweep"):
        world.vault.call("sweep")


def test_a_balance_beyond_its_word_reverts(world: World) -> None:
    world.token.call("mint", world.operator, 2**82, sender=world.operator)
    world.deposit(8, 2**78 - 1)
    with reverts("vault: range"):
        world.deposit(8, 1)
