"""The embedded chain: one node in this process, its blocks in one SQLite file, its state rebuilt from them."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from commonwatt.adapters.chain.blocks import Block
from commonwatt.adapters.chain.chain_file import ChainFile
from commonwatt.adapters.chain.errors import AlreadyInChainError, TransactionRefusedError
from commonwatt.adapters.chain.export import write_canonical
from commonwatt.adapters.chain.machine import Head
from commonwatt.adapters.chain.readable import ReadableChain
from commonwatt.adapters.chain.transactions import Transaction, decode_transaction
from commonwatt.adapters.store.files import set_aside
from commonwatt.crypto.keccak import keccak256

_NONE: Final[Mapping[bytes, bytes]] = MappingProxyType({})


class EmbeddedChain(ReadableChain):
    """A chain with one node: every `append` is one block, in the file when it returns. Open it with `open`."""

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
        chain = cls(file, chain_id, fork, executor)
        try:
            chain._rebuild(expected_head)
        except BaseException:
            file.close()
            raise
        return chain

    def restarted(self, kept_blocks: int, path: Path | None, executor: str = "auto") -> Self:
        """A new chain of this one's first blocks in the file at `path`, which was this one's: that is closed and set aside.

        What was made durable once is never deleted. A crash on the way leaves a chain that is shorter still.
        """
        kept = list(islice(self._file.blocks(), kept_blocks))
        self.close()
        if path is not None:
            set_aside(path)
        fresh = type(self).open(path, self.chain_id, executor, self.fork)
        for stored in kept:
            if stored.seals_genesis:
                fresh.seal_genesis(stored.time_s)
            else:
                fresh.append(stored.raws, stored.time_s)
        return fresh

    def append(self, raws: Sequence[bytes], time_s: int, signed_here: Mapping[bytes, bytes] = _NONE) -> Block:
        """Make one block of signed transactions, in this order: all of them or, when one is refused, none.

        A transaction that reverts is part of the block, with `succeeded` False. `time_s` is what contracts read as
        time, and must not go backwards. Errors: TransactionRefusedError with the index, AlreadyInChainError when the
        same bytes are in a block, BlockRefusedError; after any error the chain is as before.
        `signed_here` says the sender of raw transactions that this process signed itself: their signatures are not checked once more.
        """
        return self._append(raws, time_s, seals_genesis=False, signed_here=signed_here)

    def seal_genesis(self, time_s: int) -> Block:
        """Close the genesis with an empty block: from here on no transaction can create a contract."""
        return self._append((), time_s, seals_genesis=True)

    def export(self, path: Path) -> None:
        """Write the chain into a fresh file whose bytes depend on its blocks only, whatever happened to this one."""
        settings = {**self._file.settings(), "state_digest": self.state_digest().hex()}
        write_canonical(path, settings, self._file.blocks())

    def _append(
        self, raws: Sequence[bytes], time_s: int, *, seals_genesis: bool, signed_here: Mapping[bytes, bytes] = _NONE
    ) -> Block:
        machine = self._ready()
        try:
            transactions = self._decoded(raws, signed_here)
            machine.check(transactions, time_s, seals_genesis=seals_genesis)
        except TransactionRefusedError as error:
            self._refuse_repeated(raws, error)
            raise
        self._machine = None  # ahead of the file until the block is in it: if anything fails, it is rebuilt
        block = machine.apply(transactions, time_s, seals_genesis=seals_genesis)
        self._file.append(block, raws)
        self._machine = machine
        return block

    def _decoded(self, raws: Sequence[bytes], signed_here: Mapping[bytes, bytes]) -> list[Transaction]:
        transactions = []
        for index, raw in enumerate(raws):
            try:
                transactions.append(decode_transaction(raw, self.chain_id, signed_here.get(raw)))
            except TransactionRefusedError as error:
                raise TransactionRefusedError(error.reason, index) from error
        return transactions

    def _refuse_repeated(self, raws: Sequence[bytes], error: TransactionRefusedError) -> None:
        if error.index is not None:
            digest = keccak256(raws[error.index])
            if self._file.find(digest) is not None:
                raise AlreadyInChainError(digest, error.index) from error
