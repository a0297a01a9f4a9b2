"""Exports: the same chain gives the same bytes, and `verify` finds what was changed."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.fakes.chain_probe import CHAIN_ID, CREATION, MEMBER, OWNER, address, calldata, signed

from commonwatt.adapters.chain.blocks import Block, build_block
from commonwatt.adapters.chain.chain_file import StoredBlock
from commonwatt.adapters.chain.embedded import EmbeddedChain
from commonwatt.adapters.chain.errors import ChainError, CorruptChainError
from commonwatt.adapters.chain.export import write_canonical
from commonwatt.adapters.chain.transactions import created_address
from commonwatt.adapters.chain.verification import VerifyReport, verify
from commonwatt.crypto.keccak import keccak256

NAMES = ["pyrevm", "py-evm"] if find_spec("pyrevm") else ["py-evm"]


def batches() -> list[list[bytes]]:
    probe = created_address(address(OWNER), 0)
    return [
        [signed(OWNER, 0, None, CREATION)],
        [
            signed(OWNER, 1, probe, calldata("store(uint256,uint256)", 7, 41)),
            signed(MEMBER, 0, probe, calldata("store_then_fail(uint256,uint256)", 7, 41)),
            signed(OWNER, 2, probe, calldata("stamp()")),
        ],
        [signed(MEMBER, 1, probe, calldata("mark()"))],
    ]


def exported(path: Path, reopenings: int, executor: str = "auto") -> bytes:
    """Write one chain with so many reopenings, reads and refusals on the way, and return its export."""
    live = path / f"live{reopenings}.sqlite"
    chain = EmbeddedChain.open(live, CHAIN_ID, executor)
    for i, raws in enumerate(batches()):
        for _ in range(reopenings):
            chain.close()
            chain = EmbeddedChain.open(live, CHAIN_ID, executor)
            with pytest.raises(ChainError):
                chain.append([b"no transaction"], 0)
        chain.append(raws, 100 * i)
    chain.seal_genesis(300)
    chain.export(path / "export.sqlite")
    chain.close()
    return (path / "export.sqlite").read_bytes()


@pytest.fixture
def export(tmp_path: Path) -> Path:
    exported(tmp_path, 0)
    return tmp_path / "export.sqlite"


def test_the_same_chain_gives_the_same_bytes_whatever_it_went_through(tmp_path: Path) -> None:
    first = exported(tmp_path, 0)
    assert exported(tmp_path, 1) == first
    assert exported(tmp_path, 3, "py-evm") == first
    assert [path.name for path in tmp_path.glob("export*")] == ["export.sqlite"]


def test_an_export_replaces_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "export.sqlite").write_bytes(b"an older file")
    (tmp_path / "export.sqlite.partial").write_bytes(b"left by a crash")
    assert exported(tmp_path, 0).startswith(b"SQLite format 3\0")
    assert not (tmp_path / "export.sqlite.partial").exists()


def test_an_export_into_nowhere_says_so(tmp_path: Path) -> None:
    with EmbeddedChain.open(None, CHAIN_ID) as chain, pytest.raises(ChainError, match="cannot be written"):
        chain.export(tmp_path / "missing" / "export.sqlite")


@pytest.mark.parametrize("name", NAMES)
def test_an_untouched_export_verifies(export: Path, name: str) -> None:
    report = verify(export, name)
    assert report.is_right
    assert (report.executor, report.chain_id, report.fork) == (name, CHAIN_ID, "cancun")
    assert (report.blocks, report.transactions) == (4, 5)


def test_the_reference_replay_counts_gas_and_the_fast_one_does_not(export: Path) -> None:
    gas = verify(export, "py-evm").gas_used
    assert len(gas) == 5
    assert all(21_000 < used < 2_000_000 for used in gas.values())
    if "pyrevm" in NAMES:
        assert verify(export, "pyrevm").gas_used == {}


def test_a_verified_export_is_left_as_it_was(export: Path) -> None:
    before = export.read_bytes()
    verify(export)
    assert export.read_bytes() == before
    assert sorted(path.name for path in export.parent.glob("export*")) == ["export.sqlite"]


def disagreements(path: Path, name: str = "auto") -> list[str]:
    report: VerifyReport = verify(path, name)
    assert not report.is_right
    return [str(disagreement) for disagreement in report.disagreements]


def test_a_changed_amount_is_found(export: Path) -> None:
    connection = sqlite3.connect(export)
    (raw,) = connection.execute("SELECT raw FROM transactions WHERE block = 1 AND position = 0").fetchone()
    changed = raw.replace((41).to_bytes(32, "big"), (42).to_bytes(32, "big"))
    connection.execute("UPDATE transactions SET raw = ? WHERE block = 1 AND position = 0", (changed,))
    connection.commit()
    connection.close()
    assert disagreements(export) == [
        "block 1: file: expected a whole block, was block 1: a transaction does not have the hash it is listed under"
    ]


def test_a_value_that_is_no_value_any_more_is_found(export: Path) -> None:
    connection = sqlite3.connect(export)
    connection.execute("UPDATE transactions SET raw = CAST(raw AS TEXT) WHERE block = 1")
    connection.commit()
    connection.close()
    assert "is damaged" in disagreements(export)[0]


def test_a_chain_whose_storage_ends_elsewhere_is_found(export: Path) -> None:
    connection = sqlite3.connect(export)
    connection.execute("UPDATE chain SET value = '00' WHERE key = 'state_digest'")
    connection.commit()
    connection.close()
    assert "state digest" in disagreements(export)[0]


def forge(export: Path, change: object) -> Path:
    """Write the chain again with `change` applied to its blocks, every hash after it recomputed: a forger's best."""
    forged = export.with_name("forged.sqlite")
    with EmbeddedChain.open(None, CHAIN_ID) as chain:
        blocks: list[Block] = []
        for i, raws in enumerate(batches()):
            blocks.append(chain.append(raws, 100 * i))
        digest = chain.state_digest().hex()
        settings = {"chain_id": str(CHAIN_ID), "fork": "cancun", "state_digest": digest}
    stored, parent = [], blocks[0].parent_hash
    for block, raws in zip(blocks, batches(), strict=True):
        receipts, raws = change(block, raws)  # type: ignore[operator]
        again = build_block(block.number, block.time_s, parent, raws, receipts, block.seals_genesis)
        parent = again.hash
        hashes = tuple(receipt.transaction_hash for receipt in receipts)
        header = (again.number, again.time_s, again.parent_hash, again.transactions_root, again.receipts_root)
        stored.append(StoredBlock(*header, False, again.hash, tuple(raws), hashes, again.encoded_receipts))
    write_canonical(forged, settings, stored)
    return forged


def test_a_consistently_forged_status_is_found(export: Path) -> None:
    def change(block: Block, raws: list[bytes]) -> object:
        return (tuple(r if r.succeeded else replace(r, succeeded=True) for r in block.receipts), raws)

    found = disagreements(forge(export, change))
    assert "block 1, transaction 1: status: expected 0, was 1" in found


def test_a_consistently_forged_sender_is_found(export: Path) -> None:
    def change(block: Block, raws: list[bytes]) -> object:
        return (tuple(replace(r, sender=b"\x07" * 20) for r in block.receipts), raws)

    assert any("sender: expected" in line for line in disagreements(forge(export, change)))


def test_a_consistently_forged_log_is_found(export: Path) -> None:
    def change(block: Block, raws: list[bytes]) -> object:
        return (tuple(replace(r, logs=()) for r in block.receipts), raws)

    assert any(line.startswith("block 1, transaction 0: logs") for line in disagreements(forge(export, change)))


def test_a_transaction_nobody_signed_is_found(export: Path) -> None:
    def change(block: Block, raws: list[bytes]) -> object:
        if block.number != 2:
            return (block.receipts, raws)
        forged = raws[0][:-1] + bytes((raws[0][-1] ^ 1,))
        return (tuple(replace(r, transaction_hash=keccak256(forged)) for r in block.receipts), [forged])

    assert any(line.startswith("block 2, transaction 0: rule") for line in disagreements(forge(export, change)))


def test_an_omitted_transaction_is_found(export: Path) -> None:
    def change(block: Block, raws: list[bytes]) -> object:
        kept = [i for i in range(len(raws)) if (block.number, i) != (1, 0)]
        return (tuple(block.receipts[i] for i in kept), [raws[i] for i in kept])

    assert any("expected nonce 1" in line for line in disagreements(forge(export, change)))


def test_something_else_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(CorruptChainError, match="expected a chain file, was none"):
        verify(tmp_path / "missing.sqlite")
    (tmp_path / "text.sqlite").write_text("hello " * 400)
    with pytest.raises(CorruptChainError):
        verify(tmp_path / "text.sqlite")
