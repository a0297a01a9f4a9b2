"""Files written whole or not at all: into a neighbour first, synced, then put in place."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from commonwatt.core.foreign import MOST_JSON, parsed_json

ROWS_OF_A_GROUP: Final = 1 << 17
"""Rows of a group of a Parquet file: so many rows are held and spelt out at a time, a few tens of megabytes of the widest table."""


def write_table(path: Path, table: pa.Table, schema: pa.Schema | None = None) -> None:
    """A Parquet file of these columns (`schema`, the table's own without one), whole or not at all."""
    _replace(path, lambda temporary: _write_groups(temporary, table, schema or table.schema))


def _write_groups(path: Path, table: pa.Table, schema: pa.Schema) -> None:
    with parquet_writer(path, schema) as writer:
        for start in range(0, max(len(table), 1), ROWS_OF_A_GROUP):
            writer.write_table(table.slice(start, ROWS_OF_A_GROUP).cast(schema))


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of a Parquet file as every file of this package is compressed; whoever writes cuts the groups."""
    return pq.ParquetWriter(path, schema, compression="zstd")


def write_csv(path: Path, table: pa.Table) -> None:
    """A CSV file, whole or not at all."""
    _replace(path, lambda temporary: pa_csv.write_csv(table, temporary))


def write_text(path: Path, text: str) -> None:
    """A text file, whole or not at all, the same line ends everywhere."""
    _replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8", newline="\n"))


def write_bytes(path: Path, data: bytes) -> None:
    """A file of bytes, whole or not at all."""
    _replace(path, lambda temporary: temporary.write_bytes(data))


def write_json(path: Path, value: object) -> None:
    """A JSON file with sorted keys, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path, most_bytes: int = MOST_JSON) -> Any:
    """What a file of JSON says: anybody may have written it.

    Raises:
        OSError: it cannot be read.
        ValueError: no plain file, no text, no JSON, more than `most_bytes`, or of too deep a nesting.

    """
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would never end
        raise ValueError("no plain file")
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"more than {most_bytes // 2**20} MiB")
    return parsed_json(data.decode("utf-8"), most_bytes)


def copied_aside(path: Path) -> Path:
    """Copy a damaged SQLite file and its write-ahead log beside it under the first free name `NAME.damaged-1`, `-2`, ...; returns it."""
    aside = _free_name(path)
    for end in ("", "-wal"):
        part = path.with_name(path.name + end)
        if part.exists():
            write_bytes(aside.with_name(aside.name + end), part.read_bytes())
    return aside


def replace_database(path: Path, fresh: Path) -> None:
    """Put a closed SQLite file in the place of another closed one, whose log would else be played back into it."""
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    fresh.replace(path)


def set_aside(path: Path) -> Path:
    """Rename a closed SQLite file and its log to the first free name `NAME.damaged-1`, `-2`, ...; returns it."""
    aside = _free_name(path)
    # The log first: a file without its log is older, a log without its file would be played back into the next one.
    for end in ("-shm", "-wal", ""):
        part = path.with_name(path.name + end)
        if part.exists():
            part.replace(aside.with_name(aside.name + end))
    return aside


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in count(1))
    return next(name for name in names if not name.exists())


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with disk_named(path):
            write(temporary_of(path))
            put_in_place(path)
    finally:
        temporary_of(path).unlink(missing_ok=True)


def temporary_of(path: Path) -> Path:
    """The neighbour in which a file grows."""
    return path.with_name(path.name + ".tmp")


def put_in_place(path: Path) -> None:
    """A finished neighbour becomes the file, on disk when this returns."""
    temporary = temporary_of(path)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def disk_named(path: Path) -> Iterator[None]:
    """Name the file in what the disk complains about: opening says where, writing does not, and people want to know which disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
