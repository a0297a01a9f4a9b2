"""Keys that change: `rotate_wallet`, `recover_wallet` and what follows it, `rotate_meter_key`."""

import pytest
from tests.fakes.contract_world import COIN, NO_ADDRESS, RECOVERY_S, World, address_of, reverts

NEW = address_of("new wallet")


def wallet_of(world: World, index: int) -> bytes:
    return bytes.fromhex(world.members.call("wallet_of", index)[2:])


def test_a_member_changes_its_wallet_at_once(world: World) -> None:
    world.members.call("rotate_wallet", 8, NEW, sender=world.wallet(8))
    assert wallet_of(world, 8) == NEW
    assert world.members.call("index_of", NEW) == 8
    with reverts("members: unknown wallet"):
        world.members.call("index_of", world.wallet(8))
    with reverts("members: not the wallet"):
        world.members.call("rotate_wallet", 8, NEW, sender=world.wallet(8))


def test_nobody_else_changes_it_at_once(world: World) -> None:
    for stranger in (world.regulator, world.operator, world.wallet(9)):
        with reverts("members: not the wallet"):
            world.members.call("rotate_wallet", 8, NEW, sender=stranger)
    with reverts("members: unknown account"):
        world.members.call("rotate_wallet", 12, NEW, sender=NO_ADDRESS)


def test_an_old_wallet_is_never_anothers(world: World) -> None:
    old = world.wallet(8)
    world.members.call("rotate_wallet", 8, NEW, sender=old)
    with reverts("members: wallet taken"):
        world.members.call("rotate_wallet", 9, old, sender=world.wallet(9))
    admission = list(world.admission(12))
    admission[0] = old
    with reverts("members: wallet taken"):
        world.members.call("admit", *admission, sender=world.regulator)
    with reverts("members: no wallet"):
        world.members.call("rotate_wallet", 8, NO_ADDRESS, sender=NEW)
    world.members.call("rotate_wallet", 8, old, sender=NEW)
    assert world.members.call("index_of", old) == 8


def test_money_follows_the_wallet(world: World) -> None:
    world.deposit(8, COIN)
    world.vault.call("announce", 8, COIN, sender=world.wallet(8))
    world.members.call("rotate_wallet", 8, NEW, sender=world.wallet(8))
    world.pass_epochs(2)
    with reverts("vault: not the wallet"):
        world.vault.call("withdraw", 8, sender=world.wallet(8))
    assert world.vault.call("withdraw", 8, sender=NEW) == COIN
    assert world.token.call("balanceOf", NEW) == COIN


@pytest.mark.parametrize("index", [0, 8])
def test_a_lost_wallet_is_recovered_after_a_wait(world: World, index: int) -> None:
    world.members.call("recover_wallet", index, NEW, sender=world.regulator)
    ready_at_s = world.env.timestamp + RECOVERY_S
    assert world.members.call("recovery_of", index) == ("0x" + NEW.hex(), ready_at_s)
    assert wallet_of(world, index) == world.wallet(index)
    world.pass_s(RECOVERY_S - 1)
    with reverts("members: too early"):
        world.members.call("finish_recovery", index)
    world.pass_s(1)
    world.members.call("finish_recovery", index)
    assert wallet_of(world, index) == NEW
    with reverts("members: no recovery"):
        world.members.call("finish_recovery", index)


def test_the_present_wallet_can_refuse_a_recovery(world: World) -> None:
    with reverts("members: no recovery"):
        world.members.call("refuse_recovery", 8, sender=world.wallet(8))
    world.members.call("recover_wallet", 8, NEW, sender=world.regulator)
    with reverts("members: not the wallet"):
        world.members.call("refuse_recovery", 8, sender=NEW)
    world.members.call("refuse_recovery", 8, sender=world.wallet(8))
    assert world.members.logs() == [("RecoveryRefused", {"index": 8})]
    world.pass_s(RECOVERY_S)
    with reverts("members: no recovery"):
        world.members.call("finish_recovery", 8)


def test_a_rotation_ends_a_recovery(world: World) -> None:
    world.members.call("recover_wallet", 8, NEW, sender=world.regulator)
    world.members.call("rotate_wallet", 8, address_of("other"), sender=world.wallet(8))
    world.pass_s(RECOVERY_S)
    with reverts("members: no recovery"):
        world.members.call("finish_recovery", 8)


def test_a_recovery_is_the_regulators_and_about_an_account(world: World) -> None:
    with reverts("members: not the regulator"):
        world.members.call("recover_wallet", 8, NEW, sender=world.operator)
    for index in (6, 12):
        with reverts("members: unknown account"):
            world.members.call("recover_wallet", index, NEW, sender=world.regulator)
    with reverts("members: no wallet"):
        world.members.call("recover_wallet", 8, NO_ADDRESS, sender=world.regulator)


def test_a_recovery_to_anothers_wallet_never_takes_effect(world: World) -> None:
    world.members.call("recover_wallet", 8, world.wallet(9), sender=world.regulator)
    world.pass_s(RECOVERY_S)
    with reverts("members: wallet taken"):
        world.members.call("finish_recovery", 8)


def test_system_accounts_may_share_a_wallet(world: World) -> None:
    world.members.call("rotate_wallet", 1, world.wallet(0), sender=world.wallet(1))
    assert wallet_of(world, 1) == wallet_of(world, 0)


def test_a_meter_key_is_replaced_and_never_anothers(world: World) -> None:
    old, new = address_of("meter 8"), address_of("new meter")
    world.members.call("rotate_meter_key", 8, new, sender=world.regulator)
    assert world.members.call("index_of_meter", new) == 8
    with reverts("members: unknown meter"):
        world.members.call("index_of_meter", old)
    with reverts("members: meter key taken"):
        world.members.call("rotate_meter_key", 9, old, sender=world.regulator)
    with reverts("members: no meter key"):
        world.members.call("rotate_meter_key", 8, NO_ADDRESS, sender=world.regulator)
    world.members.call("rotate_meter_key", 8, old, sender=world.regulator)
    assert world.members.call("index_of_meter", old) == 8
