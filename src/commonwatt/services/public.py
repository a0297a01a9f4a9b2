"""Public files: the tables an auditor gets, read back into the columns the rooms work on, slot by slot."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.accounts import Account, Kind, Postings, account_names, kind_names
from commonwatt.core.columns import Columns
from commonwatt.core.events import EventKind, EventOutcome, Events
from commonwatt.core.members import MemberFacts
from commonwatt.core.orders import Instructions, OrderBook, Preference, Source
from commonwatt.core.records import (
    NO_EXCHANGE,
    Agreement,
    Envelope,
    Exchange,
    Leg,
    Legs,
    Quality,
    Readings,
    Reason,
    Trades,
)
from commonwatt.core.units import Bytes2D, Ints
from commonwatt.services.enrolment import Enrolment
from commonwatt.services.slot_tables import Decoder, SlotTable, bytes_of, codes_of, ints, is_given, order_rows


@dataclass(frozen=True)
class PublicTables:
    """The public tables of a run, decoded on demand."""

    tables: dict[str, pa.Table]

    @cached_property
    def pseudonyms(self) -> list[str]:
        """Members in order of dense index."""
        return list(self.tables["members"]["member"].to_pylist())

    @cached_property
    def suppliers(self) -> tuple[str, ...]:
        """The name of each member's own supplier, empty where it has none."""
        return tuple(name or "" for name in self.tables["members"]["supplier"].to_pylist())

    @cached_property
    def meter_addresses(self) -> tuple[bytes, ...]:
        """The meter key of each member."""
        return tuple(bytes.fromhex(key[2:]) for key in self.tables["members"]["meter_key"].to_pylist())

    @cached_property
    def member_facts(self) -> tuple[MemberFacts, ...]:
        """What the market knew of each member."""
        names = ("microgrid", "trust", "budget_nano", "key_parts", "bus")
        columns = (self.tables["members"][name].to_pylist() for name in names)
        return tuple(MemberFacts(*row) for row in zip(*columns, strict=True))

    @cached_property
    def enrolments(self) -> tuple[Enrolment, ...]:
        """The gateways that meters enrolled, as published; whether a signature holds is the audit's question."""
        table = self.tables["enrolments"]
        texts = zip(table["gateway"].to_pylist(), table["signature"].to_pylist(), strict=True)
        members = self._members(table["member"]).tolist()
        return tuple(
            Enrolment(member, bytes.fromhex(gateway[2:]), bytes.fromhex(signature[2:]))
            for member, (gateway, signature) in zip(members, texts, strict=True)
        )

    @cached_property
    def wallets(self) -> tuple[bytes, ...]:
        """The wallet of each member."""
        return tuple(bytes.fromhex(wallet[2:]) for wallet in self.tables["members"]["wallet"].to_pylist())

    @cached_property
    def instructions(self) -> Instructions:
        """What members signed, in the order of the file; whether it holds is the audit's question."""
        table = self.tables["instructions"]
        return Instructions(
            member=self._members(table["member"]),
            is_sell=codes_of(["buy", "sell"])(table["side"]) == 1,
            energy_wh=ints(table["energy_wh"]),
            limit_micro_per_kwh=ints(table["limit_micro_per_kwh"]),
            first_slot=ints(table["first_slot"]),
            last_slot=ints(table["last_slot"]),
            path=ints(table["path"]),
            salt=bytes_of(32)(table["salt"]),
            signature=bytes_of(65)(table["signature"]),
        )

    def instructed(self, slot: int) -> Ints:
        """For each order of a slot, in sequence order, the row of the instruction it names; -1 where there is none of that name."""
        sequence, row = self._columns("orders", slot, "sequence", "instruction")
        return np.asarray(row[np.argsort(sequence, kind="stable")], np.int64)

    @cached_property
    def slots(self) -> list[int]:
        """Every slot that any table names, ascending; a slot that only one of them names is a finding of some check."""
        tables = ("orders", "events", "trades", "readings", "statements", "postings", "curtailments")
        return sorted({slot for table in tables for slot in self._slots_of(table) if slot is not None})

    def revisions(self, slot: int) -> list[int]:
        """The revisions of a slot that any table names, ascending, 0 among them."""
        named = np.concatenate([self._columns(table, slot, "revision")[0] for table in _WITH_REVISIONS])
        return [0] if not named.any() else sorted({0, *named.tolist()})

    def orders(self, slot: int) -> tuple[OrderBook, int, Bytes2D, Ints]:
        """A slot's orders in sequence order, how many were accepted, their nonces, and the reasons."""
        # Most checks ask for them, several times a slot.
        if slot not in self._orders:
            if len(self._orders) >= _ORDERS_KEPT:
                self._orders.clear()
            self._orders[slot] = self._decoded_orders(slot)
        return self._orders[slot]

    def _decoded_orders(self, slot: int) -> tuple[OrderBook, int, Bytes2D, Ints]:
        columns = self._columns("orders", slot, *_BOOK, "nonce", "has_nonce", "reason")
        order = np.argsort(columns[_BOOK.index("sequence")], kind="stable")
        *book, nonces, accepted, reason = (column[order] for column in columns)
        return OrderBook(*book), int(accepted.sum()), nonces[accepted], reason

    def events(self, slot: int) -> tuple[Events, Ints]:
        """A slot's events in the order of their sequence, and what became of each as published."""
        sequence, *columns, outcome = self._columns("events", slot, "sequence", *_EVENTS, "outcome")
        order = np.argsort(sequence, kind="stable")
        return Events(*(column[order] for column in columns)), outcome[order]

    def agreement(self, slot: int) -> tuple[Agreement, Ints]:
        """A slot's agreement as published, and what was delivered of each trade."""
        *trades, delivered = self._columns("trades", slot, *_TRADES, "delivered_wh")
        _, _, _, reason = self.orders(slot)
        return Agreement(Trades(*trades), reason), delivered

    def readings(self, slot: int, revision: int) -> Readings:
        """A slot's readings of one revision, in order of member."""
        readings = Readings(*self._columns("readings", slot, *_READINGS))
        if readings.revision.any() or revision:
            readings = readings.take(readings.revision == revision)
        if (np.diff(readings.member) < 0).any():
            return readings.take(np.argsort(readings.member, kind="stable"))
        return readings

    def legs(self, slot: int, revision: int) -> Legs:
        """The statement lines of a slot and revision."""
        *legs, of = self._columns("statements", slot, *_LEGS, "revision")
        return _of_revision(Legs(*legs), of, revision)

    def postings(self, slot: int, revision: int = 0) -> Postings:
        """The postings of a slot and revision."""
        *postings, of = self._columns("postings", slot, *_POSTINGS, "revision")
        return _of_revision(Postings(*postings), of, revision)

    def wires(self, slot: int) -> list[tuple[str | int, ...]]:
        """What the grid model said of a slot, column by column but for the slot: one row where nothing was forged."""
        rows = self.rows("wires", slot)
        return list(zip(*(rows[name].to_pylist() for name in rows.column_names if name != "slot"), strict=True))

    def envelope(self, slot: int) -> tuple[Ints, Envelope]:
        """What each member was allowed in a slot, in order of member, and whose rows they are; no rows: nobody was told anything."""
        member, *caps = self._columns("envelopes", slot, "member", *_ENVELOPE)
        order = np.argsort(member, kind="stable")
        return member[order], Envelope(*caps).take(order)

    def losses_wh(self, slot: int) -> int:
        """What the wires of a slot lost, as published; whether they did is the question of `check_wires`."""
        return sum(self.rows("wires", slot)["losses_wh"].to_pylist())

    def exchange(self, slot: int) -> Exchange:
        """What crossed to other communities in a slot, as its postings say; whether the others say so too is their audit's question."""
        postings = self.postings(slot)
        rows = postings.take(postings.kind == Kind.EXCHANGE)
        if not len(rows):
            return NO_EXCHANGE
        price = int(rows.price_micro_per_kwh[0])
        leaves = bool(rows.debit[0] == Account.WHOLESALE) == (price >= 0)
        return Exchange(int(rows.energy_wh[0]) * (1 if leaves else -1), price)

    def posting_parts(self) -> Iterator[Postings]:
        """The postings of the whole run, some at a time."""
        return (Postings(*columns) for columns in self._by_slot["postings"].parts(*_POSTINGS))

    def billed_parts(self) -> Iterator[tuple[Ints, Ints]]:
        """Member and amount (nano) of every line of every statement, some at a time."""
        return ((member, amount) for member, amount in self._by_slot["statements"].parts("member", "amount_nano"))

    def counter_parts(self) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
        """Slot, member, counter and revision of every reading, some at a time."""
        parts = self._by_slot["readings"].parts("slot", "member", "counter", "revision")
        return ((slot, member, counter, revision) for slot, member, counter, revision in parts)

    def rows(self, table: str, slot: int) -> pa.Table:
        """The rows of a table that are of a slot, in the order of the file."""
        first, last = self._by_slot[table].extent(slot)
        return self._by_slot[table].ordered.slice(first, last - first)

    def _columns(self, table: str, slot: int, *names: str) -> list[Any]:
        return self._by_slot[table].columns(slot, *names)

    def _slots_of(self, table: str) -> list[int]:
        return list(pc.unique(self.tables[table]["slot"]).to_pylist())

    @cached_property
    def _orders(self) -> dict[int, tuple[OrderBook, int, Bytes2D, Ints]]:
        return {}

    @cached_property
    def _by_slot(self) -> dict[str, SlotTable]:
        member = codes_of(self.pseudonyms)
        account = codes_of(account_names(self.pseudonyms))
        # The names of a column in the tables, and those that what it is decoded to has here.
        said: dict[str, dict[str, tuple[str, Decoder]]] = {
            "orders": {
                "member": ("member", member),
                "is_sell": ("side", lambda column: codes_of(["buy", "sell"])(column) == 1),
                "source": ("source", codes_of([s.name.lower() for s in Source])),
                "preference": ("preference", codes_of([p.name.lower() for p in Preference])),
                "nonce": ("nonce", bytes_of(32)),
                "has_nonce": ("nonce", is_given),
                "instruction": ("instruction", codes_of(self.tables["instructions"]["instruction_id"].to_pylist())),
                "reason": ("reason", codes_of([r.name.lower() for r in Reason])),
            },
            "events": {
                "kind": ("kind", codes_of([k.name.lower() for k in EventKind])),
                "member": ("member", member),
                "order": ("order_id", order_rows),
                "request": ("request", order_rows),
                "commitment": ("commitment", bytes_of(32)),
                "outcome": ("outcome", codes_of([o.name.lower() for o in EventOutcome])),
            },
            "trades": {"sell_order": ("sell_order", order_rows), "buy_order": ("buy_order", order_rows)},
            "readings": {
                "member": ("member", member),
                "quality": ("quality", codes_of([q.name.lower() for q in Quality])),
                "packet_hash": ("packet_hash", bytes_of(32)),
                "opening": ("opening", bytes_of(32)),
                "signature": ("signature", bytes_of(65)),
            },
            "statements": {"member": ("member", member), "leg": ("leg", codes_of([leg.name.lower() for leg in Leg]))},
            "wires": {},
            "curtailments": {},
            "envelopes": {"member": ("member", member)},
            "postings": {
                "debit": ("debit", account),
                "credit": ("credit", account),
                "kind": ("kind", codes_of(kind_names())),
            },
        }
        return {name: SlotTable(self.tables[name], columns) for name, columns in said.items()}

    def _members(self, column: pa.ChunkedArray) -> Ints:
        return codes_of(self.pseudonyms)(column)


_ORDERS_KEPT: Final = 1000
_WITH_REVISIONS: Final = ("readings", "statements", "postings")
_BOOK: Final = tuple(field.name for field in fields(OrderBook))
_EVENTS: Final = tuple(field.name for field in fields(Events))
_TRADES: Final = tuple(field.name for field in fields(Trades))
_READINGS: Final = tuple(field.name for field in fields(Readings))
_ENVELOPE: Final = tuple(field.name for field in fields(Envelope))
_LEGS: Final = tuple(field.name for field in fields(Legs))
_POSTINGS: Final = tuple(field.name for field in fields(Postings))

_Rows = TypeVar("_Rows", bound=Columns)


def _of_revision(rows: _Rows, of: Ints, revision: int) -> _Rows:
    return rows if not of.any() and not revision else rows.take(of == revision)
