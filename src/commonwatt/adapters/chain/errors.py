"""What can go wrong on a chain.

ChainError (LedgerError)
├── TransactionRefusedError (ValueError)   a transaction no block may hold; `index` is its place in what was submitted
│   └── AlreadyInChainError                the same bytes are in a block already: ask for the receipt
├── BlockRefusedError (ValueError)         a block that breaks a rule by itself (time, size, sealing)
├── ViewRevertedError (ValueError)         a read reverted; `return_data` holds what the contract said
├── CorruptChainError (ValueError)         a file that is torn, altered or not a chain; `block` is the first bad block
├── ChainUnwritableError (OSError)         the file cannot be written: a full or read-only disk
├── ChainLockedError (OSError)             another process writes this file
└── ExecutorUnavailableError (ImportError) the executor asked for cannot run here
"""

from commonwatt.core.errors import LedgerError


class ChainError(LedgerError):
    """Anything a chain refuses or finds broken."""


class TransactionRefusedError(ChainError, ValueError):
    """A transaction that no block may hold."""

    def __init__(self, message: str, index: int | None = None) -> None:
        super().__init__(message if index is None else f"transaction {index}: {message}")
        self.reason = message
        self.index = index


class AlreadyInChainError(TransactionRefusedError):
    """The very same transaction is in the chain: nothing to do but to read its receipt."""

    def __init__(self, transaction_hash: bytes, index: int | None = None) -> None:
        super().__init__(f"0x{transaction_hash.hex()} is in the chain already, see its receipt", index)
        self.transaction_hash = transaction_hash


class BlockRefusedError(ChainError, ValueError):
    """A block that breaks a rule of the chain by itself."""


class ViewRevertedError(ChainError, ValueError):
    """A read that the contract refused."""

    def __init__(self, reason: str, return_data: bytes) -> None:
        super().__init__(f"view reverted: {reason}")
        self.reason = reason
        self.return_data = return_data


class CorruptChainError(ChainError, ValueError):
    """A chain file that is torn, altered or no chain at all."""

    def __init__(self, message: str, block: int | None = None) -> None:
        super().__init__(message if block is None else f"block {block}: {message}")
        self.block = block


class ChainUnwritableError(ChainError, OSError):
    """The chain's file cannot be read or written: a disk that is full, read-only or failing; what was durable still is."""


class ChainLockedError(ChainError, OSError):
    """Another process has this chain open for writing."""


class ExecutorUnavailableError(ChainError, ImportError):
    """The executor asked for cannot be imported on this machine."""
