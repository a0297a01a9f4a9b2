"""Killed and damaged: nothing acknowledged is lost, nothing happens twice, and damage is named."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.chain_probe import CHAIN_ID, calldata, numbers
from tests.fakes.chain_sender import CALLS, POINTS, contract_and_raws, send_all

from commonwatt.adapters.chain.embedded import EmbeddedChain
from commonwatt.adapters.chain.errors import AlreadyInChainError, ChainError, CorruptChainError
from commonwatt.adapters.chain.machine import Head
from commonwatt.crypto.keccak import keccak256


def killed(path: Path, point: str, countdown: int) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fakes.chain_sender", str(path), point, str(countdown)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 9), done.stderr
    return done.returncode == 9


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Head, bytes]:
    path = tmp_path_factory.mktemp("undisturbed") / "chain.sqlite"
    send_all(path)
    with EmbeddedChain.open(path, CHAIN_ID) as chain:
        chain.export(path.with_name("export.sqlite"))
        return chain.head, path.with_name("export.sqlite").read_bytes()


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_node_loses_nothing_and_repeats_nothing(
    tmp_path: Path, point: str, undisturbed: tuple[Head, bytes]
) -> None:
    path, kills = tmp_path / "chain.sqlite", 0
    # The n-th start replays what is there first, which passes the same point once a block when it is before the run.
    for attempt in range(2 * CALLS):
        if not killed(path, point, 2 * attempt + 2 if point == "before it runs" else 2):
            break
        kills += 1
    assert kills >= 2
    send_all(path)
    with EmbeddedChain.open(path, CHAIN_ID) as chain:
        assert chain.head == undisturbed[0]
        chain.export(tmp_path / "export.sqlite")
    assert (tmp_path / "export.sqlite").read_bytes() == undisturbed[1]


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    path = tmp_path / "chain.sqlite"
    send_all(path)
    return path


def test_a_truncated_file_is_refused(closed: Path) -> None:
    whole = closed.read_bytes()
    for share in (0.3, 0.6, 0.95):
        closed.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(CorruptChainError, match="damaged"):
            EmbeddedChain.open(closed, CHAIN_ID)


def test_a_torn_write_ahead_log_ends_at_the_last_whole_block(tmp_path: Path) -> None:
    live, torn = tmp_path / "live.sqlite", tmp_path / "torn.sqlite"
    probe, raws = contract_and_raws()
    with EmbeddedChain.open(live, CHAIN_ID) as chain:
        for time_s, raw in enumerate(raws):
            chain.append([raw], time_s)
        head = chain.head
        shutil.copy(live, torn)
        log = live.with_name(live.name + "-wal").read_bytes()
    torn.with_name(torn.name + "-wal").write_bytes(log[:-100])
    with pytest.raises(CorruptChainError, match=f"expected at least block {head.number}, the last is"):
        EmbeddedChain.open(torn, CHAIN_ID, expected_head=head)
    torn.with_name(torn.name + "-wal").write_bytes(log[:-100])
    with EmbeddedChain.open(torn, CHAIN_ID) as chain:
        assert chain.head.number == head.number - 1
        chain.append([raws[-1]], head.time_s)
        assert chain.head == head
        assert numbers(chain.call(probe, calldata("held(uint256)", 7))) == (10 + CALLS - 1,)


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE blocks SET time_s = time_s + 1 WHERE number = 3", "block 3: its fields do not give its hash"),
        ("UPDATE blocks SET hash = zeroblob(32) WHERE number = 3", "block 3: its fields do not give its hash"),
        ("DELETE FROM blocks WHERE number = 3", "block 3: missing"),
        ("DELETE FROM transactions WHERE block = 3", "block 3: expected 1 transactions in order"),
        ("DELETE FROM blocks WHERE number = 7", "transactions without a block"),
        ("UPDATE transactions SET raw = zeroblob(9) WHERE block = 3", "block 3: a transaction does not have the hash"),
        (
            "UPDATE transactions SET hash = zeroblob(32) WHERE block = 3",
            "block 3: a transaction does not have the hash",
        ),
        ("UPDATE transactions SET receipt = zeroblob(9) WHERE block = 3", "block 3: its receipts do not give"),
        ("UPDATE blocks SET time_s = 'noon' WHERE number = 3", "block 3: a field has another type"),
        ("DROP TABLE transactions", "no such table"),
    ],
)
def test_an_altered_file_is_refused_with_the_block(closed: Path, statement: str, complaint: str) -> None:
    connection = sqlite3.connect(closed)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(ChainError, match=complaint):
        EmbeddedChain.open(closed, CHAIN_ID)


def test_flipped_bytes_anywhere_never_go_unnoticed(closed: Path) -> None:
    """Every page is hit; where the flip lands in unused space the chain opens and is the same chain."""
    whole = closed.read_bytes()
    with EmbeddedChain.open(closed, CHAIN_ID) as chain:
        blocks = list(chain.blocks())
    refused = 0
    for place in range(50, len(whole), 997):
        changed = bytearray(whole)
        changed[place] ^= 0x5A
        closed.write_bytes(changed)
        try:
            with EmbeddedChain.open(closed, CHAIN_ID) as chain:
                assert list(chain.blocks()) == blocks
        except ChainError:
            refused += 1
        for rest in closed.parent.glob(closed.name + "-*"):
            rest.unlink()
    assert refused > 0


def test_a_rewritten_history_is_refused_by_whoever_remembers_a_block(tmp_path: Path) -> None:
    with EmbeddedChain.open(tmp_path / "one.sqlite", CHAIN_ID) as one:
        head = Head(0, 5, one.seal_genesis(5).hash)
    with EmbeddedChain.open(tmp_path / "two.sqlite", CHAIN_ID) as two:
        two.seal_genesis(6)
    EmbeddedChain.open(tmp_path / "one.sqlite", CHAIN_ID, expected_head=head).close()
    with pytest.raises(CorruptChainError, match=r"block 0: expected 0x"):
        EmbeddedChain.open(tmp_path / "two.sqlite", CHAIN_ID, expected_head=head)


def test_resending_after_a_crash_is_answered_with_the_receipt(closed: Path) -> None:
    with EmbeddedChain.open(closed, CHAIN_ID) as chain:
        raw = contract_and_raws()[1][-1]
        with pytest.raises(AlreadyInChainError):
            chain.append([raw], 999)
        receipt = chain.receipt(keccak256(raw))
        assert receipt is not None
        assert numbers(receipt.return_data) == (10 + CALLS - 2,)
