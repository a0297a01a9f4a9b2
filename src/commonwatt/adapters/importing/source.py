"""A file to import, as it is: its separator, encoding and header found out, its columns as text (CSV) or values (Parquet)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from commonwatt.adapters.csv_table import read_bytes
from commonwatt.adapters.importing.layout import Layout
from commonwatt.core.findings import Finding
from commonwatt.core.units import Ints

SEPARATORS: Final = {",": ",", ";": ";", "tab": "\t", "|": "|"}
_SAMPLE_BYTES: Final = 1 << 16
_SAMPLE_ROWS: Final = 400
_HEADER_LINES: Final = 3
_VALUE: Final = re.compile(r"[+-]?[.,]?\d")


@dataclass(frozen=True)
class Source:
    """An opened file; `columns` reads what is needed of it."""

    name: str
    data: bytes
    is_text: bool
    header: tuple[str, ...]
    head: dict[str, list[str]]
    """The first rows, as text."""
    last: dict[str, str]
    """The last row."""
    separator: str = ","
    """By its name in a layout."""
    header_line: int = 1
    encoding: str = "utf-8"
    zones: dict[str, str] = field(default_factory=dict)
    """Time zones of columns whose type names one (Parquet)."""

    def place(self, line: int, column: str) -> str:
        """`meters.csv:14 load`, `meters.parquet row 14 load`."""
        return f"{self.name}{':' if self.is_text else ' row '}{line} {column}".rstrip()

    @property
    def header_place(self) -> str:
        """Where the column names stand."""
        return f"{self.name}:{self.header_line}" if self.is_text else self.name


@dataclass(frozen=True)
class Columns:
    """Some columns of a source: Arrow arrays, and the line of each row."""

    arrays: dict[str, Any]
    lines: Ints
    broken: tuple[int, ...] = ()
    """Lines with another number of cells than the header, left out."""


def opened(path: Path, layout: Layout) -> tuple[Source | None, list[Finding]]:
    """A file's form and first rows; None with findings when it has no form that can be read."""
    data, found = read_bytes(path, path.name)
    if found:
        return None, found
    if data[:4] == b"PAR1" or path.suffix == ".parquet":
        return _opened_parquet(path.name, data)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeDecodeError:
            return None, [Finding(path.name, "text in UTF-8 or UTF-16", "neither")]
    if b"\x00" in data[:_SAMPLE_BYTES] or data[:2] == b"PK":
        expected = "a CSV or Parquet file" + " (save the sheet as CSV)" * (data[:2] == b"PK")
        return None, [Finding(path.name, expected, "an Excel or zip file" if data[:2] == b"PK" else "binary data")]
    return _opened_text(path.name, data.removeprefix(b"\xef\xbb\xbf"), layout)


def columns(source: Source, names: Sequence[str]) -> tuple[Columns | None, list[Finding]]:
    """Whole columns of a source: text without blanks around it in CSV, values as they are in Parquet."""
    try:
        if not source.is_text:
            table = pq.ParquetFile(pa.BufferReader(source.data)).read(columns=list(dict.fromkeys(names)))
            arrays = {name: _flat(table[name]) for name in table.column_names}
            return Columns(arrays, np.arange(1, table.num_rows + 1)), []
        return _text_columns(source, names)
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        kind = "comma-separated values" if source.is_text else "a Parquet file"
        return None, [Finding(source.name, kind, (str(error).splitlines() or ["nothing that can be read"])[0][:120])]


def _opened_text(name: str, data: bytes, layout: Layout) -> tuple[Source | None, list[Finding]]:
    encoding = "utf-8"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        encoding = "cp1252"  # what spreadsheets of the West write when they do not write UTF-8
    sample = data[:_SAMPLE_BYTES].decode(encoding, errors="replace")
    lines = sample.splitlines()
    if len(data) > _SAMPLE_BYTES:
        lines = lines[:-1]
    if not any(line.strip() for line in lines):
        return None, [Finding(f"{name}:1", "a header with column names", "an empty file")]
    separator = layout.separator or _separator(lines)
    at = int(layout.header) - 1 if layout.header else _header_at(lines, SEPARATORS[separator])
    if at >= len(lines):
        return None, [Finding(f"{name}:{at + 1}", "a header with column names", f"a file of {len(lines)} lines")]
    header, at = _header(lines, at, SEPARATORS[separator])
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        return None, [Finding(f"{name}:{at + 1} {column}", "a column once", "the name twice") for column in twice]
    rows = [_cells(line, SEPARATORS[separator]) for line in lines[at + 1 : at + 1 + _SAMPLE_ROWS] if line.strip()]
    rows = [row for row in rows if len(row) == len(header)]
    if not rows:
        return None, [Finding(f"{name}:{at + 1}", "rows below a header", "none with as many cells as the header")]
    tail = data[-4096:].decode(encoding, errors="replace").splitlines()
    ends = [cells for line in tail if len(cells := _cells(line, SEPARATORS[separator])) == len(header)]
    head = {column: [row[i] for row in rows] for i, column in enumerate(header)}
    last = dict(zip(header, (ends or rows)[-1], strict=True))
    return Source(name, data, True, header, head, last, separator, at + 1, encoding), []


def _opened_parquet(name: str, data: bytes) -> tuple[Source | None, list[Finding]]:
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        header = tuple(file.schema_arrow.names)
        batch = next(file.iter_batches(batch_size=_SAMPLE_ROWS), None)
        rows = [] if batch is None else [{k: _text(v) for k, v in row.items()} for row in batch.to_pylist()]
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        return None, [Finding(name, "a Parquet file", (str(error).splitlines() or ["none"])[0][:120])]
    if len(set(header)) != len(header):
        return None, [Finding(name, "every column once", "a name twice")]
    if not rows:
        return None, [Finding(name, "at least one row", "none")]
    head = {column: [row[column] for row in rows] for column in header}
    zones = {f.name: f.type.tz for f in file.schema_arrow if pa.types.is_timestamp(f.type) and f.type.tz}
    return Source(name, data, False, header, head, {}, zones=zones), []


def _text_columns(source: Source, names: Sequence[str]) -> tuple[Columns | None, list[Finding]]:
    broken: list[int] = []

    def left_out(row: Any) -> str:
        broken.append(row.number or 0)
        return "skip"

    table = pa_csv.read_csv(
        pa.BufferReader(source.data),
        read_options=pa_csv.ReadOptions(
            use_threads=False,
            skip_rows=source.header_line,
            column_names=list(source.header),
            encoding=source.encoding,
            block_size=1 << 24,
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=SEPARATORS[source.separator], invalid_row_handler=left_out, newlines_in_values=False
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(source.header, pa.string()),
            include_columns=list(dict.fromkeys(names)),
            strings_can_be_null=False,
        ),
    )
    import pyarrow.compute as pc

    if not table.num_rows:
        return None, [Finding(source.name, "at least one row", "none")]
    arrays = {name: pc.utf8_trim_whitespace(_flat(table[name])) for name in table.column_names}
    lines, without = _lines(source, table.num_rows, broken)
    return Columns(arrays, lines, without), []


def _lines(source: Source, rows: int, broken: Sequence[int]) -> tuple[Ints, tuple[int, ...]]:
    """The line of each row, and of each broken one; `broken` counts rows and the lines above them, but no blank lines."""
    ends = np.flatnonzero(np.frombuffer(source.data, np.uint8) == ord("\n"))
    starts = np.concatenate(([0], ends + 1))
    lengths = np.append(ends, len(source.data)) - starts
    lines = np.arange(1, len(starts) + 1)
    filled = lines[(lengths > 1) & (lines > source.header_line)]
    left_out = np.array(broken, np.int64) - source.header_line - 1
    if len(filled) == rows + len(broken) and (left_out >= 0).all() and (left_out < len(filled)).all():
        return np.delete(filled, left_out), tuple(filled[left_out].tolist())
    # Line ends inside quotes or of old kinds: then only the number of the row is known.
    return np.arange(1, rows + 1) + source.header_line, tuple(broken)


def _separator(lines: Sequence[str]) -> str:
    """The separator whose cells are as many in the header as in the rows below it."""

    def agreement(item: tuple[str, str]) -> tuple[int, int]:
        counts = [len(_cells(line, item[1])) for line in lines[:60] if line.strip()]
        best = max(set(counts), key=lambda n: (counts.count(n), n))
        return (counts.count(best), best) if best > 1 else (0, 0)

    ranked = sorted(SEPARATORS.items(), key=agreement, reverse=True)
    # A decimal comma splits rows as regularly as a separator does: of equals, the one that is never in a number wins.
    top = agreement(ranked[0])[0]
    return next(name for name in (";", "tab", "|", ",") if agreement((name, SEPARATORS[name]))[0] >= 0.9 * top)


def _header_at(lines: Sequence[str], separator: str) -> int:
    """The first line that has as many cells as the lines after it."""
    widths = [len(_cells(line, separator)) if line.strip() else 0 for line in lines[:200]]
    common = max(set(widths), key=lambda n: (widths.count(n) if n else 0, n))
    return widths.index(common)


def _header(lines: Sequence[str], at: int, separator: str) -> tuple[tuple[str, ...], int]:
    """The names of the columns and the last line they stand on: below them may be their units, above them the home they belong to."""
    rows = [_cells(line, separator) for line in lines[at : at + _HEADER_LINES + 1]]
    more = 1
    while more < len(rows) - 1 and len(rows[more]) == len(rows[0]) and _are_words(rows[more]):
        more += 1
    if more > 1 and len(rows[more]) == len(rows[0]) and not _are_words(rows[more]):
        names = _joined([*map(_spread, rows[: more - 1]), rows[more - 1]])
        return _named(names if len({*names}) == len(names) else _joined(rows[:more])), at + more - 1
    return _named(rows[0]), at


def _are_words(cells: Sequence[str]) -> bool:
    """Whether nothing in a row begins as numbers and times do."""
    return any(cells) and not any(_VALUE.match(cell) for cell in cells)


def _joined(rows: Sequence[Sequence[str]]) -> list[str]:
    return [" ".join(part for part in parts if part) for parts in zip(*rows, strict=True)]


def _spread(cells: Sequence[str]) -> list[str]:
    """A cell that was merged over several columns, in each of them."""
    return [next((cell for cell in reversed(cells[: at + 1]) if cell), "") for at in range(len(cells))]


def _cells(line: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader(io.StringIO(line), delimiter=separator), [])]
    except csv.Error:
        return []


def _named(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell or f"column {number}" for number, cell in enumerate(cells, 1))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _flat(array: Any) -> Any:
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
