"""The raw rows of a data file, CSV or Parquet: columns as they are, and how a finding names a row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from commonwatt.adapters.csv_table import column_findings, read_bytes
from commonwatt.adapters.text_columns import text_columns, whole_numbers
from commonwatt.core.findings import Finding
from commonwatt.core.units import ENERGY_LIMIT_WH, Flags, Ints

GROSS: Final = ("load_wh", "pv_wh")
NET: Final = ("import_wh", "export_wh")
_SHOWN: Final = 5
"""Rows named one by one for one kind of fault; the rest are counted."""


@dataclass(frozen=True)
class DataFile:
    """A data file as it was read."""

    name: str
    sha256: str
    columns: dict[str, Any]
    """Name -> Arrow array; text in a CSV."""
    lines: Ints
    """What a person calls each row: the line of a CSV, the number of the row in Parquet, from 1."""
    is_text: bool

    def place(self, row: int, column: str) -> str:
        """`profiles.csv:14 load_wh`, `profiles.parquet row 14 load_wh`."""
        return f"{self.name}{':' if self.is_text else ' row '}{self.lines[row]} {column}"

    def listed(
        self, bad: Flags, column: str, expected: str | Callable[[int], str], found: Callable[[int], str] | None = None
    ) -> list[Finding]:
        """A finding for each of the first bad rows, and one that counts the others."""
        rows = np.flatnonzero(bad)
        findings = []
        for row in rows[:_SHOWN].tolist():
            text = expected if isinstance(expected, str) else expected(row)
            findings.append(Finding(self.place(row, column), text, found(row) if found else self.cell(row, column)))
        if len(rows) > _SHOWN:
            text = expected if isinstance(expected, str) else expected(int(rows[_SHOWN]))
            findings.append(Finding(f"{self.name} {column}", text, f"{len(rows) - _SHOWN} more such rows"))
        return findings

    def cell(self, row: int, column: str) -> str:
        """What stands in a cell."""
        value = self.columns[column][row].as_py()
        if value is None or value == "":
            return "nothing"
        return repr(value) if isinstance(value, str) else str(value)


def read_data(path: Path, more: Sequence[str] = ()) -> tuple[DataFile | None, list[Finding]]:
    """A file with `start`, `member`, energy columns and the columns of `more`; None when its form is wrong as a whole."""
    name = path.name
    data, found = read_bytes(path, name)
    if found:
        return None, found
    is_text = not (data[:4] == b"PAR1" or path.suffix == ".parquet")
    columns, lines, found = text_columns(data, name) if is_text else _parquet_columns(data, name)
    if columns is None or lines is None:
        return None, found
    pair = energy_columns(list(columns))
    header = f"{name}:1" if is_text else name
    missing = column_findings(header, list(columns), ("start", "member", *pair, *more))
    if {*GROSS, *NET} <= set(columns):
        missing.append(Finding(header, "load_wh and pv_wh, or import_wh and export_wh", "all four"))
    if missing:
        return None, found + missing
    if not len(lines):
        return None, [*found, Finding(name, "at least one row", "none")]
    digest = hashlib.sha256(data).hexdigest()
    return DataFile(name, digest, columns, lines, is_text), found


def energy_columns(header: Sequence[str]) -> tuple[str, str]:
    """What a file measures: load and PV, or the two registers of a net meter."""
    return NET if any(name in header for name in NET) and not any(name in header for name in GROSS) else GROSS


def energies(file: DataFile, column: str) -> tuple[Ints, list[Finding]]:
    """A column of Wh, and what is wrong with it."""
    array = file.columns[column]
    values = np.zeros(len(array), np.int64)
    whole = np.zeros(len(array), np.bool_)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        values, whole = whole_numbers(array)
    elif pa.types.is_floating(array.type) or pa.types.is_decimal(array.type):
        numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        whole = np.isfinite(numbers) & (np.floor(np.where(np.isfinite(numbers), numbers, 0)) == numbers)
        whole &= np.abs(np.where(whole, numbers, 0)) < 2**62
        values = np.where(whole, numbers, 0).astype(np.int64)
    elif pa.types.is_integer(array.type):
        whole = array.is_valid().to_numpy(zero_copy_only=False)
        # Beyond int64 wraps to a negative number, which is refused below.
        values = array.fill_null(0).cast(pa.int64(), safe=False).to_numpy(zero_copy_only=False)
    found = file.listed(~whole, column, "a whole number of Wh (leave the row out where the meter was silent)")
    outside = whole & ((values < 0) | (values >= ENERGY_LIMIT_WH))
    found += file.listed(outside, column, f"0..{ENERGY_LIMIT_WH - 1} Wh")
    return values, found


def member_names(file: DataFile) -> tuple[str, ...]:
    """The names that stand in a file's `member` column, sorted."""
    return tuple(sorted(str(name) for name in set(_texts(file.columns["member"]).unique().to_pylist()) - {None, ""}))


def member_indices(file: DataFile, ids: Sequence[str]) -> tuple[Ints, Flags, list[Finding]]:
    """The dense index of each row's member, which rows have one, and a finding for each name that nobody has."""
    import difflib

    index = {name: i for i, name in enumerate(ids)}
    encoded = _texts(file.columns["member"]).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False).astype(np.int64)
    table = np.array([*(index.get(name, -1) for name in names), -1], np.int64)
    members = table[codes]
    found = []
    for code in np.unique(codes[members < 0]).tolist():
        row = int(np.argmax(codes == code))
        name = names[code] if code < len(names) else None
        near = difflib.get_close_matches(name or "", ids, n=1, cutoff=0.5)
        expected = "the id of a member" + (f" (did you mean {near[0]}?)" if near else "")
        count = int((codes == code).sum())
        text = (repr(name) if name else "nothing") + (f", in {count} rows" if count > 1 else "")
        found.append(Finding(file.place(row, "member"), expected, text))
    return members, members >= 0, found[:_SHOWN] + _others(file, len(found) - _SHOWN)


def _others(file: DataFile, count: int) -> list[Finding]:
    return [Finding(f"{file.name} member", "the id of a member", f"{count} more such names")] if count > 0 else []


def _texts(array: Any) -> Any:
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return array
    return array.cast(pa.string(), safe=False) if _castable(array.type) else pa.nulls(len(array), pa.string())


def _castable(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_dictionary(kind) or pa.types.is_string_view(kind))


def _parquet_columns(data: bytes, name: str) -> tuple[dict[str, Any] | None, Ints | None, list[Finding]]:
    wanted = {"start", "member", "received", *GROSS, *NET}
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        header = list(file.schema_arrow.names)
        if len(set(header)) != len(header):
            return None, None, [Finding(name, "every column once", "a name twice")]
        table = file.read(columns=[key for key in header if key in wanted])
        columns = {key: table[key].combine_chunks() for key in table.column_names}
        columns = {key: _flat(array) for key, array in columns.items()}
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        return None, None, [Finding(name, "a Parquet file", str(error).splitlines()[0][:120] if str(error) else "none")]
    # Columns that are not read still have a name, so that a missing one can point to them.
    columns |= {key: pa.nulls(0) for key in header if key not in columns}
    return columns, np.arange(1, table.num_rows + 1), []


def _flat(array: Any) -> Any:
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
