"""An exported chain, opened to be read: state and receipts as the file says them; `verify` says whether it is right."""

from pathlib import Path
from typing import Self

from commonwatt.adapters.chain.chain_file import ChainFile
from commonwatt.adapters.chain.errors import CorruptChainError
from commonwatt.adapters.chain.machine import ChainMachine
from commonwatt.adapters.chain.readable import ReadableChain


class ExportedChain(ReadableChain):
    """A chain that nobody writes any more. Its blocks run again when its state is first asked for."""

    @classmethod
    def open(cls, path: Path, executor: str = "auto") -> Self:
        """Open an exported file read-only. Errors: CorruptChainError when it is none."""
        file = ChainFile.open_for_reading(path)
        settings = file.settings()
        chain_id = settings.get("chain_id", "")
        if not chain_id.isdecimal():
            file.close()
            raise CorruptChainError(f"{path}: expected a chain id, was {chain_id!r}")
        return cls(file, int(chain_id), settings.get("fork", ""), executor)

    def adopt(self, machine: ChainMachine) -> None:
        """Take the state that `verify` left at the end of this very file, instead of running its blocks once more."""
        self._machine = machine
