"""The chain's file: blocks, transactions and receipts in SQLite, one SQLite transaction per block."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from commonwatt.adapters.chain.blocks import Block
from commonwatt.adapters.chain.errors import ChainError, ChainLockedError, ChainUnwritableError, CorruptChainError

APPLICATION_ID: Final = 0x43574154
"""`CWAT` in the header of every chain file, so that another SQLite file is not taken for one."""

FORMAT_VERSION: Final = 1

SCHEMA: Final = (
    "CREATE TABLE chain (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE blocks (
        number INTEGER PRIMARY KEY, time_s INTEGER NOT NULL, parent_hash BLOB NOT NULL,
        transactions_root BLOB NOT NULL, receipts_root BLOB NOT NULL, seals_genesis INTEGER NOT NULL,
        transactions INTEGER NOT NULL, hash BLOB NOT NULL)""",
    """CREATE TABLE transactions (
        sequence INTEGER PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL,
        hash BLOB NOT NULL, raw BLOB NOT NULL, receipt BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX transactions_by_hash ON transactions (hash)",
)

_HEADER_TYPES: Final = (int, int, bytes, bytes, bytes, int, int, bytes)
_BODY_TYPES: Final = (int, int, bytes, bytes, bytes)


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block as it lies in the file, not yet checked: its header's fields, raw transactions and encoded receipts."""

    number: int
    time_s: int
    parent_hash: bytes
    transactions_root: bytes
    receipts_root: bytes
    seals_genesis: bool
    hash: bytes
    raws: tuple[bytes, ...]
    hashes: tuple[bytes, ...]
    receipts: tuple[bytes, ...]


class ChainFile:
    """One open chain file. Every method turns SQLite's complaints into ChainError with the file's name."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    @classmethod
    def open_for_writing(cls, path: Path | None, chain_id: int, fork: str) -> Self:
        """Open or create the file (None: in memory) and lock it against other writers until `close`.

        WAL with synchronous=NORMAL: a block whose `append` returned survives the process; a crash of the machine may take the newest
        blocks, whole ones, and never damages the rest. What is posted was journalled durably before (`services.run`) and is sent again
        on resume, so a second wait for the disk, a block, would promise nothing more.
        """
        name = str(path) if path is not None else "chain in memory"
        with _Complaints(name):
            file = cls(sqlite3.connect(path or ":memory:", isolation_level=None, timeout=0.0), name)
        try:
            with _Complaints(name):
                file._prepare(chain_id, fork)
        except ChainError:
            file.close()
            raise
        return file

    @classmethod
    def open_for_reading(cls, path: Path) -> Self:
        """Open an exported file, which nobody writes any more, read-only."""
        if not path.is_file():
            raise CorruptChainError(f"{path}: expected a chain file, was none")
        with _Complaints(str(path)):
            connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        file = cls(connection, str(path))
        try:
            with _Complaints(str(path)):
                file._check_kind()
        except ChainError:
            file.close()
            raise
        return file

    def close(self) -> None:
        """Release the file and its lock."""
        self._connection.close()

    def settings(self) -> dict[str, str]:
        """Return what the chain was created with: `chain_id`, `fork`; an export adds `state_digest`."""
        with _Complaints(self._name):
            return dict(self._connection.execute("SELECT key, value FROM chain"))

    def append(self, block: Block, raws: Iterable[bytes]) -> None:
        """Write a block, whole or not at all; when this returns it outlives the process."""
        with _Complaints(self._name):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                insert_block(self._connection, block, raws)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def blocks(self, first: int = 0) -> Iterator[StoredBlock]:
        """Yield blocks from number `first` in order; CorruptChainError when one is missing or incomplete."""
        with _Complaints(self._name):
            headers = self._connection.execute("SELECT * FROM blocks WHERE number >= ? ORDER BY number", (first,))
            bodies = self._connection.execute(
                "SELECT block, position, hash, raw, receipt FROM transactions WHERE sequence >="
                " (SELECT coalesce(sum(transactions), 0) FROM blocks WHERE number < ?) ORDER BY sequence",
                (first,),
            )
            for expected, header in enumerate(headers, start=first):
                _check_types(header, _HEADER_TYPES, expected)
                number, time_s, parent, transactions_root, receipts_root, seals, count, digest = header
                if number != expected:
                    raise CorruptChainError("missing from the file", expected)
                body = list(islice(bodies, count))
                if [row[:2] for row in body] != [(number, position) for position in range(count)]:
                    raise CorruptChainError(f"expected {count} transactions in order, was {len(body)}", number)
                for row in body:
                    _check_types(row, _BODY_TYPES, number)
                yield StoredBlock(
                    number,
                    time_s,
                    parent,
                    transactions_root,
                    receipts_root,
                    bool(seals),
                    digest,
                    tuple(row[3] for row in body),
                    tuple(row[2] for row in body),
                    tuple(row[4] for row in body),
                )
            if bodies.fetchone() is not None:
                raise CorruptChainError(f"{self._name}: transactions without a block follow the last block")

    def height(self) -> int:
        """Return the number of blocks."""
        with _Complaints(self._name):
            count: int = self._connection.execute("SELECT count(*) FROM blocks").fetchone()[0]
        return count

    def check_structure(self) -> None:
        """Raise CorruptChainError when SQLite finds a damaged page or an index that disagrees with its table."""
        with _Complaints(self._name):
            verdict = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if verdict != "ok":
            raise CorruptChainError(f"{self._name} is damaged: {verdict}")

    def find(self, transaction_hash: bytes) -> tuple[int, int, bytes] | None:
        """Return (block, position, encoded receipt) of a transaction, or None when no block holds it."""
        with _Complaints(self._name):
            found: tuple[int, int, bytes] | None = self._connection.execute(
                "SELECT block, position, receipt FROM transactions WHERE hash = ?", (transaction_hash,)
            ).fetchone()
        return found

    def _prepare(self, chain_id: int, fork: str) -> None:
        run = self._connection.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        is_new = run("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        run("BEGIN EXCLUSIVE")
        if is_new:
            create_tables(self._connection, {"chain_id": str(chain_id), "fork": fork})
        run("COMMIT")
        self._check_kind()
        found = self.settings()
        if (found.get("chain_id"), found.get("fork")) != (str(chain_id), fork):
            raise CorruptChainError(
                f"{self._name}: expected chain id {chain_id} with {fork} rules, "
                f"was {found.get('chain_id')} with {found.get('fork')}"
            )

    def _check_kind(self) -> None:
        kind = self._connection.execute("PRAGMA application_id").fetchone()[0]
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if kind != APPLICATION_ID:
            raise CorruptChainError(f"{self._name}: expected a chain file, was another SQLite file")
        if version != FORMAT_VERSION:
            raise CorruptChainError(f"{self._name}: expected format {FORMAT_VERSION}, was {version}")


def create_tables(connection: sqlite3.Connection, settings: dict[str, str]) -> None:
    """Create the tables of an empty chain file inside the caller's transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    for statement in SCHEMA:
        connection.execute(statement)
    connection.executemany("INSERT INTO chain VALUES (?, ?)", sorted(settings.items()))


def insert_block(connection: sqlite3.Connection, block: Block, raws: Iterable[bytes]) -> None:
    """Insert a block and its transactions inside the caller's transaction."""
    header = (block.number, block.time_s, block.parent_hash, block.transactions_root, block.receipts_root)
    tail = (int(block.seals_genesis), len(block.receipts), block.hash)
    connection.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", header + tail)
    last = connection.execute("SELECT coalesce(max(sequence), -1) FROM transactions").fetchone()[0]
    connection.executemany(
        "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?)",
        [
            (last + 1 + i, block.number, i, receipt.transaction_hash, raw, encoded)
            for i, (receipt, raw, encoded) in enumerate(zip(block.receipts, raws, block.encoded_receipts, strict=True))
        ],
    )


def _check_types(row: tuple[object, ...], types: tuple[type, ...], block: int) -> None:
    if tuple(map(type, row)) != types:
        raise CorruptChainError("a field has another type than it was written with", block)


class _Complaints:
    """Names the file in what SQLite complains about, and tells a lock from damage."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        code = getattr(error, "sqlite_errorcode", None)  # missing where Python itself could not read a value
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise ChainLockedError(f"{self._name} is open for writing in another process") from error
        unreadable = code is None and isinstance(error, sqlite3.OperationalError)
        if unreadable or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise CorruptChainError(f"{self._name} is damaged or no chain file: {error}") from error
        raise ChainUnwritableError(f"{self._name}: {error}") from error
