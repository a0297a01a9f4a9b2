"""`claims.answer_order`: what an honest operator shows for a trade, and what a dishonest one cannot."""

from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.contract_world import (
    ANSWER_S,
    DEMAND_BOND_NANO,
    FIRST_SLOT,
    SLOT_S,
    Batch,
    World,
    address_of,
    reverts,
    sign,
)
from tests.fakes.demanding import Asker, Book, Wish

from commonwatt.contracts import encoding

SELL, BUY = Wish(8, is_sell=True, limit=100_000), Wish(9, is_sell=False, limit=250_000)
BOOK = Book([Wish(10, is_sell=True), SELL, BUY])
TRADE = Batch(FIRST_SLOT, energy=[(8, 9, 600, 200_000), (8, 9, 500, 200_000), (0, 9, 10, 300_000)])


def started(world: World, book: Book = BOOK, batch: Batch = TRADE) -> Asker:
    book.announce(world)
    world.post(batch)
    return Asker(world)


@pytest.mark.parametrize(("side", "at"), [(0, 1), (1, 2)])
def test_the_order_and_its_place_in_the_book_answer_and_earn_the_bond(world: World, side: int, at: int) -> None:
    asker = started(world)
    before = world.account(encoding.BOND)[0]
    demand = asker.demand(TRADE, 0, side)
    asker.answer(demand, BOOK, at)
    assert world.claims.logs() == [("Answered", {"id": demand})]
    assert asker.state(demand) == 2
    assert world.account(encoding.BOND)[0] == before + DEMAND_BOND_NANO
    assert world.account(encoding.POOL)[0] == 0


def test_a_standing_instruction_answers_for_every_slot_of_its_span(world: World) -> None:
    book = Book([replace(SELL, first_slot=0, last_slot=2**60, entry_wh=700, entry_limit=110_000)])
    asker = started(world, book)
    asker.answer(asker.demand(TRADE, 0, 0), book, 0)


def test_a_fill_of_the_pool_is_answered_like_a_trade(world: World) -> None:
    batch = Batch(FIRST_SLOT, energy=[(8, encoding.POOL, 600, 200_000), (encoding.POOL, 9, 600, 200_000)])
    asker = started(world, BOOK, batch)
    asker.answer(asker.demand(batch, 0, 0), BOOK, 1)
    asker.answer(asker.demand(batch, 1, 1), BOOK, 2)


def test_an_order_filled_twice_over_two_lines_is_found(world: World) -> None:
    asker = started(world)
    first, second = asker.demand(TRADE, 0, 0), asker.demand(TRADE, 1, 0)
    asker.answer(first, BOOK, 1)
    with reverts("claims: overfilled"):
        asker.answer(second, BOOK, 1)
    world.pass_s(ANSWER_S + 1)
    asker.expire(second, TRADE)


def test_two_entries_of_one_instruction_fill_no_more_than_it_says(world: World) -> None:
    """Doubled entry: each is within the instruction and each line within its entry, but not both together."""
    twice = [replace(SELL, last_slot=2**60, nonce=bytes([k] * 32)) for k in (1, 2)]
    book = Book(twice)
    asker = started(world, book)
    first, second = asker.demand(TRADE, 0, 0), asker.demand(TRADE, 1, 0)
    asker.answer(first, book, 0)
    with reverts("claims: overfilled"):
        asker.answer(second, book, 1)


def test_two_orders_of_one_member_are_counted_apart(world: World) -> None:
    book = Book([SELL, replace(SELL, salt=2, nonce=bytes([2] * 32))])
    asker = started(world, book)
    for line in (0, 1):
        asker.answer(asker.demand(TRADE, line, 0), book, line)


def test_an_order_signed_for_another_market_is_no_answer(world: World) -> None:
    """Replay between communities and chains: the market's address and the chain's id are in what is signed."""
    asker = started(world)
    demand = asker.demand(TRADE, 0, 0)
    chain = int(world.env.evm.patch.chain_id)
    for domain in (
        encoding.domain_separator(chain + 1, world.market.address),
        encoding.domain_separator(chain, world.vault.address),
    ):
        digest = encoding.order_digest(domain, **SELL.fields)
        with reverts("claims: order not signed"):
            asker.answer(demand, BOOK, 1, signature=sign("member 8", digest))


def test_an_order_filled_twice_over_two_parts_is_found(world: World) -> None:
    parts = [Batch(FIRST_SLOT, energy=[(8, 9, 600, 200_000)], part=k, parts=2) for k in range(2)]
    asker = started(world, BOOK, parts[0])
    world.post(parts[1])
    demands = [asker.demand(part, 0, 0) for part in parts]
    asker.answer(demands[1], BOOK, 1)
    with reverts("claims: overfilled"):
        asker.answer(demands[0], BOOK, 1)


def test_after_a_void_the_second_attempt_starts_from_nothing(world: World) -> None:
    """What a void batch had used is free again; what still stands stays counted, and is not asked about twice."""
    parts = [Batch(FIRST_SLOT, energy=[(8, 9, 500, 200_000)], part=k, parts=2) for k in range(2)]
    asker = started(world, BOOK, parts[0])
    world.post(parts[1])
    for part in parts:
        asker.answer(asker.demand(part, 0, 0), BOOK, 1)
    world.void(parts[1])
    again = replace(parts[1], energy=[(8, 9, 400, 200_000)])
    world.post(again, attempt=2)
    asker.answer(asker.demand(again, 0, 0), BOOK, 1)
    with reverts("claims: demanded before"):
        asker.demand(parts[0], 0, 0)


def test_no_void_of_another_part_makes_what_answers_showed_forgotten(world: World) -> None:
    """Three parts, an order filled in two of them: whatever is voided between the answers, the second one overfills it."""
    parts = [
        Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)], part=0, parts=3),
        Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)], part=1, parts=3),
        Batch(FIRST_SLOT, amounts=[(0, 1, 5)], part=2, parts=3),
    ]
    asker = started(world, BOOK, parts[0])
    for part in parts[1:]:
        world.post(part)
    asker.answer(asker.demand(parts[0], 0, 0), BOOK, 1)
    world.void(parts[2])
    second = asker.demand(parts[1], 0, 0)
    with reverts("claims: overfilled"):
        asker.answer(second, BOOK, 1)
    world.pass_s(ANSWER_S + 1)
    asker.expire(second, parts[1])


def test_what_is_filled_again_while_another_part_is_void_is_found_when_that_stands_again(world: World) -> None:
    """The part that was answered falls, the other one is answered meanwhile, and the first comes back with the same line."""
    parts = [Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)], part=k, parts=2) for k in range(2)]
    asker = started(world, BOOK, parts[0])
    world.post(parts[1])
    asker.answer(asker.demand(parts[0], 0, 0), BOOK, 1)
    world.void(parts[0])
    asker.answer(asker.demand(parts[1], 0, 0), BOOK, 1)
    again = replace(parts[0], amounts=[(0, 1, 5)])
    world.post(again, attempt=2)
    demand = asker.demand(again, 0, 0)
    with reverts("claims: overfilled"):
        asker.answer(demand, BOOK, 1)


@pytest.mark.parametrize(
    ("reason", "wish", "line"),
    [
        ("claims: order of another", replace(SELL, member=10), (8, 9, 600, 200_000)),
        ("claims: other side", replace(SELL, is_sell=False, limit=300_000), (8, 9, 600, 200_000)),
        ("claims: other path", replace(SELL, path=encoding.PATH_TRADES), (8, 9, 600, 200_000)),
        ("claims: order not valid", replace(SELL, last_slot=FIRST_SLOT - 1), (8, 9, 600, 200_000)),
        ("claims: order not valid", replace(SELL, first_slot=FIRST_SLOT + 1), (8, 9, 600, 200_000)),
        ("claims: entry beyond the order", replace(SELL, entry_wh=1001), (8, 9, 600, 200_000)),
        ("claims: entry beyond the order", replace(SELL, entry_limit=99_999), (8, 9, 600, 200_000)),
        ("claims: limit", SELL, (8, 9, 600, 99_999)),
        ("claims: limit", replace(SELL, entry_limit=210_000), (8, 9, 600, 200_000)),
        ("claims: overfilled", SELL, (8, 9, 1001, 200_000)),
        ("claims: overfilled", replace(SELL, entry_wh=599), (8, 9, 600, 200_000)),
    ],
)
def test_an_order_that_does_not_bear_the_line_out_is_no_answer(
    world: World, reason: str, wish: Wish, line: tuple[int, int, int, int]
) -> None:
    book, batch = Book([wish, BUY]), Batch(FIRST_SLOT, energy=[line])
    asker = started(world, book, batch)
    with reverts(reason):
        asker.answer(asker.demand(batch, 0, 0), book, 0)


def test_a_buyer_never_pays_more_than_it_signed(world: World) -> None:
    batch = Batch(FIRST_SLOT, energy=[(8, 9, 600, 250_001)])
    asker = started(world, BOOK, batch)
    with reverts("claims: limit"):
        asker.answer(asker.demand(batch, 0, 1), BOOK, 2)


def test_somebody_elses_signature_is_no_answer(world: World) -> None:
    asker = started(world)
    demand = asker.demand(TRADE, 0, 0)
    for name in ("member 9", "operator", "regulator"):
        with reverts("claims: order not signed"):
            asker.answer(demand, BOOK, 1, signature=SELL.signature(world, name))
    with reverts("claims: order not signed"):
        asker.answer(demand, BOOK, 1, signature=(27, 0, 0))


def test_an_order_that_is_not_in_the_book_is_no_answer(world: World) -> None:
    """Missing order: nothing that is signed afterwards gets into a book that was opened."""
    asker = started(world)
    demand, late = asker.demand(TRADE, 0, 0), Book([replace(SELL, salt=2)])
    with reverts("claims: not in the book"):
        asker.answer(demand, BOOK, 1, proof=BOOK.proof(0))
    siblings, sides, root, count = BOOK.proof(1)
    with reverts("claims: not in the book"):
        asker.answer(demand, BOOK, 1, proof=(siblings, sides ^ 1, root, count))
    with reverts("claims: another book"):
        asker.answer(demand, late, 0)
    with reverts("claims: another book"):
        asker.answer(demand, BOOK, 1, proof=(siblings, sides, root, count + 1))


@pytest.mark.parametrize("entry", [(2**63, 0, 2, 1), (1000, 100_000, 256, 1), (1000, 100_000, 2, 256)])
def test_an_entry_that_no_book_can_hold_is_no_answer(world: World, entry: tuple[Any, ...]) -> None:
    book = Book([replace(SELL, energy_wh=2**64, entry_wh=1000), BUY])
    asker = started(world, book)
    demand = asker.demand(TRADE, 0, 0)
    with reverts("claims: entry"):
        asker.answer(demand, book, 0, entry=(entry[0], 100_000, *entry[2:], bytes(32)))


def test_a_wallet_that_was_changed_afterwards_still_signed(world: World) -> None:
    """Fill, rotate, demand and slash: a member cannot take its signature back."""
    asker = started(world)
    world.pass_s(SLOT_S)
    world.members.call("rotate_wallet", 8, address_of("new wallet"), sender=world.wallet(8))
    asker.answer(asker.demand(TRADE, 0, 0), BOOK, 1)


def test_a_wallet_that_was_changed_before_the_slot_was_opened_signs_no_more(world: World) -> None:
    world.members.call("rotate_wallet", 8, address_of("new wallet"), sender=world.wallet(8))
    world.pass_s(1)
    asker = started(world)
    demand = asker.demand(TRADE, 0, 0)
    with reverts("claims: order not signed"):
        asker.answer(demand, BOOK, 1)
    asker.answer(demand, BOOK, 1, signature=SELL.signature(world, "new wallet"))


def test_an_order_cancelled_before_the_slot_was_opened_is_no_answer_and_later_is_one(world: World) -> None:
    """Replay of a cancelled order."""
    other = replace(SELL, salt=5)
    world.market.call("cancel", SELL.order, sender=world.wallet(8))
    world.pass_s(1)
    asker = started(world, Book([SELL, other]))
    world.pass_s(1)
    world.market.call("cancel", other.order, sender=world.wallet(8))
    demand = asker.demand(TRADE, 0, 0)
    with reverts("claims: order cancelled"):
        asker.answer(demand, Book([SELL, other]), 0)
    asker.answer(demand, Book([SELL, other]), 1)


def test_answers_come_in_time_and_once(world: World) -> None:
    asker = started(world)
    demand = asker.demand(TRADE, 0, 0)
    world.pass_s(ANSWER_S)
    asker.answer(demand, BOOK, 1)
    with reverts("claims: not open"):
        asker.answer(demand, BOOK, 1)
    late = asker.demand(TRADE, 0, 1)
    world.pass_s(ANSWER_S + 1)
    with reverts("claims: too late"):
        asker.answer(late, BOOK, 2)


def test_an_order_does_not_answer_for_a_line_with_the_supplier(world: World) -> None:
    asker = started(world)
    with reverts("claims: a position"):
        asker.answer(asker.demand(TRADE, 2, 1), BOOK, 2)
