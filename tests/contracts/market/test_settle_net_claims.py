"""`market.settle_net`: what keeps demands possible: no plain amounts between members, no lines on the bond, numbered revisions."""

from dataclasses import replace

import pytest
from tests.fakes.contract_world import BOND_DEPOSIT, BOND_NANO, COIN, FIRST_SLOT, Batch, World, reverts

from commonwatt.contracts import encoding

TRADE = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)])
POOL, BOND = encoding.POOL, encoding.BOND


@pytest.mark.parametrize("line", [(8, 9, 5), (8, POOL, 5), (POOL, 8, 5)])
def test_a_plain_amount_never_goes_between_members(world: World, line: tuple[int, int, int]) -> None:
    with reverts("market: amount between members"):
        world.post(Batch(FIRST_SLOT, amounts=[line]))


def test_no_line_moves_the_bond(world: World) -> None:
    with reverts("market: bond account"):
        world.post(Batch(FIRST_SLOT, amounts=[(BOND, 4, 5)]))


def test_without_a_bond_nothing_is_posted(world: World) -> None:
    world.vault.call("announce", BOND, BOND_DEPOSIT - BOND_NANO, sender=world.wallet(BOND))
    world.pass_epochs(2)
    world.vault.call("withdraw", BOND, sender=world.wallet(BOND))
    with reverts("vault: bond"):
        world.post(TRADE)
    world.deposit(BOND, COIN // 5 // 10)
    assert world.post(TRADE) is True


def test_a_slot_has_at_most_256_revisions(world: World) -> None:
    with reverts("market: revision"):
        world.post(replace(TRADE, revision=256))


@pytest.mark.parametrize("line", [(8, POOL, 5, 5), (POOL, 8, 5, 5)])
def test_a_correction_never_goes_through_the_pool(world: World, line: tuple[int, int, int, int]) -> None:
    world.post(TRADE)
    world.pass_epochs(2)
    with reverts("market: members on both sides"):
        world.post(Batch(FIRST_SLOT, energy=[line], revision=1, prior=TRADE.content))


def test_a_revision_voided_twice_goes_to_the_supplier_and_the_next_one_builds_on_that(world: World) -> None:
    world.post(TRADE)
    world.pass_epochs(2)
    correction = Batch(FIRST_SLOT, amounts=[(0, 8, 3)], revision=1, prior=TRADE.content)
    for attempt, batch in enumerate((correction, replace(correction, amounts=[(0, 8, 4)])), start=1):
        world.post(batch, attempt)
        world.void(batch, attempt)
    supplied = Batch(FIRST_SLOT, amounts=[(0, 8, 2)], kind=encoding.SUPPLIED, revision=1)
    with reverts("market: prior"):
        world.post(replace(supplied, prior=TRADE.content))
    assert world.post(supplied) is True
    later = Batch(FIRST_SLOT, amounts=[(8, 0, 1)], revision=2, prior=supplied.content)
    with reverts("market: base open"):
        world.post(later)
    world.pass_epochs(2)
    assert world.post(later) is True
