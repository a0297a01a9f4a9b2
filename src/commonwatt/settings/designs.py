"""A design to compare: a preset, a clearing name or a TOML overlay, as a layer that lies on top of the community file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from commonwatt.adapters.csv_table import read_bytes
from commonwatt.clearing import CLEARINGS
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.foreign import MOST_TOML, toml_of
from commonwatt.core.toml_lines import TomlLines
from commonwatt.settings.layers import preset, preset_names, sections_of
from commonwatt.settings.rooms import shown

SAME_FOR_ALL: Final = {
    "community": "the meters, days and seed of a comparison are the same for every design (`community.design` may be set)",
    "data": "the meters and days of a comparison are the same for every design",
    "ledger": "every design is settled on the community's own ledger (use --set for all of them)",
}
"""Sections that no design may change, and why."""
_UNDER_THE_FILE: Final = ("community", "tariff", "ledger", "data")
"""Sections of a preset that stay under the community file: they say whose market it is, not how it works."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Design:
    """One way to run the market of a community."""

    name: str
    """How the comparison calls it; part of a folder's name."""
    preset: str | None = None
    """Preset that takes the place of the community file's own."""
    label: str = ""
    """How a finding names the layer."""
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Keys by section that win over the community file's."""


def designs(texts: Sequence[str]) -> tuple[list[Design], list[Finding]]:
    """The designs that were asked for, in order, and what is wrong with the list."""
    asked, found = [], []
    for text in texts:
        design, faults = design_of(text)
        found += faults
        if design is not None:
            asked.append(design)
    names = [design.name for design in asked]
    twice = sorted({name for name in names if names.count(name) > 1})
    found += [Finding(f"--design {name}", "each design once", "it twice") for name in twice]
    if not found and len(asked) < 2:
        found.append(Finding("--design", "two designs or more", str(len(asked))))
    return asked, found


def design_of(text: str) -> tuple[Design | None, list[Finding]]:
    """A design by preset, by clearing mechanism or by the path of a TOML file (which ends in .toml)."""
    where = f"--design {text[:80]}"
    if text.endswith(".toml"):
        return _overlay(Path(text), where)
    if text in preset_names():
        tables = {name: table for name, table in preset(text).items() if name not in _UNDER_THE_FILE}
        return Design(text, text, where, tables), []
    if text in CLEARINGS.names():
        return Design(text, None, where, {"market": {"clearing": text}}), []
    choices = one_of(text, {*preset_names(), *CLEARINGS.names()})
    return None, [Finding(where, f"a preset, a clearing mechanism or a file ending in .toml: {choices}", shown(text))]


def _overlay(path: Path, where: str) -> tuple[Design | None, list[Finding]]:
    if not _NAME.fullmatch(path.stem):
        return None, [Finding(where, "a file name of letters, digits, - and _", shown(path.name))]
    data, faults = read_bytes(path, path.name, MOST_TOML)
    if faults:
        return None, faults
    tables, found = toml_of(path.name, data)
    if found:
        return None, found
    lines = TomlLines(path.name, data.decode("utf-8-sig"))
    for name in ("member", "members"):
        if tables.pop(name, None) is not None:
            found.append(Finding(lines.place(name), "no members: they are the same for every design", "some"))
    sections, more = sections_of(lines, tables)
    found += more
    for section, why in SAME_FOR_ALL.items():
        keys = [key for key in sections.get(section, {}) if (section, key) != ("community", "design")]
        found += [Finding(lines.place(f"{section}.{key}"), why, shown(sections[section][key])) for key in keys]
    named = sections.get("community", {}).get("design")
    if named is not None and named not in preset_names():
        found.append(Finding(lines.place("community.design"), one_of(str(named), preset_names()), shown(named)))
    return Design(path.stem, named, path.name, sections), found
