"""`members.admit` and `admit_many`: who comes in, and what is found afterwards."""

import pytest
from tests.fakes.contract_world import CONNECTION_W, NO_ADDRESS, World, address_of, reverts

from commonwatt.contracts import artifact

NEW = World.admission(12)


def changed(place: int, value: object) -> list[object]:
    admission: list[object] = list(NEW)
    admission[place] = value
    return admission


def test_a_member_gets_the_next_index_for_good(world: World) -> None:
    assert world.members.call("admit", *NEW, sender=world.regulator) == 12
    [(name, values)] = world.members.logs()
    assert (name, values["index"], values["connection_w"]) == ("Admitted", 12, CONNECTION_W)
    assert world.members.call("count") == 13
    assert bytes.fromhex(world.members.call("wallet_of", 12)[2:]) == NEW[0]
    assert world.members.call("role_of", 12) == NEW[1]
    assert bytes.fromhex(world.members.call("meter_key_of", 12)[2:]) == NEW[2]
    assert world.members.call("pseudonym_root_of", 12) == NEW[3]
    assert world.members.call("connection_of", 12) == NEW[4]
    assert world.members.call("index_of", NEW[0]) == 12
    assert world.members.call("index_of_meter", NEW[2]) == 12
    assert world.members.call("is_active", 12) is True


def test_many_are_admitted_in_order_or_none(world: World) -> None:
    admissions = [world.admission(index, 1000 * index) for index in range(12, 32)]
    assert world.members.call("admit_many", admissions, sender=world.regulator) == 12
    assert [world.members.call("connection_of", index) for index in range(12, 32)] == [1000 * k for k in range(12, 32)]
    doubled = [world.admission(40), world.admission(8)]
    with reverts("members: wallet taken"):
        world.members.call("admit_many", doubled, sender=world.regulator)
    assert world.members.call("count") == 32
    assert world.members.call("admit_many", [], sender=world.regulator) == 32


@pytest.mark.parametrize(
    ("admission", "reason"),
    [
        (changed(0, World.wallet(8)), "members: wallet taken"),
        (changed(0, NO_ADDRESS), "members: no wallet"),
        (changed(1, 0), "members: no role"),
        (changed(2, address_of("meter 8")), "members: meter key taken"),
        (changed(2, NO_ADDRESS), "members: no meter key"),
        (changed(4, 0), "members: connection"),
        (changed(4, 2**32), "members: connection"),
    ],
)
def test_a_wrong_admission_reverts(world: World, admission: list[object], reason: str) -> None:
    with reverts(reason):
        world.members.call("admit", *admission, sender=world.regulator)


def test_only_the_regulator_may(world: World) -> None:
    with reverts("members: not the regulator"):
        world.members.call("admit", *NEW, sender=world.operator)
    with reverts("members: not the regulator"):
        world.members.call("admit_many", [NEW], sender=world.operator)


def test_the_registry_is_full_at_1024_accounts(world: World) -> None:
    slot = artifact("members").storage_layout["count"]["slot"]
    world.env.set_storage("0x" + world.members.address.hex(), slot, 1023)
    assert world.members.call("admit", *NEW, sender=world.regulator) == 1023
    with reverts("members: full"):
        world.members.call("admit", *world.admission(13), sender=world.regulator)


def test_the_limits_are_packed_eight_to_a_word(world: World) -> None:
    world.members.call("admit_many", [world.admission(k, k) for k in range(12, 18)], sender=world.regulator)
    count, words = world.members.call("limits")
    assert count == 18
    assert len(words) == 3
    limits = [(words[k // 8] >> (32 * (k % 8))) & (2**32 - 1) for k in range(count)]
    assert limits == [world.members.call("connection_of", k) for k in range(count)]
    assert limits == [0] * 8 + [CONNECTION_W] * 4 + list(range(12, 18))


@pytest.mark.parametrize(
    "view", ["wallet_of", "meter_key_of", "pseudonym_root_of", "connection_of", "role_of", "blacklisted_until"]
)
def test_unknown_accounts_are_not_shown(world: World, view: str) -> None:
    world.members.call(view, 11)
    with reverts("members: unknown account"):
        world.members.call(view, 12)


def test_unknown_keys_are_not_found(world: World) -> None:
    with reverts("members: unknown wallet"):
        world.members.call("index_of", address_of("stranger"))
    with reverts("members: unknown wallet"):
        world.members.call("index_of", NO_ADDRESS)
    with reverts("members: unknown wallet"):
        world.members.call("index_of", world.wallet(0))
    with reverts("members: unknown meter"):
        world.members.call("index_of_meter", address_of("stranger"))


def test_the_eight_system_accounts_come_first() -> None:
    world = World(members_count=0)
    assert world.members.call("count") == 8
    for index in range(8):
        wallet = bytes.fromhex(world.members.call("wallet_of", index)[2:])
        assert wallet == (NO_ADDRESS if index == 6 else world.wallet(index))
        assert world.members.call("is_active", index) is True
        assert world.members.call("connection_of", index) == 0
