"""A radial feeder from a CSV file: one line a bus, every fault at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from commonwatt.adapters.csv_table import TextTable, column_findings, read_bytes, read_csv
from commonwatt.clearing import Lines
from commonwatt.core.findings import Finding, one_of, whole_number
from commonwatt.core.units import ENERGY_LIMIT_WH, PRICE_LIMIT_MICRO_PER_KWH

REQUIRED: Final = ("bus", "toward", "limit_wh")
OPTIONAL: Final = ("loss_share", "fee_micro_per_kwh")


@dataclass(frozen=True)
class LineFile:
    """The lines of a file, and what it calls its buses."""

    lines: Lines
    buses: tuple[str, ...]
    """One a row of `lines`."""


def read_lines(path: Path) -> tuple[LineFile | None, list[Finding]]:
    """The feeder of a CSV file; None and the findings where anything is wrong with it."""
    name = path.name
    data, found = read_bytes(path, name)
    if found:
        return None, found
    table, found = read_csv(data, name)
    if table is None:
        return None, found
    if missing := column_findings(f"{name}:1", list(table.columns), REQUIRED, (*REQUIRED, *OPTIONAL)):
        return None, found + missing
    buses = table.columns["bus"]
    toward = [buses.index(cell) if cell in buses else -1 for cell in table.columns["toward"]]
    found += [*_name_findings(table), *_number_findings(table)]
    if found:
        return None, found
    if circle := _circling(toward):
        where = f"{name}:{table.lines[circle[0]]} toward"
        return None, [
            Finding(where, "lines that end at a root, whose `toward` is empty", f"a circle over {buses[circle[0]]!r}")
        ]
    limit = [int(cell or "0") for cell in table.columns["limit_wh"]]
    losses = [float(cell or "0") for cell in table.columns.get("loss_share", [""] * len(buses))]
    fees = [int(cell or "0") for cell in table.columns.get("fee_micro_per_kwh", [""] * len(buses))]
    lines = Lines(np.array(toward, np.int64), np.array(limit, np.int64), np.array(losses), np.array(fees, np.int64))
    return LineFile(lines, tuple(buses)), []


def _name_findings(table: TextTable) -> list[Finding]:
    found: list[Finding] = []
    first: dict[str, int] = {}
    for line, row in table.rows():
        bus, toward = row["bus"], row["toward"]
        if not bus:
            found.append(Finding(f"{table.file}:{line} bus", "a name", "nothing"))
        elif bus in first:
            found.append(Finding(f"{table.file}:{line} bus", f"a bus of its own (line {first[bus]} has it)", repr(bus)))
        first.setdefault(bus, line)
        if toward and toward not in table.columns["bus"]:
            expected = f"empty at a root, or {one_of(toward, sorted(set(table.columns['bus'])))}"
            found.append(Finding(f"{table.file}:{line} toward", expected, repr(toward)))
    return found


def _number_findings(table: TextTable) -> list[Finding]:
    found = []
    for line, row in table.rows():
        cell, is_root = row["limit_wh"], not row["toward"]
        if not (cell == "" and is_root) and not (cell.isascii() and cell.isdecimal() and len(cell) <= 18):
            found.append(Finding(f"{table.file}:{line} limit_wh", whole_number("limit_wh", cell), repr(cell)))
        elif int(cell or "0") >= ENERGY_LIMIT_WH:
            found.append(Finding(f"{table.file}:{line} limit_wh", f"0..{ENERGY_LIMIT_WH - 1}", cell))
        loss = row.get("loss_share", "")
        if loss and not (_is_share(loss)):
            found.append(
                Finding(f"{table.file}:{line} loss_share", "a number from 0 to 1, with a decimal point", repr(loss))
            )
        fee, most = row.get("fee_micro_per_kwh", ""), PRICE_LIMIT_MICRO_PER_KWH - 1
        if fee and not (fee.isascii() and fee.isdecimal() and len(fee) <= 18 and int(fee) <= most):
            found.append(Finding(f"{table.file}:{line} fee_micro_per_kwh", f"a whole number 0..{most}", repr(fee)))
    return found


def _is_share(text: str) -> bool:
    digits = text.replace(".", "", 1)
    return digits.isascii() and digits.isdecimal() and len(digits) <= 18 and 0 <= float(text) <= 1


def _circling(toward: list[int]) -> list[int]:
    """Rows from which no root is reached."""
    at = list(toward)
    for _ in toward:
        at = [toward[row] if row >= 0 else -1 for row in at]
    return [row for row, end in enumerate(at) if end >= 0]
