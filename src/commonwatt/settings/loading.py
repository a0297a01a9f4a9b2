"""Reading a community file: layers, sections, answers and members together, so that every fault is found at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from commonwatt.adapters.csv_table import MOST_BYTES, nearest_name, read_bytes, read_csv
from commonwatt.adapters.feeder_file import FeederFile, read_feeder
from commonwatt.bidding import BIDDINGS
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.foreign import MOST_TOML, toml_of
from commonwatt.core.slots import SlotGrid
from commonwatt.core.toml_lines import TomlLines
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH
from commonwatt.grid import GRIDS, charging
from commonwatt.settings import sections as s
from commonwatt.settings.designs import Design
from commonwatt.settings.faults import period_findings, tariff_findings, validated, window_findings
from commonwatt.settings.layers import Layers, overrides, preset, preset_names, sections_of
from commonwatt.settings.member_rows import MemberRow, Members, MemberTerms, csv_rows, members_of, toml_rows
from commonwatt.settings.model import Settings, all_in_micro_per_kwh
from commonwatt.settings.rate_book import RateBook
from commonwatt.settings.rooms import (
    SECTION_ROOMS,
    choice,
    matrix_findings,
    may_loop,
    name_finding,
    needs_feeder,
    path_findings,
    room_findings,
    shown,
    strategy_names,
    venue_findings,
)

FILE_NAME = "community.toml"
MEMBERS_NAME = "members.csv"
KEY_FILE_VARIABLE = "COMMONWATT_KEY_FILE"
"""The one environment variable: where the secrets lie."""


@dataclass
class Draft:
    """A community file half read: what is valid so far, and every finding."""

    file: Path
    sections: dict[str, s.Section] = field(default_factory=dict)
    members: Members = field(default_factory=Members)
    feeder: FeederFile | None = None
    findings: list[Finding] = field(default_factory=list)

    def settings(self) -> Settings:
        """The settings.

        Raises:
            InvalidInput: with every finding.

        """
        require(self.findings)
        bidding = self.sections["bidding"]
        assert isinstance(bidding, s.Bidding)
        members = [replace(m, strategy=bidding.strategy or m.strategy) for m in self.members.members]
        key_file = os.environ.get(KEY_FILE_VARIABLE)
        return Settings(
            file=self.file,
            members=tuple(members),
            environment_key_file=Path(key_file) if key_file else None,
            feeder=self.feeder,
            **self.sections,  # type: ignore[arg-type]
        )


def key_path_of(file: Path, key_file: str) -> Path:
    """Where the secrets of a community file lie: the environment's COMMONWATT_KEY_FILE, else beside the file."""
    return Path(os.environ.get(KEY_FILE_VARIABLE) or file.parent / key_file)


def load(
    file: Path, design: str | None = None, overrides: Sequence[str] = (), *, with_members: bool = True
) -> Settings:
    """The settings of a community: defaults, then the preset, then the file, then `--set section.key=value` in order.

    `file` is a TOML file or the folder of a `community.toml`; `design` takes the place of the file's `community.design`. Without
    members (the `settings.toml` of a run has none) `members` is empty.

    Raises:
        InvalidInput: with every finding of file, overrides and members.

    """
    return draft(file, design, overrides, with_members=with_members).settings()


def draft(
    file: Path,
    design: str | None = None,
    overrides: Sequence[str] = (),
    *,
    with_members: bool = True,
    over: Design | None = None,
) -> Draft:
    """As `load`, but with the findings beside what could be read. `over` is a design that wins over the file."""
    path = file / FILE_NAME if file.is_dir() else file
    result = Draft(path)
    if fault := missing_community(file):
        result.findings.append(fault)
        return result
    data, faults = read_bytes(path, path.name, MOST_TOML)
    tables, more = toml_of(path.name, data)
    result.findings += faults + more
    if result.findings:
        return result
    listed: dict[str, Any] = {key: tables.pop(key) for key in ("member", "members") if key in tables}
    if isinstance(tables.get("community"), dict) and "members" in tables["community"]:
        listed.setdefault("members", tables["community"].pop("members"))
    lines = TomlLines(path.name, data.decode("utf-8-sig"))
    layers = _layered(result, lines, tables, design, overrides, over)
    for name in s.SECTIONS:
        section, found = validated(name, layers.values[name], layers.where)
        result.findings += found
        if section is not None:
            result.sections[name] = section
        if name in SECTION_ROOMS:
            result.findings += room_findings(name, layers.values[name], layers.where)
    result.findings += _between_sections(layers, result.sections)
    _add_feeder(result, layers)
    if with_members:
        _add_members(result, lines, listed, layers.values["tariff"])
    return result


def _add_feeder(result: Draft, layers: Layers) -> None:
    """The feeder's file, where the grid model looks at one."""
    grid = result.sections.get("grid")
    if isinstance(grid, s.Grid) and grid.feeder and needs_feeder(grid.model):
        result.feeder, faults = read_feeder(
            grid.feeder, result.file.parent, layers.where("grid", "feeder"), may_loop=may_loop(grid.model)
        )
        result.findings += faults
        if result.feeder is not None and not room_findings("grid", layers.values["grid"], layers.where):
            chosen = choice(GRIDS, grid.model, grid.model_extra or {})
            charged = charging(GRIDS.make(chosen.name, **chosen.parameters))
            found = [] if charged is None else charged.fee_findings(result.feeder.feeder)
            result.findings += [replace(fault, where=layers.where("grid", fault.where)) for fault in found]


def missing_community(file: Path) -> Finding | None:
    """A finding when there is nothing at a path that was given for a community, with the nearest name that is there."""
    try:
        if file.is_dir() and (file / "federation.toml").exists() and not (file / FILE_NAME).exists():
            return Finding(str(file), f"one community's folder or its {FILE_NAME}", "a federation of several")
        if file.is_dir() and not (file / FILE_NAME).exists():
            found = "a run's folder" if (file / "public").is_dir() else f"a folder without {FILE_NAME}"
            return Finding(
                str(file), f"a community's folder or its {FILE_NAME} (`commonwatt init DIR` makes one)", found
            )
        if file.exists() or file.suffix == ".toml":
            return None
    except (OSError, ValueError):  # a name that no file can have: reading it says so
        return None
    hint = nearest_name(file) or " (`commonwatt init DIR` makes one)"
    return Finding(str(file), f"a community's folder or its {FILE_NAME}{hint}", "no such folder")


def _layered(
    result: Draft,
    lines: TomlLines,
    tables: Mapping[str, Any],
    design: str | None,
    settings: Sequence[str],
    over: Design | None,
) -> Layers:
    from_file, faults = sections_of(lines, tables)
    from_flags, more = overrides(settings)
    result.findings += faults + more
    layers = Layers(file=lines)
    if over is not None:
        design = over.preset or design
    for label, name in (
        ("--preset", design),
        ("--set community.design", from_flags.get("community", {}).get("design")),
        (lines.place("community.design"), from_file.get("community", {}).get("design")),
        ("default", "community"),
    ):
        if name is None:
            continue
        if name in preset_names():
            layers.add(f"preset {name}", preset(name))
        else:
            result.findings.append(Finding(label, one_of(str(name), preset_names()), shown(name)))
        break
    layers.add(result.file.name, from_file)
    if over is not None:
        layers.add(over.label, over.tables)
    layers.add("--set", from_flags)
    if design is not None:
        layers.add("--preset", {"community": {"design": design}})
    return layers


def _between_sections(layers: Layers, sections: Mapping[str, s.Section]) -> list[Finding]:
    """What holds between sections: windows against slots, answers against the metering level."""
    community = sections.get("community")
    slot_s, zone = 3600, ZoneInfo("UTC")
    if isinstance(community, s.Community):
        slot_s, zone = community.slot_s, ZoneInfo(community.time_zone)
    found = tariff_findings(layers.values["tariff"], slot_s, zone, layers.where)
    found += period_findings(layers.values["data"], layers.where)
    names = {}
    for section, registries in SECTION_ROOMS.items():
        for registry in registries:
            default = s.SECTIONS[section].model_fields[registry.key].default
            names[f"{section}.{registry.key}"] = str(layers.values[section].get(registry.key, default))
    venue, clearing = names["market.venue"], names["market.clearing"]
    found += venue_findings(venue, clearing, layers.where)
    found += path_findings(venue, clearing, str(layers.values["ledger"].get("path", "net")), layers.where)
    found += window_findings(layers.values, layers.where)
    return found + matrix_findings(names, bool(layers.values["grid"].get("feeder")), layers.where)


def _add_members(result: Draft, lines: TomlLines, listed: Mapping[str, Any], tariff: Mapping[str, Any]) -> None:
    rows, label, faults = _member_rows(result.file, lines, listed)
    result.findings += faults
    if not rows and faults:
        return
    buy, sell = _limits(result.sections.get("tariff"))
    section = result.sections.get("tariff")
    suppliers = tuple(own.name for own in section.suppliers) if isinstance(section, s.Tariff) else ()
    buses = tuple(result.feeder.feeder.places) if result.feeder is not None else None
    terms = MemberTerms(tuple(strategy_names()), suppliers, tariff.get("allow_negative") is True, buy, sell, buses)
    result.members = members_of(label, rows, terms)
    result.findings += result.members.findings
    for name in sorted({m.strategy for m in result.members.members}):
        fault = name_finding(BIDDINGS, name, f"{label} strategy")
        result.findings += [fault] if fault else []


def _member_rows(file: Path, lines: TomlLines, listed: Mapping[str, Any]) -> tuple[list[MemberRow], str, list[Finding]]:
    if "member" in listed and "members" in listed:
        fault = Finding(lines.place("members"), "either [[member]] tables or a members file", "both")
        return [], file.name, [fault]
    if "member" in listed:
        rows, faults = toml_rows(lines, listed["member"])
        return rows, file.name, faults
    name = listed.get("members", MEMBERS_NAME)
    if not isinstance(name, str) or not name or not name.isprintable():
        return [], file.name, [Finding(lines.place("members"), "the name of a CSV file", shown(name))]
    label = Path(name).name or name
    data, faults = read_bytes(file.parent / name, label, MOST_BYTES)
    if faults:
        return [], label, faults
    table, faults = read_csv(data, label)
    if table is None:
        return [], label, faults
    rows, more = csv_rows(table)
    return rows, label, faults + more


def _limits(tariff: s.Section | None) -> tuple[int, int]:
    """Limits of a member that gives none: buys up to the grid's highest all-in price, sells from the lowest feed-in."""
    top = PRICE_LIMIT_MICRO_PER_KWH - 1
    if not isinstance(tariff, s.Tariff):
        return 0, 0
    every = RateBook(tariff, SlotGrid(3600), ZoneInfo("UTC")).every()
    return max(-top, min(top, max(map(all_in_micro_per_kwh, every)))), min(r.feed_in_micro_per_kwh for r in every)
