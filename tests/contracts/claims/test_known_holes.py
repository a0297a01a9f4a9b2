"""Ways round a demand that the contracts leave open today; each test shows one as it is, and fails when it is mended."""

from __future__ import annotations

import pytest
from tests.fakes.contract_world import FIRST_SLOT, Batch, World
from tests.fakes.demanding import Asker, Book, Wish

from commonwatt.contracts import encoding

REWARDS = encoding.REWARDS


def test_an_order_is_filled_twice_over_two_parts_when_a_third_is_voided_between_the_answers(world: World) -> None:
    """What answers showed is counted by generation, and a void of any part begins a new one for all of them."""
    book = Book([Wish(9, is_sell=False, energy_wh=1000, limit=200_000)])
    book.announce(world)
    parts = [
        Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)], part=0, parts=3),
        Batch(FIRST_SLOT, energy=[(10, 9, 1000, 200_000)], part=1, parts=3),
        Batch(FIRST_SLOT, amounts=[(0, 1, 5)], part=2, parts=3),
    ]
    for part in parts:
        world.post(part)
    asker = Asker(world)
    first = asker.demand(parts[0], 0, 1)
    asker.answer(first, book, 0)
    world.void(parts[2])
    second = asker.demand(parts[1], 0, 1)
    asker.answer(second, book, 0)
    assert asker.state(first) == asker.state(second) == 2
    assert world.account(9)[0] == -2 * 1000 * 200_000


def test_nobody_is_asked_for_positions_in_a_settlement_that_settles_none(world: World) -> None:
    """Who fed in and is paid nothing, like everybody else, has nothing to demand."""
    empty = Batch(FIRST_SLOT)
    world.post(empty)
    with pytest.raises(Exception, match="claims: settles no positions"):
        Asker(world).demand(empty, 0, 8, who=8)
