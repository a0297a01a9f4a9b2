"""What the market shows, and what it is built with."""

import pytest
from tests.fakes.contract_world import (
    FIRST_SLOT,
    NO_ADDRESS,
    START_S,
    WINDOW_S,
    Batch,
    World,
    address_of,
    deploy_shipped,
    reverts,
)

from commonwatt.contracts import artifact, encoding


def test_its_hashes_are_those_computed_off_chain(world: World) -> None:
    assert world.market.call("domain_separator") == world.domain()
    batch = Batch(FIRST_SLOT, kind=1, revision=2, part=3)
    assert world.market.call("key_of", FIRST_SLOT, 1, 2, 3) == batch.key


def test_a_batch_is_found_under_its_key(world: World) -> None:
    batch = Batch(FIRST_SLOT, amounts=[(1, 8, 1)])
    assert world.market.call("batch_of", batch.key) == (bytes(24), 0, 0, 0)
    world.post(batch)
    assert world.market.call("batch_of", batch.key) == (batch.content[:24], START_S // WINDOW_S, 1, 1)
    assert world.market.call("group_of", FIRST_SLOT, 0, 0) == (1, 1, 0, START_S // WINDOW_S, 0)


def test_it_takes_members_and_window_from_the_vault(world: World) -> None:
    assert bytes.fromhex(world.market.call("members")[2:]) == world.members.address
    assert world.market.call("window_s") == WINDOW_S
    assert [world.market.call("is_signer", address_of(name)) for name in ("signer a", "stranger")] == [True, False]


def test_the_code_on_the_chain_is_the_shipped_one(world: World) -> None:
    for name in ("token", "members", "vault", "market", "claims"):
        code = world.env.get_code("0x" + getattr(world, name).address.hex())
        assert artifact(name).is_code(code)
        assert not artifact(name).is_code(code[:-1])
        assert not artifact(name).is_code(b"\0" + code[1:])


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (1, NO_ADDRESS, "market: no address"),
        (2, NO_ADDRESS, "market: no address"),
        (3, [address_of("signer a")] * 3, "market: signer"),
        (3, [NO_ADDRESS, address_of("signer a")], "market: signer"),
        (4, 0, "market: quorum"),
        (4, 4, "market: quorum"),
        (5, 0, "market: slot length"),
        (5, 7200, "market: slot length"),
        (5, 1000, "market: slot length"),
        (6, 0, "market: price cap"),
        (6, 2**31, "market: price cap"),
        (9, 2**64, "market: bond terms"),
        (10, 1001, "market: bond terms"),
        (11, 2 * WINDOW_S - 1, "market: close after"),
    ],
)
def test_a_wrong_construction_reverts(world: World, place: int, value: object, reason: str) -> None:
    arguments = list(world.market_arguments())
    arguments[place] = value
    with reverts(reason):
        deploy_shipped(world.env, "market", *arguments, sender=address_of("deployer"))


def test_the_cap_in_python_is_the_markets(world: World) -> None:
    world.members.call("set_connection", 8, 1, sender=world.regulator)
    cap = encoding.cap_nano(1, 900, 1_000_000)
    assert world.post(Batch(FIRST_SLOT, amounts=[(8, 0, cap)])) is True
    with reverts("market: cap"):
        world.post(Batch(FIRST_SLOT + 1, amounts=[(8, 0, cap + 1)]))
