"""Endings: exit codes, and how a failure is said."""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from commonwatt.core.errors import CommonwattError, InvalidInput

DONE: Final = 0
VERIFICATION_FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130

EXIT_CODES: Final = {
    DONE: "done",
    VERIFICATION_FAILED: "a verification failed",
    BAD_INPUT: "bad input",
    INTERRUPTED: "interrupted",
}
"""What the exit code of a command says; the same for all."""


def exit_code(error: type[CommonwattError]) -> int:
    """The exit code of a command that ends with an error of this kind."""
    # What the machine does not give (a disk, a lock, a package) is to be mended by the user like bad input; nothing was found to be false.
    return BAD_INPUT if issubclass(error, InvalidInput | OSError | ImportError) else VERIFICATION_FAILED


def example(command: str) -> str:
    """The epilogue of a command's help; the line is shown as it is typed."""
    return f"Example:\n\n\b\n    {command}\n"


def program_name() -> str:
    """The command as it can be typed again: by name where it is on the path, else as it was called."""
    if shutil.which("commonwatt") or not Path(sys.argv[0]).is_file() or Path(sys.argv[0]).name != "commonwatt":
        return "commonwatt"
    return sys.argv[0]


def say_failure(error: CommonwattError) -> None:
    """Print what is wrong to standard error, one finding a line, and how many there are."""
    lines = str(error).splitlines()
    for line in lines:
        print(line, file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(note, file=sys.stderr)
    if isinstance(error, InvalidInput) and len(lines) > 1:
        print(f"{len(lines)} findings.", file=sys.stderr)


def say(lines: Iterable[str]) -> None:
    """Print lines to standard output. A reader that has gone away (`| head`) takes nothing from what was done.

    Raises:
        OSError: they cannot be written, as on a full disk.

    """
    if sys.stdout is None:
        return
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end: into nothing, then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
