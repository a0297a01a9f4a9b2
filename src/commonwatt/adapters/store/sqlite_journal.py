"""The operator's journal in SQLite: append-only, hash-chained, durable when `append` returns, one writer at a time."""

import fcntl
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from commonwatt.core.errors import JournalError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS halves (row INTEGER PRIMARY KEY, slot INTEGER NOT NULL, half TEXT NOT NULL, payload BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS identity (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class SqliteJournal:
    """`services.ports.Journal` in one file. `identity` names the input it belongs to; another input is refused."""

    def __init__(self, path: Path, identity: str) -> None:
        """Open or create the journal.

        Raises:
            JournalError: it belongs to another input, another process writes it, or it is no journal.

        """
        self._path = path
        try:
            self._lock = path.with_suffix(".lock").open("w")
        except OSError as error:
            raise JournalError(f"{path.parent}: expected a folder that can be written, {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise JournalError(f"{path.parent}: expected no other process on this run, another holds it") from error
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
            self._identify(identity)
            self._rows, self._hash = self._last()
        except sqlite3.DatabaseError as error:
            self.close()
            raise JournalError(f"{path}: expected a journal, {error}") from error
        except JournalError:
            self.close()
            raise

    def _identify(self, identity: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO identity VALUES ('input', ?)", (identity,))
        (found,) = self._db.execute("SELECT value FROM identity WHERE key = 'input'").fetchone()
        if found != identity:
            raise JournalError(
                f"{self._path.parent.parent}: expected a run of the same input (settings, data, key file, dates) to resume, was of another"
            )

    def _last(self) -> tuple[int, bytes]:
        row = self._db.execute("SELECT row, hash FROM halves ORDER BY row DESC LIMIT 1").fetchone()
        return (row[0] + 1, row[1]) if row else (0, b"")

    def append(self, slot: int, half: str, payload: bytes) -> None:
        """Record a finished half slot; on return it is on disk."""
        chained = _chained(self._hash, slot, half, payload)
        try:
            self._db.execute("INSERT INTO halves VALUES (?, ?, ?, ?, ?)", (self._rows, slot, half, payload, chained))
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: expected to append row {self._rows}, {error}") from error
        self._rows, self._hash = self._rows + 1, chained

    def rows(self) -> Iterator[tuple[int, str, bytes]]:
        """Everything recorded, in order: slot, half, payload; the chain of hashes is checked on the way."""
        before = b""
        try:
            for row, slot, half, payload, chained in self._db.execute("SELECT * FROM halves ORDER BY row"):
                if not isinstance(payload, bytes) or chained != _chained(before, slot, half, payload):
                    raise JournalError(f"{self._path}: expected row {row} to continue the chain of hashes, it does not")
                before = chained
                yield slot, half, payload
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: expected a readable journal, {error}") from error

    def close(self) -> None:
        """Release the file and the lock."""
        if hasattr(self, "_db"):
            self._db.close()
        self._lock.close()


def _chained(before: bytes, slot: int, half: str, payload: bytes) -> bytes:
    return hashlib.sha3_256(before + f"{slot} {half} ".encode() + payload).digest()
