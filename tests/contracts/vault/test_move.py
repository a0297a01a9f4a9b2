"""`vault.move` and the lock of the bond, with stand-ins for the market and the claims."""

from collections.abc import Iterator

import pytest
from tests.fakes.contract_world import NO_ADDRESS, WINDOW_S, World, address_of, deploy_shipped, reverts

MARKET, CLAIMS = address_of("stand-in market"), address_of("stand-in claims")
BOND = 7


@pytest.fixture
def standing(world: World) -> Iterator[World]:
    """A vault of its own, with 1000 of the supplier, 500 of member 8 and 300 of bond."""
    vault = world.vault
    arguments = (world.token.address, 1, world.members.address, WINDOW_S)
    deployer = address_of("deployer")
    world.vault = deploy_shipped(world.env, "vault", *arguments, sender=deployer)
    world.vault.call("set_market", MARKET, CLAIMS, sender=deployer)
    world.token.call("approve", world.vault.address, 2**256 - 1, sender=world.operator)
    for index, nano in ((0, 1000), (8, 500), (BOND, 300)):
        world.deposit(index, nano)
    yield world
    world.vault = vault


def lock(world: World, nano: int, mode: int = 0) -> None:
    world.vault.call("post", [0] * 1024, 12, mode, nano, sender=MARKET)


@pytest.mark.parametrize("sender", [MARKET, CLAIMS])
def test_what_is_free_moves_at_once(standing: World, sender: bytes) -> None:
    standing.vault.call("move", 8, 6, 200, sender=sender)
    assert standing.vault.logs() == [("Moved", {"payer": 8, "payee": 6, "amount_nano": 200})]
    assert standing.account(8) == (300, 0, 0)
    assert standing.account(6) == (200, 0, 0)
    with reverts("vault: not free"):
        standing.vault.call("move", 8, 6, 301, sender=sender)


def test_nobody_else_moves(standing: World) -> None:
    for stranger in (standing.operator, standing.wallet(8), NO_ADDRESS):
        with reverts("vault: not the market"):
            standing.vault.call("move", 8, 9, 1, sender=stranger)


def test_the_supplier_never_pays_and_strangers_get_nothing(standing: World) -> None:
    for payer, payee in ((0, 8), (8, 1024), (1024, 8)):
        with reverts("vault: unknown account"):
            standing.vault.call("move", payer, payee, 1, sender=MARKET)
    with reverts("vault: amount"):
        standing.vault.call("move", 8, 9, 2**79, sender=MARKET)


def test_a_lock_is_pending_and_comes_free_with_time(standing: World) -> None:
    lock(standing, 200)
    assert standing.account(BOND) == (100, 200, 0)
    with reverts("vault: bond"):
        lock(standing, 101)
    standing.pass_epochs(1)
    lock(standing, 100)
    assert standing.account(BOND) == (0, 100, 200)
    standing.pass_epochs(1)
    assert standing.account(BOND) == (200, 0, 100)


def test_an_undo_gives_a_lock_back(standing: World) -> None:
    lock(standing, 200)
    lock(standing, 200, mode=1)
    assert standing.account(BOND) == (300, 0, 0)
    lock(standing, 200)
    standing.pass_epochs(1)
    lock(standing, 200, mode=2)
    assert standing.account(BOND) == (300, 0, 0)


def test_an_absurd_lock_reverts(standing: World) -> None:
    with reverts("vault: amount"):
        lock(standing, 2**79)
