"""The embedded chain: one node in this process, its blocks in one SQLite file, its state rebuilt from them."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from commonwatt.adapters.chain.blocks import Block, Receipt, decode_receipt, describe_revert
from commonwatt.adapters.chain.chain_file import ChainFile
from commonwatt.adapters.chain.errors import AlreadyInChainError, TransactionRefusedError, ViewRevertedError
from commonwatt.adapters.chain.executors import open_executor
from commonwatt.adapters.chain.executors.base import state_digest
from commonwatt.adapters.chain.export import write_canonical
from commonwatt.adapters.chain.machine import ChainMachine, Head
from commonwatt.adapters.chain.replay import read_block, replay
from commonwatt.adapters.chain.transactions import Transaction, decode_transaction
from commonwatt.crypto.keccak import keccak256

_logger = logging.getLogger(__name__)
_NOBODY: Final = bytes(20)


class EmbeddedChain:
    """A chain with one node: every `append` is one block, durable when it returns. Open it with `open`."""

    def __init__(self, file: ChainFile, chain_id: int, executor: str, fork: str) -> None:
        self._file = file
        self._executor_name = executor
        self._fork = fork
        self._machine: ChainMachine | None = None
        self.chain_id = chain_id
        self.note: str | None = None

    @classmethod
    def open(
        cls,
        path: Path | None,
        chain_id: int,
        executor: str = "auto",
        fork: str = "cancun",
        expected_head: Head | None = None,
    ) -> Self:
        """Open or create the chain in `path` (None: in memory only), checking and replaying all of its blocks.

        Args: `executor` is auto, pyrevm or py-evm; `note` says when auto had to take the slow one. `fork` is the
        chain's rule set, fixed when it is created. `expected_head` is a block the chain must hold: a file cut off at a
        block's end looks whole by itself.
        Errors: ChainLockedError, CorruptChainError, ExecutorUnavailableError, ChainError for another id or fork.
        """
        file = ChainFile.open_for_writing(path, chain_id, fork)
        chain = cls(file, chain_id, executor, fork)
        try:
            chain._rebuild(expected_head)
        except BaseException:
            file.close()
            raise
        return chain

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def head(self) -> Head:
        """The last block's number, time and hash."""
        return self._ready().head

    @property
    def is_sealed(self) -> bool:
        """Whether the genesis is closed and no contract can be created any more."""
        return self._ready().is_sealed

    @property
    def contracts(self) -> frozenset[bytes]:
        """Addresses of the contracts that transactions may call."""
        return self._ready().contracts

    def next_nonce(self, sender: bytes) -> int:
        """Return the nonce that `sender`'s next transaction must carry."""
        return self._ready().next_nonce(sender)

    def append(self, raws: Sequence[bytes], time_s: int) -> Block:
        """Make one block of signed transactions, in this order: all of them or, when one is refused, none.

        A transaction that reverts is part of the block, with `succeeded` False. `time_s` is what contracts read as
        time, and must not go backwards. Errors: TransactionRefusedError with the index, AlreadyInChainError when the
        same bytes are in a block, BlockRefusedError; after any error the chain is as before.
        """
        return self._append(raws, time_s, seals_genesis=False)

    def seal_genesis(self, time_s: int) -> Block:
        """Close the genesis with an empty block: from here on no transaction can create a contract."""
        return self._append((), time_s, seals_genesis=True)

    def call(self, to: bytes, data: bytes, sender: bytes = _NOBODY) -> bytes:
        """Return what a contract answers to a read, at the head; nothing it does is kept.

        Errors: ViewRevertedError with the contract's reason.
        """
        outcome = self._ready().executor.view(sender, to, data)
        if not outcome.succeeded:
            raise ViewRevertedError(describe_revert(outcome.return_data), outcome.return_data)
        return outcome.return_data

    def storage(self, address: bytes, slot: int) -> int:
        """Return one storage word of a contract at the head."""
        return self._ready().executor.storage(address, slot)

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """Return the receipt of a transaction, or None when no block holds it."""
        found = self._file.find(transaction_hash)
        if found is None:
            return None
        block, position, encoded = found
        return decode_receipt(encoded, block, position)

    def blocks(self, first: int = 0) -> Iterator[Block]:
        """Yield the blocks from number `first` on, with their receipts, from the file."""
        return (read_block(stored) for stored in self._file.blocks(first))

    def receipts(self, first_block: int = 0) -> Iterator[Receipt]:
        """Yield all receipts from a block on, in the chain's order."""
        return (receipt for block in self.blocks(first_block) for receipt in block.receipts)

    def state_digest(self) -> bytes:
        """Return a hash over all contracts' code and storage at the head (slow: walks all of it)."""
        return state_digest(self._ready().executor)

    def export(self, path: Path) -> None:
        """Write the chain into a fresh file whose bytes depend on its blocks only, whatever happened to this one."""
        settings = {**self._file.settings(), "state_digest": self.state_digest().hex()}
        write_canonical(path, settings, self._file.blocks())

    def _append(self, raws: Sequence[bytes], time_s: int, *, seals_genesis: bool) -> Block:
        machine = self._ready()
        try:
            transactions = self._decoded(raws)
            machine.check(transactions, time_s, seals_genesis=seals_genesis)
        except TransactionRefusedError as error:
            self._refuse_repeated(raws, error)
            raise
        self._machine = None  # ahead of the file until the block is durable: if anything fails, it is rebuilt
        block = machine.apply(transactions, time_s, seals_genesis=seals_genesis)
        self._file.append(block, raws)
        self._machine = machine
        return block

    def _decoded(self, raws: Sequence[bytes]) -> list[Transaction]:
        transactions = []
        for index, raw in enumerate(raws):
            try:
                transactions.append(decode_transaction(raw, self.chain_id))
            except TransactionRefusedError as error:
                raise TransactionRefusedError(error.reason, index) from error
        return transactions

    def _refuse_repeated(self, raws: Sequence[bytes], error: TransactionRefusedError) -> None:
        if error.index is not None:
            digest = keccak256(raws[error.index])
            if self._file.find(digest) is not None:
                raise AlreadyInChainError(digest, error.index) from error

    def _ready(self) -> ChainMachine:
        return self._machine or self._rebuild(None)

    def _rebuild(self, expected_head: Head | None) -> ChainMachine:
        executor, self.note = open_executor(self._executor_name, self.chain_id, self._fork)
        if self.note:
            _logger.warning(self.note)
        machine = ChainMachine(executor, self.chain_id, self._fork)
        self._file.check_structure()
        replay(machine, self._file.blocks(), self.chain_id, expected_head)
        self._machine = machine
        return machine
