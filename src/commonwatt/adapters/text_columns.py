"""A CSV file as Arrow columns of text with the line of each row: quickly where its form is plain, else by the reader that knows every fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from commonwatt.adapters.csv_table import read_csv
from commonwatt.core.findings import Finding
from commonwatt.core.units import Flags, Ints


def text_columns(data: bytes, name: str) -> tuple[dict[str, Any] | None, Ints | None, list[Finding]]:
    """Stripped text by column name, and the line of each row; None when the form is wrong as a whole. Findings as `read_csv`."""
    quick = _plain_columns(data)
    if quick is not None:
        return quick, np.arange(len(next(iter(quick.values())))) + 2, []
    table, found = read_csv(data, name)
    if table is None:
        return None, None, found
    columns = {key: pa.array(cells, pa.string()) for key, cells in table.columns.items()}
    return columns, np.array(table.lines, np.int64), found


def whole_numbers(array: Any) -> tuple[Ints, Flags]:
    """A column of text as int64, and which cells are whole numbers (of at most 18 digits; 412.0 is one)."""
    try:
        return array.cast(pa.int64()).to_numpy(), np.ones(len(array), np.bool_)
    except (pa.ArrowInvalid, TypeError):  # some cell is no whole number: find out which
        pass
    texts = array.to_pylist()
    values = np.zeros(len(texts), np.int64)
    whole = np.zeros(len(texts), np.bool_)
    for row, text in enumerate(texts):
        digits, point, fraction = (text or "").partition(".")
        integral = not point or not fraction.strip("0")  # a program's way to write a whole number: 412.0
        if integral and digits.isascii() and digits.removeprefix("-").isdecimal() and len(digits) <= 18:
            values[row], whole[row] = int(digits), True
    return values, whole


def _plain_columns(data: bytes) -> dict[str, Any] | None:
    """The columns of a file whose rows are its lines: no quotes, no blank lines, as many cells in each as in the header."""
    head, _, body = data.partition(b"\n")
    if not body or any(odd in data for odd in (b'"', b"\n\n", b"\n\r", b"\0")):
        return None
    if data.count(b"\r") != data.count(b"\r\n"):
        return None
    try:
        names = [cell.strip() for cell in head.decode("utf-8-sig").split(",")]
        if len(names) < 2 or len(set(names)) < len(names):
            return None
        table = pa_csv.read_csv(
            pa.BufferReader(body),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=1 << 24),
            parse_options=pa_csv.ParseOptions(newlines_in_values=False, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        columns = {name: pc.utf8_trim_whitespace(table[name].combine_chunks()) for name in names}
    except (pa.ArrowException, UnicodeDecodeError):  # the other reader says what it is
        return None
    # A row of nothing but commas is no row; the other reader leaves it out.
    return None if pc.any(pc.equal(columns[names[0]], "")).as_py() else columns
