"""Where a value comes from: a preset, the community file, the command line; later layers override earlier ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from commonwatt.core.findings import Finding, one_of
from commonwatt.core.foreign import parsed_toml
from commonwatt.core.toml_lines import TomlLines
from commonwatt.settings.rooms import SECTION_ROOMS, kept_parameters, shown
from commonwatt.settings.sections import SECTIONS

Tables = dict[str, dict[str, Any]]


@dataclass
class Layers:
    """The merged values of all sections, and where each came from."""

    values: Tables = field(default_factory=lambda: {name: {} for name in SECTIONS})
    labels: dict[tuple[str, str], str] = field(default_factory=dict)
    file: TomlLines = field(default_factory=lambda: TomlLines("community.toml"))
    """The community file: where a value is looked for that no layer gives."""

    def add(self, label: str, tables: Mapping[str, Mapping[str, Any]]) -> None:
        """Put a layer on top. A layer that names another answer drops the lower layers' parameters which that answer does not take."""
        for section, incoming in tables.items():
            names = {r.key: incoming[r.key] for r in SECTION_ROOMS.get(section, ()) if r.key in incoming}
            if names:
                self.values[section] = kept_parameters(section, self.values[section], names)
            self.values[section].update(incoming)
            self.labels.update(dict.fromkeys(((section, key) for key in incoming), label))

    def where(self, section: str, key: str) -> str:
        """How a finding names a key: `community.toml:12 tariff.retail_micro_per_kwh`, `--set market.clearing`."""
        label = self.labels.get((section, re.split(r"[.\[]", key)[0]), self.file.label)
        path = f"{section}.{key}" if key else section
        return self.file.place(path) if label == self.file.label else f"{label} {path}"


def preset_names() -> list[str]:
    """The packaged designs, sorted."""
    return sorted(Path(f.name).stem for f in _presets().iterdir() if f.name.endswith(".toml"))


def preset(name: str) -> Tables:
    """The sections of a packaged design."""
    return {key: table for key, table in _packaged(name).items() if isinstance(table, dict)}


def not_built(name: str) -> tuple[str, ...]:
    """What a packaged design wants from its paper that is not built yet; the run says so."""
    return tuple(_packaged(name).get("not_built", ()))


def sections_of(file: TomlLines, tables: Mapping[str, Any]) -> tuple[Tables, list[Finding]]:
    """The known sections of a file, and a finding for each that is unknown or no table."""
    found, known = [], {}
    for name, table in tables.items():
        if name not in SECTIONS:
            found.append(
                Finding(
                    file.place(name), f"a section: {one_of(name, [*SECTIONS, 'member', 'members'])}", "an unknown name"
                )
            )
        elif not isinstance(table, dict):
            found.append(Finding(file.place(name), f"a section [{name}]", shown(table)))
        else:
            known[name] = dict(table)
    return known, found


def overrides(settings: Sequence[str]) -> tuple[Tables, list[Finding]]:
    """What `--set section.key=value` says; a value is TOML, or text where it is not."""
    tables: Tables = {}
    found = []
    for text in settings:
        path, equals, value = text.partition("=")
        section, dot, key = path.strip().partition(".")
        if not equals or not dot or not key:
            found.append(Finding(f"--set {text[:80]}", "section.key=value", "something else"))
        elif section not in SECTIONS:
            found.append(Finding(f"--set {path.strip()}", f"a section: {one_of(section, SECTIONS)}", shown(section)))
        else:
            tables.setdefault(section, {})[key] = value_of(value.strip())
    return tables, found


def value_of(text: str) -> Any:
    """What was typed as a value: TOML, or text where it is not."""
    try:
        table = parsed_toml(f"value = {text}")
    except ValueError:
        return text
    return table["value"] if set(table) == {"value"} else text


def _packaged(name: str) -> dict[str, Any]:
    return parsed_toml((_presets() / f"{name}.toml").read_text(encoding="utf-8"))


def _presets() -> Any:
    return resources.files("commonwatt") / "presets"
