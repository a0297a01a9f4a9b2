"""What every chain with a file can answer: blocks, receipts, views and storage at its head."""

import logging
from collections.abc import Iterator, Sequence
from typing import Final, Self

from commonwatt.adapters.chain.blocks import Block, Receipt, decode_receipt, describe_revert
from commonwatt.adapters.chain.chain_file import ChainFile
from commonwatt.adapters.chain.errors import ViewRevertedError
from commonwatt.adapters.chain.executors import open_executor
from commonwatt.adapters.chain.executors.base import state_digest
from commonwatt.adapters.chain.machine import ChainMachine, Head
from commonwatt.adapters.chain.replay import read_block, replay

_logger = logging.getLogger(__name__)
_NOBODY: Final = bytes(20)


class ReadableChain:
    """A chain in a file whose state is rebuilt from its blocks when it is first asked for."""

    def __init__(self, file: ChainFile, chain_id: int, fork: str, executor: str) -> None:
        self._file = file
        self._executor_name = executor
        self._machine: ChainMachine | None = None
        self.chain_id = chain_id
        self.fork = fork
        self.note: str | None = None

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

    @property
    def executor_name(self) -> str:
        """Who runs the contracts: `pyrevm` or `py-evm`; nothing is run for it."""
        if self._machine is None:
            executor, self.note = open_executor(self._executor_name, self.chain_id, self.fork)
            return executor.name
        return self._machine.executor.name

    def next_nonce(self, sender: bytes) -> int:
        """Return the nonce that `sender`'s next transaction must carry."""
        return self._ready().next_nonce(sender)

    def call(self, to: bytes, data: bytes, sender: bytes = _NOBODY) -> bytes:
        """Return what a contract answers to a read, at the head; nothing it does is kept.

        Errors: ViewRevertedError with the contract's reason.
        """
        outcome = self._ready().executor.view(sender, to, data)
        if not outcome.succeeded:
            raise ViewRevertedError(describe_revert(outcome.return_data), outcome.return_data)
        return outcome.return_data

    def trial(self, sender: bytes, calls: Sequence[tuple[bytes, bytes]], time_s: int) -> str | None:
        """Why the first of these calls (contract and data) that the contracts would refuse, as the next block at `time_s`, is refused.

        None when they take all. Nothing is kept.
        """
        machine = self._ready()
        for outcome in machine.executor.trial(machine.head.number + 1, time_s, sender, calls):
            if not outcome.succeeded:
                return describe_revert(outcome.return_data) or "no reason given"
        return None

    def words(self, address: bytes, first_slot: int, count: int) -> list[int]:
        """Return consecutive storage words of a contract at the head."""
        return self._ready().executor.words(address, first_slot, count)

    def code(self, address: bytes) -> bytes:
        """Return the code of a contract, empty where there is none."""
        return self._ready().executor.code(address)

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

    def raw_blocks(self, first: int = 0) -> Iterator[tuple[tuple[bytes, ...], Block]]:
        """Yield the blocks from number `first` on with their raw transactions."""
        return ((stored.raws, read_block(stored)) for stored in self._file.blocks(first))

    def transactions(self, first_block: int = 0) -> Iterator[tuple[bytes, Receipt]]:
        """Yield all raw transactions from a block on with their receipts, in the chain's order."""
        for raws, block in self.raw_blocks(first_block):
            yield from zip(raws, block.receipts, strict=True)

    @property
    def height(self) -> int:
        """How many blocks the file holds; nothing is run for it."""
        return self._file.height()

    def state_digest(self) -> bytes:
        """Return a hash over all contracts' code and storage at the head (slow: walks all of it)."""
        return state_digest(self._ready().executor)

    def _ready(self) -> ChainMachine:
        return self._machine or self._rebuild(None)

    def _rebuild(self, expected_head: Head | None) -> ChainMachine:
        executor, self.note = open_executor(self._executor_name, self.chain_id, self.fork)
        if self.note:
            _logger.warning(self.note)
        machine = ChainMachine(executor, self.chain_id, self.fork)
        self._file.check_structure()
        replay(machine, self._file.blocks(), self.chain_id, expected_head)
        self._machine = machine
        return machine
