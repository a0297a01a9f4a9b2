"""Watching a run: every line on its chain held against the orders, meters and tariff of the members it names."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from commonwatt.adapters.ledger import open_export
from commonwatt.adapters.store.run_folder import CHAIN, SETTINGS, read_public
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.core.records import Quality
from commonwatt.services.ports import Batch
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules
from commonwatt.services.watching import Doubt, Evidence, Wish, doubts
from commonwatt.settings import Settings, load
from commonwatt.wiring.audit_lines import pseudonym_of
from commonwatt.wiring.auditing import public_folder
from commonwatt.wiring.building import answers_of, rules_of
from commonwatt.wiring.timing import Stopwatch

SHOWN = 20
"""Doubts that are spelled out; the rest are counted."""


@dataclass(frozen=True)
class WatchRequest:
    """What `commonwatt watch` was asked."""

    directory: Path
    member: str | None = None
    slot: int | None = None


@dataclass(frozen=True)
class WatchResult:
    """What a watcher saw."""

    doubts: tuple[Doubt, ...]
    lines: list[str]


def watch_run(request: WatchRequest) -> WatchResult:
    """Hold every settled line that names the watched members against what those members know.

    Raises:
        InvalidInput: the folder is no run, or holds no such member or slot.
        LedgerError: the chain cannot be read.

    """
    public = public_folder(request.directory)
    settings = load(public / SETTINGS, with_members=False)
    rules, tables = rules_of(settings, answers_of(settings, Stopwatch())), PublicTables(read_public(public))
    members = list(range(len(tables.pseudonyms)))
    if request.member is not None:
        members = [tables.pseudonyms.index(pseudonym_of(tables, request.member, request.directory))]
    ledger = open_export(public / CHAIN)
    try:
        by_slot: dict[int, list[Batch]] = defaultdict(list)
        for batch in ledger.batches():
            if not batch.is_void and request.slot in (None, batch.slot):
                by_slot[batch.slot].append(batch)
    finally:
        ledger.close()
    if request.slot is not None and not by_slot:
        require([Finding("--slot", "a settled slot of this run", str(request.slot))])
    found = []
    for slot, batches in sorted(by_slot.items()):
        known = evidence_of(tables, rules, settings, slot)
        found += [doubt for member in members for doubt in doubts(member, batches, known[member])]
    return WatchResult(tuple(found), _said(found, by_slot, len(members)))


def evidence_of(tables: PublicTables, rules: Rules, settings: Settings, slot: int) -> dict[int, Evidence]:
    """What each member knows of a slot: its accepted order, its own packets, the slot's tariff."""
    book, accepted, _, _ = tables.orders(slot)
    columns = (book.member, book.is_sell, book.energy_wh, book.limit_micro_per_kwh)
    rows = list(zip(*(column[:accepted].tolist() for column in columns), strict=True))
    wishes = {member: Wish(is_sell, energy_wh, limit) for member, is_sell, energy_wh, limit in rows}
    registers: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
    for revision in tables.revisions(slot):
        readings = tables.readings(slot, revision)
        metered = readings.take(readings.quality != Quality.SUBSTITUTED)
        for member, *values in zip(
            metered.member.tolist(), metered.import_wh.tolist(), metered.export_wh.tolist(), strict=True
        ):
            registers[member][revision] = values[0], values[1]
    # An answer that charges for something else says so in no parameter we know; then only the price cap bounds it.
    penalty = getattr(rules.settlement, "penalty_gamma_micro_per_kwh", settings.price_cap_micro_per_kwh)
    rates = rules.rates(slot)
    return {
        member: Evidence(rates, penalty, wishes.get(member), registers[member])
        for member in range(len(tables.pseudonyms))
    }


def _said(found: list[Doubt], by_slot: dict[int, list[Batch]], members: int) -> list[str]:
    batches = [batch for of in by_slot.values() for batch in of]
    seen = f"{len(batches)} batches, {sum(len(b.lines) for b in batches)} lines, {members} member{'s' * (members != 1)}"
    if not found:
        return [f"{seen}: every line is borne out by its member's order, meter and tariff."]
    lines = [str(doubt) for doubt in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"and {len(found) - SHOWN} more")
    return [*lines, f"{seen}: {len(found)} lines that nothing bears out."]
