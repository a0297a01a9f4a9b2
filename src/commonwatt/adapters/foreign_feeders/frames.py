"""The tables of a pandapower network's JSON, read without pandapower: every row a dictionary, every fault a finding."""

from __future__ import annotations

from typing import Any, Final, TypeGuard

from commonwatt.core.findings import Finding
from commonwatt.core.foreign import parsed_json

Rows = dict[int, dict[str, Any]]
"""The rows of a table by their index."""
MOST_ROWS: Final = 100_000
"""Of one table; a feeder's own limit is lower."""
_NET: Final = "the JSON of a pandapower network (pandapower.to_json)"


def frames_of(text: str, file: str) -> tuple[dict[str, Any], list[Finding]]:
    """What a network's JSON holds: its tables as rows, and its single values; empty where it is no such file."""
    try:
        table = parsed_json(text)
    except ValueError as error:
        return {}, [Finding(file, _NET, _shortened(error))]
    held = table.get("_object") if isinstance(table, dict) and table.get("_class") == "pandapowerNet" else None
    if not isinstance(held, dict):
        return {}, [Finding(file, _NET, "other JSON" if table else "nothing")]
    frames: dict[str, Any] = {}
    found: list[Finding] = []
    for name, value in held.items():
        if not isinstance(value, dict | list):
            frames[name] = value
            continue
        if isinstance(value, list) or value.get("_class") != "DataFrame":
            # No table, and nothing else that is looked at.
            continue
        if value.get("orient", "split") != "split" or value.get("is_multiindex") or value.get("is_multicolumn"):
            # Only tables of results and of characteristics are of such a form, none of which is looked at.
            continue
        rows, fault = _rows(value.get("_object"))
        if fault:
            found.append(Finding(f"{file} {name}", "a table: columns, index and data", fault))
        frames[name] = rows
    return ({} if found else frames), found


def _rows(held: Any) -> tuple[Rows, str]:
    """Rows of a table that pandas wrote column names, index and data of; or what is wrong."""
    try:
        table = parsed_json(held) if isinstance(held, str) else held
    except ValueError as error:
        return {}, _shortened(error)
    parts: list[list[Any]] = [
        part
        for key in ("columns", "index", "data")
        if isinstance(table, dict) and isinstance(part := table.get(key), list)
    ]
    if len(parts) < 3:
        return {}, "something else"
    columns, index, data = parts
    if len(data) > MOST_ROWS:
        return {}, f"{len(data)} rows"
    if len(index) != len(data) or not all(isinstance(row, list) and len(row) == len(columns) for row in data):
        return {}, "rows of different lengths"
    if not all(isinstance(column, str) for column in columns):
        return {}, "columns without names"
    if not all(type(number) is int for number in index):
        # Tables of pure settings are named by text; none of them is looked at.
        return {}, ""
    if len(set(index)) != len(index):
        return {}, "an index twice"
    return {number: dict(zip(columns, row, strict=True)) for number, row in zip(index, data, strict=True)}, ""


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a cell holds a number; true and false are none."""
    return type(value) in (int, float)


def _shortened(error: Exception) -> str:
    words = str(error)
    return words if len(words) <= 120 else words[:117] + "..."
