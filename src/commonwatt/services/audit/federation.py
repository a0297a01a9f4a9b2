"""Audit of a federation: level 2 worked out again from every community's public orders, and held against what each of them posted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from commonwatt.clearing import Position
from commonwatt.core.findings import Finding
from commonwatt.core.records import NO_EXCHANGE, Exchange
from commonwatt.services.audit.base import Check, recomputed
from commonwatt.services.federation import Crossing, level_two
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules

_COLUMNS = ("long_wh", "short_wh", "energy_wh", "price_micro_per_kwh")


@dataclass(frozen=True)
class AuditedMember:
    """What one community of a federation published that matters to the others, by slot; its tables are not kept."""

    name: str
    positions: Mapping[int, Position]
    """What its accepted orders brought to level 2."""
    posted: Mapping[int, Exchange]
    """What its postings say crossed."""
    topped_up: frozenset[int] = frozenset()
    """Slots whose gate was shut when the others met, until a payment into the supplier's deposit (`excuses.shut_until_paid`)."""
    faults: tuple[Finding, ...] = ()
    """Rows from which neither could be made."""

    @classmethod
    def of(
        cls, name: str, rules: Rules, public: PublicTables, slots: range, topped_up: frozenset[int] = frozenset()
    ) -> AuditedMember:
        """From the public tables of a run."""
        positions: dict[int, Position] = {}
        posted: dict[int, Exchange] = {}
        found: list[Finding] = []
        for slot in slots:
            position, faults = recomputed(f"{name} orders slot {slot}", _position, rules, public, slot)
            exchange, more = recomputed(f"{name} postings slot {slot}", public.exchange, slot)
            found += [*faults, *more]
            if position is not None and exchange is not None:
                positions[slot], posted[slot] = position, exchange
        return cls(name, positions, posted, topped_up, tuple(found))


def _position(rules: Rules, public: PublicTables, slot: int) -> Position:
    book, accepted, _, _ = public.orders(slot)
    return Position.of(rules.as_cleared(slot, book.take(np.arange(accepted))), rules.rates(slot))


@dataclass(frozen=True)
class AuditedFederation:
    """A federation's table and its communities, in the order of the federation."""

    members: tuple[AuditedMember, ...]
    areas: tuple[tuple[int, ...], ...]
    slots: range
    rows: dict[tuple[int, str], dict[str, int]]
    """By slot and community the other columns of `exchanges`."""
    twice: tuple[tuple[int, str], ...] = ()
    """Slots and communities with more rows than one; `rows` has the last of them."""

    @classmethod
    def of(
        cls, members: Sequence[AuditedMember], areas: Sequence[Sequence[int]], slots: range, exchanges: pa.Table
    ) -> AuditedFederation:
        """With the rows of a table."""
        rows: dict[tuple[int, str], dict[str, int]] = {}
        twice = []
        for row in exchanges.to_pylist():
            place = row.pop("slot"), row.pop("community")
            twice += [place] if place in rows else []
            rows[place] = {name: int(value) for name, value in row.items()}
        return cls(tuple(members), tuple(tuple(area) for area in areas), slots, rows, tuple(twice))

    def published(self, slot: int, name: str) -> Exchange:
        """What the table says of a community; nothing where it has no row."""
        row = self.rows.get((slot, name), {})
        energy_wh = row.get("energy_wh", 0)
        return Exchange(energy_wh, row.get("price_micro_per_kwh", 0)) if energy_wh else NO_EXCHANGE


def check_sums(audited: AuditedFederation) -> Check:
    """Every slot has a row of every community; amounts are energy x price; what leaves the communities enters them, energy and money."""
    names, found = [member.name for member in audited.members], []
    expected = {(slot, name) for slot in audited.slots for name in names}
    found += [Finding(f"exchanges slot {s} {n}", "a row", "none") for s, n in sorted(expected - set(audited.rows))]
    found += [Finding(f"exchanges slot {s} {n}", "no such row", "one") for s, n in sorted(set(audited.rows) - expected)]
    found += [Finding(f"exchanges slot {s} {n}", "one row", "another") for s, n in audited.twice]
    for slot in audited.slots:
        rows = [(name, audited.rows.get((slot, name), {})) for name in names]
        for name, row in rows:
            due = row.get("energy_wh", 0) * row.get("price_micro_per_kwh", 0)
            if row.get("amount_nano", 0) != due:
                found.append(Finding(f"exchanges slot {slot} {name} amount_nano", str(due), str(row["amount_nano"])))
        for column in ("energy_wh", "amount_nano"):
            total = sum(row.get(column, 0) for _, row in rows)
            if total:
                found.append(Finding(f"exchanges slot {slot} {column}", "a sum of 0 over the communities", str(total)))
    return Check("what leaves the communities enters them", len(audited.rows), "rows", tuple(found))


def check_postings(audited: AuditedFederation) -> Check:
    """What the table says crossed is what each community posted between its supplier and the others."""
    found, checked = list[Finding](), 0
    for member in audited.members:
        found += member.faults
        for slot, posted in member.posted.items():
            checked += 1
            published = audited.published(slot, member.name)
            if posted != published:
                found.append(Finding(f"{member.name} slot {slot} exchange", _said(published), _said(posted)))
    return Check("every community posted what the federation's table says", checked, "exchanges", tuple(found))


def check_level_two(audited: AuditedFederation) -> Check:
    """The communities' public orders, met again, give the table's positions, price and energies."""
    found: list[Finding] = []
    for slot in audited.slots:
        again, faults = recomputed(f"exchanges slot {slot}", _met_again, audited, slot)
        found += faults
        if again is not None:
            found += _row_findings(audited, slot, again)
    return Check("level 2 met again from all communities' orders", len(audited.slots), "slots", tuple(found))


def _met_again(audited: AuditedFederation, slot: int) -> Crossing:
    positions = [member.positions[slot] for member in audited.members]
    for at, member in enumerate(audited.members):
        row = audited.rows.get((slot, member.name), {})
        if slot in member.topped_up and not any(row.get(name) for name in _COLUMNS):
            positions[at] = positions[at].without_orders()
    return level_two(slot, positions, audited.areas)


def _row_findings(audited: AuditedFederation, slot: int, again: Crossing) -> list[Finding]:
    found = []
    for at, member in enumerate(audited.members):
        row = audited.rows.get((slot, member.name))
        for column in _COLUMNS if row is not None else ():
            due = int(getattr(again.rows, column)[at])
            if row is not None and row[column] != due:
                found.append(Finding(f"exchanges slot {slot} {member.name} {column}", str(due), str(row[column])))
    return found


def _said(exchange: Exchange) -> str:
    if not exchange.energy_wh:
        return "nothing"
    way = "out" if exchange.energy_wh > 0 else "in"
    return f"{abs(exchange.energy_wh)} Wh {way} at {exchange.price_micro_per_kwh} micro/kWh"


FEDERATION_CHECKS = (check_sums, check_postings, check_level_two)
"""Checks of the whole, in order; each community is audited by itself beside them."""
