"""`claims.feed` and `answer_position`: a member's whole position against what its meter signed."""

import dataclasses
from dataclasses import replace

import pytest
from tests.fakes.contract_world import (
    ANSWER_S,
    CONNECTION_W,
    DEMAND_BOND_NANO,
    FEE_MOST,
    FIRST_SLOT,
    PENALTY_MOST,
    SLOT_S,
    SUPPLY_LEAST,
    SUPPLY_MOST,
    Batch,
    World,
    address_of,
    reverts,
)
from tests.fakes.demanding import Asker, Said

from commonwatt.contracts import encoding

# Member 8 sold 600 Wh, exported 900 and imported 100; member 9 bought 600 and imported 1000.
ENERGY = [(8, 9, 600, 200_000), (8, 0, 300, SUPPLY_LEAST), (0, 8, 100, SUPPLY_MOST), (0, 9, 400, SUPPLY_MOST)]
FEES = [(1, 8, 100, FEE_MOST), (2, 9, 400, 20_000)]
SLOT = Batch(FIRST_SLOT, energy=[*ENERGY, *FEES])
SAID = Said(8, import_wh=100, export_wh=900)
WASHED = replace(SLOT, energy=[*ENERGY, *FEES, (8, 0, 50, SUPPLY_LEAST), (0, 8, 50, SUPPLY_MOST)])
WINDOWS_S = 2 * 3600


def started(world: World, batch: Batch = SLOT) -> Asker:
    world.post(batch)
    return Asker(world)


def asked(world: World, batch: Batch = SLOT, line: int = 1, side: int = 0) -> tuple[Asker, bytes]:
    asker = started(world, batch)
    demand = asker.demand(batch, line, side)
    asker.feed(demand, batch)
    return asker, demand


def test_the_meters_packet_answers_and_earns_the_bond(world: World) -> None:
    asker, demand = asked(world)
    before = world.account(encoding.BOND)[0]
    asker.answer_position(demand, SAID)
    assert asker.state(demand) == 2
    assert world.account(encoding.BOND)[0] == before + DEMAND_BOND_NANO


@pytest.mark.parametrize("line", [(8, 0, 301, SUPPLY_LEAST), (8, 0, 299, SUPPLY_LEAST)])
def test_energy_that_the_meter_does_not_know_is_no_answer(world: World, line: tuple[int, int, int, int]) -> None:
    asker, demand = asked(world, replace(SLOT, energy=[ENERGY[0], line, *ENERGY[2:], *FEES]))
    with reverts("claims: energy"):
        asker.answer_position(demand, SAID)


def test_energy_that_goes_out_and_back_is_no_answer(world: World) -> None:
    """Sold to the supplier at its price and bought back at the other: the meter's net is right, the member poorer."""
    asker, demand = asked(world, WASHED)
    with reverts("claims: energy out and back"):
        asker.answer_position(demand, SAID)


@pytest.mark.parametrize("line", [(0, 8, 100, SUPPLY_MOST + 1), (8, 0, 300, SUPPLY_LEAST - 1)])
def test_a_price_outside_the_tariff_cannot_even_be_fed(world: World, line: tuple[int, int, int, int]) -> None:
    batch = Batch(FIRST_SLOT, energy=[line])
    asker = started(world, batch)
    demand = asker.demand(batch, 0, 0 if line[0] == 8 else 1)
    with reverts("claims: price"):
        asker.feed(demand, batch)


def test_fees_above_the_tariffs_are_no_answer(world: World) -> None:
    most = FEE_MOST * 1000  # 600 + 300 + 100 Wh
    for extra, reason in ((1, "claims: fees"), (0, None)):
        batch = Batch(FIRST_SLOT + 1 + extra, energy=ENERGY, amounts=[(4, 8, most + extra)])
        asker, demand = asked(world, batch)
        said = replace(SAID, slot=batch.slot)
        if reason is None:
            asker.answer_position(demand, said)
            continue
        with reverts(reason):
            asker.answer_position(demand, said)


def test_penalties_above_what_can_be_missed_are_no_answer(world: World) -> None:
    most = PENALTY_MOST * CONNECTION_W * SLOT_S * 2 // 3600
    for extra in (1, 0):
        batch = Batch(FIRST_SLOT + 1 + extra, energy=ENERGY, amounts=[(3, 8, most + extra)])
        asker, demand = asked(world, batch)
        said = replace(SAID, slot=batch.slot)
        if not extra:
            asker.answer_position(demand, said)
            continue
        with reverts("claims: penalties"):
            asker.answer_position(demand, said)


@pytest.mark.parametrize(
    "said",
    [
        replace(SAID, member=9),
        replace(SAID, slot=FIRST_SLOT + 1),
        replace(SAID, import_wh=101, export_wh=901, signer="operator", enrolled=False),
        replace(SAID, signer="gateway", enrolled=False),
    ],
)
def test_a_packet_of_another_meter_slot_or_signer_is_no_answer(world: World, said: Said) -> None:
    asker, demand = asked(world)
    with reverts("claims: packet not signed"):
        asker.answer_position(demand, said)


def test_a_packet_of_another_revision_is_no_answer(world: World) -> None:
    asker, demand = asked(world)
    with reverts("claims: other revision"):
        asker.answer_position(demand, replace(SAID, revision=1))


def test_a_packet_with_absurd_registers_is_no_answer(world: World) -> None:
    _, demand = asked(world)
    packet = list(SAID.packet())
    packet[2] = 2**63
    with reverts("claims: packet"):
        world.claims.call("answer_position", demand, tuple(packet), SAID.packet(), sender=world.operator)


def test_a_gateway_that_the_meter_enrolled_signs_for_it(world: World) -> None:
    asker, demand = asked(world)
    neighbour = Said(9, import_wh=1000).leaf
    asker.answer_position(demand, replace(SAID, signer="gateway", others=[neighbour, neighbour]))
    assert asker.state(demand) == 2


def test_an_enrolment_behind_no_signature_is_no_answer(world: World) -> None:
    _, demand = asked(world)
    packet = list(replace(SAID, signer="gateway").packet())
    packet[7] = (27, 0, 0)
    with reverts("claims: packet not signed"):
        world.claims.call("answer_position", demand, tuple(packet), SAID.packet(), sender=world.operator)


def test_a_meter_key_that_was_changed_afterwards_still_signed(world: World) -> None:
    asker, demand = asked(world)
    world.members.call("rotate_meter_key", 8, address_of("new meter"), sender=world.regulator)
    asker.answer_position(demand, SAID)


def test_for_a_silent_meter_a_quorum_signs_within_its_connection(world: World) -> None:
    asker, demand = asked(world)
    with reverts("market: signer"):
        asker.answer_position(demand, replace(SAID, import_wh=99).silenced(world, ["signer a", "operator"]))
    with reverts("market: quorum"):
        asker.answer_position(demand, SAID.silenced(world, ["signer a"]))
    with reverts("claims: beyond the connection"):
        asker.answer_position(demand, replace(SAID, import_wh=2501, export_wh=3301).silenced(world))
    asker.answer_position(demand, SAID.silenced(world))


def test_no_batch_of_the_slot_can_be_left_out(world: World) -> None:
    parts = [replace(SLOT, energy=ENERGY[:2], parts=2), replace(SLOT, energy=ENERGY[2:], part=1, parts=2)]
    asker = started(world, parts[0])
    demand = asker.demand(parts[0], 1, 0)
    asker.feed(demand, parts[0])
    with reverts("claims: a batch was left out"):
        asker.answer_position(demand, SAID)
    world.post(parts[1])
    with reverts("claims: a batch was left out"):
        asker.feed(demand, parts[1], sender=world.regulator)
    with reverts("claims: a batch was left out"):
        asker.answer_position(demand, SAID)
    asker.feed(demand, parts[1])
    with reverts("claims: the slot has changed"):
        asker.answer_position(demand, SAID)
    asker.feed(demand, *parts)
    asker.answer_position(demand, SAID)


def test_a_batch_that_was_voided_after_it_was_fed_is_found(world: World) -> None:
    parts = [replace(SLOT, energy=ENERGY[:2], parts=2), replace(SLOT, energy=ENERGY[2:], part=1, parts=2)]
    asker = started(world, parts[0])
    world.post(parts[1])
    demand = asker.demand(parts[0], 1, 0)
    asker.feed(demand, *parts)
    world.void(parts[1])
    with reverts("claims: a part is missing"):
        asker.answer_position(demand, SAID)
    world.post(replace(parts[1], energy=[*ENERGY[2:], (0, 10, 5, SUPPLY_MOST)]), attempt=2)
    with reverts("claims: the slot has changed"):
        asker.answer_position(demand, SAID)


def test_batches_are_fed_in_order_and_once(world: World) -> None:
    asker, demand = asked(world)
    with reverts("claims: no such batch"):
        asker.feed(demand, replace(SLOT, energy=ENERGY))
    with reverts("claims: not of the slot"):
        asker.feed(demand, replace(SLOT, slot=FIRST_SLOT + 1))
    with reverts("claims: not of the slot"):
        asker.feed(demand, replace(SLOT, kind=4))
    with reverts("claims: later revision"):
        asker.feed(demand, replace(SLOT, revision=1))
    asker.feed(demand, SLOT)
    assert dict(zip("abc", world.claims.call("position_of", demand, world.operator)[2:5], strict=True)) == {
        "a": 600,
        "b": 0,
        "c": 0,
    }


def test_a_trade_is_not_answered_by_a_position(world: World) -> None:
    asker = started(world)
    demand = asker.demand(SLOT, 0, 0)
    with reverts("claims: a trade"):
        asker.feed(demand, SLOT)
    with reverts("claims: a trade"):
        asker.answer_position(demand, SAID)


# Member 8 was silent: 100 and 900 Wh were put in its place; its packet says 40 and 950.
CORRECTION = Batch(FIRST_SLOT, energy=[(8, 0, 60, 290_000), (8, 0, 50, SUPPLY_LEAST)], revision=1, prior=SLOT.content)
LATER = Said(8, import_wh=40, export_wh=950, revision=1)


def corrected(world: World, correction: Batch = CORRECTION) -> tuple[Asker, bytes]:
    world.post(SLOT)
    world.pass_s(WINDOWS_S)
    world.post(correction)
    asker = Asker(world)
    demand = asker.demand(correction, 0, 0)
    asker.feed(demand, SLOT, correction)
    return asker, demand


def test_a_correction_is_answered_by_what_was_and_what_is_said(world: World) -> None:
    asker, demand = corrected(world)
    asker.answer_position(demand, LATER, SAID.silenced(world))
    assert asker.state(demand) == 2


def test_a_correction_from_the_operators_word_is_no_answer(world: World) -> None:
    asker, demand = corrected(world)
    with reverts("claims: a correction needs a packet"):
        asker.answer_position(demand, LATER.silenced(world), SAID)
    with reverts("claims: other revision"):
        asker.answer_position(demand, LATER, LATER)


def test_before_a_correction_the_meter_must_have_said_what_was_settled(world: World) -> None:
    asker, demand = corrected(world)
    with reverts("claims: energy before"):
        asker.answer_position(demand, LATER, replace(SAID, export_wh=901))


def test_a_correction_that_sends_energy_out_and_back_is_no_answer(world: World) -> None:
    lines = [*CORRECTION.energy, (8, 0, 100, SUPPLY_LEAST), (0, 8, 100, SUPPLY_MOST)]
    asker, demand = corrected(world, dataclasses.replace(CORRECTION, energy=lines))
    with reverts("claims: energy out and back"):
        asker.answer_position(demand, LATER, SAID)


def test_what_went_to_the_supplier_is_fed_instead(world: World) -> None:
    second = replace(SLOT, amounts=[(1, 8, 1)])
    for attempt, batch in enumerate((SLOT, second), start=1):
        world.post(batch, attempt)
        world.void(batch, attempt)
    supplied = Batch(FIRST_SLOT, energy=[(8, 0, 900, SUPPLY_LEAST), (0, 8, 100, SUPPLY_MOST)], kind=encoding.SUPPLIED)
    world.post(supplied)
    asker = Asker(world)
    demand = asker.demand(supplied, 0, 0)
    asker.feed(demand, supplied)
    asker.answer_position(demand, SAID)


def test_after_the_deadline_nothing_is_an_answer(world: World) -> None:
    asker, demand = asked(world)
    world.pass_s(ANSWER_S + 1)
    with reverts("claims: too late"):
        asker.answer_position(demand, SAID)
    with reverts("claims: too late"):
        asker.feed(demand, SLOT)


def test_nobody_can_feed_out_of_order(world: World) -> None:
    one = replace(SLOT, parts=2, energy=ENERGY[:2])
    two = replace(SLOT, part=1, parts=2, energy=ENERGY[2:])
    asker = started(world, one)
    world.post(two)
    demand = asker.demand(one, 1, 0)
    asker.feed(demand, one, two)
    with reverts("claims: a batch was left out"):
        asker.feed(demand, two)
