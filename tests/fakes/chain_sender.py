"""A process that sends transactions to a chain and dies where it is told: `python -m ... FILE POINT COUNTDOWN`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.chain_probe import CHAIN_ID, CREATION, OWNER, address, calldata, signed

from commonwatt.adapters.chain.chain_file import ChainFile
from commonwatt.adapters.chain.embedded import EmbeddedChain
from commonwatt.adapters.chain.machine import ChainMachine
from commonwatt.adapters.chain.transactions import created_address
from commonwatt.crypto.keccak import keccak256

CALLS = 7
POINTS = ("before it runs", "before it is written", "half written", "written, not acknowledged")
KILLED = 9


def contract_and_raws() -> tuple[bytes, list[bytes]]:
    """Return the probe's address, and the transaction that creates it followed by CALLS calls."""
    probe = created_address(address(OWNER), 0)
    calls = [signed(OWNER, 1 + i, probe, calldata("store(uint256,uint256)", 7, 10 + i)) for i in range(CALLS)]
    return probe, [signed(OWNER, 0, None, CREATION), *calls]


def send_all(path: Path) -> None:
    """Send each transaction as its own block unless the chain has it: what a poster does after a crash."""
    with EmbeddedChain.open(path, CHAIN_ID) as chain:
        for time_s, raw in enumerate(contract_and_raws()[1]):
            if chain.receipt(keccak256(raw)) is None:
                chain.append([raw], time_s)


def _dying(function: Callable[..., Any], countdown: int, *, after: bool) -> Callable[..., Any]:
    """Return `function`, whose call number `countdown` (from 0) ends the process before or after it."""
    left = [countdown]

    def wrapped(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        answer = function(*arguments, **options) if left[0] >= 0 or after else None
        if left[0] < 0:
            os._exit(KILLED)
        return answer

    return wrapped


class _HalfWriting:
    """A connection that dies at its n-th COMMIT, with the block's rows written and nothing committed."""

    def __init__(self, connection: Any, countdown: int) -> None:
        self._connection = connection
        self._execute = _dying(connection.execute, countdown, after=False)

    def execute(self, statement: str, *arguments: Any) -> Any:
        run = self._execute if statement == "COMMIT" else self._connection.execute
        return run(statement, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _main(path: Path, point: str, countdown: int) -> None:
    if point == "before it runs":
        ChainMachine.apply = _dying(ChainMachine.apply, countdown, after=False)  # type: ignore[method-assign]
    elif point == "before it is written":
        ChainFile.append = _dying(ChainFile.append, countdown, after=False)  # type: ignore[method-assign]
    elif point == "written, not acknowledged":
        ChainFile.append = _dying(ChainFile.append, countdown, after=True)  # type: ignore[method-assign]
    else:
        plain = ChainFile.__init__

        def half_writing(self: ChainFile, connection: Any, name: str) -> None:
            plain(self, _HalfWriting(connection, countdown), name)  # type: ignore[arg-type]

        ChainFile.__init__ = half_writing  # type: ignore[method-assign]
    send_all(path)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
