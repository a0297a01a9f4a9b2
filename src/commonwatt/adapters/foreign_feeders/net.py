"""A network that is being read: its tables, what is wrong with them, and what is to be said of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from commonwatt.adapters.foreign_feeders.cells import shown, typed
from commonwatt.adapters.foreign_feeders.frames import Rows, is_number
from commonwatt.core.findings import Finding


@dataclass
class Net:
    """A network being read: its tables, and what was found and is to be said."""

    file: str
    frames: dict[str, Any]
    found: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _untyped: set[str] = field(default_factory=set)
    """Where a cell was found to be of the wrong kind; it is None since."""

    def __post_init__(self) -> None:
        """Every cell that is looked at has its type from here on."""
        for name, rows in self.frames.items():
            if isinstance(rows, dict):
                self.frames[name], faults = typed(rows, f"{self.file} {name}")
                self.found += faults
        self._untyped = {fault.where for fault in self.found}

    def rows(self, name: str) -> Rows:
        """The rows of a table that are in service; none where the network has no such table."""
        rows = self.frames.get(name)
        if not isinstance(rows, dict):
            return {}
        return {number: row for number, row in rows.items() if row.get("in_service", True) is not False}

    def number(self, place: str, row: dict[str, Any], key: str, default: float | None = None) -> float:
        """A finite number of a row; NaN, with a finding, where it is none and nothing stands for it."""
        value = row.get(key)
        if value is None and default is not None:
            return default
        if is_number(value) and abs(value) < 1e300:  # NaN and whole numbers beyond every float are not
            return float(value)
        self._fault(f"{place} {key}", "a number", value)
        return math.nan

    def bus(self, place: str, row: dict[str, Any], key: str) -> int | None:
        """The bus that a row names; None, with a finding, where there is no such bus."""
        value, buses = row.get(key), self.frames.get("bus")
        if value is not None and isinstance(buses, dict) and value in buses:
            number: int = value
            return number
        self._fault(f"{place} {key}", "the index of a bus", value)
        return None

    def _fault(self, place: str, expected: str, value: Any) -> None:
        """A finding; none of a cell that was found as it came in."""
        where = f"{self.file} {place}"
        if where not in self._untyped:
            self.found.append(Finding(where, expected, shown(value)))
