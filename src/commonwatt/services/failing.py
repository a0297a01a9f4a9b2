"""Failing: an answer that raises, or breaks a promise, costs its slot the trades; broken books still stop the run."""

from collections.abc import Callable
from typing import TypeVar

from commonwatt.core.errors import VerificationFailed

ROOM_FAILURES = (Exception,)
"""What an answer may raise without ending the run: the slot is recorded as failed. Anything, for an answer may be somebody's plug-in."""

T = TypeVar("T")


def attempted(step: Callable[[], T], otherwise: T) -> tuple[T, str]:
    """What a step gives and "", or `otherwise` and why it failed.

    Raises:
        VerificationFailed: the books do not balance or the ledger disagrees; nothing goes on from there.

    """
    try:
        return step(), ""
    except VerificationFailed:
        raise
    except ROOM_FAILURES as error:
        return otherwise, f"{type(error).__name__}: {error}"
