"""How a vault is built, and tokens that misbehave."""

from pathlib import Path

import pytest
from tests.fakes.contract_world import (
    NO_ADDRESS,
    WINDOW_S,
    Contract,
    World,
    address_of,
    deploy,
    deploy_shipped,
    reverts,
)
from vyper.compiler import compile_code

DEPLOYER = address_of("deployer")
MOCK = Path(__file__).parents[1] / "mocks" / "awkward_token.vy"


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, NO_ADDRESS, "vault: no address"),
        (2, NO_ADDRESS, "vault: no address"),
        (1, 0, "vault: unit"),
        (1, 10**9 + 1, "vault: unit"),
        (3, 0, "vault: window"),
    ],
)
def test_a_wrong_construction_reverts(world: World, place: int, value: object, reason: str) -> None:
    arguments: list[object] = [world.token.address, 1, world.members.address, WINDOW_S]
    arguments[place] = value
    with reverts(reason):
        deploy_shipped(world.env, "vault", *arguments, sender=DEPLOYER)


def test_the_market_is_named_once_by_the_deployer(world: World) -> None:
    arguments = (world.token.address, 1, world.members.address, WINDOW_S)
    vault = deploy_shipped(world.env, "vault", *arguments, sender=DEPLOYER)
    with reverts("vault: not the deployer"):
        vault.call("set_market", world.market.address, world.claims.address, sender=world.operator)
    with reverts("vault: no address"):
        vault.call("set_market", NO_ADDRESS, world.claims.address, sender=DEPLOYER)
    with reverts("vault: no address"):
        vault.call("set_market", world.market.address, NO_ADDRESS, sender=DEPLOYER)
    vault.call("set_market", world.market.address, world.claims.address, sender=DEPLOYER)
    with reverts("vault: market is set"):
        vault.call("set_market", world.operator, world.operator, sender=DEPLOYER)


@pytest.fixture(scope="module")
def mock() -> dict[str, object]:
    return dict(compile_code(MOCK.read_text(encoding="utf-8"), output_formats=["abi", "bytecode"]))


@pytest.fixture
def awkward(world: World, mock: dict[str, object]) -> tuple[Contract, Contract]:
    """A token that behaves until it is told otherwise, and a vault that holds it."""
    abi, code = mock["abi"], str(mock["bytecode"])
    assert isinstance(abi, list)
    token = deploy(world.env, abi, bytes.fromhex(code[2:]), sender=DEPLOYER)
    arguments = (token.address, 1, world.members.address, WINDOW_S)
    vault = deploy_shipped(world.env, "vault", *arguments, sender=DEPLOYER)
    token.call("mint", world.operator, 1000)
    vault.call("deposit", 8, 100, sender=world.operator)
    vault.call("deposit", 9, 100, sender=world.operator)
    return token, vault


def test_a_token_that_answers_false_is_refused(world: World, awkward: tuple[Contract, Contract]) -> None:
    token, vault = awkward
    vault.call("announce", 8, 50, sender=world.wallet(8))
    world.pass_epochs(2)
    token.call("set_mode", 1)
    with reverts("vault: token refused"):
        vault.call("deposit", 8, 5, sender=world.operator)
    with reverts("vault: token refused"):
        vault.call("withdraw", 8, sender=world.wallet(8))
    token.call("set_mode", 0)
    assert vault.call("withdraw", 8, sender=world.wallet(8)) == 50


def test_a_token_that_keeps_a_fee_is_refused(world: World, awkward: tuple[Contract, Contract]) -> None:
    token, vault = awkward
    token.call("set_mode", 2)
    with reverts("vault: token took a fee"):
        vault.call("deposit", 8, 5, sender=world.operator)


def test_a_token_cannot_withdraw_from_within_a_withdrawal(world: World, awkward: tuple[Contract, Contract]) -> None:
    token, vault = awkward
    world.members.call("rotate_wallet", 8, token.address, sender=world.wallet(8))
    token.call("announce", vault.address, 8, 50)
    world.pass_epochs(2)
    token.call("set_mode", 3)
    with reverts(""):
        token.call("withdraw", vault.address, 8)
    assert vault.call("account_of", 8)[0] == 100
    token.call("set_mode", 0)
    token.call("withdraw", vault.address, 8)
    assert token.call("balanceOf", token.address) == 50
