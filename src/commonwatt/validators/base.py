"""Validators: who proposes and checks blocks in an epoch, from settled facts and a seed."""

from dataclasses import dataclass
from typing import Protocol

from commonwatt.core.records import Election, Scores
from commonwatt.core.registry import Answer, Registry


@dataclass(frozen=True)
class ElectionContext:
    """What an election may look at."""

    epoch: int
    authorities: tuple[str, ...]
    """Approved candidates by name."""
    scores: Scores


class Validators(Answer, Protocol):
    """Promises: elects at least one validator, only candidates, nobody twice; anyone can repeat the election."""

    def elect(self, context: ElectionContext) -> Election:
        """The validators of an epoch, in order."""
        ...


VALIDATORS = Registry[Validators]("validators", "policy")
