"""What a figure of a feeder says and may be: in one place, for the checks, for the findings and for the page of the file's format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from commonwatt.core.findings import Finding


@dataclass(frozen=True)
class Figure:
    """A field of a feeder's record, as everything that shows or checks it needs it."""

    doc: str
    unit: str = ""
    above: float | None = None
    """It is more than this."""
    low: float | None = None
    below: float | None = None
    """It is less than this."""
    high: float | None = None
    why: str = ""
    """What is wrong with one that is not."""

    @property
    def least(self) -> str:
        """Its bound below in words; empty where there is none of a meaning of its own."""
        if self.above is not None:
            return f"more than {self.above:g}"
        return "" if self.low is None or self.low < 0 else f"at least {self.low:g}"

    @property
    def bounds(self) -> str:
        """What it may be, in words: `more than 0, 1,000,000 at most`."""
        if self._is_narrow:
            return self._between
        if self.low is not None and self.low < 0:
            return f"{self.low:,} to {self.high:,}"
        return ", ".join(filter(None, (self.least, "" if self.high is None else f"{self.high:,} at most")))

    def expected(self, value: float) -> str:
        """What was expected where `value` is out of bounds: the bound that it breaks."""
        if self.high is not None and self.high < value < math.inf and not self._is_narrow:
            return f"{self.high:,} at most"
        if self.low is not None and -math.inf < value < self.low < 0:
            return f"at least {self.low:,}"
        told = self._between if self._is_narrow else self.least or "a number"
        return told + (f": {self.why}" if self.why else "")

    @property
    def _is_narrow(self) -> bool:
        return self.below is not None or (self.high is not None and self.high < 1000)

    @property
    def _between(self) -> str:
        low, high = (self.above, self.below) if self.below is not None else (self.low, self.high)
        return f"between {low:g} and {high:g}"

    def holds(self, value: float) -> bool:
        """Whether a value is within the bounds; NaN and infinity never are."""
        return (
            math.isfinite(value)
            and (self.above is None or value > self.above)
            and (self.low is None or value >= self.low)
            and (self.below is None or value < self.below)
            and (self.high is None or value <= self.high)
        )


@cache
def figures_of(kind: Any) -> Mapping[str, tuple[type[Any], Figure]]:
    """The fields of a record that are one key each in a feeder's file: by name text or number, and what they say."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Annotated}


def figure_findings(record: Any, where: str) -> list[Finding]:
    """The numbers of a record that are out of their bounds, or none at all."""
    own: Any = type(record)
    return [
        Finding(f"{where} {name}", told.expected(value), f"{value:g}")
        for name, (kind, told) in figures_of(own).items()
        if kind is float and not told.holds(value := getattr(record, name))
    ]
