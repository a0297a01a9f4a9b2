"""What a check reports: findings as data; `errors.require` turns them into one error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One fault of the input: where, what was expected, what was found."""

    where: str
    """File and row or field, as a person would look it up: `members.csv:14 battery_wh`."""
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}"


def one_of(name: str, choices: Iterable[str]) -> str:
    """Say which names exist, the nearest right one first: `one of fixed, midpoint (did you mean midpoint?)`."""
    known = sorted(choices)
    # A name cut short (without its unit, say) is nearer than one of similar letters.
    longer = [choice for choice in known if len(name) > 2 and choice.startswith(name)]
    near = longer or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    listed = "one of " + ", ".join(known) if known else "nothing (there is no choice)"
    return f"{listed} (did you mean {near[0]}?)" if near else listed
