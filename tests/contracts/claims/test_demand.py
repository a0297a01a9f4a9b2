"""`claims.demand`: who may ask, about what, until when, and what it costs."""

import dataclasses

import pytest
from tests.fakes.contract_world import (
    ANSWER_S,
    BOND_DEPOSIT,
    BOND_NANO,
    COIN,
    DEMAND_BOND_NANO,
    FIRST_SLOT,
    NO_ADDRESS,
    WINDOW_S,
    Batch,
    World,
    deploy_shipped,
    reverts,
)
from tests.fakes.demanding import Asker, Said

from commonwatt.contracts import encoding

TRADE = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000), (0, 10, 500, 300_000)], amounts=[(1, 10, 500)])


@pytest.fixture
def asker(world: World) -> Asker:
    world.post(TRADE)
    return Asker(world)


def test_a_member_asks_and_parks_its_bond_in_the_pool(world: World, asker: Asker) -> None:
    world.deposit(11, COIN)
    demand = asker.demand(TRADE, 0, 1)
    assert demand == encoding.demand_id(TRADE.key, 1, 0, 0, 1)
    [(name, values)] = world.claims.logs()
    assert (name, values["member"], values["demander"]) == ("Demanded", 9, 11)
    assert values["deadline_s"] == world.env.timestamp + ANSWER_S
    assert world.claims.call("demand_of", demand) == (1, 11, 9, world.env.timestamp + ANSWER_S, False)
    assert world.account(11)[0] == COIN - DEMAND_BOND_NANO
    assert world.account(encoding.POOL)[0] == DEMAND_BOND_NANO


def test_a_line_is_asked_about_once_a_side(asker: Asker) -> None:
    asker.demand(TRADE, 0, 0)
    asker.demand(TRADE, 0, 1)
    for who in (10, 11):
        with reverts("claims: demanded before"):
            asker.demand(TRADE, 0, 0, who=who)


def test_only_a_members_wallet_asks(world: World, asker: Asker) -> None:
    with reverts("claims: not the wallet"):
        asker.demand(TRADE, 0, 0, sender=world.operator)
    with reverts("claims: not a member"):
        asker.demand(TRADE, 0, 0, who=4)


def test_whoever_has_nothing_free_cannot_ask(world: World, asker: Asker) -> None:
    with reverts("vault: not free"):
        world.claims.call("demand", TRADE.place, TRADE.lines, 0, 0, 11, sender=world.wallet(11))


def test_only_a_members_side_of_a_line_that_exists_is_asked_about(asker: Asker) -> None:
    with reverts("claims: not a member's side"):
        asker.demand(TRADE, 1, 0)
    for line, side in ((3, 0), (0, 2), (2**200, 0)):
        with reverts("claims: no such line"):
            asker.demand(TRADE, line, side)


def test_a_member_without_a_line_asks_for_its_own_position(world: World, asker: Asker) -> None:
    """Left out: it fed in and no line says so; the operator has no packet that says it did nothing."""
    count = len(TRADE.energy) + len(TRADE.amounts)
    demand = asker.demand(TRADE, count, 11)
    assert demand == encoding.demand_id(TRADE.key, 1, 0, count, 11)
    assert world.claims.call("demand_of", demand)[4] is True
    with reverts("claims: demanded before"):
        asker.demand(TRADE, count, 11)
    asker.feed(demand, TRADE)
    with reverts("claims: energy"):
        asker.answer_position(demand, Said(11, export_wh=700))
    world.pass_s(ANSWER_S + 1)
    asker.expire(demand, TRADE)
    assert asker.state(demand) == 3


def test_a_member_that_did_nothing_is_answered_with_its_packet_or_a_quorums_word(world: World, asker: Asker) -> None:
    count = len(TRADE.energy) + len(TRADE.amounts)
    for who, said in ((11, Said(11)), (8, Said(8, export_wh=1000).silenced(world))):
        demand = asker.demand(TRADE, count, who, who=who)
        asker.feed(demand, TRADE)
        asker.answer_position(demand, said)
        assert asker.state(demand) == 2


def test_nobody_asks_for_the_position_of_another_without_a_line(asker: Asker) -> None:
    for side in (0, 1, 9):
        with reverts("claims: no such line"):
            asker.demand(TRADE, 3, side)


@pytest.mark.parametrize(
    "hiding",
    [
        Batch(FIRST_SLOT),
        Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)], amounts=[(0, 3, 5)]),
        Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)], part=1, parts=2),
    ],
)
def test_who_is_paid_nothing_asks_for_its_position_whatever_the_settlement_holds(world: World, hiding: Batch) -> None:
    """Empty, trades only, or a part of several: a settlement is everybody's, or falls."""
    world.post(hiding)
    asker = Asker(world)
    demand = asker.demand(hiding, len(hiding.energy) + len(hiding.amounts), 10, who=10)
    if hiding.parts == 1:
        asker.feed(demand, hiding)
        with reverts("claims: energy"):
            asker.answer_position(demand, Said(10, export_wh=700))
    world.pass_s(ANSWER_S + 1)
    asker.expire(demand, hiding)
    assert asker.state(demand) == 3


def test_an_empty_settlement_is_answered_for_where_nobody_had_any_energy(world: World) -> None:
    empty = Batch(FIRST_SLOT)
    world.post(empty)
    asker = Asker(world)
    demand = asker.demand(empty, 0, 10, who=10)
    asker.feed(demand, empty)
    asker.answer_position(demand, Said(10))
    assert asker.state(demand) == 2


def test_a_position_is_asked_for_again_once_a_part_was_void_and_a_trade_is_not(world: World) -> None:
    parts = [Batch(FIRST_SLOT, energy=[(8, 9, 10, 200_000)], amounts=[(1, 9, 1)], part=k, parts=2) for k in range(2)]
    for part in parts:
        world.post(part)
    asker = Asker(world)
    for line in (0, 1):
        asker.demand(parts[0], line, 1)
    world.void(parts[1])
    with reverts("claims: demanded before"):
        asker.demand(parts[0], 0, 1)
    assert asker.demand(parts[0], 1, 1) == encoding.demand_id(parts[0].key, 1, 1, 1, 1)


def test_a_correction_is_not_asked_for_the_position_of_whom_it_leaves_out(world: World) -> None:
    """Only those it corrects have a packet of that revision."""
    trades = Batch(FIRST_SLOT, energy=[(8, 9, 1000, 200_000)])
    world.post(trades)
    world.pass_epochs(2)
    corrected = Batch(FIRST_SLOT, energy=[(0, 9, 5, 300_000)], revision=1, prior=trades.content)
    world.post(corrected)
    with reverts("claims: settles no positions"):
        Asker(world).demand(corrected, 1, 11)


def test_only_what_stands_is_asked_about(world: World, asker: Asker) -> None:
    other = dataclasses.replace(TRADE, amounts=[(1, 10, 501)])
    with reverts("claims: no such batch"):
        asker.demand(other, 0, 0)
    world.void(TRADE)
    with reverts("claims: no such batch"):
        asker.demand(TRADE, 0, 0)


def test_trades_whose_orders_the_market_checked_are_not_asked_about(asker: Asker) -> None:
    with reverts("claims: orders were checked"):
        asker.demand(dataclasses.replace(TRADE, kind=encoding.TRADES), 0, 0)


def test_there_is_always_time_to_answer_and_then_to_void(world: World, asker: Asker) -> None:
    last_s = (world.env.timestamp // WINDOW_S + 2) * WINDOW_S - 2 * ANSWER_S - 1
    world.env.timestamp = last_s + 1
    with reverts("claims: too late"):
        asker.demand(TRADE, 0, 0)
    world.env.timestamp = last_s
    demand = asker.demand(TRADE, 0, 0)
    world.pass_s(ANSWER_S + 1)
    asker.expire(demand, TRADE)
    assert asker.state(demand) == 3


def test_asking_at_random_costs_the_asker_and_pays_the_operator(world: World, asker: Asker) -> None:
    """Griefing: every demand that is answered gives its bond to the operator's; without money nobody asks."""
    before = world.account(encoding.BOND)
    assert before == (BOND_DEPOSIT - BOND_NANO - 35_000_050, BOND_NANO + 35_000_050, 0)
    asker.demand(TRADE, 1, 1)
    assert world.account(encoding.BOND) == before


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, NO_ADDRESS, "claims: no address"),
        (1, 0, "claims: demand bond"),
        (1, 2**64, "claims: demand bond"),
        (2, 0, "claims: time to answer"),
        (2, WINDOW_S // 2, "claims: time to answer"),
        (4, 300_001, "claims: bounds"),
        (5, 2**31, "claims: bounds"),
        (6, 2**31, "claims: bounds"),
    ],
)
def test_a_wrong_construction_reverts(world: World, place: int, value: object, reason: str) -> None:
    arguments = list(world.claims_arguments())
    arguments[place] = value
    with reverts(reason):
        deploy_shipped(world.env, "claims", *arguments, sender=world.operator)
