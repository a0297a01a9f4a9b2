"""Every metering level keeps the promises of its room."""

import numpy as np
import pytest
from tests.fakes.meter_keys import FakeMeterKeys

from commonwatt.core.records import Quality, Readings
from commonwatt.core.registry import NEEDS
from commonwatt.metering import GATEWAY, METER, METERINGS

NAMES = pytest.mark.parametrize("name", METERINGS.names())
MEMBERS, SLOT = 25, 467_376
KEYS = FakeMeterKeys(MEMBERS)
NOBODY_YET = np.full(MEMBERS, -1, np.int64)


def packets(name: str, slot: int = SLOT, counter: int = 0, signing: str = METER) -> Readings:
    generator = np.random.Generator(np.random.PCG64(slot))
    registers = Readings.of(
        MEMBERS,
        member=np.arange(MEMBERS),
        import_wh=generator.integers(0, 4000, MEMBERS),
        export_wh=generator.integers(0, 4000, MEMBERS),
        counter=counter,
    )
    return METERINGS.make(name).read(slot, registers, KEYS, "fontana", signing)


def wheres(name: str, readings: Readings, slot: int = SLOT, last: int = -1, signing: str = METER) -> list[str]:
    signers = KEYS.enrolled if signing == GATEWAY else KEYS.signers
    found = METERINGS.make(name).findings(slot, readings, signers, np.full(MEMBERS, last, np.int64), "fontana")
    return [finding.where for finding in found]


def test_the_room_has_answers() -> None:
    assert "plain" in METERINGS.names()


@NAMES
def test_a_packet_of_its_meter_slot_and_counter_verifies(name: str) -> None:
    assert wheres(name, packets(name)) == []
    assert wheres(name, packets(name, SLOT + 1, 1), SLOT + 1, last=0) == []


@NAMES
def test_a_packet_of_another_slot_does_not(name: str) -> None:
    assert len(wheres(name, packets(name, SLOT + 1))) == MEMBERS


@NAMES
def test_a_packet_of_another_meter_does_not(name: str) -> None:
    readings = packets(name)
    swapped = readings.replaced(member=np.roll(readings.member, 1))
    assert len(wheres(name, swapped)) == MEMBERS


@NAMES
def test_a_packet_of_another_counter_does_not(name: str) -> None:
    readings = packets(name)
    assert len(wheres(name, readings.replaced(counter=readings.counter + 1))) == MEMBERS


@NAMES
@pytest.mark.parametrize("column", ["import_wh", "export_wh", "revision"])
@pytest.mark.parametrize("row", [0, 7, 24])
def test_a_packet_with_one_changed_value_does_not_and_is_named(name: str, column: str, row: int) -> None:
    readings = packets(name)
    values = getattr(readings, column).copy()
    values[row] += 1
    found = wheres(name, readings.replaced(**{column: values}))
    assert found
    assert all(f"member {row} " in where for where in found)


@NAMES
@pytest.mark.parametrize("column", ["packet_hash", "signature"])
def test_a_packet_with_one_changed_bit_does_not(name: str, column: str) -> None:
    readings = packets(name)
    for at in (0, 31):
        bits = getattr(readings, column).copy()
        bits[7, at] ^= 1
        assert len(wheres(name, readings.replaced(**{column: bits}))) == 1


@NAMES
def test_a_counter_is_never_used_twice(name: str) -> None:
    readings = packets(name)
    assert len(wheres(name, readings, last=0)) == MEMBERS
    assert len(wheres(name, Readings.joined([readings, readings]))) >= MEMBERS


@NAMES
def test_a_reading_without_a_counter_gets_no_packet(name: str) -> None:
    silent = Readings.of(MEMBERS, member=np.arange(MEMBERS), counter=-1, quality=int(Quality.SUBSTITUTED))
    read = METERINGS.make(name).read(SLOT, silent, KEYS, "fontana", METER)
    assert not read.packet_hash.any()
    assert not read.signature.any()
    assert wheres(name, read) == []


@NAMES
def test_one_signature_of_an_enrolled_gateway_serves_every_packet(name: str) -> None:
    readings = packets(name, signing=GATEWAY)
    assert len({row.tobytes() for row in readings.signature}) == 1
    assert wheres(name, readings, signing=GATEWAY) == []


@NAMES
def test_a_gateway_that_no_meter_enrolled_signs_for_nobody(name: str) -> None:
    assert len(wheres(name, packets(name, signing=GATEWAY))) == 1


@NAMES
@pytest.mark.parametrize("column", ["import_wh", "export_wh", "packet_hash"])
def test_a_change_under_a_gateway_s_signature_is_found(name: str, column: str) -> None:
    readings = packets(name, signing=GATEWAY)
    values = getattr(readings, column).copy()
    values[3] ^= 1
    found = wheres(name, readings.replaced(**{column: values}), signing=GATEWAY)
    assert found
    assert all("member 3 " in where for where in found)


@NAMES
def test_two_packets_that_change_places_under_a_gateway_s_signature_are_found(name: str) -> None:
    readings = packets(name, signing=GATEWAY)
    order = np.arange(MEMBERS)
    order[[4, 5]] = [5, 4]
    assert wheres(name, readings.take(order), signing=GATEWAY)


@NAMES
def test_a_packet_left_out_under_a_gateway_s_signature_is_found(name: str) -> None:
    readings = packets(name, signing=GATEWAY)
    assert wheres(name, readings.take(np.arange(MEMBERS - 1)), signing=GATEWAY)


@NAMES
def test_a_level_changes_no_register(name: str) -> None:
    readings = packets(name)
    again = METERINGS.make(name).read(SLOT, readings, KEYS, "fontana", METER)
    assert all((readings.arrays()[column] == again.arrays()[column]).all() for column in readings.arrays())


@NAMES
def test_a_level_says_in_known_words_what_it_reveals_and_breaks_no_promise(name: str) -> None:
    level = METERINGS.answer(name)
    assert level.reveals <= NEEDS
    assert level.needs <= NEEDS
    assert not level.breaks
