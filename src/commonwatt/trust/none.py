"""None: everybody is trusted alike."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.core.records import Scores
from commonwatt.trust.base import TrustContext


@dataclass(frozen=True)
class None_:  # noqa: N801 - the file is `none.py`, and None is a keyword (core/registry.py: class_name)
    """No trust model: a score of 1 for everybody, always."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def first(self, members: int) -> Scores:
        """1 for everybody."""
        return Scores(np.ones(members))

    def update(self, scores: Scores, context: TrustContext) -> Scores:  # noqa: ARG002 - nothing is learnt
        """The same scores again."""
        return scores
