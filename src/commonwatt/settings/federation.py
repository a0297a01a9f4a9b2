"""A federation file: which communities trade with each other, each described by its own community file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from commonwatt.adapters.csv_table import read_bytes
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.foreign import MOST_TOML, toml_of
from commonwatt.core.toml_lines import TomlLines
from commonwatt.settings.checking import OpenCommunity, open_community_findings
from commonwatt.settings.loading import FILE_NAME, missing_community
from commonwatt.settings.rooms import shown

FEDERATION_NAME: Final = "federation.toml"
MOST: Final = 1000
"""Communities of one federation."""
_KEYS: Final = ("name", "communities", "links")


@dataclass(frozen=True)
class FederationFile:
    """What a federation file says."""

    file: Path
    name: str
    communities: tuple[str, ...]
    """As they are written: folders or TOML files, beside the federation file."""
    links: tuple[tuple[int, int], ...] | None
    """Pairs of communities between which energy can flow; None: all are linked."""

    def path(self, at: int) -> Path:
        """The community file or folder number `at`."""
        return self.file.parent / self.communities[at]


def federation_path(file: Path) -> Path | None:
    """The federation file that a FILE argument means; None where it means a community."""
    try:
        if file.is_dir():
            inside = file / FEDERATION_NAME
            return inside if inside.is_file() and not (file / FILE_NAME).exists() else None
    except (OSError, ValueError):  # a name that no file can have: reading it says so
        return None
    return file if file.name == FEDERATION_NAME else None


def read_federation(path: Path) -> FederationFile:
    """The federation of a file; the communities in it are not opened yet.

    Raises:
        InvalidInput: with every fault of the file.

    """
    data, found = read_bytes(path, path.name, MOST_TOML)
    tables, faults = toml_of(path.name, data) if not found else ({}, [])
    require([*found, *faults])
    lines = TomlLines(path.name, data.decode("utf-8-sig"))
    table = tables.get("federation", {})
    require([] if isinstance(table, dict) else [Finding(lines.place("federation"), "a table", shown(table))])
    found = [
        Finding(lines.place(key), one_of(key, ["federation"]), "another table") for key in tables if key != "federation"
    ]
    found += [
        Finding(lines.place(f"federation.{key}"), one_of(key, _KEYS), "an unknown key")
        for key in table
        if key not in _KEYS
    ]
    name, faults = _name(table.get("name", path.resolve().parent.name), lines)
    found += faults
    communities, faults = _communities(path, table.get("communities"), lines)
    found += faults
    links, faults = _links(table.get("links"), communities, lines)
    require([*found, *faults])
    return FederationFile(path, name, communities, links)


def _name(value: Any, lines: TomlLines) -> tuple[str, list[Finding]]:
    if isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= 200:
        return value, []
    return "", [Finding(lines.place("federation.name"), "text that is not empty", shown(value))]


def _communities(path: Path, value: Any, lines: TomlLines) -> tuple[tuple[str, ...], list[Finding]]:
    where = lines.place("federation.communities")
    if not isinstance(value, list) or not all(isinstance(entry, str) and entry for entry in value):
        return (), [Finding(where, 'a list of community folders such as ["north", "south"]', shown(value))]
    if not 2 <= len(value) <= MOST:
        return tuple(value), [Finding(where, f"2..{MOST} communities", str(len(value)))]
    found, seen = [], dict[Path, str]()
    for entry in value:
        file = path.parent / entry
        if fault := missing_community(file):
            found.append(replace(fault, where=f"{where}: {entry}"))
            continue
        real = (file / FILE_NAME if file.is_dir() else file).resolve()
        if real in seen:
            found.append(Finding(where, "every community once", f"{entry}, which is {seen[real]} again"))
        seen.setdefault(real, entry)
    return tuple(value), found


def _links(
    value: Any, communities: Sequence[str], lines: TomlLines
) -> tuple[tuple[tuple[int, int], ...] | None, list[Finding]]:
    where = lines.place("federation.links")
    if value is None:
        return None, []
    if not isinstance(value, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(end, str) for end in pair) for pair in value
    ):
        return None, [Finding(where, 'a list of pairs such as [["north", "south"]]', shown(value))]
    found, links = [], []
    for one, other in value:
        unknown = [end for end in (one, other) if end not in communities]
        found += [Finding(where, one_of(end, communities), repr(end)) for end in unknown]
        if one == other:
            found.append(Finding(where, "a link between two communities", f"{one} with itself"))
        if not unknown:
            links.append((communities.index(one), communities.index(other)))
    linked = {end for pair in links for end in pair}
    if not found:
        found = [
            Finding(where, "a link of every community to another (or no links: all are linked)", f"none of {entry}")
            for at, entry in enumerate(communities)
            if at not in linked
        ]
    return tuple(links), found


def open_members(
    federation: FederationFile, at: int, design: str | None, overrides: Sequence[str]
) -> tuple[OpenCommunity | None, list[Finding]]:
    """One community of a federation, and every finding, each with the community's entry before it."""
    community, found = open_community_findings(federation.path(at), design, overrides)
    entry = federation.communities[at]
    return community, [replace(finding, where=f"{entry}: {finding.where}") for finding in found]
