"""Ledgers: what a settlement is posted to. `open_ledger` and `open_export` pick by name or by file."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from commonwatt.core.errors import LedgerError

if TYPE_CHECKING:
    from commonwatt.adapters.ledger.embedded import EmbeddedLedger
    from commonwatt.services.claims import ClaimsLedger, ClaimsReader

LEDGERS: Final = ("embedded", "memory")
"""Choices of `ledger.chain` in a community file."""


def open_ledger(
    name: str, path: Path | None, community: str, operator_key: bytes, executor: str = "auto", mends: bool = False
) -> "ClaimsLedger":
    """Open the ledger `ledger.chain = name` of a community, in the file at `path` (None: in memory only).

    Args: `operator_key` is the 32-byte private key that signs what is posted; `executor` is auto, pyrevm or py-evm.
    With `mends` a file that is damaged, or holds another history than what is then posted, is set aside and made again: so does a run,
    whose journal has every transaction. `memory` keeps nothing in the file. The ledger's `note` is what people should know about it, or None.
    Errors: LedgerError when the name is unknown, or the file in use, damaged or another community's.
    """
    if name == "memory":
        from commonwatt.adapters.ledger.memory import MemoryLedger

        return MemoryLedger.open(operator_key)
    if name == "embedded":
        from commonwatt.adapters.ledger.embedded import EmbeddedLedger
        from commonwatt.adapters.ledger.foundation import chain_id_of

        return EmbeddedLedger.open(path, chain_id_of(community), operator_key, executor, mends)
    raise LedgerError(f"expected a ledger of {', '.join(LEDGERS)}, was {name!r}")


def open_export(path: Path) -> "ClaimsReader":
    """Open what a ledger's `export` wrote, whichever ledger it was. Errors: LedgerError when it is no export."""
    if not path.is_file():
        raise LedgerError(f"{path}: expected a ledger's export, was none")
    with path.open("rb") as file:
        is_chain = file.read(6) == b"SQLite"
    if is_chain:
        from commonwatt.adapters.ledger.embedded import ExportedLedger

        return ExportedLedger.open(path)
    from commonwatt.adapters.ledger.memory import MemoryLedger

    return MemoryLedger.read(path)


def open_live(path: Path, community: str, key: bytes) -> "EmbeddedLedger":
    """Open the chain of a stopped run as one of its members: `key` signs what it sends. Whoever does holds the folder's lock.

    Raises:
        LedgerError: no chain of this community there, or a damaged one.

    """
    from commonwatt.adapters.ledger.embedded import EmbeddedLedger
    from commonwatt.adapters.ledger.foundation import chain_id_of

    if not path.is_file():
        raise LedgerError(f"{path}: expected a run's chain, was none (a run on the memory ledger keeps no chain)")
    return EmbeddedLedger.open(path, chain_id_of(community), key)
