"""A book of orders from a CSV file: every fault of every row at once, a million rows in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.adapters.csv_table import column_findings, read_bytes
from commonwatt.adapters.feeds.rows import DataFile
from commonwatt.adapters.text_columns import text_columns, whole_numbers
from commonwatt.clearing import NO_BUDGET, NO_PARTS, NO_PLACE, OrderFacts
from commonwatt.core.findings import Finding, one_of, whole_number
from commonwatt.core.orders import OrderBook, Preference, Source
from commonwatt.core.units import ENERGY_LIMIT_WH, PRICE_LIMIT_MICRO_PER_KWH, Flags, Floats, Ints

REQUIRED: Final = ("order_id", "member", "side", "energy_wh", "limit_micro_per_kwh")
OPTIONAL: Final = ("sequence", "source", "preference", "bus", "trust", "proof", "budget_nano", "microgrid")
_SIDES: Final = {"buy": 0, "sell": 1}
_SOURCES: Final = {"": 0, **{source.name.lower(): int(source) for source in Source}}
_PREFERENCES: Final = {"": 0, **{preference.name.lower(): int(preference) for preference in Preference}}
_PROOFS: Final = {"": 0, "yes": 0, "no": 1}
_TOP_LIMIT: Final = PRICE_LIMIT_MICRO_PER_KWH - 1
_TOP_WHOLE: Final = 10**18 - 1


@dataclass(frozen=True)
class OrderFile:
    """The orders of a file as a mechanism takes them, and what the file calls them."""

    book: OrderBook
    """In sequence order; members are counted as they first appear."""
    facts: OrderFacts
    """One row an order of the book."""
    lines: Ints
    """For each order of the book the row it has among the file's orders, from 0."""
    order_ids: Any
    """Arrow column of text, one an order of the book."""
    members: Any
    """Arrow column of text, one an order of the book."""
    buses: Any = None
    """Arrow column of text, one an order of the book; None where the file has no such column."""


def read_orders(path: Path) -> tuple[OrderFile | None, list[Finding]]:
    """The orders of a CSV file; None and the findings where anything is wrong with it."""
    name = path.name
    data, found = read_bytes(path, name)
    if found:
        return None, found
    columns, lines, found = text_columns(data, name)
    if columns is None or lines is None:
        return None, found
    if missing := column_findings(f"{name}:1", list(columns), REQUIRED, (*REQUIRED, *OPTIONAL)):
        return None, found + missing
    rows = _Rows(DataFile(name, "", columns, lines, is_text=True))
    book, facts = rows.book(), rows.facts()
    if found or rows.findings:
        return None, found + rows.findings
    by_sequence = np.argsort(book.sequence, kind="stable")
    order_ids, members = (columns[key].take(pa.array(by_sequence)) for key in ("order_id", "member"))
    buses = columns["bus"].take(pa.array(by_sequence)) if "bus" in columns else None
    return OrderFile(book.take(by_sequence), facts.take(by_sequence), by_sequence, order_ids, members, buses), []


class _Rows:
    """The rows of one file, column by column; collects what is wrong with them."""

    def __init__(self, file: DataFile) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def book(self) -> OrderBook:
        """The orders in order of the file."""
        self._ids()
        member, is_sell = self._codes("member"), self._words("side", _SIDES) == 1
        self._require_one_side(member, is_sell)
        return OrderBook(
            member=member,
            is_sell=is_sell,
            energy_wh=self._whole("energy_wh", 1, ENERGY_LIMIT_WH - 1),
            limit_micro_per_kwh=self._whole("limit_micro_per_kwh", -_TOP_LIMIT, _TOP_LIMIT),
            sequence=self._sequence(),
            source=self._words("source", _SOURCES),
            preference=self._words("preference", _PREFERENCES),
        )

    def facts(self) -> OrderFacts:
        """What the file says beside the book, in order of the file."""
        return OrderFacts(
            bus=self._places("bus"),
            microgrid=self._places("microgrid"),
            trust=self._trust(),
            is_proven=self._words("proof", _PROOFS) == 0,
            parts=np.full(len(self.file.lines), NO_PARTS, np.int64),
            budget_nano=self._whole("budget_nano", 0, _TOP_WHOLE, NO_BUDGET),
        )

    def _list(self, bad: Flags, column: str, expected: Any, found: Any = None) -> None:
        if bad.any():
            self.findings += self.file.listed(bad, column, expected, found)

    def _blank(self, column: str) -> Flags:
        return np.asarray(pc.equal(self.file.columns[column], "").to_numpy(zero_copy_only=False), np.bool_)

    def _ids(self) -> None:
        blank, codes = self._blank("order_id"), self._codes("order_id")
        self._list(blank, "order_id", "a name")
        _, first = np.unique(codes, return_index=True)
        again = ~blank
        again[first] = False
        self._list(again, "order_id", lambda row: f"an id of its own (as line {self._first_line(codes, row)} has)")

    def _first_line(self, codes: Ints, row: int) -> int:
        return int(self.file.lines[np.argmax(codes == codes[row])])

    def _codes(self, column: str) -> Ints:
        """A dense index for each text, counted as they first appear."""
        encoded = self.file.columns[column].dictionary_encode()
        return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)

    def _places(self, column: str) -> Ints:
        if column not in self.file.columns:
            return np.full(len(self.file.lines), NO_PLACE, np.int64)
        return np.where(self._blank(column), NO_PLACE, self._codes(column))

    def _require_one_side(self, member: Ints, is_sell: Flags) -> None:
        self._list(self._blank("member"), "member", "a name")
        first = np.unique(member, return_index=True)[1]
        side_of = is_sell[first]
        self._list(
            (side_of[member] != is_sell) & ~self._blank("member"),
            "side",
            lambda row: (
                f"{'sell' if side_of[member[row]] else 'buy'}, the side that member {self.file.columns['member'][row].as_py()} "
                f"has in line {self.file.lines[first[member[row]]]}"
            ),
        )

    def _words(self, column: str, choices: Mapping[str, int]) -> Ints:
        if column not in self.file.columns:
            return np.zeros(len(self.file.lines), np.int64)
        encoded = self.file.columns[column].dictionary_encode()
        table = np.array([choices.get(word, -1) for word in encoded.dictionary.to_pylist()], np.int64)
        codes: Ints = table[encoded.indices.to_numpy(zero_copy_only=False)] if len(encoded) else np.zeros(0, np.int64)
        words = [word for word in choices if word]
        self._list(codes < 0, column, lambda row: one_of(self.file.columns[column][row].as_py(), words))
        return codes

    def _whole(self, column: str, low: int, high: int, blank: int | None = None) -> Ints:
        """Whole numbers in [low, high]; an empty cell of an optional column is `blank`."""
        if column not in self.file.columns:
            return np.full(len(self.file.lines), blank, np.int64)
        array = self.file.columns[column]
        is_blank = self._blank(column) & (blank is not None)
        if is_blank.any():
            array = pc.if_else(pa.array(is_blank), "0", array)
        values, is_whole = whole_numbers(array)
        cell = self.file.columns[column]
        self._list(~is_whole, column, lambda row: whole_number(column, cell[row].as_py()))
        self._list(is_whole & ~is_blank & ((values < low) | (values > high)), column, f"{low}..{high}")
        return np.where(is_blank, blank, values) if blank is not None else values

    def _sequence(self) -> Ints:
        if "sequence" not in self.file.columns:
            return np.arange(len(self.file.lines))
        sequence = self._whole("sequence", 0, _TOP_WHOLE)
        again = np.ones(len(sequence), np.bool_)
        again[np.unique(sequence, return_index=True)[1]] = False
        self._list(
            again, "sequence", lambda row: f"a number of its own (as line {self._first_line(sequence, row)} has)"
        )
        return sequence

    def _trust(self) -> Floats:
        if "trust" not in self.file.columns:
            return np.full(len(self.file.lines), np.nan)
        array = self.file.columns["trust"]
        is_number = pc.match_substring_regex(array, r"^([0-9]{1,9}(\.[0-9]{0,18})?|\.[0-9]{1,18})?$")
        good = np.asarray(is_number.to_numpy(zero_copy_only=False), np.bool_)
        self._list(~good, "trust", "a number of at least 0, with a decimal point")
        text = pc.if_else(pc.and_(is_number, pc.not_equal(array, "")), array, None)
        return np.asarray(text.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
