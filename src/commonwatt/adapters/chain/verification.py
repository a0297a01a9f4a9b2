"""Auditing an exported chain: signatures, links, and every transaction run again from the genesis on any executor."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from commonwatt.adapters.chain.blocks import Block, Receipt
from commonwatt.adapters.chain.chain_file import ChainFile, StoredBlock
from commonwatt.adapters.chain.errors import BlockRefusedError, CorruptChainError, TransactionRefusedError
from commonwatt.adapters.chain.executors import open_executor
from commonwatt.adapters.chain.executors.base import state_digest
from commonwatt.adapters.chain.machine import ChainMachine, Head
from commonwatt.adapters.chain.replay import read_block
from commonwatt.adapters.chain.transactions import Transaction, decode_transaction


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing the file says and the replay does not: where, what was expected (replay), what was found (file)."""

    block: int
    position: int | None
    what: str
    expected: str
    found: str

    @property
    def place(self) -> str:
        """Block and transaction, in words."""
        return f"block {self.block}" if self.position is None else f"block {self.block}, transaction {self.position}"

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: expected {self.expected}, was {self.found}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a replay found. The chain is right when there is no disagreement.

    `gas_used` maps transaction hashes to exact gas, and is empty unless the executor counts gas. `head` is the last
    block that was checked; a replay stops at the first block it cannot run. `note` says which executor stepped in.
    """

    executor: str
    chain_id: int
    fork: str
    blocks: int
    transactions: int
    head: Head
    state_digest: bytes
    gas_used: dict[bytes, int]
    disagreements: tuple[Disagreement, ...]
    note: str | None

    @property
    def is_right(self) -> bool:
        """Whether file and replay agree in everything."""
        return not self.disagreements


def verify(path: Path, executor: str = "auto") -> VerifyReport:
    """As `verified`, the report alone."""
    return verified(path, executor)[0]


def verified(
    path: Path, executor: str = "auto", at: Callable[[int], None] = lambda _: None
) -> tuple[VerifyReport, ChainMachine]:
    """Run an exported chain again from its genesis and compare links, roots, statuses, return data, logs and storage.

    `at` is told how many blocks were run. Returns the report and the machine as the last block that could be run left it.
    With `executor="py-evm"` this is the reference replay, and the report has each transaction's exact gas.
    Errors: CorruptChainError when the file cannot be read at all; what can be read and is wrong is in the report.
    """
    with closing(ChainFile.open_for_reading(path)) as file:
        file.check_structure()
        settings = file.settings()
        chain_id, fork = _identity(settings)
        runner, note = open_executor(executor, chain_id, fork)
        replay = _Replay(ChainMachine(runner, chain_id, fork), chain_id)
        replay.run(file.blocks(), at)
        digest = state_digest(runner)
        recorded_digest = settings.get("state_digest", "")
        if not replay.disagreements and recorded_digest != digest.hex():
            replay.note(replay.machine.head.number, None, "state digest", digest.hex(), recorded_digest or "none")
    report = VerifyReport(
        runner.name,
        chain_id,
        fork,
        replay.machine.head.number + 1,
        replay.transactions,
        replay.machine.head,
        digest,
        replay.gas_used,
        tuple(replay.disagreements),
        note,
    )
    return report, replay.machine


class _Replay:
    """Runs stored blocks one after the other, collecting what disagrees, until one cannot be run."""

    def __init__(self, machine: ChainMachine, chain_id: int) -> None:
        self.machine = machine
        self.transactions = 0
        self.gas_used: dict[bytes, int] = {}
        self.disagreements: list[Disagreement] = []
        self._chain_id = chain_id

    def note(self, block: int, position: int | None, what: str, expected: str, found: str) -> None:
        self.disagreements.append(Disagreement(block, position, what, expected, found))

    def run(self, stored_blocks: Iterator[StoredBlock], at: Callable[[int], None]) -> None:
        try:
            for done, stored in enumerate(stored_blocks, 1):
                if not self._step(stored):
                    return
                at(done)
        except CorruptChainError as error:
            number = self.machine.head.number + 1 if error.block is None else error.block
            self.note(number, None, "file", "a whole block", str(error))

    def _step(self, stored: StoredBlock) -> bool:
        recorded = read_block(stored)
        parent = self.machine.head.hash
        if recorded.parent_hash != parent:
            self.note(recorded.number, None, "parent", parent.hex(), recorded.parent_hash.hex())
            return False
        try:
            transactions = self._decoded(stored.raws)
            block = self.machine.apply(transactions, recorded.time_s, seals_genesis=recorded.seals_genesis)
        except (TransactionRefusedError, BlockRefusedError) as error:
            self.note(recorded.number, getattr(error, "index", None), "rule", "an admissible block", str(error))
            return False
        self.transactions += len(transactions)
        self._compare(block, recorded)
        return block.hash == recorded.hash

    def _decoded(self, raws: tuple[bytes, ...]) -> list[Transaction]:
        transactions = []
        for index, raw in enumerate(raws):
            try:
                transactions.append(decode_transaction(raw, self._chain_id))
            except TransactionRefusedError as error:
                raise TransactionRefusedError(error.reason, index) from error
        return transactions

    def _compare(self, block: Block, recorded: Block) -> None:
        for ours, theirs in zip(block.receipts, recorded.receipts, strict=True):
            if ours.gas_used is not None:
                self.gas_used[ours.transaction_hash] = ours.gas_used
            if ours != theirs:
                self._compare_receipt(ours, theirs)

    def _compare_receipt(self, ours: Receipt, theirs: Receipt) -> None:
        pairs = {
            "sender": (ours.sender.hex(), theirs.sender.hex()),
            "status": (str(int(ours.succeeded)), str(int(theirs.succeeded))),
            "return data": (ours.return_data.hex(), theirs.return_data.hex()),
            "logs": (str(ours.logs), str(theirs.logs)),
            "contract": (str(ours.contract), str(theirs.contract)),
            "recipient": (str(ours.to), str(theirs.to)),
        }
        for what, (expected, found) in pairs.items():
            if expected != found:
                self.note(ours.block, ours.position, what, expected, found)


def _identity(settings: dict[str, str]) -> tuple[int, str]:
    chain_id, fork = settings.get("chain_id", ""), settings.get("fork", "")
    if not chain_id.isdecimal():
        raise CorruptChainError(f"expected a chain id, was {chain_id!r}")
    return int(chain_id), fork
