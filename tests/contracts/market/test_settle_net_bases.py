"""`market.settle_net` of batches that build on others: imbalance, corrections, what went to the supplier."""

import dataclasses

import pytest
from tests.fakes.contract_world import FIRST_SLOT, NO_HASH, Batch, World, reverts

from commonwatt.contracts import encoding

TRADE = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)])
IMBALANCE = Batch(FIRST_SLOT, amounts=[(0, 8, 5)], kind=encoding.IMBALANCE, prior=TRADE.content)
CORRECTION = Batch(FIRST_SLOT, amounts=[(0, 8, 3)], revision=1, prior=TRADE.content)
SUPPLIED = Batch(FIRST_SLOT, energy=[(0, 8, 1000, 300_000)], kind=encoding.SUPPLIED)
BUILDING = [IMBALANCE, CORRECTION]


def void_twice(world: World, first: Batch) -> None:
    second = dataclasses.replace(first, amounts=[(1, 8, 1)])
    world.post(first)
    world.void(first)
    world.post(second, attempt=2)
    world.void(second, attempt=2)


@pytest.mark.parametrize("batch", BUILDING)
def test_it_posts_when_its_bases_window_has_closed(world: World, batch: Batch) -> None:
    world.post(TRADE)
    with reverts("market: base open"):
        world.post(batch)
    world.pass_epochs(1)
    with reverts("market: base open"):
        world.post(batch)
    world.pass_epochs(1)
    assert world.market.call("is_final", FIRST_SLOT, 0, 0) is True
    assert world.post(batch) is True


@pytest.mark.parametrize("batch", BUILDING)
def test_it_needs_a_base(world: World, batch: Batch) -> None:
    with reverts("market: base open"):
        world.post(batch)


@pytest.mark.parametrize("batch", BUILDING)
@pytest.mark.parametrize("prior", [NO_HASH, encoding.keccak256(b"other")])
def test_it_names_its_base_by_hash(world: World, batch: Batch, prior: bytes) -> None:
    world.post(TRADE)
    world.pass_epochs(2)
    with reverts("market: prior"):
        world.post(dataclasses.replace(batch, prior=prior))


def test_a_batch_without_a_base_names_none(world: World) -> None:
    with reverts("market: prior"):
        world.post(dataclasses.replace(TRADE, prior=encoding.keccak256(b"x")))


@pytest.mark.parametrize("batch", BUILDING)
def test_a_base_voided_once_is_open_and_voided_twice_is_void(world: World, batch: Batch) -> None:
    world.post(TRADE)
    world.void(TRADE)
    world.pass_epochs(3)
    with reverts("market: base open"):
        world.post(batch)
    second = dataclasses.replace(TRADE, amounts=[(1, 8, 1)])
    world.post(second, attempt=2)
    world.void(second, attempt=2)
    world.pass_epochs(3)
    with reverts("market: base void" if batch is IMBALANCE else "market: base open"):
        world.post(batch)


def test_a_base_must_have_all_its_parts(world: World) -> None:
    supply = [(0, 10, 500, 300_000)]
    parts = [dataclasses.replace(TRADE, part=0, parts=2), Batch(FIRST_SLOT, energy=supply, part=1, parts=2)]
    correction = dataclasses.replace(CORRECTION, prior=parts[0].content)
    world.post(parts[0])
    world.pass_epochs(2)
    with reverts("market: base open"):
        world.post(correction)
    world.post(parts[1])
    world.pass_epochs(1)
    with reverts("market: base open"):
        world.post(correction)
    world.pass_epochs(1)
    assert world.post(correction) is True


def test_revision_two_builds_on_revision_one(world: World) -> None:
    second = dataclasses.replace(CORRECTION, revision=2, prior=CORRECTION.content)
    world.post(TRADE)
    world.pass_epochs(2)
    world.post(CORRECTION)
    with reverts("market: base open"):
        world.post(second)
    world.pass_epochs(2)
    with reverts("market: prior"):
        world.post(dataclasses.replace(second, prior=TRADE.content))
    assert world.post(second) is True


def test_a_correction_never_moves_money_between_members(world: World) -> None:
    world.post(TRADE)
    world.pass_epochs(2)
    with reverts("market: members on both sides"):
        world.post(dataclasses.replace(CORRECTION, amounts=[(0, 8, 1), (8, 9, 1)]))
    with reverts("market: members on both sides"):
        world.post(dataclasses.replace(CORRECTION, energy=[(8, 9, 1, 1)]))


def test_unknown_kinds_revert(world: World) -> None:
    with reverts("market: kind"):
        world.post(dataclasses.replace(TRADE, kind=3))


def test_the_supplier_settles_only_what_was_voided_twice(world: World) -> None:
    with reverts("market: not the supplier's"):
        world.post(SUPPLIED)
    world.post(TRADE)
    world.void(TRADE)
    with reverts("market: not the supplier's"):
        world.post(SUPPLIED)


def test_a_slot_voided_twice_is_settled_by_the_supplier(world: World) -> None:
    void_twice(world, TRADE)
    with reverts("market: members on both sides"):
        world.post(dataclasses.replace(SUPPLIED, energy=[(8, 9, 1, 1)]))
    assert world.post(SUPPLIED) is True
    assert world.account(0)[1] == 300_000_000


def test_an_imbalance_voided_twice_is_settled_by_the_supplier(world: World) -> None:
    world.post(TRADE)
    world.pass_epochs(2)
    void_twice(world, IMBALANCE)
    assert world.post(SUPPLIED) is True


def test_a_part_of_a_revision_voided_twice_waits_for_the_others_before_it_is_a_base(world: World) -> None:
    world.post(TRADE)
    world.pass_epochs(2)
    parts = [dataclasses.replace(CORRECTION, part=k, parts=2) for k in range(2)]
    supplied = dataclasses.replace(SUPPLIED, revision=1)
    void_twice(world, parts[1])
    assert world.post(supplied) is True
    world.pass_epochs(2)
    third = dataclasses.replace(CORRECTION, revision=2, prior=supplied.content)
    with reverts("market: base open"):
        world.post(third)
    world.post(parts[0])
    world.pass_epochs(2)
    assert world.post(third) is True


def test_parts_that_fill_orders_are_posted_in_one_epoch(world: World) -> None:
    """Overfilled by a late part: when nobody can ask about the first one any more, the second has lines with the supplier only."""
    trades = [Batch(FIRST_SLOT, energy=[(8, 9, 600, 200_000)], part=k, parts=3) for k in range(2)]
    supply = Batch(FIRST_SLOT, energy=[(0, 9, 600, 300_000)], part=2, parts=3)
    world.post(trades[0])
    world.pass_epochs(1)
    with reverts("market: members on both sides"):
        world.post(trades[1])
    assert world.post(supply) is True
    with reverts("market: part of others"):
        world.void(trades[0])
    world.void(supply)
    with reverts("market: members on both sides"):
        world.post(trades[1])


def test_parts_voided_in_their_epoch_leave_room_for_later_ones(world: World) -> None:
    trades = [Batch(FIRST_SLOT, energy=[(8, 9, 600, 200_000)], part=k, parts=2) for k in range(2)]
    world.post(trades[0])
    world.void(trades[0])
    world.pass_epochs(1)
    assert world.post(trades[1]) is True


def test_after_a_void_of_all_parts_a_second_attempt_may_come_in_a_later_epoch(world: World) -> None:
    world.post(TRADE)
    world.pass_epochs(1)
    world.void(TRADE)
    world.pass_epochs(2)
    assert world.post(dataclasses.replace(TRADE, amounts=[(1, 8, 1)]), attempt=2) is True
