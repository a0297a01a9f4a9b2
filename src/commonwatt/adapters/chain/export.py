"""Canonical export: the same blocks give the same file, byte for byte, whatever the live file went through."""

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from commonwatt.adapters.chain.chain_file import StoredBlock, create_tables, insert_block
from commonwatt.adapters.chain.errors import ChainUnwritableError
from commonwatt.adapters.chain.replay import read_block

PAGE_BYTES: Final = 4096

_WRITER_VERSION: Final = slice(96, 100)
"""Where SQLite notes which of its versions wrote last; read by nobody, and the only bytes that differ by machine."""


def write_canonical(path: Path, settings: Mapping[str, str], blocks: Iterable[StoredBlock]) -> None:
    """Write a chain file at `path` in one transaction from checked blocks; it appears whole or not at all.

    Errors: CorruptChainError for a block that does not give its own hash, ChainError when the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        with closing(sqlite3.connect(partial, isolation_level=None)) as connection:
            _fill(connection, settings, blocks)
        with partial.open("r+b") as file:
            file.seek(_WRITER_VERSION.start)
            file.write(bytes(_WRITER_VERSION.stop - _WRITER_VERSION.start))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise ChainUnwritableError(f"{path} cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _fill(connection: sqlite3.Connection, settings: Mapping[str, str], blocks: Iterable[StoredBlock]) -> None:
    for pragma in (f"page_size = {PAGE_BYTES}", "auto_vacuum = 0", "journal_mode = OFF", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN EXCLUSIVE")
    create_tables(connection, dict(settings))
    for stored in blocks:
        insert_block(connection, read_block(stored), stored.raws)
    connection.execute("COMMIT")
