"""Public files: the tables an auditor gets, read back into the columns the rooms work on, slot by slot."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.accounts import Postings, account_names, kind_names
from commonwatt.core.orders import Instructions, OrderBook, Preference, Source
from commonwatt.core.records import Agreement, Leg, Legs, Quality, Readings, Reason, Trades
from commonwatt.core.units import Bytes2D, Ints
from commonwatt.services.enrolment import Enrolment


@dataclass(frozen=True)
class PublicTables:
    """The public tables of a run, decoded on demand."""

    tables: dict[str, pa.Table]

    @cached_property
    def pseudonyms(self) -> list[str]:
        """Members in order of dense index."""
        return list(self.tables["members"]["member"].to_pylist())

    @cached_property
    def meter_addresses(self) -> tuple[bytes, ...]:
        """The meter key of each member."""
        return tuple(bytes.fromhex(key[2:]) for key in self.tables["members"]["meter_key"].to_pylist())

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
            is_sell=np.array(table["side"].to_pylist(), dtype=object) == "sell",
            energy_wh=_ints(table, "energy_wh"),
            limit_micro_per_kwh=_ints(table, "limit_micro_per_kwh"),
            first_slot=_ints(table, "first_slot"),
            last_slot=_ints(table, "last_slot"),
            path=_ints(table, "path"),
            salt=_bytes(table["salt"].to_pylist(), 32),
            signature=_bytes(table["signature"].to_pylist(), 65),
        )

    def instructed(self, slot: int) -> Ints:
        """For each order of a slot, in sequence order, the row of the instruction it names; -1 where there is none of that name."""
        self.orders(slot)
        return self._instructed[slot]

    @cached_property
    def slots(self) -> list[int]:
        """Every slot that any table names, ascending; a slot that only one of them names is a finding of some check."""
        tables = ("orders", "trades", "readings", "statements", "postings")
        return sorted({slot for table in tables for slot in self._slots_of(table) if slot is not None})

    def revisions(self, slot: int) -> list[int]:
        """The revisions of a slot that any table names, ascending, 0 among them."""
        tables = ("readings", "statements", "postings")
        return sorted({0, *(r for table in tables for r in pc.unique(self.rows(table, slot)["revision"]).to_pylist())})

    def orders(self, slot: int) -> tuple[OrderBook, int, Bytes2D, Ints]:
        """A slot's orders in sequence order, how many were accepted, their nonces, and the reasons."""
        # Most checks ask for them: decoded once.
        if slot not in self._orders:
            self._orders[slot] = self._decoded_orders(slot)
        return self._orders[slot]

    def _decoded_orders(self, slot: int) -> tuple[OrderBook, int, Bytes2D, Ints]:
        rows = self.rows("orders", slot).sort_by("sequence")
        book = OrderBook(
            member=self._members(rows["member"]),
            is_sell=np.array(rows["side"].to_pylist(), dtype=object) == "sell",
            energy_wh=_ints(rows, "energy_wh"),
            limit_micro_per_kwh=_ints(rows, "limit_micro_per_kwh"),
            sequence=_ints(rows, "sequence"),
            source=_codes(rows["source"], [s.name.lower() for s in Source]),
            preference=_codes(rows["preference"], [p.name.lower() for p in Preference]),
        )
        self._instructed[slot] = _ints(rows, "instruction_row")
        nonces = [text for text in rows["nonce"].to_pylist() if text is not None]
        return book, len(nonces), _bytes(nonces, 32), _codes(rows["reason"], [r.name.lower() for r in Reason])

    def agreement(self, slot: int) -> tuple[Agreement, Ints]:
        """A slot's agreement as published, and what was delivered of each trade."""
        rows = self.rows("trades", slot)
        _, _, _, reason = self.orders(slot)
        trades = Trades(
            sell_order=_rows_of_ids(rows["sell_order"]),
            buy_order=_rows_of_ids(rows["buy_order"]),
            energy_wh=_ints(rows, "energy_wh"),
            sell_price_micro_per_kwh=_ints(rows, "sell_price_micro_per_kwh"),
            buy_price_micro_per_kwh=_ints(rows, "buy_price_micro_per_kwh"),
            round=_ints(rows, "round"),
        )
        return Agreement(trades, reason), _ints(rows, "delivered_wh")

    def readings(self, slot: int, revision: int) -> Readings:
        """A slot's readings of one revision, in order of member."""
        rows = self.rows("readings", slot)
        rows = rows.filter(pc.equal(rows["revision"], revision))
        member = self._members(rows["member"])
        readings = Readings(
            member=member,
            import_wh=_ints(rows, "import_wh"),
            export_wh=_ints(rows, "export_wh"),
            quality=_codes(rows["quality"], [q.name.lower() for q in Quality]),
            revision=_ints(rows, "revision"),
            counter=_ints(rows, "counter"),
            packet_hash=_bytes(rows["packet_hash"].to_pylist(), 32),
            opening=_bytes(rows["opening"].to_pylist(), 32),
            signature=_bytes(rows["signature"].to_pylist(), 65),
        )
        return readings.take(np.argsort(member, kind="stable"))

    def legs(self, slot: int, revision: int) -> Legs:
        """The statement lines of a slot and revision."""
        rows = self.rows("statements", slot)
        rows = rows.filter(pc.equal(rows["revision"], revision))
        return Legs(
            member=self._members(rows["member"]),
            leg=_codes(rows["leg"], [leg.name.lower() for leg in Leg]),
            energy_wh=_ints(rows, "energy_wh"),
            price_micro_per_kwh=_ints(rows, "price_micro_per_kwh"),
            amount_nano=_ints(rows, "amount_nano"),
        )

    def postings(self, slot: int | None = None, revision: int = 0) -> Postings:
        """The postings of a slot and revision, or of the whole run."""
        rows = self.tables["postings"]
        if slot is not None:
            rows = self.rows("postings", slot)
            rows = rows.filter(pc.equal(rows["revision"], revision))
        names = account_names(self.pseudonyms)
        return Postings(
            debit=_codes(rows["debit"], names),
            credit=_codes(rows["credit"], names),
            amount_nano=_ints(rows, "amount_nano"),
            kind=_codes(rows["kind"], kind_names()),
            energy_wh=_ints(rows, "energy_wh"),
            price_micro_per_kwh=_ints(rows, "price_micro_per_kwh"),
        )

    def _slots_of(self, table: str) -> list[int]:
        return list(pc.unique(self.tables[table]["slot"]).to_pylist())

    @cached_property
    def _orders(self) -> dict[int, tuple[OrderBook, int, Bytes2D, Ints]]:
        return {}

    @cached_property
    def _instructed(self) -> dict[int, Ints]:
        return {}

    @cached_property
    def _linked(self) -> dict[str, pa.Table]:
        """The tables, orders with the row of the instruction that they name: looked up once for all slots."""
        names = self.tables["instructions"]["instruction_id"].combine_chunks()
        found = pc.fill_null(pc.index_in(self.tables["orders"]["instruction"], value_set=names), -1)
        return {**self.tables, "orders": self.tables["orders"].append_column("instruction_row", found.cast(pa.int64()))}

    @cached_property
    def _bounds(self) -> dict[str, tuple[pa.Table, Ints]]:
        bounds = {}
        for name, table in self._linked.items():
            if "slot" in table.column_names:
                ordered = table.take(pa.array(np.argsort(_ints(table, "slot"), kind="stable")))
                bounds[name] = (ordered, _ints(ordered, "slot"))
        return bounds

    def rows(self, table: str, slot: int) -> pa.Table:
        """The rows of a table that are of a slot, in the order of the file."""
        ordered, slots = self._bounds[table]
        first, last = np.searchsorted(slots, [slot, slot + 1])
        return ordered.slice(int(first), int(last - first))

    def _members(self, column: pa.ChunkedArray) -> Ints:
        return _codes(column, self.pseudonyms)


def _ints(table: pa.Table, name: str) -> Ints:
    return np.asarray(table[name].to_numpy(), dtype=np.int64)


def _codes(column: pa.ChunkedArray, names: list[str]) -> Ints:
    """The number of each name; -1 for a name that is not in the list (a tampered file: later checks say which)."""
    found = pc.index_in(column, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)


def _bytes(texts: list[str | None], width: int) -> Bytes2D:
    blank = "00" * width
    raw = "".join(blank if text is None else text[2:] for text in texts)
    return np.frombuffer(bytes.fromhex(raw), np.uint8).reshape(len(texts), width)


def _rows_of_ids(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.array([-1 if text is None else int(text.rpartition("-o")[2]) for text in column.to_pylist()], np.int64)
