"""Endings: exit codes, and how a failure is said."""

import sys
from typing import Final

from commonwatt.core.errors import CommonwattError, InvalidInput

DONE: Final = 0
VERIFICATION_FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 130


def say_failure(error: CommonwattError) -> None:
    """Print what is wrong to standard error, one finding a line, and how many there are."""
    lines = str(error).splitlines()
    for line in lines:
        print(line, file=sys.stderr)
    if isinstance(error, InvalidInput) and len(lines) > 1:
        print(f"{len(lines)} findings; nothing was written.", file=sys.stderr)
