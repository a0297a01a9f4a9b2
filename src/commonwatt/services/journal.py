"""The port of the journal: what finished, in order. `adapters.store` fulfils it."""

from collections.abc import Iterator
from typing import Protocol


class JournalReader(Protocol):
    """What was recorded."""

    def rows(self) -> Iterator[tuple[int, str, bytes]]:
        """Everything recorded, in order: slot, half, payload.

        Raises:
            JournalError: the chain of hashes is broken.

        """
        ...


class Journal(JournalReader, Protocol):
    """The operator's append-only journal of finished half slots. Promises: what `append` returned from is durable and hash-chained."""

    def append(self, slot: int, half: str, payload: bytes) -> None:
        """Record a finished half slot."""
        ...

    def close(self) -> None:
        """Release files and locks."""
        ...
