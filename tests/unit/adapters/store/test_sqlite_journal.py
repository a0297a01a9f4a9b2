"""The journal: append-only, chained by hashes, of one input, written by one process."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from commonwatt.adapters.store.run_lock import RunLock
from commonwatt.adapters.store.sqlite_journal import SqliteJournal
from commonwatt.core.errors import JournalError

IDENTITY = {"version": "0.9", "settings": "a" * 64, "data": "b" * 64}
OTHER = {**IDENTITY, "settings": "c" * 64}
ROWS = [(7, "gate", b"one"), (8, "gate", b"two"), (7, "delivery", b"")]


def written(folder: Path) -> Path:
    path = folder / "journal.sqlite"
    journal = SqliteJournal(path, IDENTITY)
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
    journal = SqliteJournal(written(tmp_path), IDENTITY)
    assert list(journal.rows()) == ROWS
    journal.append(9, "end", b"three")
    assert list(journal.rows()) == [*ROWS, (9, "end", b"three")]
    journal.close()
    again = SqliteJournal(tmp_path / "journal.sqlite", IDENTITY)
    assert len(list(again.rows())) == 4
    again.close()


def mended(path: Path, kept: int) -> None:
    """Opened, the journal has its first good rows and no more, says so, and goes on; the damaged file is kept."""
    before = path.read_bytes()
    with closing(SqliteJournal(path, IDENTITY)) as journal:
        assert list(journal.rows()) == ROWS[:kept]
        (note,) = journal.notes
        assert (f"{kept} finished steps are kept" if kept != 1 else "1 finished step is kept") in note
        assert "journal.sqlite.damaged-1" in note
        for row in ROWS[kept:]:
            journal.append(*row)
    assert path.with_name("journal.sqlite.damaged-1").read_bytes() == before
    with closing(SqliteJournal(path, IDENTITY)) as journal:
        assert journal.notes == ()
        assert list(journal.rows()) == ROWS


@pytest.mark.parametrize(
    ("sql", "value", "kept"),
    [
        ("UPDATE halves SET payload = ? WHERE row = 1", b"twp", 1),
        ("UPDATE halves SET slot = ? WHERE row = 0", 6, 0),
        ("UPDATE halves SET half = ? WHERE row = 2", "gate", 2),
        ("UPDATE halves SET hash = ? WHERE row = 1", bytes(32), 1),
        ("DELETE FROM halves WHERE row = ?", 0, 0),
        ("DELETE FROM halves WHERE row = ?", 1, 1),
        ("INSERT INTO halves SELECT row + ?, slot, half, payload, hash FROM halves WHERE row = 2", 1, 3),
    ],
)
def test_a_changed_row_and_all_behind_it_are_cut_off_and_kept_aside(
    tmp_path: Path, sql: str, value: object, kept: int
) -> None:
    path = written(tmp_path)
    changed(path, sql, value)
    mended(path, kept)


@pytest.mark.parametrize("column", ["payload", "hash", "slot", "half"])
def test_a_value_of_another_type_is_no_good_row(tmp_path: Path, column: str) -> None:
    path = written(tmp_path)
    changed(path, f"UPDATE halves SET {column} = ? WHERE row = 1", "garbage")
    mended(path, 1)


def test_a_row_changed_while_the_journal_is_open_is_an_error(tmp_path: Path) -> None:
    path = written(tmp_path)
    with closing(SqliteJournal(path, IDENTITY)) as journal:
        changed(path, "UPDATE halves SET payload = ? WHERE row = 1", b"twp")
        with pytest.raises(JournalError, match="chain of hashes"):
            list(journal.rows())


def test_a_flipped_bit_in_the_file_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    raw = path.read_bytes()
    at = raw.index(b"two")
    path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
    mended(path, 1)


def test_a_second_damage_is_kept_beside_the_first(tmp_path: Path) -> None:
    path = written(tmp_path)
    for number in (1, 2):
        changed(path, "UPDATE halves SET payload = ? WHERE row = 2", b"x")
        with closing(SqliteJournal(path, IDENTITY)) as journal:
            journal.append(*ROWS[2])
        assert path.with_name(f"journal.sqlite.damaged-{number}").exists()


def test_a_torn_log_costs_the_last_rows_and_nothing_more(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, IDENTITY)
    for row in ROWS:
        journal.append(*row)
    copy = tmp_path / "copy" / "journal.sqlite"
    copy.parent.mkdir()
    log = path.with_name("journal.sqlite-wal").read_bytes()
    copy.write_bytes(path.read_bytes())
    copy.with_name("journal.sqlite-wal").write_bytes(log[: len(log) - 100])
    journal.close()
    with closing(SqliteJournal(copy, IDENTITY)) as torn:
        assert list(torn.rows()) == ROWS[:2]


def test_another_input_is_refused_and_the_journal_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(JournalError, match="same input"):
        SqliteJournal(path, OTHER)
    journal = SqliteJournal(path, IDENTITY)
    assert list(journal.rows()) == ROWS
    journal.close()


def test_a_refusal_names_what_is_another(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"was of another: version 0\.9, data$"):
        SqliteJournal(written(tmp_path), {**IDENTITY, "version": "1.0", "data": "e" * 64})


def test_an_empty_journal_beside_results_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.touch()
    with pytest.raises(JournalError, match="was empty"):
        SqliteJournal(path, IDENTITY, may_be_new=False)
    SqliteJournal(path, IDENTITY).close()


def test_one_process_holds_a_folder_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.lock"
    program = (
        "import sys; from pathlib import Path\n"
        "from commonwatt.adapters.store.run_lock import RunLock\n"
        "from commonwatt.core.errors import JournalError\n"
        "try:\n    with RunLock(Path(sys.argv[1])): pass\n"
        "except JournalError as error: sys.exit(str(error))\n"
    )
    again = [sys.executable, "-c", program, str(path)]
    with RunLock(path):
        for _ in range(2):
            tried = subprocess.run(again, check=False, capture_output=True, text=True)
            assert tried.stderr.rstrip().endswith(f"another holds it: process {os.getpid()}")
    assert subprocess.run(again, check=False).returncode == 0
    with pytest.raises(JournalError, match="can be written"), RunLock(tmp_path / "nowhere" / "journal.lock"):
        pytest.fail("there is no folder")


@pytest.mark.parametrize("content", [b"garbage" * 100, b"SQLite format 3\0" + bytes(200)])
def test_what_is_no_journal_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="journal"):
        SqliteJournal(path, IDENTITY)


def test_a_folder_that_is_not_there_is_a_journal_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        SqliteJournal(tmp_path / "nowhere" / "journal.sqlite", IDENTITY)


@pytest.mark.parametrize("pages", [1, 6, 20])
def test_a_file_cut_off_behind_its_beginning_keeps_the_rows_that_are_whole(tmp_path: Path, pages: int) -> None:
    path, rows = tmp_path / "journal.sqlite", [(slot, "delivery", bytes([slot]) * 9000) for slot in range(12)]
    with closing(SqliteJournal(path, IDENTITY)) as journal:
        for row in rows:
            journal.append(*row)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) - pages * 4096 + 100])
    with closing(SqliteJournal(path, IDENTITY)) as journal:
        assert list(journal.rows()) == rows[: len(list(journal.rows()))]
        assert len(list(journal.rows())) >= 12 - pages
        assert "cut after its last good row" in journal.notes[0]
        journal.append(*rows[len(list(journal.rows()))])
    assert path.with_name("journal.sqlite.damaged-1").read_bytes() == raw[: len(raw) - pages * 4096 + 100]


def test_a_file_of_which_not_even_the_beginning_is_left_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path)
    rest = path.read_bytes()[:4096]
    path.write_bytes(rest)
    with pytest.raises(JournalError, match="expected a journal"):
        SqliteJournal(path, IDENTITY)
    assert path.read_bytes() == rest
