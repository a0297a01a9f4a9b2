"""The lock of a run's folder: one process at a time, and who it is."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from commonwatt.core.errors import JournalError


class RunLock:
    """Held from `with` to its end, or to the end of the process, however that comes: a killed process leaves no lock behind."""

    def __init__(self, path: Path) -> None:
        """The lock in the file at `path`; nothing is locked yet."""
        self._path = path

    def __enter__(self) -> Self:
        """Take the lock and write down who holds it.

        Raises:
            JournalError: another process holds it, or the folder cannot be written.

        """
        try:
            self._file = self._path.open("a+", encoding="utf-8", errors="replace")
        except OSError as error:
            raise JournalError(
                f"{self._path.parent}: expected a folder that can be written, {error.strerror}"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read(80).strip() or "a process that did not say its number"
            self._file.close()
            folder = self._path.parent.parent
            raise JournalError(
                f"{folder}: expected no other process on this run, another holds it: {holder}"
            ) from error
        self._sign()
        return self

    def _sign(self) -> None:
        try:
            self._file.truncate(0)
            self._file.write(f"process {os.getpid()}\n")
            self._file.flush()
        except OSError as error:
            self._file.close()
            raise JournalError(f"{self._path}: expected to write the lock's holder, {error.strerror}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
