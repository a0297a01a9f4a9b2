"""`members.suspend`, `reinstate`, `blacklist`, `set_connection` and the regulator's office."""

import pytest
from tests.fakes.contract_world import NO_ADDRESS, World, address_of, deploy_shipped, reverts


def test_a_suspended_member_is_inactive_until_reinstated(world: World) -> None:
    world.members.call("suspend", 8, sender=world.regulator)
    assert world.members.logs() == [("Suspended", {"index": 8, "is_suspended": True})]
    assert world.members.call("is_active", 8) is False
    assert world.members.call("is_active", 9) is True
    world.members.call("reinstate", 8, sender=world.regulator)
    assert world.members.call("is_active", 8) is True


def test_a_blacklisting_expires(world: World) -> None:
    until_s = world.env.timestamp + 100
    world.members.call("blacklist", 8, until_s, sender=world.regulator)
    assert world.members.call("blacklisted_until", 8) == until_s
    assert world.members.call("is_active", 8) is False
    world.pass_s(99)
    assert world.members.call("is_active", 8) is False
    world.pass_s(1)
    assert world.members.call("is_active", 8) is True


def test_suspension_and_blacklisting_are_apart_and_leave_the_rest_alone(world: World) -> None:
    world.members.call("suspend", 8, sender=world.regulator)
    world.members.call("blacklist", 8, 2**64 - 1, sender=world.regulator)
    world.members.call("reinstate", 8, sender=world.regulator)
    assert world.members.call("is_active", 8) is False
    world.members.call("blacklist", 8, 0, sender=world.regulator)
    assert world.members.call("is_active", 8) is True
    assert world.members.call("role_of", 8) == 3
    assert bytes.fromhex(world.members.call("wallet_of", 8)[2:]) == world.wallet(8)


def test_a_blacklisting_beyond_the_word_reverts(world: World) -> None:
    with reverts("members: time"):
        world.members.call("blacklist", 8, 2**64, sender=world.regulator)


def test_a_connection_changes_alone(world: World) -> None:
    world.members.call("set_connection", 9, 2**32 - 1, sender=world.regulator)
    assert world.members.logs() == [("ConnectionChanged", {"index": 9, "connection_w": 2**32 - 1})]
    assert [world.members.call("connection_of", k) for k in (8, 9, 10)] == [10_000, 2**32 - 1, 10_000]
    with reverts("members: connection"):
        world.members.call("set_connection", 9, 0, sender=world.regulator)


CALLS: list[tuple[object, ...]] = [
    ("suspend",),
    ("reinstate",),
    ("blacklist", 1),
    ("set_connection", 1),
    ("rotate_meter_key", address_of("new meter")),
]


@pytest.mark.parametrize("call", CALLS)
def test_only_the_regulator_and_only_about_members(world: World, call: tuple[object, ...]) -> None:
    with reverts("members: not the regulator"):
        world.members.call(str(call[0]), 8, *call[1:], sender=world.wallet(8))
    for index in (0, 7, 12):
        with reverts("members: unknown member"):
            world.members.call(str(call[0]), index, *call[1:], sender=world.regulator)


def test_nobody_unknown_is_active(world: World) -> None:
    assert world.members.call("is_active", 12) is False
    assert world.members.call("is_active", 2**255) is False


def test_the_office_passes_to_who_accepts_it(world: World) -> None:
    successor = address_of("successor")
    with reverts("members: not the regulator"):
        world.members.call("propose_regulator", successor, sender=successor)
    world.members.call("propose_regulator", successor, sender=world.regulator)
    with reverts("members: not proposed"):
        world.members.call("accept_regulator", sender=world.operator)
    world.members.call("suspend", 8, sender=world.regulator)
    world.members.call("accept_regulator", sender=successor)
    with reverts("members: not the regulator"):
        world.members.call("reinstate", 8, sender=world.regulator)
    world.members.call("reinstate", 8, sender=successor)
    with reverts("members: not proposed"):
        world.members.call("accept_regulator", sender=successor)


def test_a_wrong_construction_reverts(world: World) -> None:
    wallets = [address_of("x")] * 8
    with reverts("members: pool has no wallet"):
        deploy_shipped(world.env, "members", world.regulator, wallets, 1, sender=world.operator)
    wallets[6] = NO_ADDRESS
    with reverts("members: no regulator"):
        deploy_shipped(world.env, "members", NO_ADDRESS, wallets, 1, sender=world.operator)
