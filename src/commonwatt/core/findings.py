"""What a check reports: findings as data; `errors.require` turns them into one error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final


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


_MICRO: Final = "_micro_per_kwh"
_LEAST_MICRO: Final = 1000
"""A price written with a decimal point and smaller than this is meant per kWh, not in micro: 0.28, 1.0."""


def whole(value: Any, key: str = "") -> Any:
    """A float without a fraction as the integer it is (83.0 is 83); everything else as it was, small prices too (1.0 is no micro)."""
    if type(value) is not float or not value.is_integer() or abs(value) >= 2**53:
        return value
    return value if key.endswith(_MICRO) and 0 < abs(value) < _LEAST_MICRO else int(value)


def whole_number(key: str, value: Any) -> str:
    """What to expect where a whole number is wanted and `value` stands; a price that was written per kWh is worked out in micro."""
    if key.endswith(_MICRO) and type(value) in (str, float):
        text = str(value).replace(",", ".", 1)
        try:
            per_kwh = float(text)
        except ValueError:
            return "a whole number"
        if 0 < abs(per_kwh) < _LEAST_MICRO:
            return f"a whole number of micro ({text} per kWh is {round(per_kwh * 1_000_000)})"
    return "a whole number"
