"""Packets at level `plain`: what passes, and every way in which a reading can be false."""

import hashlib

import numpy as np
import pytest
from tests.fakes.meter_keys import FakeMeterKeys

from commonwatt.adapters.ledger.foundation import community_hash
from commonwatt.core.determinism import merkle_holds, merkle_path
from commonwatt.core.findings import Finding
from commonwatt.core.records import Quality, Readings
from commonwatt.crypto.signatures import signer_address
from commonwatt.metering import GATEWAY, METER, METERINGS, enrolment_digest, packet_hash, packets_digest

PLAIN = METERINGS.make("plain")
KEYS = FakeMeterKeys(3)
SLOT = 467_376
NOBODY_YET = np.full(3, -1, np.int64)


def registers(**columns: list[int]) -> Readings:
    values = {"member": [0, 1, 2], "import_wh": [700, 0, 12], "export_wh": [0, 1500, 3], "counter": [5, 5, 5]} | columns
    return Readings.of(3, **{name: np.array(column) for name, column in values.items()})


def packets(slot: int = SLOT, community: str = "fontana", **columns: list[int]) -> Readings:
    return PLAIN.read(slot, registers(**columns), KEYS, community, METER)


def findings(readings: Readings, *, slot: int = SLOT, last: int = 4, community: str = "fontana") -> list[Finding]:
    return PLAIN.findings(slot, readings, KEYS.signers, np.full(3, last, np.int64), community)


def only(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    return found[0]


def test_packets_as_they_were_made_pass() -> None:
    readings = packets()
    assert findings(readings) == []
    assert readings.import_wh.tolist() == [700, 0, 12]


@pytest.mark.parametrize("column", ["import_wh", "export_wh", "revision"])
def test_a_changed_value_is_found(column: str) -> None:
    readings = packets()
    changed = getattr(readings, column).copy()
    changed[1] += 1
    finding = only(findings(readings.replaced(**{column: changed})))
    assert "member 1" in finding.where
    assert finding.where.endswith("packet_hash")


def test_a_changed_value_with_a_new_hash_is_found_by_the_signature() -> None:
    readings = packets()
    exports, hashes = readings.export_wh.copy(), readings.packet_hash.copy()
    exports[1] = 9000
    forged = packet_hash(
        "fontana",
        member=1,
        slot=SLOT,
        counter=5,
        revision=0,
        import_wh=0,
        export_wh=9000,
        opening=readings.opening[1].tobytes(),
    )
    hashes[1] = np.frombuffer(forged, np.uint8)
    finding = only(findings(readings.replaced(export_wh=exports, packet_hash=hashes)))
    assert finding.where == f"readings slot {SLOT} member 1 revision 0 signature"


def test_another_slots_packets_are_found() -> None:
    found = findings(packets(slot=SLOT - 1))
    assert [f.where.split()[-1] for f in found] == ["packet_hash"] * 3


def test_another_communitys_packets_are_found() -> None:
    assert len(findings(packets(community="elsewhere"))) == 3


def test_another_meters_signature_is_found() -> None:
    readings = packets()
    finding = only(
        PLAIN.findings(SLOT, readings, [KEYS.signers[0], KEYS.signers[0], KEYS.signers[2]], NOBODY_YET, "fontana")
    )
    assert finding.where.endswith("member 1 revision 0 signature")
    assert KEYS.addresses[1].hex() in finding.found


@pytest.mark.parametrize(
    "signature", [b"\0" * 65, b"\xff" * 65, b"\1" * 64 + b"\0"], ids=["zeros", "ones", "no such v"]
)
def test_bytes_that_are_no_signature_are_found(signature: bytes) -> None:
    readings = packets()
    signatures = readings.signature.copy()
    signatures[2] = np.frombuffer(signature, np.uint8)
    assert only(findings(readings.replaced(signature=signatures))).found == "nobody's"


@pytest.mark.parametrize("last", [5, 6])
def test_a_replayed_counter_is_found(last: int) -> None:
    found = findings(packets(), last=last)
    assert [f.where.split()[-1] for f in found] == ["counter"] * 3
    assert "replay" in found[0].expected


def test_the_same_counter_twice_in_one_slot_is_found() -> None:
    readings = Readings.joined([packets(), packets(revision=[1, 1, 1])])
    assert [f.where.split()[-1] for f in findings(readings)] == ["counter"] * 3


def test_two_packets_for_one_revision_are_found() -> None:
    readings = Readings.joined([packets(), packets(counter=[6, 6, 6])])
    assert [f.expected for f in findings(readings)] == ["one reading per member, slot and revision"] * 3


def test_a_correction_with_the_next_counter_passes() -> None:
    corrected = [int(Quality.CORRECTED)] * 3
    later = packets(counter=[6, 6, 6], revision=[1, 1, 1], quality=corrected, import_wh=[1, 2, 3])
    assert findings(Readings.joined([packets(), later])) == []


def test_a_substituted_reading_has_no_packet_and_passes() -> None:
    readings = packets(counter=[5, -1, 5], quality=[0, int(Quality.SUBSTITUTED), 0])
    assert not readings.packet_hash[1].any()
    assert not readings.opening[1].any()
    assert not readings.signature[1].any()
    assert findings(readings) == []


def test_a_measured_reading_that_lost_its_packet_is_found() -> None:
    finding = only(findings(packets(counter=[5, -1, 5])))
    assert "only a substituted reading has none" in finding.expected


def test_a_packet_called_substituted_is_found() -> None:
    readings = packets().replaced(quality=np.array([0, int(Quality.SUBSTITUTED), 0]))
    assert only(findings(readings)).where.endswith("quality")


def test_a_hash_beside_a_reading_without_counter_is_found() -> None:
    bare = packets().replaced(counter=np.array([5, -1, 5]), quality=np.array([0, int(Quality.SUBSTITUTED), 0]))
    assert only(findings(bare)).found == "one"


def test_a_negative_register_is_found() -> None:
    assert only(findings(packets(import_wh=[-1, 0, 0]))).where.endswith("member 0 revision 0 import_wh")


@pytest.mark.parametrize("member", [3, -1])
def test_an_unknown_member_is_found(member: int) -> None:
    readings = packets()
    assert only(findings(readings.replaced(member=np.array([0, 1, member])))).found == str(member)


def test_every_blinding_is_asked_for_another_value() -> None:
    keys = FakeMeterKeys(3)
    for slot in (SLOT, SLOT + 1):
        for revision in (0, 1):
            PLAIN.read(slot, registers(revision=[revision] * 3), keys, "fontana", METER)
    assert len(set(keys.asked)) == len(keys.asked) == 12


def test_equal_values_of_two_slots_have_different_hashes() -> None:
    first, second = packets(), packets(slot=SLOT + 1)
    assert (first.packet_hash != second.packet_hash).any(axis=1).all()


def test_the_exported_hash_is_the_one_that_is_signed() -> None:
    readings = packets()
    expected = packet_hash(
        "fontana",
        member=2,
        slot=SLOT,
        counter=5,
        revision=0,
        import_wh=12,
        export_wh=3,
        opening=readings.opening[2].tobytes(),
    )
    assert readings.packet_hash[2].tobytes() == expected


def test_the_layout_of_a_packet_is_the_documented_one() -> None:
    # The auditor of another day recomputes this from the page: label, community, six integers, opening.
    label, name = b"commonwatt/packet/plain/1", b"fontana"
    head = len(label).to_bytes(4, "big") + label + len(name).to_bytes(4, "big") + name
    numbers = b"".join(n.to_bytes(8, "big", signed=True) for n in (2, SLOT, 5, 0, 12, 3))
    ours = packet_hash(
        "fontana", member=2, slot=SLOT, counter=5, revision=0, import_wh=12, export_wh=3, opening=b"\7" * 32
    )
    assert ours == hashlib.sha3_256(head + numbers + b"\7" * 32).digest()


def gateway_packets(**columns: list[int]) -> Readings:
    return PLAIN.read(SLOT, registers(**columns), KEYS, "fontana", GATEWAY)


def gateway_findings(readings: Readings, signers: list[tuple[bytes, ...]] | None = None) -> list[Finding]:
    return PLAIN.findings(SLOT, readings, signers or KEYS.enrolled, NOBODY_YET, "fontana")


def documented_leaf(row: int, readings: Readings) -> bytes:
    names = ("counter", "revision", "import_wh", "export_wh")
    numbers: list[int] = [int(readings.member[row]), SLOT, *(int(getattr(readings, name)[row]) for name in names)]
    return b"".join(n.to_bytes(8, "big", signed=True) for n in numbers) + bytes(readings.packet_hash[row])


def test_what_a_gateway_signs_is_the_documented_root() -> None:
    readings = gateway_packets(counter=[5, -1, 5], quality=[0, int(Quality.SUBSTITUTED), 0])
    leaves = [documented_leaf(row, readings) for row in (0, 2)]
    nodes = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    root = hashlib.sha256(b"\1" + b"".join(nodes)).digest()
    words = b"commonwatt/packets/1".ljust(32, b"\0") + community_hash("fontana") + SLOT.to_bytes(32, "big") + root
    digest = hashlib.sha256(words).digest()
    assert digest == packets_digest("fontana", SLOT, root)
    assert signer_address(digest, readings.signature[2].tobytes()) == KEYS.gateway.address
    assert merkle_holds(root, leaves[1], *merkle_path(leaves, 1))


def test_a_meter_signs_the_root_of_its_own_packet() -> None:
    readings = packets()
    root = hashlib.sha256(b"\0" + documented_leaf(1, readings)).digest()
    signed = signer_address(packets_digest("fontana", SLOT, root), readings.signature[1].tobytes())
    assert signed == KEYS.addresses[1]


def test_an_enrolment_names_community_and_gateway() -> None:
    words = b"commonwatt/gateway/1".ljust(32, b"\0") + community_hash("fontana") + bytes(12) + KEYS.gateway.address
    assert enrolment_digest("fontana", KEYS.gateway.address) == hashlib.sha256(words).digest()


def test_a_meter_that_enrolled_no_gateway_is_named() -> None:
    signers = [KEYS.enrolled[0], KEYS.signers[1], KEYS.enrolled[2]]
    finding = only(gateway_findings(gateway_packets(), signers))
    assert finding.where == f"readings slot {SLOT} member 1 revision 0 signature"
    assert KEYS.gateway.address.hex() in finding.found


def test_a_gateway_that_nobody_enrolled_is_one_finding() -> None:
    finding = only(gateway_findings(gateway_packets(), KEYS.signers))
    assert finding.where == f"readings slot {SLOT} revision 0 signature of 3 packets"


def test_a_changed_packet_with_a_new_hash_breaks_the_root_of_all() -> None:
    readings = gateway_packets()
    exports, hashes = readings.export_wh.copy(), readings.packet_hash.copy()
    exports[1] = 9000
    forged = packet_hash(
        "fontana",
        member=1,
        slot=SLOT,
        counter=5,
        revision=0,
        import_wh=0,
        export_wh=9000,
        opening=readings.opening[1].tobytes(),
    )
    hashes[1] = np.frombuffer(forged, np.uint8)
    finding = only(gateway_findings(readings.replaced(export_wh=exports, packet_hash=hashes)))
    assert finding.where.endswith("signature of 3 packets")


def test_an_opening_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes, was 31"):
        packet_hash("x", member=0, slot=0, counter=0, revision=0, import_wh=0, export_wh=0, opening=b"\0" * 31)
