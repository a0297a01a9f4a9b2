"""The embedded chain: what a block may hold, what is kept, and what is found again."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.fakes.chain_probe import CHAIN_ID, CREATION, MEMBER, OWNER, address, calldata, numbers, signed

from commonwatt.adapters.chain.chain_file import ChainFile
from commonwatt.adapters.chain.embedded import EmbeddedChain
from commonwatt.adapters.chain.errors import (
    AlreadyInChainError,
    BlockRefusedError,
    ChainError,
    ChainLockedError,
    CorruptChainError,
    ExecutorUnavailableError,
    TransactionRefusedError,
    ViewRevertedError,
)
from commonwatt.adapters.chain.executors.base import GAS_LIMIT, MAX_CREATION_BYTES
from commonwatt.adapters.chain.machine import Head
from commonwatt.adapters.chain.transactions import MAX_TRANSACTION_BYTES, sign_transaction
from commonwatt.crypto.keccak import keccak256

NAMES = ["pyrevm", "py-evm"] if find_spec("pyrevm") else ["py-evm"]


def store(nonce: int, to: bytes, key: int = 7, amount: int = 41, secret: bytes = OWNER) -> bytes:
    return signed(secret, nonce, to, calldata("store(uint256,uint256)", key, amount))


def found_probe(chain: EmbeddedChain) -> bytes:
    """Create the probe, seal, and return its address."""
    contract = chain.append([signed(OWNER, 0, None, CREATION)], 100).receipts[0].contract
    assert contract is not None
    chain.seal_genesis(100)
    return contract


@pytest.fixture(params=NAMES)
def chain(request: pytest.FixtureRequest) -> Iterator[EmbeddedChain]:
    with EmbeddedChain.open(None, CHAIN_ID, request.param) as opened:
        yield opened


def test_a_block_runs_its_transactions_in_order(chain: EmbeddedChain) -> None:
    probe = found_probe(chain)
    block = chain.append([store(1, probe, 7, 41), store(2, probe, 7, 42)], 200)
    assert [numbers(receipt.return_data) for receipt in block.receipts] == [(0,), (41,)]
    assert numbers(chain.call(probe, calldata("held(uint256)", 7))) == (42,)
    assert (block.number, block.time_s, chain.head) == (2, 200, Head(2, 200, block.hash))


def test_what_this_process_signed_makes_the_same_block_without_a_look_at_its_signature(chain: EmbeddedChain) -> None:
    probe = found_probe(chain)
    ours, theirs = store(1, probe), store(0, probe, secret=MEMBER)
    block = chain.append([ours, theirs], 200, {ours: address(OWNER)})
    assert [receipt.sender for receipt in block.receipts] == [address(OWNER), address(MEMBER)]
    with EmbeddedChain.open(None, CHAIN_ID, chain.executor_name) as other:
        found_probe(other)
        assert other.append([ours, theirs], 200).hash == block.hash


def test_a_reverted_transaction_is_recorded_with_its_reason(chain: EmbeddedChain) -> None:
    probe = found_probe(chain)
    refused = signed(OWNER, 1, probe, calldata("store_then_fail(uint256,uint256)", 7, 41))
    receipt = chain.append([refused], 200).receipts[0]
    assert (receipt.succeeded, receipt.revert_reason, receipt.logs) == (False, "probe: refused", ())
    assert chain.next_nonce(address(OWNER)) == 2
    assert chain.receipt(keccak256(refused)) == receipt


def test_a_read_that_reverts_says_why(chain: EmbeddedChain) -> None:
    probe = found_probe(chain)
    with pytest.raises(ViewRevertedError, match="probe: refused"):
        chain.call(probe, calldata("store_then_fail(uint256,uint256)", 7, 41))


def test_blocks_are_linked_by_hash(chain: EmbeddedChain) -> None:
    probe = found_probe(chain)
    for i in range(3):
        chain.append([store(1 + i, probe)], 200 + i)
    blocks = list(chain.blocks())
    assert [block.parent_hash for block in blocks[1:]] == [block.hash for block in blocks[:-1]]
    assert [block.number for block in chain.blocks(3)] == [3, 4]
    assert [receipt.block for receipt in chain.receipts()] == [0, 2, 3, 4]


def test_chains_of_different_ids_share_no_hash() -> None:
    with EmbeddedChain.open(None, 1) as one, EmbeddedChain.open(None, 2) as two:
        assert one.seal_genesis(5).hash != two.seal_genesis(5).hash


def test_one_bad_transaction_refuses_the_whole_block(chain: EmbeddedChain) -> None:
    probe = found_probe(chain)
    before, digest = chain.head, chain.state_digest()
    with pytest.raises(TransactionRefusedError, match=r"transaction 1: expected nonce 2 of 0x.*, was 5") as refusal:
        chain.append([store(1, probe), store(5, probe)], 200)
    assert refusal.value.index == 1
    assert (chain.head, chain.state_digest(), chain.next_nonce(address(OWNER))) == (before, digest, 1)
    chain.append([store(1, probe)], 200)


def test_nonces_are_counted_by_sender(chain: EmbeddedChain) -> None:
    probe = found_probe(chain)
    chain.append([store(0, probe, secret=MEMBER), store(1, probe), store(1, probe, secret=MEMBER)], 200)
    assert (chain.next_nonce(address(OWNER)), chain.next_nonce(address(MEMBER))) == (2, 2)


def test_the_same_transaction_twice_is_recognised(chain: EmbeddedChain) -> None:
    probe = found_probe(chain)
    raw = store(1, probe)
    block = chain.append([raw], 200)
    with pytest.raises(AlreadyInChainError) as refusal:
        chain.append([store(2, probe), raw], 201)
    assert refusal.value.index == 1
    assert chain.receipt(refusal.value.transaction_hash) == block.receipts[0]
    assert chain.receipt(keccak256(b"another")) is None


def _with(**changes: object) -> dict[str, object]:
    return {"chain_id": CHAIN_ID, "nonce": 1, "data": b"", "gas_limit": GAS_LIMIT, **changes}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (_with(chain_id=1), f"expected chain id {CHAIN_ID}, was 1"),
        (_with(nonce=0), "expected nonce 1"),
        (_with(nonce=2), "expected nonce 1"),
        (_with(gas_limit=21_000), f"expected the gas limit {GAS_LIMIT}, was 21000"),
        (_with(gas_price_wei=1), "without a coin, was 1 and 0"),
        (_with(value_wei=3), "without a coin, was 0 and 3"),
        (_with(to=b"\x09" * 20), "a contract of the genesis, was 0x0909"),
        (_with(to=None, data=CREATION), "no contract creation after the genesis was sealed"),
        (_with(data=bytes(MAX_TRANSACTION_BYTES)), f"at most {MAX_TRANSACTION_BYTES} bytes"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_the_rule(
    chain: EmbeddedChain, changes: dict[str, object], reason: str
) -> None:
    probe = found_probe(chain)
    raw = sign_transaction(OWNER, **{"to": probe, **changes})  # type: ignore[arg-type]
    with pytest.raises(TransactionRefusedError, match=reason):
        chain.append([raw], 200)
    assert chain.head.number == 1


def test_creation_code_beyond_the_limit_is_refused(chain: EmbeddedChain) -> None:
    with pytest.raises(TransactionRefusedError, match=f"at most {MAX_CREATION_BYTES} bytes"):
        chain.append([signed(OWNER, 0, None, bytes(MAX_CREATION_BYTES + 1))], 0)


def test_a_contract_can_be_called_from_the_block_after_its_creation(chain: EmbeddedChain) -> None:
    from commonwatt.adapters.chain.transactions import created_address

    upcoming = created_address(address(OWNER), 0)
    with pytest.raises(TransactionRefusedError, match="contract of the genesis"):
        chain.append([signed(OWNER, 0, None, CREATION), store(1, upcoming)], 0)
    chain.append([signed(OWNER, 0, None, CREATION)], 0)
    assert chain.contracts == {upcoming}
    chain.append([store(1, upcoming)], 0)


def test_a_creation_that_reverts_is_recorded_and_lists_no_contract(chain: EmbeddedChain) -> None:
    receipt = chain.append([signed(OWNER, 0, None, bytes.fromhex("5f5ffd"))], 0).receipts[0]
    assert (receipt.succeeded, receipt.contract, chain.contracts) == (False, None, frozenset())


def test_the_genesis_is_sealed_once(chain: EmbeddedChain) -> None:
    assert not chain.is_sealed
    found_probe(chain)
    assert chain.is_sealed
    with pytest.raises(BlockRefusedError, match="sealed before"):
        chain.seal_genesis(200)


def test_time_does_not_go_backwards(chain: EmbeddedChain) -> None:
    probe = found_probe(chain)
    with pytest.raises(BlockRefusedError, match="at least 100 s, was 99 s"):
        chain.append([store(1, probe)], 99)
    chain.append([signed(OWNER, 1, probe, calldata("stamp()"))], 100)
    assert numbers(chain.call(probe, calldata("stamped()"))) == (100,)


def test_both_executors_make_the_same_blocks() -> None:
    if "pyrevm" not in NAMES:
        pytest.skip("pyrevm has no wheel for this Python")
    heads = []
    for name in NAMES:
        with EmbeddedChain.open(None, CHAIN_ID, name) as opened:
            probe = found_probe(opened)
            fail = signed(OWNER, 2, probe, calldata("store_then_fail(uint256,uint256)", 1, 1))
            opened.append([store(1, probe), fail], 300)
            opened.append([signed(OWNER, 3, probe, calldata("mark()"))], 301)
            heads.append((opened.head, opened.state_digest(), [block.hash for block in opened.blocks()]))
    assert heads[0] == heads[1]


# --- the file


def test_a_reopened_chain_is_the_chain_that_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    with EmbeddedChain.open(path, CHAIN_ID) as first:
        probe = found_probe(first)
        block = first.append([store(1, probe), store(0, probe, 8, 1, MEMBER)], 200)
        before = (first.head, first.state_digest(), first.contracts, list(first.blocks()))
    with EmbeddedChain.open(path, CHAIN_ID) as second:
        assert (second.head, second.state_digest(), second.contracts, list(second.blocks())) == before
        assert second.is_sealed
        assert second.receipt(block.receipts[1].transaction_hash) == block.receipts[1]
        with pytest.raises(AlreadyInChainError):
            second.append([store(1, probe)], 200)
        assert numbers(second.append([store(2, probe)], 200).receipts[0].return_data) == (41,)


def test_a_chain_is_reopened_under_its_own_id_and_rules_only(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    EmbeddedChain.open(path, CHAIN_ID).close()
    with pytest.raises(ChainError, match=f"expected chain id 1 with cancun rules, was {CHAIN_ID} with cancun"):
        EmbeddedChain.open(path, 1)
    with pytest.raises(ChainError, match=f"expected chain id {CHAIN_ID} with prague rules"):
        EmbeddedChain.open(path, CHAIN_ID, fork="prague")


def test_a_second_writer_is_told_that_the_file_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "chain.sqlite"
    with (
        EmbeddedChain.open(path, CHAIN_ID),
        pytest.raises(ChainLockedError, match=r"chain\.sqlite is open for writing in another process"),
    ):
        EmbeddedChain.open(path, CHAIN_ID)
    EmbeddedChain.open(path, CHAIN_ID).close()


def test_a_block_that_cannot_be_written_is_not_in_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: ChainFile, block: object, raws: object) -> None:
        raise ChainError("disk full")

    with EmbeddedChain.open(tmp_path / "chain.sqlite", CHAIN_ID) as chain:
        probe = found_probe(chain)
        before = (chain.head, chain.state_digest())
        with monkeypatch.context() as patch, pytest.raises(ChainError, match="disk full"):
            patch.setattr(ChainFile, "append", full)
            chain.append([store(1, probe)], 200)
        assert (chain.head, chain.state_digest()) == before
        assert chain.append([store(1, probe)], 200).number == 2


def test_another_file_is_not_taken_for_a_chain(tmp_path: Path) -> None:
    import sqlite3

    text, database = tmp_path / "notes.txt", tmp_path / "other.sqlite"
    text.write_text("not a database, but long enough to be looked at as one" * 20)
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE blocks (number INTEGER)")
    connection.close()
    with pytest.raises(CorruptChainError, match="no chain file"):
        EmbeddedChain.open(text, CHAIN_ID)
    with pytest.raises(CorruptChainError, match="another SQLite file"):
        EmbeddedChain.open(database, CHAIN_ID)


def test_without_pyrevm_a_chain_runs_on_py_evm_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedChain.open(tmp_path / "chain.sqlite", CHAIN_ID) as chain:
        probe = found_probe(chain)
        head = chain.append([store(1, probe)], 200)
    monkeypatch.setitem(sys.modules, "pyrevm", None)
    caplog.clear()
    with caplog.at_level(logging.WARNING), EmbeddedChain.open(tmp_path / "chain.sqlite", CHAIN_ID) as chain:
        assert chain.head.hash == head.hash
        assert chain.note is not None
        assert [record.getMessage() for record in caplog.records] == [chain.note]
        assert numbers(chain.append([store(2, probe)], 200).receipts[0].return_data) == (41,)
    with pytest.raises(ExecutorUnavailableError):
        EmbeddedChain.open(tmp_path / "chain.sqlite", CHAIN_ID, "pyrevm")
