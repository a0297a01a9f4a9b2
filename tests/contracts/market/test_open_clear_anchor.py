"""`market.open`, `clear` and `anchor`: each once, by the operator."""

import pytest
from tests.fakes.contract_world import SLOT_S, World, reverts

from commonwatt.contracts import encoding

SLOT = 7
A, B = encoding.keccak256(b"a"), encoding.keccak256(b"b")


def test_a_slot_opens_once(world: World) -> None:
    assert world.market.call("open", SLOT, A, 3, sender=world.operator) is True
    assert world.market.logs() == [("Opened", {"slot": SLOT, "book_root": A, "orders": 3})]
    assert world.market.call("opened", SLOT) == (encoding.book_commitment(A, 3)[:24], world.env.timestamp)
    assert world.market.call("open", SLOT, A, 3, sender=world.operator) is False
    assert world.market.logs() == []
    with reverts("market: slot already opened"):
        world.market.call("open", SLOT, A, 4, sender=world.operator)


def test_an_empty_book_counts_as_opened(world: World) -> None:
    world.market.call("open", SLOT, bytes(32), 0, sender=world.operator)
    with reverts("market: slot already opened"):
        world.market.call("open", SLOT, A, 1, sender=world.operator)


def test_a_slot_clears_once_after_it_opened(world: World) -> None:
    with reverts("market: slot not opened"):
        world.market.call("clear", SLOT, A, B, sender=world.operator)
    world.market.call("open", SLOT, A, 3, sender=world.operator)
    assert world.market.call("clear", SLOT, A, B, sender=world.operator) is True
    assert world.market.logs() == [("Cleared", {"slot": SLOT, "order_root": A, "clearing_root": B})]
    assert world.market.call("cleared", SLOT) == encoding.clearing_commitment(A, B)
    assert world.market.call("clear", SLOT, A, B, sender=world.operator) is False
    with reverts("market: slot already cleared"):
        world.market.call("clear", SLOT, B, A, sender=world.operator)


def test_a_period_has_one_root_of_a_kind(world: World) -> None:
    assert world.market.call("anchor", 1, 0, A, sender=world.operator) is True
    assert world.market.logs() == [("Anchored", {"period": 1, "kind": 0, "root": A})]
    assert world.market.call("anchor", 1, 1, B, sender=world.operator) is True
    assert world.market.call("anchor", 1, 0, A, sender=world.operator) is False
    with reverts("market: already anchored"):
        world.market.call("anchor", 1, 0, B, sender=world.operator)
    with reverts("market: no root"):
        world.market.call("anchor", 2, 0, bytes(32), sender=world.operator)
    assert world.market.call("anchors", 1, 0) == A
    assert world.market.call("anchors", 1, 1) == B


@pytest.mark.parametrize("call", [("open", SLOT, A, 1), ("clear", SLOT, A, B), ("anchor", 1, 0, A)])
def test_only_the_operator_may(world: World, call: tuple[object, ...]) -> None:
    with reverts("market: not the operator"):
        world.market.call(str(call[0]), *call[1:], sender=world.regulator)


def test_no_slot_is_opened_long_before_it_begins(world: World) -> None:
    """Opened years ahead, a slot would outlast the cancelling of an instruction and the replacing of a stolen wallet."""
    last = (world.env.timestamp + 2 * 86_400) // SLOT_S
    for slot in (last + 1, 2**64, 2**255):
        with reverts("market: slot too far ahead"):
            world.market.call("open", slot, A, 3, sender=world.operator)
    assert world.market.call("open", last, A, 3, sender=world.operator) is True
