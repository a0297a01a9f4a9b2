"""Trust: scores of members from settled facts."""

from dataclasses import dataclass
from typing import Protocol

from commonwatt.core.records import Readings, Scores, Statement
from commonwatt.core.registry import Answer, Registry


@dataclass(frozen=True)
class TrustContext:
    """The settled facts of one slot."""

    slot: int
    readings: Readings
    statement: Statement


class Trust(Answer, Protocol):
    """Promises: scores in [0, 1]; depends on settled facts only; deterministic."""

    def first(self, members: int) -> Scores:
        """Scores before the first slot."""
        ...

    def update(self, scores: Scores, context: TrustContext) -> Scores:
        """Scores after a settled slot."""
        ...


TRUSTS = Registry[Trust]("trust", "model")
