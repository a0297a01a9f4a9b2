"""The journal: append-only, chained by hashes, of one input, written by one process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from commonwatt.adapters.store.sqlite_journal import SqliteJournal
from commonwatt.core.errors import JournalError

ROWS = [(7, "gate", b"one"), (8, "gate", b"two"), (7, "delivery", b"")]


def written(folder: Path) -> Path:
    path = folder / "journal.sqlite"
    journal = SqliteJournal(path, "input")
    for row in ROWS:
        journal.append(*row)
    journal.close()
    return path


def changed(path: Path, sql: str, *values: object) -> None:
    db = sqlite3.connect(path)
    db.execute(sql, values)
    db.commit()
    db.close()


def test_rows_come_back_in_order_and_more_can_be_appended(tmp_path: Path) -> None:
    journal = SqliteJournal(written(tmp_path), "input")
    assert list(journal.rows()) == ROWS
    journal.append(9, "end", b"three")
    assert list(journal.rows()) == [*ROWS, (9, "end", b"three")]
    journal.close()
    again = SqliteJournal(tmp_path / "journal.sqlite", "input")
    assert len(list(again.rows())) == 4
    again.close()


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("UPDATE halves SET payload = ? WHERE row = 1", b"twp"),
        ("UPDATE halves SET slot = ? WHERE row = 0", 6),
        ("UPDATE halves SET half = ? WHERE row = 2", "gate"),
        ("UPDATE halves SET hash = ? WHERE row = 1", bytes(32)),
        ("DELETE FROM halves WHERE row = ?", 0),
        ("DELETE FROM halves WHERE row = ?", 1),
        ("INSERT INTO halves SELECT row + ?, slot, half, payload, hash FROM halves WHERE row = 2", 1),
    ],
)
def test_a_changed_row_breaks_the_chain(tmp_path: Path, sql: str, value: object) -> None:
    path = written(tmp_path)
    changed(path, sql, value)
    journal = SqliteJournal(path, "input")
    with pytest.raises(JournalError, match="chain of hashes"):
        list(journal.rows())
    journal.close()


@pytest.mark.parametrize("column", ["payload", "hash", "slot", "half"])
def test_a_value_of_another_type_breaks_the_chain(tmp_path: Path, column: str) -> None:
    path = written(tmp_path)
    changed(path, f"UPDATE halves SET {column} = ? WHERE row = 1", "garbage")
    journal = SqliteJournal(path, "input")
    with pytest.raises(JournalError):
        list(journal.rows())
    journal.close()


def test_every_flipped_byte_of_a_row_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    raw = path.read_bytes()
    at = raw.index(b"two")
    path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    journal = SqliteJournal(path, "input")
    with pytest.raises(JournalError):
        list(journal.rows())
    journal.close()


def test_another_input_is_refused_and_the_journal_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(JournalError, match="same input"):
        SqliteJournal(path, "other")
    journal = SqliteJournal(path, "input")
    assert list(journal.rows()) == ROWS
    journal.close()


def test_two_cannot_write_at_once(tmp_path: Path) -> None:
    journal = SqliteJournal(written(tmp_path), "input")
    with pytest.raises(JournalError, match="another holds it"):
        SqliteJournal(tmp_path / "journal.sqlite", "input")
    journal.close()


def test_another_process_cannot_write_either(tmp_path: Path) -> None:
    journal = SqliteJournal(written(tmp_path), "input")
    program = (
        "import sys; from pathlib import Path\n"
        "from commonwatt.adapters.store.sqlite_journal import SqliteJournal\n"
        "from commonwatt.core.errors import JournalError\n"
        "try: SqliteJournal(Path(sys.argv[1]), 'input')\n"
        "except JournalError: sys.exit(7)\n"
    )
    tried = subprocess.run([sys.executable, "-c", program, str(tmp_path / "journal.sqlite")], check=False)
    journal.close()
    assert tried.returncode == 7


@pytest.mark.parametrize("content", [b"garbage" * 100, b"SQLite format 3\0" + bytes(200)])
def test_what_is_no_journal_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="journal"):
        SqliteJournal(path, "input")


def test_a_folder_that_is_not_there_is_a_journal_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        SqliteJournal(tmp_path / "nowhere" / "journal.sqlite", "input")
