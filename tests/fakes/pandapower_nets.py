"""The JSON of a small network of pandapower, and of the same with anything changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

NET = Path(__file__).resolve().parents[1] / "golden" / "pandapower-lane" / "net.json"
_WHOLE: dict[str, Any] = json.loads(NET.read_text(encoding="utf-8"))
Change = Callable[[dict[str, Any]], object]


def net_text(*changes: Change) -> str:
    """The network with its tables changed: each as a list of rows, which are dictionaries with their `index`."""
    whole = deepcopy(_WHOLE)
    held = whole["_object"]
    tables = {name: _rows(frame) for name, frame in held.items() if _is_frame(frame)}
    for change in changes:
        change(tables)
    for name, rows in tables.items():
        held[name] = _frame(rows)
    return json.dumps(whole)


def setting(table: str, index: int, **cells: Any) -> Change:
    """Cells of a row changed; a row that is not there comes in."""

    def change(tables: dict[str, Any]) -> None:
        rows = tables.setdefault(table, [])
        found = [row for row in rows if row["index"] == index]
        if not found:
            rows.append({"index": index})
        next(row for row in rows if row["index"] == index).update(cells)

    return change


def dropping(table: str, index: int) -> Change:
    """Without a row."""
    return lambda tables: tables.update({table: [row for row in tables[table] if row["index"] != index]})


def _is_frame(frame: Any) -> bool:
    return isinstance(frame, dict) and frame.get("_class") == "DataFrame"


def _rows(frame: dict[str, Any]) -> list[dict[str, Any]]:
    table = json.loads(frame["_object"])
    return [
        {"index": index, **dict(zip(table["columns"], row, strict=True))}
        for index, row in zip(table["index"], table["data"], strict=True)
    ]


def _frame(rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "index"))
    table = {
        "columns": columns,
        "index": [row["index"] for row in rows],
        "data": [[row.get(key) for key in columns] for row in rows],
    }
    return {"_module": "pandas.core.frame", "_class": "DataFrame", "_object": json.dumps(table), "orient": "split"}
