"""On which line of a TOML file a key stands; the standard parser does not say."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from commonwatt.core.foreign import parsed_toml

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_LONGEST: Final = 400
"""Lines of one value; what is longer is not looked into."""


@dataclass(frozen=True)
class TomlLines:
    """The lines of one file, found when somebody asks."""

    label: str
    """How findings name the file."""
    text: str = ""

    def place(self, path: str) -> str:
        """`community.toml:12 tariff.retail_micro_per_kwh`; a key that is not there stands where its table begins, if that is there."""
        at = path
        while at and at not in self._lines:
            at = re.sub(r"\[\d+\]$", "", at) if at.endswith("]") else at.rpartition(".")[0]
        return f"{self.label}:{self._lines[at]} {path}" if at else f"{self.label} {path}"

    @cached_property
    def _lines(self) -> dict[str, int]:
        return key_lines(self.text)


def key_lines(text: str) -> dict[str, int]:
    """The line (from 1) of every table and key of a TOML text: `tariff`, `tariff.tax`, `tariff.windows[2].from`, `member[1].id`."""
    found: dict[str, int] = {}
    counts: Counter[str] = Counter()
    table, lines, at = "", text.removeprefix("\ufeff").splitlines(), 0
    while at < len(lines):
        if header := _HEADER.match(lines[at]):
            table = _bare(header[2])
            if header[1] == "[[":
                counts[table] += 1
                table += f"[{counts[table]}]"
            found.setdefault(table, at + 1)
        elif key := _KEY.match(lines[at]):
            path = f"{table}.{_bare(key[1])}" if table else _bare(key[1])
            found.setdefault(path, at + 1)
            listed = _tables_below(lines, at)
            found.update({f"{path}[{number}]": at + 1 + number for number in range(1, listed + 1)})
            at += listed or _size(lines, at) - 1
        at += 1
    return found


def _tables_below(lines: list[str], at: int) -> int:
    """How many lines below one that opens a list hold a table each: `bus = [`, then `{ id = "a" },`."""
    many = 0
    if lines[at].rstrip().endswith("["):
        while at + many + 1 < len(lines) and lines[at + many + 1].lstrip().startswith("{"):
            many += 1
    return many


def _bare(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))


def _size(lines: list[str], at: int) -> int:
    """How many lines the statement beginning at a line has; 1 when it never becomes TOML."""
    for size in range(1, min(_LONGEST, len(lines) - at) + 1):
        try:
            parsed_toml("\n".join(lines[at : at + size]))
        except ValueError:
            continue
        return size
    return 1
