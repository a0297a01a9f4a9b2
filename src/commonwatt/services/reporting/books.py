"""The tables of a run as dense columns: members and slots become indices once, so that every figure is a vector operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.records import Leg
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Flags, Ints
from commonwatt.services.reporting.facts import RunFacts, RunTables

LEG_NAMES = tuple(leg.name.lower() for leg in Leg)
"""As statements write them."""


def numbers(table: pa.Table, column: str, empty: int = 0) -> Ints:
    """A column of numbers; null becomes `empty`."""
    filled = pc.fill_null(table.column(column).cast(pa.int64()), empty)
    return np.asarray(filled.to_numpy(), dtype=np.int64)


def codes(table: pa.Table, column: str, names: Sequence[str]) -> Ints:
    """Where each value of a column of strings stands in `names`; -1 for null and for a name that is not there."""
    values: Any = table.column(column)
    wanted = pa.array(list(names), pa.string())
    if not pa.types.is_dictionary(values.type):
        found = pc.index_in(values.cast(pa.string()), value_set=wanted)
        return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)
    parts = []
    for chunk in values.chunks:
        known = pc.fill_null(pc.index_in(chunk.dictionary.cast(pa.string()), value_set=wanted), -1)
        table_of_codes = np.append(known.to_numpy(zero_copy_only=False).astype(np.int64), -1)
        parts.append(table_of_codes[pc.fill_null(chunk.indices.cast(pa.int64()), len(table_of_codes) - 1).to_numpy()])
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def summed(cells: Ints, values: Ints, size: int) -> Ints:
    """Exact int64 sums of values per cell, shape (size,)."""
    total = np.zeros(size, np.int64)
    np.add.at(total, cells, values)
    return total


@dataclass(frozen=True)
class Meters:
    """Both registers by cell (slot x member), the newest revision of each."""

    import_wh: Ints
    export_wh: Ints


class Books:
    """A run, indexed. A cell is `(slot - first_slot) * members + member`; arrays over cells have shape (slots * members,)."""

    def __init__(self, facts: RunFacts, tables: RunTables) -> None:
        self.facts = facts
        self.tables = tables
        self.pseudonyms: list[str] = tables["members"].column("member").cast(pa.string()).to_pylist()
        self.members = len(self.pseudonyms)
        self.slots = facts.slots
        self.cells = self.slots * self.members
        self._cell_rows: dict[tuple[str, str], Ints] = {}

    @property
    def ids(self) -> list[str]:
        """What the community calls its members, in order of index."""
        return [self.facts.member_ids.get(name, name) for name in self.pseudonyms]

    def slot_rows(self, table: str) -> Ints:
        """The slot of every row of a table, counted from the first."""
        return numbers(self.tables[table], "slot") - self.facts.first_slot

    def member_rows(self, table: str, column: str = "member") -> Ints:
        """The member index of every row of a table, -1 where there is none."""
        return codes(self.tables[table], column, self.pseudonyms)

    def cell_rows(self, table: str, column: str = "member") -> Ints:
        """The cell of every row of a table; -1 where the row has no member or no slot of this run."""
        if (table, column) not in self._cell_rows:
            slot, member = self.slot_rows(table), self.member_rows(table, column)
            known = (member >= 0) & (slot >= 0) & (slot < self.slots)
            self._cell_rows[table, column] = np.where(known, slot * self.members + member, -1)
        return self._cell_rows[table, column]

    def per_cell(self, cells: Ints, values: Ints, rows: Flags | None = None) -> Ints:
        """Sums by cell over the rows that have one (and are in `rows`)."""
        real = cells >= 0 if rows is None else (cells >= 0) & rows
        return summed(cells[real], values[real], self.cells)

    def by_member(self, cells: Ints) -> Ints:
        """Sums over slots of an array over cells, shape (members,)."""
        return np.asarray(cells.reshape(self.slots, self.members).sum(axis=0), dtype=np.int64)

    def by_slot(self, cells: Ints) -> Ints:
        """Sums over members of an array over cells, shape (slots,)."""
        return np.asarray(cells.reshape(self.slots, self.members).sum(axis=1), dtype=np.int64)

    @cached_property
    def cell_of_order(self) -> dict[str, int]:
        """Order id -> the cell of its member; -1 where it has none."""
        names = self.tables["orders"].column("order_id").to_pylist()
        return dict(zip(names, self.cell_rows("orders").tolist(), strict=True))

    @cached_property
    def meters(self) -> Meters:
        """Readings: in `readings` a revision is the full value, so the newest one of a cell stands."""
        table = self.tables["readings"]
        cell, revision = self.cell_rows("readings"), numbers(table, "revision")
        order = np.lexsort((revision, cell))
        order = order[cell[order] >= 0]
        sides = []
        for column in ("import_wh", "export_wh"):
            newest = np.zeros(self.cells, np.int64)
            newest[cell[order]] = numbers(table, column)[order]
            sides.append(newest)
        return Meters(*sides)

    @cached_property
    def rates(self) -> Mapping[str, Ints]:
        """Every rate by slot, shape (slots,), micro per kWh; with `all_in` = what a kWh from the supplier costs in the end, and `local_charges`."""
        lines = [self.facts.rates[self.facts.first_slot + at].to_line() for at in range(self.slots)]
        names = [field.name for field in fields(Rates)]
        grid = np.array(lines, np.int64).reshape(self.slots, len(names))
        columns = {name.removesuffix("_micro_per_kwh"): grid[:, at] for at, name in enumerate(names)}
        slots = [self.facts.rates[self.facts.first_slot + at] for at in range(self.slots)]
        for name in ("all_in", "local_charges"):
            columns[name] = np.array([getattr(rates, f"{name}_micro_per_kwh") for rates in slots], np.int64)
        return columns

    @cached_property
    def suppliers(self) -> list[str]:
        """The name of each member's own supplier, empty where it has none."""
        table = self.tables["members"]
        return [name or "" for name in table.column("supplier").cast(pa.string()).to_pylist()]

    def cell_rates(self, name: str) -> Ints:
        """One of the `rates` by cell, with each member's own supplier's prices."""
        grid = np.repeat(self.rates[name][:, None], self.members, axis=1)
        for supplier, rates in self.facts.own_rates.items():
            own = [getattr(rates[self.facts.first_slot + at], f"{name}_micro_per_kwh") for at in range(self.slots)]
            grid[:, np.array(self.suppliers) == supplier] = np.array(own, np.int64)[:, None]
        return grid.ravel()

    @property
    def baseline_nano(self) -> Ints:
        """What each cell's meter would have cost without a market: import at all-in retail less export at feed-in."""
        meters = self.meters
        return meters.import_wh * self.cell_rates("all_in") - meters.export_wh * self.cell_rates("feed_in")

    @cached_property
    def agreed_wh(self) -> Ints:
        """Energy of every row of trades; 0 in a failed slot, whose trades are void."""
        void = np.isin(numbers(self.tables["trades"], "slot"), list(self.facts.failed))
        return np.where(void, 0, numbers(self.tables["trades"], "energy_wh"))

    @cached_property
    def backed_wh(self) -> Ints:
        """What of every row of trades, as settled, both meters showed; all of it in `ex_post` and under the rule `delivered`.

        In proportion to what its seller exported of all it sold and its buyer imported of all it bought in the slot, the smaller of
        the two, rounded down.
        """
        backed = settled = numbers(self.tables["trades"], "delivered_wh")
        for side, register in (("seller", self.meters.export_wh), ("buyer", self.meters.import_wh)):
            cell = self.cell_rows("trades", side)
            if not self.cells:
                continue
            total = self.per_cell(cell, settled)[cell]
            share = settled * np.minimum(register[cell], total) // np.maximum(total, 1)
            backed = np.where(cell >= 0, np.minimum(backed, share), backed)
        return backed

    @cached_property
    def way_fees_nano(self) -> Ints:
        """What both sides of trades paid for their way, as settled, by slot."""
        trades, slot = self.tables["trades"], self.slot_rows("trades")
        fees = numbers(trades, "sell_fee_micro_per_kwh") + numbers(trades, "buy_fee_micro_per_kwh")
        within = (slot >= 0) & (slot < self.slots)
        return summed(slot[within], (numbers(trades, "delivered_wh") * fees)[within], self.slots)

    @cached_property
    def losses_wh(self) -> Ints:
        """Losses by slot."""
        at = self.slot_rows("slots")
        return summed(at, numbers(self.tables["slots"], "losses_wh"), self.slots)

    def legs(self, column: str, *names: str) -> Ints:
        """Sums over the statement's rows of these legs by cell; revisions are differences, so all of them count."""
        table = self.tables["statements"]
        wanted = np.isin(self._leg_rows, [LEG_NAMES.index(name) for name in names])
        return self.per_cell(self.cell_rows("statements"), numbers(table, column), wanted)

    @cached_property
    def _leg_rows(self) -> npt.NDArray[np.int8]:
        return codes(self.tables["statements"], "leg", LEG_NAMES).astype(np.int8)
