"""`vault.post` and `touch`, with a stand-in for the market."""

from collections.abc import Iterator

import pytest
from tests.fakes.contract_world import NO_ADDRESS, WINDOW_S, World, address_of, deploy_shipped, reverts

MARKET = address_of("stand-in market")
CLAIMS = address_of("stand-in claims")


@pytest.fixture
def standing(world: World) -> Iterator[World]:
    """A vault of its own whose market is an ordinary address."""
    vault = world.vault
    deployer = address_of("deployer")
    arguments = (world.token.address, 1, world.members.address, WINDOW_S)
    world.vault = deploy_shipped(world.env, "vault", *arguments, sender=deployer)
    world.vault.call("set_market", MARKET, CLAIMS, sender=deployer)
    world.token.call("approve", world.vault.address, 2**256 - 1, sender=world.operator)
    world.deposit(0, 1000)
    yield world
    world.vault = vault


def post(
    world: World, nets: dict[int, int], mode: int = 0, accounts: int = 12, sender: bytes = MARKET, lock_nano: int = 0
) -> int:
    words = [nets.get(index, 0) for index in range(1024)]
    return int(world.vault.call("post", words, accounts, mode, lock_nano, sender=sender))


def test_it_returns_what_the_supplier_has_left_to_front(standing: World) -> None:
    assert post(standing, {8: -30, 9: 30}) == 970
    assert post(standing, {0: -70, 9: 70}) == 900
    assert standing.vault.call("surplus") == 900
    standing.pass_epochs(2)
    assert post(standing, {}) == 900


def test_only_the_market_may(standing: World) -> None:
    for stranger in (standing.operator, address_of("deployer"), standing.wallet(8), NO_ADDRESS):
        with reverts("vault: not the market"):
            post(standing, {}, sender=stranger)


def test_what_the_supplier_lacks_is_no_debt_of_the_others(standing: World) -> None:
    assert post(standing, {0: -1100, 9: 1100}) == -100
    assert standing.vault.call("total_debt") == 0


@pytest.mark.parametrize("nets", [{8: 1}, {8: -1}, {8: 5, 9: -4}, {8: 5, 12: -5}])
def test_nets_that_do_not_sum_to_zero_over_existing_accounts_revert(standing: World, nets: dict[int, int]) -> None:
    with reverts("vault: sum"):
        post(standing, nets)


def test_an_unknown_mode_reverts(standing: World) -> None:
    with reverts("vault: mode"):
        post(standing, {}, mode=3)


@pytest.mark.parametrize("net", [2**72, 2**79])
def test_a_net_beyond_the_word_reverts(standing: World, net: int) -> None:
    with reverts("vault: range"):
        post(standing, {8: net, 9: -net})


def test_the_greatest_pending_survives_its_rolls(standing: World) -> None:
    most = 2**72 - 1
    post(standing, {8: most, 9: -most})
    standing.pass_epochs(1)
    post(standing, {8: most, 9: -most})
    assert standing.account(8) == (0, most, most)
    standing.pass_epochs(1)
    assert standing.account(8) == (most, 0, most)
    standing.pass_epochs(5)
    assert standing.account(8) == (2 * most, 0, 0)


def test_touching_repays_a_debt_with_credits_that_became_free(standing: World) -> None:
    post(standing, {8: 30, 0: -30})
    post(standing, {8: -50, 9: 50})
    assert standing.vault.call("total_debt") == 50
    standing.pass_epochs(2)
    assert standing.account(8)[0] == -20
    assert standing.vault.call("total_debt") == 50
    standing.vault.call("touch", [8, 9, 1023])
    assert standing.vault.call("total_debt") == 20
    assert standing.vault.call("raw_account_of", 8) == (-20, 0, 0, standing.vault.call("epoch"))


def test_touching_an_account_that_cannot_exist_reverts(standing: World) -> None:
    with reverts("vault: unknown account"):
        standing.vault.call("touch", [1024])


def test_the_raw_account_is_as_it_was_last_touched(standing: World) -> None:
    epoch = standing.vault.call("epoch")
    post(standing, {8: 30, 0: -30})
    standing.pass_epochs(5)
    assert standing.vault.call("raw_account_of", 8) == (0, 30, 0, epoch)
    assert standing.vault.call("account_of", 8) == (30, 0, 0, epoch + 5)


def test_no_deposit_keeps_a_pending_credit_from_maturing(standing: World) -> None:
    """Filled to the brim while a credit waits, an account would leave its field by the roll, and never move again."""
    standing.token.call("mint", standing.operator, 2**82, sender=standing.operator)
    standing.deposit(0, 2**60)
    post(standing, {8: 2**60, 9: -(2**60)})
    with reverts("vault: range"):
        standing.deposit(8, 2**78 - 2**60)
    standing.deposit(8, 2**78 - 2**60 - 1)
    with reverts("vault: range"):
        post(standing, {8: 1, 9: -1})
    standing.vault.call("announce", 8, 2**78, sender=standing.wallet(8))
    standing.pass_epochs(2)
    assert standing.vault.call("withdraw", 8, sender=standing.wallet(8)) == 2**78 - 1


def test_no_deposit_keeps_a_batch_from_being_voided(standing: World) -> None:
    """Who owes fills its account to the brim after the debit; the debit comes back all the same."""
    standing.token.call("mint", standing.operator, 2**82, sender=standing.operator)
    nets = {8: -(2**62), 9: 2**62}
    post(standing, nets)
    with reverts("vault: range"):
        standing.deposit(8, 2**79 - 1)
    standing.deposit(8, 2**78 - 1 + 2**62)
    post(standing, nets, mode=1)
    assert standing.account(8) == (2**78 - 1 + 2**62, 0, 0)
    standing.vault.call("announce", 8, 2**78, sender=standing.wallet(8))
    standing.pass_epochs(2)
    assert standing.vault.call("withdraw", 8, sender=standing.wallet(8)) == 2**78
