"""How far the check of a bill is, for who waits at a terminal."""

import time
from collections.abc import Callable
from typing import Final, TextIO

_WIDTH: Final = 60
_TELLS_AFTER_S: Final = 1.0
"""A guess at what is left is worth something once so much has passed."""


class WaitingLine:
    """One line that is written over and over; silent where nobody looks (`out` is no terminal, or there is none)."""

    def __init__(self, out: TextIO | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out if out is not None and out.isatty() else None
        self._clock = clock
        self._begun_s = clock()

    def at(self, done: int, total: int) -> None:
        """So many of so many blocks of the chain are checked."""
        spent_s = self._clock() - self._begun_s
        left = f", about {spent_s * (total - done) / done:.0f} s left" if done and spent_s >= _TELLS_AFTER_S else ""
        self.say(f"checking the chain: block {done} of {total}{left}")

    def say(self, text: str) -> None:
        """What is being done; nothing: the line is left empty."""
        if self._out is not None:
            self._out.write(f"\r{text:<{_WIDTH}}" if text else f"\r{'':<{_WIDTH}}\r")
            self._out.flush()
