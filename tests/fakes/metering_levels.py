"""A metering level that reveals sums only, to be refused beside an answer that needs orders."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class SumsOnly:
    """Only totals leave the meter."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()
    reveals: ClassVar[frozenset[str]] = frozenset({"sums"})
