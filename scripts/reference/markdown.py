"""Markdown: the few forms that the pages are made of."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

GENERATED = "*Generated from {source} by `make generate`; a test holds the page to it.*"


def head(title: str, source: str, text: str) -> list[str]:
    """The top of a page: title, where it comes from, what a reader finds."""
    return [f"# {title}", "", GENERATED.format(source=source), "", text.strip(), ""]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, a blank line behind it; nothing where there are no rows."""
    lines = ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *lines, ""] if lines else []


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """The same rows as the CSV file that lies beside a page."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def cell(text: str) -> str:
    """Text as a cell can hold it: on one line, bars escaped."""
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|")


def code(text: object) -> str:
    """Text as code; empty stays empty."""
    return f"`{text}`" if str(text) else ""


def shown(value: Any) -> str:
    """A value as TOML and JSON write it, as code."""
    return code(json.dumps(value, ensure_ascii=False))


def unit(name: str) -> str:
    """The unit that a name ends in."""
    units = {
        "_micro_per_kwh": "micro per kWh",
        "_wh": "Wh",
        "_nano": "nano",
        "_w": "W",
        "_share": "share",
        "_s": "s",
        "_mb": "MB",
    }
    return next((meaning for ending, meaning in units.items() if name.endswith(ending)), "")


def text_of(lines: Iterable[str]) -> str:
    """The page: one newline at its end."""
    return "\n".join(lines).rstrip() + "\n"
