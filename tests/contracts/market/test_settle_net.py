"""`market.settle_net`: what it moves, once, and what it refuses."""

import dataclasses

import pytest
from tests.fakes.contract_world import CAP_NANO, COIN, FINAL_S, FIRST_SLOT, SLOT_S, Batch, World, reverts

from commonwatt.contracts import encoding

TRADE = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)])
POOL = encoding.POOL


def signed(world: World, batch: Batch, attempt: int = 1) -> list[tuple[int, int, int]]:
    return world.signatures(encoding.batch_digest(world.domain(), batch.content, attempt))


def test_a_trade_debits_at_once_and_credits_after_one_to_two_windows(world: World) -> None:
    world.deposit(9, COIN)
    assert world.post(TRADE) is True
    assert world.account(8) == (0, COIN // 5, 0)
    assert world.account(9) == (COIN - COIN // 5, 0, 0)
    world.pass_epochs(1)
    assert world.account(8) == (0, 0, COIN // 5)
    world.pass_epochs(1)
    assert world.account(8) == (COIN // 5, 0, 0)


def test_an_amount_line_goes_from_the_second_to_the_first(world: World) -> None:
    world.post(Batch(FIRST_SLOT, amounts=[(1, 8, 70), (9, 2, -5)]))
    assert world.account(1) == (0, 70, 0)
    assert world.account(8) == (-70, 0, 0)
    assert world.account(2) == (0, 5, 0)
    assert world.account(9) == (-5, 0, 0)


def test_a_negative_price_lets_the_seller_pay(world: World) -> None:
    world.post(Batch(FIRST_SLOT, energy=[(8, 9, 1000, -3)]))
    assert world.account(8) == (-3000, 0, 0)
    assert world.account(9) == (0, 3000, 0)


def test_what_a_member_cannot_pay_is_debt_fronted_from_the_suppliers_deposit(world: World) -> None:
    world.deposit(9, 100)
    before = world.vault.call("surplus")
    world.post(TRADE)
    assert world.account(9)[0] == 100 - COIN // 5
    assert world.vault.call("total_debt") == COIN // 5 - 100
    assert world.vault.call("surplus") == before - (COIN // 5 - 100)


def test_one_net_an_account_whatever_the_number_of_lines(world: World) -> None:
    world.post(Batch(FIRST_SLOT, energy=[(8, 9, 10, 7), (9, 8, 10, 5), (8, 10, 1, 1)], amounts=[(9, 0, 1)]))
    assert world.account(8) == (0, 21, 0)
    assert world.account(9) == (-19, 0, 0)
    assert world.account(10) == (-1, 0, 0)


def test_it_says_what_was_posted(world: World) -> None:
    world.post(TRADE)
    [(name, values)] = world.market.logs()
    assert name == "Settled"
    assert values == {
        "slot": FIRST_SLOT,
        "key": TRADE.key,
        "content": TRADE.content,
        "kind": 0,
        "revision": 0,
        "part": 0,
        "parts": 1,
        "attempt": 1,
    }


def test_an_empty_batch_settles_a_slot_without_trades(world: World) -> None:
    assert world.post(Batch(FIRST_SLOT)) is True
    assert world.market.call("group_of", FIRST_SLOT, 0, 0)[:2] == (1, 1)


def test_the_same_content_again_is_a_success_without_effect(world: World) -> None:
    world.post(TRADE)
    before = world.accounts()
    assert world.post(TRADE) is False
    assert world.market.logs() == []
    assert world.accounts() == before


def test_another_content_under_the_same_key_reverts(world: World) -> None:
    world.post(TRADE)
    with reverts("market: key taken"):
        world.post(dataclasses.replace(TRADE, energy=[(8, 9, 1000, 200_001)]))


@pytest.mark.parametrize("other", [{"parts": 2}, {"prior": bytes(31) + b"\1"}, {"amounts": [(8, 9, 0)]}])
def test_every_argument_is_part_of_the_content(world: World, other: dict[str, object]) -> None:
    world.post(TRADE)
    with reverts("market: key taken"):
        world.post(dataclasses.replace(TRADE, **other))  # type: ignore[arg-type]


def test_a_line_read_as_an_amount_is_another_content(world: World) -> None:
    world.post(TRADE)
    arguments = list(TRADE.arguments)
    arguments[6] = 0
    with reverts("market: key taken"):
        world.market.call("settle_net", *arguments, [])


def test_every_slot_part_and_kind_has_its_own_key(world: World) -> None:
    world.post(dataclasses.replace(TRADE, parts=2))
    assert world.post(dataclasses.replace(TRADE, parts=2, part=1)) is True
    assert world.post(dataclasses.replace(TRADE, slot=FIRST_SLOT + 1)) is True
    assert world.account(8) == (0, 3 * COIN // 5, 0)


@pytest.mark.parametrize("line", [(8, 12, 1, 1), (12, 8, 1, 1), (65535, 8, 1, 1), (8, 1023, 0, 0)])
def test_a_line_that_names_an_unknown_account_reverts(world: World, line: tuple[int, int, int, int]) -> None:
    with reverts("market: unknown account"):
        world.post(Batch(FIRST_SLOT, energy=[line]))


def test_an_amount_line_that_names_an_unknown_account_reverts(world: World) -> None:
    with reverts("market: unknown account"):
        world.post(Batch(FIRST_SLOT, amounts=[(12, 8, 1)]))


@pytest.mark.parametrize("index", [0, 8])
def test_a_self_trade_reverts(world: World, index: int) -> None:
    with reverts("market: self trade"):
        world.post(Batch(FIRST_SLOT, energy=[(index, index, 1, 1)]))
    with reverts("market: self trade"):
        world.post(Batch(FIRST_SLOT, amounts=[(index, index, 1)]))


def test_fills_through_the_pool_settle_when_it_ends_at_zero(world: World) -> None:
    world.post(
        Batch(FIRST_SLOT, energy=[(8, POOL, 10, 5), (9, POOL, 5, 5), (POOL, 10, 15, 6)], amounts=[(3, POOL, 15)])
    )
    assert world.account(8)[1] == 50
    assert world.account(10)[0] == -90
    assert world.account(3)[1] == 15
    assert world.account(POOL) == (0, 0, 0)


@pytest.mark.parametrize(
    ("energy", "amounts"),
    [
        ([(8, POOL, 10, 5)], [(POOL, 4, 50)]),  # money closes, energy does not
        ([(8, POOL, 10, 5), (POOL, 9, 10, 6)], []),  # energy closes, money does not
        ([(8, POOL, 10, 0)], []),
    ],
)
def test_a_pool_that_keeps_energy_or_money_reverts(
    world: World, energy: list[tuple[int, int, int, int]], amounts: list[tuple[int, int, int]]
) -> None:
    with reverts("market: pool"):
        world.post(Batch(FIRST_SLOT, energy, amounts))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_members_net_is_bounded_by_connection_times_price_cap(world: World, sign: int) -> None:
    assert world.post(Batch(FIRST_SLOT, amounts=[(8, 0, sign * CAP_NANO)])) is True
    with reverts("market: cap"):
        world.post(Batch(FIRST_SLOT + 1, amounts=[(8, 0, sign * (CAP_NANO + 1))]))


def test_the_cap_follows_each_members_own_connection(world: World) -> None:
    world.members.call("set_connection", 9, 2 * 10_000, sender=world.regulator)
    assert world.post(Batch(FIRST_SLOT, amounts=[(9, 0, 2 * CAP_NANO)])) is True
    with reverts("market: cap"):
        world.post(Batch(FIRST_SLOT + 1, amounts=[(10, 0, CAP_NANO + 1)]))


def test_system_accounts_have_no_cap(world: World) -> None:
    assert world.post(Batch(FIRST_SLOT, amounts=[(1, 0, 3 * CAP_NANO)])) is True


def test_a_batch_the_suppliers_deposit_does_not_cover_reverts(world: World) -> None:
    deposit = world.account(0)[0]
    assert world.post(Batch(FIRST_SLOT, amounts=[(1, 0, deposit)])) is True
    with reverts("market: supplier short"):
        world.post(Batch(FIRST_SLOT + 1, amounts=[(1, 0, 1)]))
    with reverts("market: supplier short"):
        world.post(Batch(FIRST_SLOT + 1, amounts=[(1, 8, 1)]))


def test_a_short_supplier_does_not_stop_what_members_cover_themselves(world: World) -> None:
    world.post(Batch(FIRST_SLOT, amounts=[(1, 0, world.account(0)[0])]))
    world.deposit(9, COIN)
    assert world.post(dataclasses.replace(TRADE, slot=FIRST_SLOT + 1)) is True


def test_credits_the_supplier_waits_for_cover_nothing(world: World) -> None:
    deposit = world.account(0)[0]
    world.deposit(1, COIN)
    world.post(Batch(FIRST_SLOT, amounts=[(0, 1, COIN)]))
    with reverts("market: supplier short"):
        world.post(Batch(FIRST_SLOT + 1, amounts=[(2, 0, deposit + COIN)]))
    world.pass_epochs(2)
    assert world.post(Batch(FIRST_SLOT + 1, amounts=[(2, 0, deposit + COIN)])) is True


def test_a_reverted_batch_can_be_posted_when_the_supplier_has_topped_up(world: World) -> None:
    batch = Batch(FIRST_SLOT, amounts=[(1, 0, world.account(0)[0] + 1)])
    with reverts("market: supplier short"):
        world.post(batch)
    world.deposit(0, 1)
    assert world.post(batch) is True


def test_anyone_may_carry_what_a_quorum_signed(world: World) -> None:
    world.clear_slot(FIRST_SLOT)
    arguments = (*TRADE.arguments, signed(world, TRADE))
    assert world.market.call("settle_net", *arguments, sender=world.wallet(8)) is True


def test_fewer_signatures_than_the_quorum_revert(world: World) -> None:
    with reverts("market: quorum"):
        world.post(TRADE, names=["signer a"])


def test_signatures_of_others_revert(world: World) -> None:
    with reverts("market: signer"):
        world.post(TRADE, names=["signer a", "stranger"])


def test_one_signer_does_not_count_twice(world: World) -> None:
    with reverts("market: signer"):
        world.post(TRADE, names=["signer a", "signer a"])


def test_signatures_must_ascend(world: World) -> None:
    world.clear_slot(FIRST_SLOT)
    with reverts("market: signer"):
        world.market.call("settle_net", *TRADE.arguments, signed(world, TRADE)[::-1])


def test_a_broken_signature_reverts(world: World) -> None:
    world.clear_slot(FIRST_SLOT)
    with reverts("market: signer"):
        world.market.call("settle_net", *TRADE.arguments, [(29, 1, 1), (27, 0, 0)])


def test_a_signature_for_another_attempt_or_for_a_void_reverts(world: World) -> None:
    with reverts("market: signer"):
        world.post(TRADE, attempt=2)
    digest = encoding.void_digest(world.domain(), TRADE.content, 1)
    with reverts("market: signer"):
        world.market.call("settle_net", *TRADE.arguments, world.signatures(digest))


def test_a_signature_for_another_market_reverts(world: World) -> None:
    domain = encoding.domain_separator(int(world.env.evm.patch.chain_id), bytes(20))
    world.clear_slot(FIRST_SLOT)
    with reverts("market: signer"):
        world.market.call(
            "settle_net",
            *TRADE.arguments,
            world.signatures(encoding.batch_digest(domain, TRADE.content, 1)),
        )


def test_a_slot_settles_only_after_it_was_cleared(world: World) -> None:
    world.market.call("open", FIRST_SLOT, bytes(32), 0, sender=world.operator)
    with reverts("market: slot not cleared"):
        world.market.call("settle_net", *TRADE.arguments, signed(world, TRADE))


def test_a_slot_settles_only_after_its_end(world: World) -> None:
    now = world.env.timestamp // SLOT_S
    with reverts("market: slot not over"):
        world.post(dataclasses.replace(TRADE, slot=now))
    world.pass_s(SLOT_S)
    assert world.post(dataclasses.replace(TRADE, slot=now)) is True


def test_a_slot_does_not_settle_after_the_final_date(world: World) -> None:
    end_s = (FIRST_SLOT + 1) * SLOT_S
    world.env.timestamp = end_s + FINAL_S + 1
    with reverts("market: slot too old"):
        world.post(TRADE)
    world.env.timestamp = end_s + FINAL_S
    assert world.post(TRADE) is True


@pytest.mark.parametrize(("part", "parts"), [(0, 0), (1, 1), (2, 2), (0, 257)])
def test_a_part_outside_the_parts_reverts(world: World, part: int, parts: int) -> None:
    with reverts("market: parts"):
        world.post(dataclasses.replace(TRADE, part=part, parts=parts))


def test_the_first_part_posted_fixes_how_many_there_are(world: World) -> None:
    world.post(dataclasses.replace(TRADE, part=1, parts=3))
    with reverts("market: parts"):
        world.post(dataclasses.replace(TRADE, part=0, parts=2))
    assert world.post(dataclasses.replace(TRADE, part=0, parts=3)) is True


@pytest.mark.parametrize("lines", [b"", bytes(19), bytes(21), bytes(31)])
def test_lines_that_are_no_whole_number_revert(world: World, lines: bytes) -> None:
    world.clear_slot(FIRST_SLOT)
    content = encoding.content_hash(TRADE.key, 1, bytes(32), 0, lines)
    signatures = world.signatures(encoding.batch_digest(world.domain(), content, 1))
    with reverts("market: lines"):
        world.market.call("settle_net", FIRST_SLOT, 0, 0, 0, 1, bytes(32), 0, lines, signatures)


@pytest.mark.parametrize("count", [2, 2**255])
def test_more_energy_lines_than_lines_revert(world: World, count: int) -> None:
    world.clear_slot(FIRST_SLOT)
    content = encoding.content_hash(TRADE.key, 1, bytes(32), count, TRADE.lines)
    signatures = world.signatures(encoding.batch_digest(world.domain(), content, 1))
    with reverts("market: energy lines"):
        world.market.call("settle_net", FIRST_SLOT, 0, 0, 0, 1, bytes(32), count, TRADE.lines, signatures)


def test_more_than_a_thousand_lines_do_not_fit(world: World) -> None:
    lines = bytes(12 * 1001 + 20)
    with reverts(""):
        world.market.call("settle_net", FIRST_SLOT, 0, 0, 0, 1, bytes(32), 0, lines, [])


def test_a_thousand_lines_fit_and_the_padding_is_not_read(world: World) -> None:
    batch = Batch(FIRST_SLOT, energy=[(8 + k % 2, 10 + k % 2, 1, 1) for k in range(600)], amounts=[(1, 0, 1)] * 400)
    lines = batch.lines[:-20] + b"\xff" * 20
    world.clear_slot(FIRST_SLOT)
    content = encoding.content_hash(batch.key, 1, bytes(32), 600, lines)
    signatures = world.signatures(encoding.batch_digest(world.domain(), content, 1))
    world.market.call("settle_net", FIRST_SLOT, 0, 0, 0, 1, bytes(32), 600, lines, signatures)
    assert world.account(8)[1] == world.account(9)[1] == 300
    assert world.account(1)[1] == 400


def test_the_greatest_products_do_not_wrap(world: World) -> None:
    most = (2**32 - 1, 2**31 - 1)
    batch = Batch(FIRST_SLOT, energy=[(1, 2, *most)] * 3 + [(2, 3, most[0], -(2**31))])
    world.deposit(0, 2**70)
    world.post(batch)
    down = most[0] * 2**31
    assert world.account(1) == (0, 3 * most[0] * most[1], 0)
    assert world.account(2) == (-3 * most[0] * most[1] - down, 0, 0)
    assert world.account(3) == (0, down, 0)
