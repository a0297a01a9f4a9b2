"""The operator's journal in SQLite: append-only, hash-chained, durable when `append` returns; cut at its last good row when damaged."""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from commonwatt.adapters.store.files import copied_aside, replace_database
from commonwatt.core.errors import JournalError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS halves (row INTEGER PRIMARY KEY, slot INTEGER NOT NULL, half TEXT NOT NULL, payload BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS identity (key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_INSERT = "INSERT INTO halves VALUES (?, ?, ?, ?, ?)"
_Row: TypeAlias = tuple[int, int, str, bytes, bytes]


class SqliteJournal:
    """`services.journal.Journal` in one file. `identity` names the input it belongs to, part by part; another input is refused."""

    def __init__(self, path: Path, identity: Mapping[str, str], may_be_new: bool = True) -> None:
        """Open the journal, or create it where there is none; whoever opens it holds the folder's lock.

        Rows behind the first bad one are cut off: the damaged file is kept beside it, and `notes` says so.

        Raises:
            JournalError: it belongs to another input, is no journal, or is empty though `may_be_new` is false.

        """
        self._path = path
        self.notes: tuple[str, ...] = ()
        """What was mended when it was opened, in words."""
        try:
            self._db = self._opened()
            self._identify(identity, may_be_new)
            self._rows, self._hash, fault = self._checked()
            if fault:
                self._mend(identity, fault)
            self._db.execute("PRAGMA writable_schema = OFF")
        except sqlite3.Error as error:
            self.close()
            raise JournalError(f"{path}: expected a journal, {error}") from error
        except JournalError:
            self.close()
            raise

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None)
        self._db = db
        # Until it is checked: SQLite then reads a file that was cut off as far as it goes, instead of nothing of it.
        db.execute("PRAGMA writable_schema = ON")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        return db

    def _identify(self, identity: Mapping[str, str], may_be_new: bool) -> None:
        if not self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            if not may_be_new:
                raise JournalError(
                    f"{self._path}: expected the journal of what lies beside it, was empty (run again into another folder)"
                )
            with _transaction(self._db):
                _fill(self._db, identity)
        found = dict(self._db.execute("SELECT key, value FROM identity ORDER BY rowid"))
        if found != identity:
            other = [name for name in {**found, **identity} if found.get(name) != identity.get(name)]
            told = [f"{name} {found[name]}" if len(found.get(name, "x" * 99)) < 40 else name for name in other]
            raise JournalError(
                f"{self._path.parent.parent}: expected a run of the same input (settings, data, key file, dates) to resume, "
                f"was of another: {', '.join(told)}"
            )

    def _checked(self) -> tuple[int, bytes, str]:
        """How many rows are good from the first on, the hash of the last of them, and what is wrong behind it."""
        rows, chained = 0, b""
        try:
            for row in self._db.execute("SELECT * FROM halves ORDER BY row"):
                if not _continues(row, rows, chained):
                    return rows, chained, f"row {rows} does not continue the chain of hashes"
                rows, chained = rows + 1, row[4]
            if rows:
                (verdict,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
                return rows, chained, "" if verdict == "ok" else str(verdict).replace("\n", " ")
        except sqlite3.DatabaseError as error:
            return rows, chained, str(error)
        return rows, chained, ""

    def _mend(self, identity: Mapping[str, str], fault: str) -> None:
        """Put a new file with the good rows in the place of the damaged one, which is kept under another name."""
        fresh = self._path.with_name(self._path.name + ".mended")
        fresh.unlink(missing_ok=True)
        with closing(sqlite3.connect(fresh, isolation_level=None)) as db, _transaction(db):
            _fill(db, identity)
            for row in self._db.execute("SELECT * FROM halves ORDER BY row LIMIT ?", (self._rows,)):
                db.execute(_INSERT, row)
        self._db.close()
        kept = copied_aside(self._path)
        replace_database(self._path, fresh)
        self._db = self._opened()
        self.notes = (
            f"{self._path}: {fault}; cut after its last good row, {self._rows} finished step{'s are' if self._rows != 1 else ' is'} kept and the rest is done again. "
            f"The damaged file is kept as {kept.name}.",
        )

    def append(self, slot: int, half: str, payload: bytes) -> None:
        """Record a finished half slot; on return it is on disk."""
        chained = _chained(self._hash, slot, half, payload)
        try:
            self._db.execute(_INSERT, (self._rows, slot, half, payload, chained))
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: expected to append row {self._rows}, {error}") from error
        self._rows, self._hash = self._rows + 1, chained

    def rows(self) -> Iterator[tuple[int, str, bytes]]:
        """Everything recorded, in order: slot, half, payload; the chain of hashes is checked on the way."""
        before = b""
        try:
            for number, row in enumerate(self._db.execute("SELECT * FROM halves ORDER BY row")):
                if not _continues(row, number, before):
                    raise JournalError(
                        f"{self._path}: expected row {number} to continue the chain of hashes, it does not"
                    )
                before = row[4]
                yield row[1], row[2], row[3]
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: expected a readable journal, {error}") from error

    def close(self) -> None:
        """Release the file."""
        if hasattr(self, "_db"):
            self._db.close()


class ReadJournal:
    """The rows of a journal as they are, whoever's input it belongs to; for whoever holds the folder's lock and changes nothing."""

    def __init__(self, path: Path) -> None:
        """Read all of it.

        Raises:
            JournalError: no journal, or one that does not hang together (a resumed run mends it).

        """
        self._rows: list[tuple[int, str, bytes]] = []
        before = b""
        try:
            with closing(sqlite3.connect(path)) as db:
                for number, row in enumerate(db.execute("SELECT * FROM halves ORDER BY row")):
                    if not _continues(row, number, before):
                        raise JournalError(
                            f"{path}: expected row {number} to continue the chain of hashes, it does not"
                        )
                    before = row[4]
                    self._rows.append((row[1], row[2], row[3]))
        except sqlite3.Error as error:
            raise JournalError(f"{path}: expected a readable journal, {error}") from error

    def rows(self) -> Iterator[tuple[int, str, bytes]]:
        """Everything recorded, in order: slot, half, payload."""
        return iter(self._rows)


class _transaction:  # noqa: N801 - reads as a word in a `with`
    """All of it or nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _fill(db: sqlite3.Connection, identity: Mapping[str, str]) -> None:
    for statement in _SCHEMA.strip().splitlines():
        db.execute(statement)
    db.executemany("INSERT INTO identity VALUES (?, ?)", list(identity.items()))


def _continues(row: _Row, number: int, before: bytes) -> bool:
    at, slot, half, payload, chained = row
    types = (type(slot), type(half), type(payload), type(chained))
    return types == (int, str, bytes, bytes) and at == number and chained == _chained(before, slot, half, payload)


def _chained(before: bytes, slot: int, half: str, payload: bytes) -> bytes:
    return hashlib.sha3_256(before + f"{slot} {half} ".encode() + payload).digest()
