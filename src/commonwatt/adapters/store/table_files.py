"""Tables written while they grow: rows go to Parquet in groups, so that a long run is never held whole; the files appear together at the end."""

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from commonwatt.adapters.store.files import ROWS_OF_A_GROUP, disk_named, parquet_writer, put_in_place, temporary_of
from commonwatt.services.gathering import HeldTables, Parts
from commonwatt.services.schemas import HELD, PROOFS, PUBLIC, SCHEMAS


class TableFiles:
    """Fulfils `services.tables.Tables`: public tables go to files, what reports are made of stays in memory.

    A file's bytes depend on its rows only, not on the parts in which they came. Leaving it without `whole` leaves no file.
    """

    def __init__(self, folder: Path, csv: bool = False) -> None:
        self._held = HeldTables(PROOFS)
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            self._growing = {name: _Growing(folder, name, csv, opened) for name in PUBLIC}
            self._open = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def put(self, name: str, rows: pa.Table) -> None:
        """More rows of a table, as `HELD` says."""
        if name in self._growing:
            self._growing[name].put(rows)
        self._held.put(name, rows)

    def whole(self) -> Mapping[str, pa.Table]:
        """Put the files in place; the tables without what only an auditor asks for, who reads the files."""
        for growing in self._growing.values():
            growing.finish()
        return self._held.whole()


def write_split(source: Path, column: str, files: Mapping[str, Path]) -> None:
    """The rows of a Parquet file, in order, as one CSV file (all columns, `files`) for each value of a column; each whole or not at all."""
    values = list(files)
    for start in range(0, len(values), _FILES_AT_ONCE):
        some = {value: files[value] for value in values[start : start + _FILES_AT_ONCE]}
        _write_some(source, column, some)


def _write_some(source: Path, column: str, files: Mapping[str, Path]) -> None:
    with ExitStack() as opened:
        table = opened.enter_context(pq.ParquetFile(source))
        writers = {}
        for value, path in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            opened.callback(temporary_of(path).unlink, missing_ok=True)
            with disk_named(path):
                writers[value] = pa_csv.CSVWriter(temporary_of(path), table.schema_arrow)
            opened.callback(_closed, writers[value])
        for group in range(table.num_row_groups):
            rows = table.read_row_group(group)
            found = pc.index_in(rows[column], value_set=pa.array(list(files), pa.string()))
            at = pc.fill_null(found, len(files)).to_numpy()
            order = np.argsort(at, kind="stable")
            ends = np.searchsorted(at[order], np.arange(len(files) + 1))
            for value, first, last in zip(files, ends, ends[1:], strict=False):
                with disk_named(files[value]):
                    writers[value].write_table(rows.take(pa.array(order[first:last])))
        for value, path in files.items():
            with disk_named(path):
                writers[value].close()
                put_in_place(path)


_FILES_AT_ONCE: Final = 200
"""Files that are open together; a process may have a thousand."""


class _Growing:
    """One table on its way into its file or files, under another name until `finish`."""

    def __init__(self, folder: Path, name: str, csv: bool, opened: ExitStack) -> None:
        self._schema, self._held = SCHEMAS[name], HELD[name]
        self._waiting = Parts()
        self._rows = 0
        self._is_empty = True
        self._writers: dict[Path, pq.ParquetWriter | pa_csv.CSVWriter] = {}
        for path, writer in ((folder / f"{name}.parquet", parquet_writer), (folder / f"{name}.csv", pa_csv.CSVWriter)):
            if csv or path.suffix == ".parquet":
                opened.callback(temporary_of(path).unlink, missing_ok=True)
                with disk_named(path):
                    self._writers[path] = writer(temporary_of(path), self._schema)
                opened.callback(_closed, self._writers[path])

    def put(self, rows: pa.Table) -> None:
        self._waiting.put(rows)
        self._rows += len(rows)
        if self._rows < ROWS_OF_A_GROUP:
            return
        table = self._waiting.taken(self._held.empty_table())
        while len(table) >= ROWS_OF_A_GROUP:
            self._write(table.slice(0, ROWS_OF_A_GROUP))
            table = table.slice(ROWS_OF_A_GROUP)
        self._waiting.put(table)
        self._rows = len(table)

    def finish(self) -> None:
        if self._rows or self._is_empty:
            self._write(self._waiting.taken(self._held.empty_table()))
        for path, writer in self._writers.items():
            with disk_named(path):
                writer.close()
                put_in_place(path)

    def _write(self, rows: pa.Table) -> None:
        spelt = rows.cast(self._schema)
        self._is_empty = False
        for path, writer in self._writers.items():
            with disk_named(path):
                writer.write_table(spelt)


def _closed(writer: pq.ParquetWriter | pa_csv.CSVWriter) -> None:
    # Of a file that is given up: a full disk was said when it was written to.
    with suppress(OSError):
        writer.close()
