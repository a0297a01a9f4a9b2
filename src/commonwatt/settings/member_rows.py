"""Members from `members.csv` or `[[member]]` tables: every fault of every row at once."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from commonwatt.adapters.csv_table import TextTable, column_findings
from commonwatt.core.findings import Finding, one_of, whole, whole_number
from commonwatt.core.members import Member
from commonwatt.core.toml_lines import TomlLines
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH
from commonwatt.settings.rooms import shown

FIELDS: Final = tuple(f.name for f in dataclasses.fields(Member))
REQUIRED: Final = ("id", "buy_limit_micro_per_kwh", "sell_limit_micro_per_kwh")
LIMITS: Final = ("buy_limit_micro_per_kwh", "sell_limit_micro_per_kwh")
CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "role": ("prosumer", "consumer"),
    "source": ("", "pv", "wind", "fuel", "battery", "ev"),
    "preference": ("any", "renewable"),
    "origin": ("", "measured", "doubtful", "resampled", "simulated"),
}
MEANINGS: Final[Mapping[str, str]] = {
    "id": "Name of the member; on no ledger and in no public file. Required.",
    "role": "`prosumer` or `consumer` (which has no PV).",
    "bus": "Its bus on the feeder, where the grid model looks at one; public in such a run.",
    "microgrid": "Part of the community it belongs to.",
    "pv_w": "Nominal power of its PV, W.",
    "battery_wh": "Capacity of its battery, Wh.",
    "battery_w": "Power of its battery, W; more than 0 for a battery.",
    "battery_min_wh": "Charge that is never drawn, Wh; at most the capacity.",
    "battery_initial_wh": "Charge before the first slot, Wh; from the minimum to the capacity. Empty: the minimum.",
    "inverter_w": "Power of its inverter, W; 0: as large as PV and battery need.",
    "strategy": "How it bids: an answer of the room `bidding`.",
    "buy_limit_micro_per_kwh": "Most it pays, all-in. The column is required; empty: the highest all-in price of the tariff.",
    "sell_limit_micro_per_kwh": "Least it takes. The column is required; empty: the lowest feed-in price of the tariff.",
    "connection_w": "What its connection carries, W; at least 1.",
    "source": "What it offers: `pv`, `wind`, `fuel`, `battery`, `ev` or nothing.",
    "preference": "`any` or `renewable`: what it buys first.",
    "supplier": "Its own supplier, by a name of `[[tariff.suppliers]]`; empty: the tariff's prices.",
    "origin": "Where its profile comes from: `measured`, `doubtful` (measured, but faulty on its face), `resampled`, `simulated` or nothing; shown in the report.",
    "trust": "Trust in it, a number from 0 to 5, for mechanisms that look at trust; empty: nobody rates it. Public in a run.",
    "budget_nano": "Most that its purchases from neighbours may cost in a slot, without fees, for mechanisms that look at budgets, nano-currency; 0: no budget. Public in a run.",
    "key_parts": "Parts of local production that a static allocation key gives it; 0 for everybody: the same for each. Public in a run.",
}
"""What each column means."""

_NUMBERS: Final = tuple(
    f.name for f in dataclasses.fields(Member) if f.name.endswith(("_w", "_wh", "_kwh", "_nano", "_parts"))
)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WHOLE: Final = re.compile(r"([+-]?[0-9]{1,18})(\.0*)?")
_TRUST: Final = re.compile(r"[0-4](\.[0-9]{1,6})?|5(\.0{1,6})?")
_TOP: Final = PRICE_LIMIT_MICRO_PER_KWH - 1
_TOPS: Final[Mapping[str, int]] = {"budget_nano": 10**15, "key_parts": 10**9}


@dataclass(frozen=True)
class MemberRow:
    """A row as it was found: cells as text (CSV) or values (TOML), and how a finding names a field of it."""

    cells: Mapping[str, Any]
    where: Callable[[str], str]


@dataclass
class Members:
    """What a file says of its members, and what is wrong with it."""

    members: list[Member] = field(default_factory=list)
    """Rows without a fault, in the order of the file."""
    ids: list[str] = field(default_factory=list)
    """Names of all rows, faulty ones too."""
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class MemberTerms:
    """What a member's row is held against."""

    strategies: tuple[str, ...]
    suppliers: tuple[str, ...]
    allow_negative: bool
    default_buy_micro_per_kwh: int
    """For an empty limit: as much as the grid costs, all-in."""
    default_sell_micro_per_kwh: int
    buses: tuple[str, ...] | None = None
    """Of the feeder that the grid model looks at; None: it looks at none."""
    """For an empty limit: as little as the supplier pays."""


def csv_rows(table: TextTable) -> tuple[list[MemberRow], list[Finding]]:
    """The rows of a CSV file, and what is wrong with its columns."""
    found = column_findings(f"{table.file}:1", list(table.columns), REQUIRED, FIELDS)
    rows = []
    for line, cells in table.rows():
        given = {key: text for key, text in cells.items() if text != "" and key in FIELDS}
        rows.append(MemberRow(given, lambda key, at=f"{table.file}:{line}": f"{at} {key}"))  # type: ignore[misc]
    return rows, found


def toml_rows(file: TomlLines, tables: Any) -> tuple[list[MemberRow], list[Finding]]:
    """The rows of `[[member]]` tables, and what is wrong with their keys."""
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        return [], [Finding(file.place("member"), "tables [[member]]", shown(tables))]
    rows, found = [], []
    for number, table in enumerate(tables, 1):
        row = MemberRow(table, lambda key, at=f"member[{number}]": file.place(f"{at}.{key}"))  # type: ignore[misc]
        rows.append(row)
        found += [Finding(row.where(k), f"a known key: {one_of(k, FIELDS)}", repr(k)) for k in table if k not in FIELDS]
    return rows, found


def members_of(label: str, rows: Iterable[MemberRow], terms: MemberTerms) -> Members:
    """The members of a file, and every fault of every row."""
    result = Members()
    first: dict[str, str] = {}
    for row in rows:
        values, faults = _typed(row)
        member_id = values.get("id", "")
        place = row.where("id")
        if member_id and member_id.casefold() in first:
            faults.append(Finding(place, f"an id of its own (as {first[member_id.casefold()]} has)", repr(member_id)))
        elif member_id:
            first[member_id.casefold()] = place
            result.ids.append(member_id)
        values = _with_defaults(values, terms)
        faults += _faults(row, values, terms)
        result.findings += faults
        if not faults and member_id:
            result.members.append(Member(**values))
    if not first and not result.findings:
        result.findings.append(Finding(label, "at least one member", "none"))
    return result


def _typed(row: MemberRow) -> tuple[dict[str, Any], list[Finding]]:
    """Values of the right type and range; a field with a fault is left out."""
    values: dict[str, Any] = {}
    found = []
    if "id" not in row.cells:
        found.append(Finding(row.where("id"), "a name", "nothing"))
    for key, cell in row.cells.items():
        if key not in FIELDS:
            continue
        value, expected = _number(key, cell) if key in _NUMBERS else _word(key, cell)
        if expected:
            found.append(Finding(row.where(key), expected, shown(cell)))
        else:
            values[key] = value
    return values, found


def _number(key: str, cell: Any) -> tuple[int, str]:
    if isinstance(cell, str) and (digits := _WHOLE.fullmatch(cell)):
        cell = float(cell) if digits[2] else int(cell)
    value = whole(cell, key)
    if type(value) is not int:
        if isinstance(cell, str) and re.fullmatch(r"-?[0-9]+,[0-9]+", cell):
            return 0, whole_number(key, cell) + " (no comma in numbers; larger units such as kWh become Wh)"
        return 0, whole_number(key, cell)
    low = -_TOP if key in LIMITS else int(key == "connection_w")
    top = _TOPS.get(key, _TOP)
    if not low <= value <= top:
        return 0, f"{low}..{top}"
    return value, ""


def _word(key: str, cell: Any) -> tuple[str, str]:
    if key == "trust" and type(cell) in (int, float):
        cell = f"{cell:.6f}".rstrip("0").rstrip(".")
    if not isinstance(cell, str):
        return "", "text"
    if key == "trust" and cell and not _TRUST.fullmatch(cell):
        return "", "a number from 0 to 5, with a decimal point and at most 6 digits behind it"
    if key == "id" and not _ID.fullmatch(cell):
        return "", "1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit"
    if key in CHOICES and cell not in CHOICES[key]:
        return "", one_of(cell, [c or "(empty)" for c in CHOICES[key]])
    if len(cell) > 200 or not cell.isprintable():
        return "", "at most 200 printable characters"
    return cell, ""


def _with_defaults(values: dict[str, Any], terms: MemberTerms) -> dict[str, Any]:
    defaults = {
        "buy_limit_micro_per_kwh": terms.default_buy_micro_per_kwh,
        "sell_limit_micro_per_kwh": terms.default_sell_micro_per_kwh,
        "battery_initial_wh": values.get("battery_min_wh", 0),
    }
    return {**{f.name: f.default for f in dataclasses.fields(Member) if f.name != "id"}, **defaults, **values}


def _faults(row: MemberRow, m: Mapping[str, Any], terms: MemberTerms) -> list[Finding]:
    """What does not fit together in one row."""
    checks = [
        ("battery_min_wh", m["battery_min_wh"] <= m["battery_wh"], f"at most battery_wh {m['battery_wh']}"),
        ("battery_initial_wh", m["battery_initial_wh"] <= m["battery_wh"], f"at most battery_wh {m['battery_wh']}"),
        (
            "battery_initial_wh",
            m["battery_initial_wh"] >= m["battery_min_wh"] or m["battery_min_wh"] > m["battery_wh"],
            f"at least battery_min_wh {m['battery_min_wh']}",
        ),
        ("battery_w", m["battery_w"] > 0 or not m["battery_wh"], "more than 0, for a battery"),
        ("battery_wh", m["battery_wh"] > 0 or not m["battery_w"], "more than 0, for a battery"),
        ("pv_w", m["role"] != "consumer" or not m["pv_w"], "0 for a consumer (or role prosumer)"),
        (
            "supplier",
            m["supplier"] in ("", *terms.suppliers),
            one_of(m["supplier"], terms.suppliers) if terms.suppliers else "nothing, for the tariff has no suppliers",
        ),
        ("strategy", m["strategy"] in terms.strategies, one_of(m["strategy"], terms.strategies)),
        (
            "bus",
            terms.buses is None or m["bus"] in terms.buses,
            "a bus of the feeder: " + one_of(m["bus"], terms.buses or ()),
        ),
    ]
    checks += [
        (key, m[key] >= 0 or terms.allow_negative, "at least 0 (or tariff.allow_negative = true)") for key in LIMITS
    ]
    # A field that was refused for its type has its default here: it has its finding already.
    refused = {key for key in row.cells if key in _NUMBERS and _number(key, row.cells[key])[1]}
    return [
        Finding(row.where(key), expected, shown(m[key]))
        for key, holds, expected in checks
        if not holds and key not in refused and not (refused and key.startswith("battery"))
    ]
