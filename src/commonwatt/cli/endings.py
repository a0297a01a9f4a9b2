"""Endings: exit codes, and how a failure is said."""

import shutil
import sys
from pathlib import Path
from typing import Final

from commonwatt.core.errors import CommonwattError, InvalidInput, JournalError, MissingExtra

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
    return BAD_INPUT if issubclass(error, InvalidInput | JournalError | MissingExtra) else VERIFICATION_FAILED


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
    if isinstance(error, InvalidInput) and len(lines) > 1:
        print(f"{len(lines)} findings.", file=sys.stderr)
