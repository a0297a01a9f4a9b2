"""`market.settle_trades` and `cancel`: trades whose orders the contract itself checks."""

import struct
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.fakes.contract_world import COIN, FIRST_SLOT, Batch, World, address_of, reverts
from tests.fakes.demanding import Wish

from commonwatt.contracts import encoding

SELL = Wish(8, is_sell=True, limit=100_000, path=encoding.PATH_TRADES)
BUY = Wish(9, is_sell=False, limit=250_000, path=encoding.PATH_TRADES)
TRADE = Batch(FIRST_SLOT, energy=[(8, 9, 600, 200_000)], kind=encoding.TRADES)


def settle(
    world: World,
    batch: Batch = TRADE,
    wishes: Sequence[Wish] = (SELL, BUY),
    fills: bytes = b"\x00\x01",
    names: Sequence[str | None] = (None, None),
    sender: bytes | None = None,
) -> bool:
    world.clear_slot(batch.slot)
    signed = [wish.signed(world, name) for wish, name in zip(wishes, names, strict=True)]
    arguments = (batch.slot, batch.part, batch.parts, batch.lines, signed, fills + bytes(30))
    return bool(world.market.call("settle_trades", *arguments, sender=sender or world.operator))


def test_signed_orders_settle_without_a_quorum_and_once(world: World) -> None:
    bond = world.account(encoding.BOND)
    assert settle(world) is True
    assert world.market.logs()[0][1]["kind"] == 3
    assert world.market.logs()[0][1]["content"] == TRADE.content
    assert world.account(8) == (0, 600 * 200_000, 0)
    assert world.account(encoding.BOND) == bond
    assert settle(world) is False
    with reverts("market: key taken"):
        settle(world, replace(TRADE, energy=[(8, 9, 599, 200_000)]))
    assert world.account(8) == (0, 600 * 200_000, 0)


def test_only_the_operator_chooses_fills(world: World) -> None:
    with reverts("market: not the operator"):
        settle(world, sender=world.wallet(8))


def test_lines_and_fills_belong_together(world: World) -> None:
    with reverts("market: fills"):
        settle(world, fills=b"\x00\x01\x00\x01")
    with reverts("market: fills"):
        settle(world, fills=b"\x00\x02")
    for lines in (TRADE.lines[:-1], b""):
        with reverts("market: lines"):
            world.market.call("settle_trades", FIRST_SLOT, 0, 1, lines, [], bytes(32), sender=world.operator)


@pytest.mark.parametrize(
    ("reason", "line", "wishes"),
    [
        ("market: order of another", (8, 9, 600, 200_000), (replace(SELL, member=10), BUY)),
        ("market: order of another", (8, 6, 600, 200_000), (SELL, BUY)),
        ("market: limit", (8, 9, 600, 99_999), (SELL, BUY)),
        ("market: limit", (8, 9, 600, 250_001), (SELL, BUY)),
        ("market: limit", (8, 9, 600, 200_000), (replace(SELL, is_sell=False, limit=300_000), BUY)),
        ("market: other path", (8, 9, 600, 200_000), (replace(SELL, path=encoding.PATH_NET), BUY)),
        ("market: order not valid", (8, 9, 600, 200_000), (replace(SELL, last_slot=FIRST_SLOT - 1), BUY)),
        ("market: order not valid", (8, 9, 600, 200_000), (SELL, replace(BUY, first_slot=FIRST_SLOT + 1))),
        ("market: overfilled", (8, 9, 1001, 200_000), (SELL, BUY)),
    ],
)
def test_a_line_beyond_its_orders_reverts(
    world: World, reason: str, line: tuple[int, int, int, int], wishes: tuple[Wish, Wish]
) -> None:
    with reverts(reason):
        settle(world, replace(TRADE, energy=[line]), wishes)


def test_somebody_elses_signature_reverts(world: World) -> None:
    with reverts("market: order not signed"):
        settle(world, names=("member 9", None))
    with reverts("market: order not signed"):
        settle(world, names=(None, "operator"))


def test_an_order_fills_no_more_over_two_parts(world: World) -> None:
    parts = [replace(TRADE, part=k, parts=2) for k in range(2)]
    settle(world, parts[0])
    with reverts("market: overfilled"):
        settle(world, parts[1])
    assert settle(world, replace(parts[1], energy=[(8, 9, 400, 200_000)])) is True


def test_in_another_slot_a_standing_instruction_fills_again(world: World) -> None:
    wishes = [replace(wish, first_slot=0, last_slot=2**60) for wish in (SELL, BUY)]
    for slot in (FIRST_SLOT, FIRST_SLOT + 1):
        assert settle(world, replace(TRADE, slot=slot), wishes) is True


def test_after_a_void_the_orders_can_be_filled_again(world: World) -> None:
    settle(world)
    world.void(TRADE)
    assert world.account(8) == (0, 0, 0)
    world.clear_slot(FIRST_SLOT)
    assert settle(world, replace(TRADE, energy=[(8, 9, 1000, 200_000)])) is True


def test_while_a_part_stands_what_a_void_one_filled_stays_filled(world: World) -> None:
    parts = [replace(TRADE, energy=[(8, 9, 500, 200_000)], part=k, parts=2) for k in range(2)]
    for part in parts:
        settle(world, part)
    world.void(parts[1])
    with reverts("market: overfilled"):
        settle(world, replace(parts[1], energy=[(8, 9, 400, 200_000)]))


def test_a_cancelled_order_settles_no_slot_that_is_opened_later(world: World) -> None:
    wishes = [replace(wish, last_slot=FIRST_SLOT + 1) for wish in (SELL, BUY)]
    world.clear_slot(FIRST_SLOT)
    world.pass_s(1)
    world.market.call("cancel", wishes[0].order, sender=world.wallet(8))
    assert world.market.call("cancelled_at", encoding.order_hash(**wishes[0].fields)) == world.env.timestamp
    world.pass_s(1)
    assert settle(world, TRADE, wishes) is True
    with reverts("market: order cancelled"):
        settle(world, replace(TRADE, slot=FIRST_SLOT + 1), wishes)


def test_only_the_members_wallet_cancels_and_once(world: World) -> None:
    for stranger in (world.operator, world.wallet(9)):
        with reverts("market: not the wallet"):
            world.market.call("cancel", SELL.order, sender=stranger)
    world.market.call("cancel", SELL.order, sender=world.wallet(8))
    with reverts("market: already cancelled"):
        world.market.call("cancel", SELL.order, sender=world.wallet(8))


def test_an_order_cannot_be_used_by_both_paths(world: World) -> None:
    """Double path: the claims take an order of path 0 only (`test_answer_order`), the market one of path 1 only."""
    with reverts("market: other path"):
        settle(world, wishes=(replace(SELL, path=0), BUY))


def test_a_rotated_wallet_signed_what_it_signed(world: World) -> None:
    world.clear_slot(FIRST_SLOT)
    world.pass_s(1)
    world.members.call("rotate_wallet", 8, address_of("new wallet"), sender=world.wallet(8))
    assert settle(world) is True


IMBALANCE = Batch(FIRST_SLOT, energy=[(0, 8, 10, 300_000)], kind=encoding.IMBALANCE, prior=TRADE.content)


def test_an_imbalance_builds_on_trades_at_once_where_there_is_no_settlement(world: World) -> None:
    with reverts("market: base open"):
        world.post(IMBALANCE)
    settle(world)
    with reverts("market: prior"):
        world.post(replace(IMBALANCE, prior=IMBALANCE.content))
    assert world.post(IMBALANCE) is True


def test_an_imbalance_waits_for_every_part_of_the_trades(world: World) -> None:
    parts = [replace(TRADE, energy=[(8, 9, 400, 200_000)], part=k, parts=2) for k in range(2)]
    settle(world, parts[0])
    with reverts("market: base open"):
        world.post(replace(IMBALANCE, prior=parts[0].content))
    settle(world, parts[1])
    assert world.post(replace(IMBALANCE, prior=parts[0].content)) is True


def test_trades_are_not_voided_under_an_imbalance(world: World) -> None:
    settle(world)
    world.post(IMBALANCE)
    with reverts("market: base of another"):
        world.void(TRADE)
    world.void(IMBALANCE)
    world.void(TRADE)
    assert world.account(8) == (0, 0, 0)


@pytest.mark.parametrize("kind", [encoding.SETTLEMENT, encoding.IMBALANCE])
def test_trades_come_first_and_never_beside_what_the_slot_was_settled_with(world: World, kind: int) -> None:
    """Member 9 imported 600 Wh and paid the supplier; nobody could demand the same 600 Wh bought again two windows later."""
    supplied = replace(IMBALANCE, energy=[(0, 9, 600, 300_000)], kind=kind, prior=bytes(32))
    first = replace(TRADE, energy=[(8, 9, 1, 200_000)], part=0, parts=1)
    if kind == encoding.IMBALANCE:
        settle(world, first)
        supplied = replace(supplied, prior=first.content)
    world.post(supplied)
    second = replace(TRADE, part=1, parts=2) if kind == encoding.IMBALANCE else TRADE
    with reverts("market: settled otherwise"):
        settle(world, second)
    world.pass_epochs(2)
    with reverts("market: settled otherwise"):
        settle(world, second)
    assert world.account(9)[0] == -600 * 300_000 - (200_000 if kind == encoding.IMBALANCE else 0)


def test_once_a_settlement_is_void_signed_trades_may_take_its_place(world: World) -> None:
    supplied = Batch(FIRST_SLOT, energy=[(0, 9, 600, 300_000)])
    world.post(supplied)
    world.void(supplied)
    assert settle(world) is True


def test_an_imbalance_has_a_system_account_on_every_line(world: World) -> None:
    settle(world)
    with reverts("market: members on both sides"):
        world.post(replace(IMBALANCE, energy=[(8, 9, 10, 300_000)]))


def test_the_supplier_still_has_to_stand_behind_debts(world: World) -> None:
    deposit = world.account(0)[0]
    world.vault.call("announce", 0, deposit, sender=world.wallet(0))
    world.pass_epochs(2)
    world.vault.call("withdraw", 0, sender=world.wallet(0))
    with reverts("market: supplier short"):
        settle(world)
    world.deposit(0, COIN)
    assert settle(world) is True
    assert struct.calcsize(">HHIi") == encoding.LINE_BYTES
