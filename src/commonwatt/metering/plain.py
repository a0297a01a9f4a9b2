"""Plain metering: every value is published beside a signed hash of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.core.determinism import merkle_root
from commonwatt.core.findings import Finding
from commonwatt.core.records import Quality, Readings
from commonwatt.core.units import ENERGY_LIMIT_WH, Bytes2D, Ints
from commonwatt.crypto.signatures import signer_address
from commonwatt.metering._packet import (
    cut,
    leaves_of,
    packet_bodies,
    packet_hash,
    packet_hashes,
    packet_leaves,
    packets,
)
from commonwatt.metering._signing import GATEWAY, packets_digest
from commonwatt.metering.base import MeterKeys

Trees = Sequence[tuple[bytes, list[int]]]
"""A signature and the rows that it stands for, several times."""


@dataclass(frozen=True)
class Plain:
    """Values in the open; a SHA3-256 commitment and a signature of the meter, or of its gateway, say that they are the meter's and unchanged."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()
    reveals: ClassVar[frozenset[str]] = frozenset({"readings", "sums", "orders", "signatures"})

    def read(self, slot: int, readings: Readings, keys: MeterKeys, community: str, signing: str) -> Readings:
        """Turn raw registers into packets: fills packet hash, opening and signature of every row that has a counter (>= 0).

        Each opening is drawn for the bytes of its packet, so that no blinding serves two values, not even two revisions of one slot.
        """
        rows = np.flatnonzero(readings.counter >= 0)
        sent = readings.take(rows)
        bodies = packet_bodies(slot, sent)
        made = packets(community, bodies)
        openings = _matrix(keys.meter_blindings(slot, sent.member, "packet", made), len(rows))
        hashes = packet_hashes(made, cut(openings))
        leaves = leaves_of(bodies, hashes)
        filled = {
            "packet_hash": _matrix(b"".join(hashes), len(rows)),
            "opening": openings,
            "signature": _matrix(_signed(slot, leaves, sent.member, keys, community, signing), len(rows), 65),
        }
        return readings.replaced(**{name: _spread(values, rows, len(readings)) for name, values in filled.items()})

    def findings(
        self, slot: int, readings: Readings, signers: Sequence[tuple[bytes, ...]], last_counter: Ints, community: str
    ) -> list[Finding]:
        """What is wrong with packets; empty when every one is its meter's, of this slot, unchanged and new.

        Args: `signers` are by member index the 20-byte addresses that may sign its packets (its meter's key, then gateways it enrolled),
        `last_counter` the newest counters (-1: none). Rows are taken in order: a row's counter must lie above the member's last one and
        those of the rows before. Counters come before hashes and signatures, so that a replay costs next to nothing. Rows that share a
        signature are one tree; it is checked once, and only where nothing else is wrong with its leaves.
        """
        found, trees = _row_findings(slot, readings, len(signers), last_counter, community)
        return found + _signature_findings(slot, readings, trees, signers, community)


def _row_findings(
    slot: int, readings: Readings, members: int, last_counter: Ints, community: str
) -> tuple[list[Finding], Trees]:
    """What is wrong with rows by themselves, and the trees in which there is nothing."""
    if _are_sound(slot, readings, members, last_counter, community):
        return [], list(_trees(readings).items())
    found: list[Finding] = []
    last = last_counter.tolist()
    seen: set[tuple[int, int]] = set()
    broken: set[bytes] = set()
    for row, (member, counter, revision, import_wh, export_wh) in enumerate(_numbers(readings)):
        where = f"readings slot {slot} member {member} revision {revision}"
        if not 0 <= member < members:
            found.append(Finding(where, f"a member index below {members}", str(member)))
            broken.add(readings.signature[row].tobytes())
            continue
        faults = _range_findings(where, import_wh, export_wh)
        if (member, revision) in seen:
            faults.append(Finding(where, "one reading per member, slot and revision", "another one"))
        seen.add((member, revision))
        if counter < 0:
            found += faults + _bare_findings(where, readings, row)
            continue
        if counter <= last[member]:
            said = f"above the last one, {last[member]} (a replay)"
            faults.append(Finding(f"{where} counter", said, str(counter)))
        else:
            last[member] = counter
            faults += _packet_findings(where, slot, readings, row, community)
        if faults:
            broken.add(readings.signature[row].tobytes())
        found += faults
    return found, [(signature, rows) for signature, rows in _trees(readings).items() if signature not in broken]


def _are_sound(slot: int, readings: Readings, members: int, last_counter: Ints, community: str) -> bool:
    """Whether no row has anything wrong with it by itself: the common case, for all rows at once. The loop says what is wrong."""
    member, counter, wh = readings.member, readings.counter, np.stack([readings.import_wh, readings.export_wh])
    if not len(member):
        return True
    if (member < 0).any() or (member >= members).any() or len(np.unique(member)) != len(member):
        return False
    has_packet = counter >= 0
    bare = ~has_packet
    if ((wh < 0) | (wh >= ENERGY_LIMIT_WH)).any() or (bare != (readings.quality == Quality.SUBSTITUTED)).any():
        return False
    if readings.packet_hash[bare].any() or readings.signature[bare].any():
        return False
    if (has_packet & (counter <= last_counter[member])).any():
        return False
    sent = readings if has_packet.all() else readings.take(has_packet)
    made = packets(community, packet_bodies(slot, sent))
    return b"".join(packet_hashes(made, cut(sent.opening))) == sent.packet_hash.tobytes()


def _trees(readings: Readings) -> dict[bytes, list[int]]:
    """The rows with a packet by their signature, in order; rows of one signature are the leaves of one tree."""
    rows = np.flatnonzero(readings.counter >= 0)
    signatures = readings.signature[rows]
    if len(rows) and (signatures == signatures[0]).all():
        # A gateway's, over all of them.
        return {signatures[0].tobytes(): rows.tolist()}
    trees: dict[bytes, list[int]] = {}
    for row, signature in zip(rows.tolist(), cut(signatures), strict=True):
        trees.setdefault(signature, []).append(row)
    return trees


def _matrix(raw: bytes, rows: int, width: int = 32) -> Bytes2D:
    return np.frombuffer(raw, np.uint8).reshape(rows, width)


def _spread(values: Bytes2D, rows: Ints, length: int) -> Bytes2D:
    """The values at their rows, zeros elsewhere."""
    if len(rows) == length:
        return values
    spread = np.zeros((length, values.shape[1]), np.uint8)
    spread[rows] = values
    return spread


def _signed(slot: int, leaves: list[bytes], members: Ints, keys: MeterKeys, community: str, signing: str) -> bytes:
    """The signature of every packet, 65 bytes each: the gateway's over all of them, or each meter's over its own."""
    if not leaves:
        return b""
    if signing == GATEWAY:
        return keys.sign_gateway(packets_digest(community, slot, merkle_root(leaves))) * len(leaves)
    digests = (packets_digest(community, slot, merkle_root([leaf])) for leaf in leaves)
    return b"".join(keys.sign_meter(*pair) for pair in zip(members.tolist(), digests, strict=True))


def _numbers(readings: Readings) -> Iterator[tuple[int, int, int, int, int]]:
    """Rows as Python integers: member, counter, revision, import_wh, export_wh."""
    columns = (readings.member, readings.counter, readings.revision, readings.import_wh, readings.export_wh)
    return zip(*(column.tolist() for column in columns), strict=True)


def _range_findings(where: str, import_wh: int, export_wh: int) -> list[Finding]:
    registers = (("import_wh", import_wh), ("export_wh", export_wh))
    return [
        Finding(f"{where} {name}", f"0..{ENERGY_LIMIT_WH - 1}", str(value))
        for name, value in registers
        if not 0 <= value < ENERGY_LIMIT_WH
    ]


def _bare_findings(where: str, readings: Readings, row: int) -> list[Finding]:
    # Without this, dropping the counter of a metered row would be enough to change its values unseen.
    if readings.quality[row] != Quality.SUBSTITUTED:
        quality = Quality(int(readings.quality[row])).name.lower()
        return [
            Finding(f"{where} counter", "a packet (only a substituted reading has none)", f"none, quality {quality}")
        ]
    if readings.packet_hash[row].any() or readings.signature[row].any():
        return [Finding(f"{where} packet_hash", "no packet (the reading has no counter)", "one")]
    return []


def _packet_findings(where: str, slot: int, readings: Readings, row: int, community: str) -> list[Finding]:
    if readings.quality[row] == Quality.SUBSTITUTED:
        return [Finding(f"{where} quality", "measured or corrected (it has a packet)", "substituted")]
    digest = readings.packet_hash[row].tobytes()
    expected = packet_hash(
        community,
        member=int(readings.member[row]),
        slot=slot,
        counter=int(readings.counter[row]),
        revision=int(readings.revision[row]),
        import_wh=int(readings.import_wh[row]),
        export_wh=int(readings.export_wh[row]),
        opening=readings.opening[row].tobytes(),
    )
    if digest != expected:
        return [Finding(f"{where} packet_hash", f"{expected.hex()} for these values", digest.hex())]
    return []


def _signature_findings(
    slot: int,
    readings: Readings,
    trees: Trees,
    signers: Sequence[tuple[bytes, ...]],
    community: str,
) -> list[Finding]:
    found = []
    leaves, members = packet_leaves(slot, readings), readings.member.tolist()
    for signature, rows in trees:
        root = merkle_root([leaves[row] for row in rows])
        signer = signer_address(packets_digest(community, slot, root), signature)
        strangers = [row for row in rows if signer not in signers[members[row]]]
        by = "nobody's" if signer is None else f"that of 0x{signer.hex()}"
        if len(strangers) == len(rows) > 1:
            where = f"readings slot {slot} revision {int(readings.revision[rows[0]])} signature of {len(rows)} packets"
            found.append(Finding(where, "that of a gateway that their meters enrolled", by))
            continue
        for row in strangers:
            member = members[row]
            where = f"readings slot {slot} member {member} revision {int(readings.revision[row])} signature"
            meter, *gateways = (f"0x{address.hex()}" for address in signers[member])
            enrolled = f" or of its gateway {', '.join(gateways)}" if gateways else ""
            found.append(Finding(where, f"that of the meter {meter}{enrolled}", by))
    return found
