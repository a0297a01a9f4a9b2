"""Plain metering: every value is published beside a signed hash of it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.core.determinism import merkle_root
from commonwatt.core.findings import Finding
from commonwatt.core.records import Quality, Readings
from commonwatt.core.units import ENERGY_LIMIT_WH, Bytes2D, Ints
from commonwatt.crypto.signatures import signer_address
from commonwatt.metering._packet import packet_body, packet_hash, packet_head, packet_leaves
from commonwatt.metering._signing import GATEWAY, packets_digest
from commonwatt.metering.base import MeterKeys


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
        count = len(readings)
        hashes, openings = np.zeros((count, 32), np.uint8), np.zeros((count, 32), np.uint8)
        signatures = np.zeros((count, 65), np.uint8)
        head = packet_head(community)
        for row, (member, counter, revision, import_wh, export_wh) in enumerate(_numbers(readings)):
            if counter < 0:
                continue
            body = packet_body(member, slot, counter, revision, import_wh, export_wh)
            opening = keys.meter_blinding(member, slot, "packet", head + body)
            hashes[row] = np.frombuffer(hashlib.sha3_256(head + body + opening).digest(), np.uint8)
            openings[row] = np.frombuffer(opening, np.uint8)
        readings = readings.replaced(packet_hash=hashes, opening=openings)
        rows = np.flatnonzero(readings.counter >= 0)
        if len(rows):
            signatures[rows] = _signed(slot, readings.take(rows), keys, community, signing)
        return readings.replaced(signature=signatures)

    def findings(
        self, slot: int, readings: Readings, signers: Sequence[tuple[bytes, ...]], last_counter: Ints, community: str
    ) -> list[Finding]:
        """What is wrong with packets; empty when every one is its meter's, of this slot, unchanged and new.

        Args: `signers` are by member index the 20-byte addresses that may sign its packets (its meter's key, then gateways it enrolled),
        `last_counter` the newest counters (-1: none). Rows are taken in order: a row's counter must lie above the member's last one and
        those of the rows before. Counters come before hashes and signatures, so that a replay costs next to nothing. Rows that share a
        signature are one tree; it is checked once, and only where nothing else is wrong with its leaves.
        """
        found: list[Finding] = []
        last = last_counter.tolist()
        seen: set[tuple[int, int]] = set()
        trees: dict[bytes, list[int]] = {}
        broken: set[bytes] = set()
        for row, (member, counter, revision, import_wh, export_wh) in enumerate(_numbers(readings)):
            where = f"readings slot {slot} member {member} revision {revision}"
            if not 0 <= member < len(signers):
                found.append(Finding(where, f"a member index below {len(signers)}", str(member)))
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
            signature = readings.signature[row].tobytes()
            trees.setdefault(signature, []).append(row)
            if faults:
                broken.add(signature)
            found += faults
        whole = [(signature, rows) for signature, rows in trees.items() if signature not in broken]
        return found + _signature_findings(slot, readings, whole, signers, community)


def _signed(slot: int, packets: Readings, keys: MeterKeys, community: str, signing: str) -> Bytes2D:
    """The signature of every packet, shape (packets, 65): the gateway's over all of them, or each meter's over its own."""
    leaves = packet_leaves(slot, packets)
    if signing == GATEWAY:
        signed = keys.sign_gateway(packets_digest(community, slot, merkle_root(leaves)))
        return np.frombuffer(signed * len(leaves), np.uint8).reshape(len(leaves), 65)
    digests = (packets_digest(community, slot, merkle_root([leaf])) for leaf in leaves)
    pairs = zip(packets.member.tolist(), digests, strict=True)
    return np.frombuffer(b"".join(keys.sign_meter(*pair) for pair in pairs), np.uint8).reshape(len(leaves), 65)


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
    trees: Sequence[tuple[bytes, list[int]]],
    signers: Sequence[tuple[bytes, ...]],
    community: str,
) -> list[Finding]:
    found = []
    leaves = packet_leaves(slot, readings)
    for signature, rows in trees:
        root = merkle_root([leaves[row] for row in rows])
        signer = signer_address(packets_digest(community, slot, root), signature)
        strangers = [row for row in rows if signer not in signers[int(readings.member[row])]]
        by = "nobody's" if signer is None else f"that of 0x{signer.hex()}"
        if len(strangers) == len(rows) > 1:
            where = f"readings slot {slot} revision {int(readings.revision[rows[0]])} signature of {len(rows)} packets"
            found.append(Finding(where, "that of a gateway that their meters enrolled", by))
            continue
        for row in strangers:
            member = int(readings.member[row])
            where = f"readings slot {slot} member {member} revision {int(readings.revision[row])} signature"
            meter, *gateways = (f"0x{address.hex()}" for address in signers[member])
            enrolled = f" or of its gateway {', '.join(gateways)}" if gateways else ""
            found.append(Finding(where, f"that of the meter {meter}{enrolled}", by))
    return found
