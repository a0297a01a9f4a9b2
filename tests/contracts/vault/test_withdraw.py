"""`vault.announce` and `withdraw`: money out, when every slot that was open has been settled."""

from tests.fakes.contract_world import BOND_DEPOSIT, COIN, FIRST_SLOT, WINDOW_S, Batch, World, reverts


def announce(world: World, index: int, nano: int) -> None:
    world.vault.call("announce", index, nano, sender=world.wallet(index))


def withdraw(world: World, index: int) -> int:
    return int(world.vault.call("withdraw", index, sender=world.wallet(index)))


def test_an_announced_amount_is_paid_after_one_to_two_windows(world: World) -> None:
    world.deposit(8, COIN)
    epoch = world.vault.call("epoch")
    announce(world, 8, 400)
    assert world.vault.logs() == [("Announced", {"index": 8, "amount_nano": 400, "ready_epoch": epoch + 2})]
    assert world.vault.call("announcement_of", 8) == (400, epoch + 2)
    world.pass_s(2 * WINDOW_S - 1)
    with reverts("vault: too early"):
        withdraw(world, 8)
    world.pass_s(1)
    held = world.vault.call("held")
    assert withdraw(world, 8) == 400
    expected = {"index": 8, "wallet": "0x" + world.wallet(8).hex(), "amount_nano": 400}
    assert world.vault.logs()[-1] == ("Withdrawn", expected)
    assert world.token.call("balanceOf", world.wallet(8)) == 400
    assert world.account(8) == (COIN - 400, 0, 0)
    assert world.vault.call("held") == held - 400


def test_it_is_paid_once(world: World) -> None:
    world.deposit(8, COIN)
    announce(world, 8, 400)
    world.pass_epochs(2)
    withdraw(world, 8)
    with reverts("vault: not announced"):
        withdraw(world, 8)


def test_it_lapses_after_one_window(world: World) -> None:
    world.deposit(8, COIN)
    announce(world, 8, 400)
    world.pass_epochs(2)
    world.pass_s(WINDOW_S - 1)
    with world.anchored():
        assert withdraw(world, 8) == 400
    world.pass_s(1)
    with reverts("vault: lapsed"):
        withdraw(world, 8)
    assert world.vault.call("free_for_orders", 8) == COIN


def test_a_new_announcement_replaces_the_old_one_and_nought_ends_it(world: World) -> None:
    world.deposit(8, COIN)
    announce(world, 8, 400)
    world.pass_epochs(1)
    announce(world, 8, 300)
    world.pass_epochs(1)
    with reverts("vault: too early"):
        withdraw(world, 8)
    announce(world, 8, 0)
    assert world.vault.call("announcement_of", 8) == (0, 0)
    with reverts("vault: not announced"):
        withdraw(world, 8)


def test_what_is_announced_covers_no_order_but_can_be_debited(world: World) -> None:
    world.deposit(8, COIN)
    announce(world, 8, COIN - 10)
    assert world.vault.call("free_for_orders", 8) == 10
    world.post(Batch(FIRST_SLOT, amounts=[(1, 8, 100)]))
    assert world.vault.call("free_for_orders", 8) == 0
    world.deposit(8, 100)
    world.pass_epochs(2)
    assert world.vault.call("free_for_orders", 8) == 10
    assert withdraw(world, 8) == COIN - 10
    assert world.vault.call("free_for_orders", 8) == 10
    world.post(Batch(FIRST_SLOT + 1, amounts=[(1, 8, 10)]))
    assert world.account(8)[0] == 0


def test_pending_credits_and_debts_cover_no_order(world: World) -> None:
    world.post(Batch(FIRST_SLOT, energy=[(8, 9, 100, 1)]))
    assert world.vault.call("free_for_orders", 8) == 0
    assert world.vault.call("free_for_orders", 9) == 0
    world.pass_epochs(2)
    assert world.vault.call("free_for_orders", 8) == 100


def test_a_credit_cannot_leave_before_it_is_free(world: World) -> None:
    announce(world, 8, COIN)
    world.pass_epochs(2)
    world.post(Batch(FIRST_SLOT, amounts=[(8, 0, 100)]))
    with reverts("vault: nothing free"):
        withdraw(world, 8)


def test_a_member_in_debt_withdraws_nothing(world: World) -> None:
    world.post(Batch(FIRST_SLOT, amounts=[(1, 8, 100)]))
    announce(world, 8, 5)
    world.pass_epochs(2)
    with reverts("vault: nothing free"):
        withdraw(world, 8)


def test_the_supplier_leaves_what_others_owe(world: World) -> None:
    deposit = world.account(0)[0]
    world.post(Batch(FIRST_SLOT, amounts=[(1, 8, 100)]))
    announce(world, 0, 2 * deposit)
    world.pass_epochs(2)
    assert withdraw(world, 0) == deposit - 100
    assert world.vault.call("surplus") == 0
    announce(world, 1, 100)
    world.pass_epochs(2)
    assert withdraw(world, 1) == 100
    assert world.vault.call("held") == BOND_DEPOSIT


def test_only_the_wallet_may(world: World) -> None:
    world.deposit(8, COIN)
    with reverts("vault: not the wallet"):
        world.vault.call("announce", 8, 5, sender=world.operator)
    announce(world, 8, 5)
    world.pass_epochs(2)
    for stranger in (world.operator, world.regulator, world.wallet(9)):
        with reverts("vault: not the wallet"):
            world.vault.call("withdraw", 8, sender=stranger)


def test_an_absurd_announcement_reverts(world: World) -> None:
    with reverts("vault: amount"):
        announce(world, 8, 2**79)


def test_a_suspended_member_can_take_its_money(world: World) -> None:
    world.deposit(8, COIN)
    world.members.call("suspend", 8, sender=world.regulator)
    world.members.call("blacklist", 8, 2**60, sender=world.regulator)
    announce(world, 8, COIN)
    world.pass_epochs(2)
    assert withdraw(world, 8) == COIN


def test_with_a_coarser_token_dust_stays_credited() -> None:
    world = World(members_count=1, unit_nano=1000)
    world.deposit(0, 10_000)
    world.deposit(8, 5000)
    world.post(Batch(FIRST_SLOT, amounts=[(1, 8, 1)]))
    announce(world, 8, 5000)
    world.pass_epochs(2)
    assert withdraw(world, 8) == 4
    assert world.account(8)[0] == 999
    assert world.vault.call("held") == BOND_DEPOSIT + 11_000
    assert world.token.call("balanceOf", world.vault.address) == (BOND_DEPOSIT + 11_000) // 1000
    announce(world, 1, 1)
    world.pass_epochs(2)
    with reverts("vault: nothing free"):
        withdraw(world, 1)


def test_members_who_owe_nothing_get_out_when_the_supplier_is_used_up(world: World) -> None:
    world.deposit(10, COIN)
    for index in (8, 9):
        world.members.call("set_connection", index, 2**32 - 1, sender=world.regulator)
    world.post(Batch(FIRST_SLOT, amounts=[(8, 1, world.account(0)[0])]))
    with reverts("market: supplier short"):
        world.post(Batch(FIRST_SLOT + 1, amounts=[(8, 1, 1)]))
    for index in (8, 10):
        announce(world, index, 2**78)
    world.pass_epochs(2)
    assert withdraw(world, 10) == COIN
    assert withdraw(world, 8) == 1000 * COIN
    assert world.vault.call("held") == BOND_DEPOSIT
