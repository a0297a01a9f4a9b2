"""The chain's state machine: which transactions a block may hold, and what they do. No file, no clock, no network.

The rules, checked for a whole block before anything runs: the sender's next nonce; no price and no value (the chain
has no coin of its own); the one gas limit every transaction gets; creations only until the genesis is sealed; calls
only to contracts that an earlier block of the genesis created.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from commonwatt.adapters.chain.blocks import Block, Receipt, build_block, genesis_parent
from commonwatt.adapters.chain.errors import BlockRefusedError, TransactionRefusedError
from commonwatt.adapters.chain.executors.base import GAS_LIMIT, MAX_CREATION_BYTES, Executor
from commonwatt.adapters.chain.transactions import Transaction

MAX_BLOCK_TRANSACTIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the last block's number (-1 before the first), time in s since 1970 UTC, and hash."""

    number: int
    time_s: int
    hash: bytes


class ChainMachine:
    """Applies blocks to an executor. Same transactions and times, same blocks, on every executor and node."""

    def __init__(self, executor: Executor, chain_id: int, fork: str) -> None:
        self.executor = executor
        self.head = Head(-1, 0, genesis_parent(chain_id, fork))
        self.is_sealed = False
        self.contracts: frozenset[bytes] = frozenset()
        self._nonces: dict[bytes, int] = {}

    def next_nonce(self, sender: bytes) -> int:
        """Return the nonce that `sender`'s next transaction must carry."""
        return self._nonces.get(sender, 0)

    def check(self, transactions: Sequence[Transaction], time_s: int, *, seals_genesis: bool = False) -> None:
        """Return when the next block may be these transactions at this time; changes nothing.

        Errors: TransactionRefusedError for the first transaction that it may not hold, with its index;
        BlockRefusedError for a time before the parent's, too many transactions, or a second seal.
        """
        self._check_block(transactions, time_s, seals_genesis=seals_genesis)
        upcoming: dict[bytes, int] = {}
        for index, transaction in enumerate(transactions):
            expected_nonce = upcoming.get(transaction.sender, self.next_nonce(transaction.sender))
            self._check_transaction(transaction, expected_nonce, index)
            upcoming[transaction.sender] = expected_nonce + 1

    def apply(self, transactions: Sequence[Transaction], time_s: int, *, seals_genesis: bool = False) -> Block:
        """Run the transactions as the next block and return it with its receipts; errors of `check` before any runs."""
        self.check(transactions, time_s, seals_genesis=seals_genesis)
        number = self.head.number + 1
        self.executor.begin_block(number, time_s)
        receipts = tuple(self._run(transaction, number, i) for i, transaction in enumerate(transactions))
        raws = [transaction.raw for transaction in transactions]
        block = build_block(number, time_s, self.head.hash, raws, receipts, seals_genesis)
        self.head = Head(number, time_s, block.hash)
        self.is_sealed = self.is_sealed or seals_genesis
        self.contracts |= {receipt.contract for receipt in receipts if receipt.contract}
        self._nonces.update((transaction.sender, transaction.nonce + 1) for transaction in transactions)
        return block

    def _check_block(self, transactions: Sequence[Transaction], time_s: int, *, seals_genesis: bool) -> None:
        if time_s < self.head.time_s:
            raise BlockRefusedError(f"expected a block time of at least {self.head.time_s} s, was {time_s} s")
        if len(transactions) > MAX_BLOCK_TRANSACTIONS:
            raise BlockRefusedError(
                f"expected at most {MAX_BLOCK_TRANSACTIONS} transactions a block, was {len(transactions)}"
            )
        if seals_genesis and self.is_sealed:
            raise BlockRefusedError("expected a genesis that is still open, was sealed before")

    def _check_transaction(self, transaction: Transaction, expected_nonce: int, index: int) -> None:
        if transaction.nonce != expected_nonce:
            sender = transaction.sender.hex()
            raise TransactionRefusedError(
                f"expected nonce {expected_nonce} of 0x{sender}, was {transaction.nonce}", index
            )
        if transaction.gas_limit != GAS_LIMIT:
            raise TransactionRefusedError(f"expected the gas limit {GAS_LIMIT}, was {transaction.gas_limit}", index)
        if transaction.gas_price_wei or transaction.value_wei:
            found = f"{transaction.gas_price_wei} and {transaction.value_wei}"
            raise TransactionRefusedError(
                f"expected gas price 0 and value 0 on a chain without a coin, was {found}", index
            )
        if transaction.to is None:
            self._check_creation(transaction, index)
        elif transaction.to not in self.contracts:
            raise TransactionRefusedError(
                f"expected `to` to be a contract of the genesis, was 0x{transaction.to.hex()}", index
            )

    def _check_creation(self, transaction: Transaction, index: int) -> None:
        if self.is_sealed:
            raise TransactionRefusedError("expected no contract creation after the genesis was sealed", index)
        if len(transaction.data) > MAX_CREATION_BYTES:
            raise TransactionRefusedError(
                f"expected creation code of at most {MAX_CREATION_BYTES} bytes, was {len(transaction.data)}", index
            )

    def _run(self, transaction: Transaction, block: int, position: int) -> Receipt:
        sender, nonce = transaction.sender, transaction.nonce
        if transaction.to is None:
            outcome = self.executor.create(sender, nonce, transaction.data)
        else:
            outcome = self.executor.call(sender, nonce, transaction.to, transaction.data)
        return Receipt(
            transaction.hash,
            block,
            position,
            sender,
            transaction.to,
            outcome.succeeded,
            outcome.return_data,
            outcome.logs,
            outcome.contract,
            outcome.gas_used,
        )
