"""`market.settle_net` looks at two energy lines together: nothing passes beside another line that would not pass alone."""

from collections.abc import Sequence

import pytest
from tests.fakes.contract_world import FIRST_SLOT, Batch, EnergyLine, World, reverts

from commonwatt.contracts import encoding

POOL = encoding.POOL
PLACES = ("first who", "first with", "second who", "second with")
KNOWN = 12
"""Accounts of the world: eight of the system, four members."""


def pair(place: str, account: int) -> list[EnergyLine]:
    """Two trades, of which one names another account at a place."""
    accounts = [8, 9, 10, 11]
    accounts[PLACES.index(place)] = account
    return [(accounts[0], accounts[1], 5, 3), (accounts[2], accounts[3], 7, 2)]


@pytest.mark.parametrize("account", [KNOWN, 1023, 1024, 2**15 - 1, 2**15, 2**15 + 8, 2**15 + KNOWN, 2**16 - 1])
@pytest.mark.parametrize("place", PLACES)
def test_an_unknown_account_is_found_at_each_place_of_two_lines(world: World, place: str, account: int) -> None:
    with reverts("market: unknown account"):
        world.post(Batch(FIRST_SLOT, pair(place, account)))


def test_a_great_account_beside_one_that_would_hide_its_borrow_is_found(world: World) -> None:
    for lines in (
        [(8, 2**16 - 1, 1, 1)] * 2,
        [(2**15, 2**16 - 1, 1, 1), (KNOWN, 2**15, 1, 1)],
        [(0, 0, 1, 1), (0, KNOWN, 1, 1)],
    ):
        with reverts("market: unknown account" if max(lines[0][:2]) >= KNOWN else "market: self trade"):
            world.post(Batch(FIRST_SLOT, lines))


@pytest.mark.parametrize("account", [0, 1, 6, 8, KNOWN - 1])
@pytest.mark.parametrize("at", [0, 1])
def test_a_self_trade_is_found_in_either_of_two_lines(world: World, at: int, account: int) -> None:
    lines = [(8, 9, 5, 3), (10, 11, 7, 2)]
    lines[at] = (account, account, 1, 1)
    with reverts("market: self trade"):
        world.post(Batch(FIRST_SLOT, lines))


@pytest.mark.parametrize("place", PLACES)
def test_what_the_pool_takes_is_seen_at_each_place_of_two_lines(world: World, place: str) -> None:
    with reverts("market: pool"):
        world.post(Batch(FIRST_SLOT, [(who, other, wh, 0) for who, other, wh, _ in pair(place, POOL)]))


@pytest.mark.parametrize(
    "lines",
    [
        [(8, POOL, 10, 5), (POOL, 9, 10, 5)],
        [(POOL, 9, 10, 5), (8, POOL, 10, 5)],
        [(8, POOL, 10, 5), (10, 11, 3, 1), (POOL, 9, 10, 5)],
        [(8, POOL, 4, 5), (9, POOL, 6, 5), (POOL, 10, 3, 5), (POOL, 11, 7, 5)],
        [(8, POOL, 2**31, -1), (POOL, 9, 2**31, -1), (10, 11, 2**32 - 1, 0)],
    ],
)
def test_a_pool_that_passes_everything_on_settles_wherever_its_lines_stand(
    world: World, lines: Sequence[EnergyLine]
) -> None:
    world.post(Batch(FIRST_SLOT, lines))
    expected = dict.fromkeys(range(KNOWN), 0)
    for who, other, energy_wh, price in lines:
        expected[who] += energy_wh * price
        expected[other] -= energy_wh * price
    members = {index: sum(world.account(index)) for index in range(encoding.FIRST_MEMBER, KNOWN)}
    assert members == {index: expected[index] for index in members}


@pytest.mark.parametrize("count", range(6))
def test_every_line_counts_whatever_their_number(world: World, count: int) -> None:
    energy = [(8, 9, 1000 + k, -3 + 10 * k) for k in range(count)]
    world.post(Batch(FIRST_SLOT, energy, [(1, 10, 5), (2, 10, 6)]))
    moved = sum((1000 + k) * (-3 + 10 * k) for k in range(count))
    assert (sum(world.account(8)), sum(world.account(9)), sum(world.account(10))) == (moved, -moved, -11)
