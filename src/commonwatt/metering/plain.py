"""Plain metering: every value is published beside a signed hash of it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.core.findings import Finding
from commonwatt.core.records import Quality, Readings
from commonwatt.core.units import ENERGY_LIMIT_WH, Ints
from commonwatt.crypto.signatures import signer_address
from commonwatt.metering._packet import packet_body, packet_hash, packet_head
from commonwatt.metering.base import MeterKeys


@dataclass(frozen=True)
class Plain:
    """Values in the open; a SHA3-256 commitment and the meter's signature say that they are the meter's and unchanged."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()
    reveals: ClassVar[frozenset[str]] = frozenset({"readings", "sums", "orders", "signatures"})

    def read(self, slot: int, readings: Readings, keys: MeterKeys, community: str) -> Readings:
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
            digest = hashlib.sha3_256(head + body + opening).digest()
            hashes[row] = np.frombuffer(digest, np.uint8)
            openings[row] = np.frombuffer(opening, np.uint8)
            signatures[row] = np.frombuffer(keys.sign_meter(member, digest), np.uint8)
        return readings.replaced(packet_hash=hashes, opening=openings, signature=signatures)

    def findings(
        self, slot: int, readings: Readings, meter_keys: Sequence[bytes], last_counter: Ints, community: str
    ) -> list[Finding]:
        """What is wrong with packets; empty when every one is its meter's, of this slot, unchanged and new.

        Args: `meter_keys` are the meters' 20-byte addresses and `last_counter` their newest counters (-1: none) by member index. Rows are
        taken in order: a row's counter must lie above the member's last one and those of the rows before. Counters come before hashes and
        signatures, so that a replay costs next to nothing.
        """
        found: list[Finding] = []
        last = last_counter.tolist()
        seen: set[tuple[int, int]] = set()
        for row, (member, counter, revision, import_wh, export_wh) in enumerate(_numbers(readings)):
            where = f"readings slot {slot} member {member} revision {revision}"
            if not 0 <= member < len(meter_keys):
                found.append(Finding(where, f"a member index below {len(meter_keys)}", str(member)))
                continue
            if (member, revision) in seen:
                found.append(Finding(where, "one reading per member, slot and revision", "another one"))
            seen.add((member, revision))
            found += _range_findings(where, import_wh, export_wh)
            if counter < 0:
                found += _bare_findings(where, readings, row)
                continue
            if counter <= last[member]:
                found.append(
                    Finding(f"{where} counter", f"above the last one, {last[member]} (a replay)", str(counter))
                )
                continue
            last[member] = counter
            found += _packet_findings(where, slot, readings, row, meter_keys[member], community)
        return found


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


def _packet_findings(
    where: str, slot: int, readings: Readings, row: int, meter_key: bytes, community: str
) -> list[Finding]:
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
    signer = signer_address(digest, readings.signature[row].tobytes())
    if signer != meter_key:
        by = "nobody's" if signer is None else f"that of 0x{signer.hex()}"
        return [Finding(f"{where} signature", f"that of the meter 0x{meter_key.hex()}", by)]
    return []
