"""A feeder from a TOML file, or one of those that ship with the package: every fault at once."""

from __future__ import annotations

import difflib
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import tomli_w

from commonwatt.adapters.csv_table import MOST_BYTES, nearest_name, read_bytes
from commonwatt.adapters.foreign_feeders.pandapower_json import Converted, feeder_of_json
from commonwatt.adapters.foreign_feeders.simbench_code import feeder_of_code, is_code
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.foreign import text_of, toml_of
from commonwatt.core.toml_lines import TomlLines
from commonwatt.grid import (
    Bus,
    Feeder,
    InnerTransformer,
    Line,
    Load,
    Regulator,
    Transformer,
    feeder_findings,
    figures_of,
)

SUFFIX: Final = ".toml"
JSON: Final = ".json"
FEEDER: Final = "feeder.toml"
"""What the feeder is called in the public folder of a run whose grid model looks at one."""
_BUNDLED: Final = Path(__file__).resolve().parent / "datasets" / "feeders"
LISTS: Final = {
    "bus": (Bus, "buses"),
    "line": (Line, "lines"),
    "inner_transformer": (InnerTransformer, "inner_transformers"),
    "regulator": (Regulator, "regulators"),
    "load": (Load, "loads"),
}
"""What a feeder has many of: by the table's name its record and the feeder's field."""
PARTS: Final = {*LISTS, "transformer"}
"""Tables of a feeder's file."""
_ALWAYS: Final = {"bus", "line"}
"""Lists that are written although they are empty."""
MOST_ROWS: Final = 10_000
"""Buses, lines or loads of one feeder."""
_MOST_WHOLE: Final = 10**300
"""Whole numbers beyond it are no floats."""


@dataclass(frozen=True)
class FeederFile:
    """A feeder and the text that says the same in one way, as a run publishes it."""

    feeder: Feeder
    loads: tuple[str, ...] = ()
    """Buses where the network that it was converted from has loads."""
    notes: tuple[str, ...] = ()
    """What was left out or changed on the way."""

    @property
    def text(self) -> str:
        """The feeder as TOML: the same feeder gives the same text, and the text the feeder."""
        rows = {name: getattr(self.feeder, field) for name, (_, field) in LISTS.items()}
        lists = {name: [_written(row) for row in each] for name, each in rows.items() if each or name in _ALWAYS}
        own = {"transformer": _written(self.feeder.transformer)}
        return tomli_w.dumps({**_written(self.feeder), **own, **lists})


def bundled_feeders() -> list[str]:
    """Names of the feeders that ship with the package, sorted."""
    return sorted(path.stem for path in _BUNDLED.glob(f"*{SUFFIX}"))


def read_feeder(
    name: str, folder: Path, where: str, *, may_loop: bool = False
) -> tuple[FeederFile | None, list[Finding]]:
    """The feeder that `[grid] feeder` names; `where` is how a finding names the key; one with loops only where it `may_loop`.

    A TOML file or the JSON of a pandapower network, from `folder` on; a SimBench code; or a bundled one.
    """
    if name.endswith((SUFFIX, JSON)):
        return read_feeder_file(folder / name, may_loop=may_loop)
    if is_code(name):
        return _converted(*feeder_of_code(name, where), name, may_loop)
    if name not in bundled_feeders():
        near = nearest_name(folder / f"{name}{SUFFIX}")
        expected = f"the name of a file that ends with {SUFFIX}{near} or {JSON}, a SimBench code, or {one_of(name, bundled_feeders())}"
        return None, [Finding(where, expected, repr(name))]
    return read_feeder_file(_BUNDLED / f"{name}{SUFFIX}")


def read_feeder_file(path: Path, *, may_loop: bool = False) -> tuple[FeederFile | None, list[Finding]]:
    """The feeder of a TOML file, or of a pandapower network's JSON; None and the findings where anything is wrong with it."""
    data, found = read_bytes(path, path.name, MOST_BYTES)
    if found:
        return None, found
    if path.suffix == JSON:
        text, found = text_of(path.name, data)
        return (None, found) if found else _converted(*feeder_of_json(text, path.name), path.name, may_loop)
    table, found = toml_of(path.name, data)
    if found:
        return None, found
    paths = _paths(path.name, table)
    feeder, found = _feeder(path.name, table)
    if feeder is not None:
        found = feeder_findings(feeder, path.name, may_loop=may_loop)
    if feeder is None or found:
        lines = TomlLines(path.name, data.decode("utf-8-sig"))
        return None, [_on_line(finding, paths, lines) for finding in found]
    return FeederFile(feeder), []


def _paths(file: str, table: dict[str, Any]) -> dict[str, str]:
    """By what findings call a part of the feeder its key path in the file: `lane.toml line a-b` is `line[3]`."""
    paths = {f"{file} transformer": "transformer"}
    for name in LISTS:
        listed = table.get(name)
        for number, row in enumerate(listed if isinstance(listed, list) else (), 1):
            if isinstance(row, dict):
                paths[f"{file} {name} {_label(row, number)}"] = f"{name}[{number}]"
    return paths


def _on_line(finding: Finding, paths: dict[str, str], lines: TomlLines) -> Finding:
    """A finding with the line of the file on which it stands: `lane.toml:14 line a-b length_m`."""
    part, _, key = finding.where.rpartition(" ")
    path = paths.get(finding.where) or (f"{paths[part]}.{key}" if part in paths else key)
    at = lines.place(path).removesuffix(f" {path}")
    return replace(finding, where=at + finding.where.removeprefix(lines.label))


def _label(row: dict[str, Any], number: int) -> str | int:
    """What findings call a row: its id, or its number where it has none."""
    label = row.get("id")
    return label if isinstance(label, str | int) else number


def _converted(
    made: Converted | None, found: list[Finding], name: str, may_loop: bool
) -> tuple[FeederFile | None, list[Finding]]:
    if made is None:
        return None, found
    found = feeder_findings(made.feeder, name, may_loop=may_loop)
    return (None, found) if found else (FeederFile(made.feeder, made.loads, made.notes), [])


def _feeder(file: str, table: dict[str, Any]) -> tuple[Feeder | None, list[Finding]]:
    rows: dict[str, list[Any]] = {}
    found: list[Finding] = []
    for name, (kind, _) in LISTS.items():
        listed = table.pop(name, [])
        if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed) or len(listed) > MOST_ROWS:
            told = (
                f"{len(listed)} of them" if isinstance(listed, list) and len(listed) > MOST_ROWS else "something else"
            )
            found.append(Finding(f"{file} {name}", f"[[{name}]] tables, {MOST_ROWS} at most", told))
            listed = []
        rows[name] = []
        for number, row in enumerate(listed, 1):
            made, faults = _made(kind, row, f"{file} {name} {_label(row, number)}")
            found += faults
            rows[name] += [made] if made is not None else []
    own = table.pop("transformer", None)
    if not isinstance(own, dict):
        found.append(
            Finding(f"{file} transformer", "a table [transformer]", "none" if own is None else "something else")
        )
        own = None
    transformer, faults = _made(Transformer, own, f"{file} transformer") if own is not None else (None, [])
    found += faults
    given = {"transformer": transformer, **{key: tuple(rows[name]) for name, (_, key) in LISTS.items()}}
    feeder, faults = _made(Feeder, table, file, given)
    found += faults
    return (None, found) if found else (feeder, [])


def _made(kind: Any, row: dict[str, Any], where: str, given: dict[str, Any] | None = None) -> tuple[Any, list[Finding]]:
    """A record of a table's keys, which are its fields but for those that are `given`."""
    given = given or {}
    known = figures_of(kind)
    defaults = {field.name: field.default for field in fields(kind)}
    values, found = {}, []
    for key, value in row.items():
        if key not in known:
            found.append(Finding(f"{where} {key}", f"a known key: {one_of(key, known)}", _told(value)))
            continue
        is_text = known[key][0] is str
        if is_text and not (isinstance(value, str) and value.isprintable() and (value or key == "about")):
            found.append(Finding(f"{where} {key}", "printable text", _told(value)))
        elif not is_text and (type(value) not in (int, float) or (type(value) is int and abs(value) > _MOST_WHOLE)):
            found.append(Finding(f"{where} {key}", "a number", _told(value)))
        else:
            values[key] = value if is_text else float(value)
    for key in known:
        if defaults[key] is MISSING and key not in row:
            near = difflib.get_close_matches(key, [name for name in row if name not in known], n=1, cutoff=0.5)
            found.append(Finding(f"{where} {key}", "a value", f"{near[0]!r}" if near else "none"))
    return (None, found) if found else (kind(**values, **given), [])


def _told(value: Any) -> str:
    """A value as a finding shows it, shortened; a table or a list by its kind, for it may hold others ten thousand deep."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _written(row: Any) -> dict[str, Any]:
    """Its texts and numbers but for a text that was left out; whatever a number was, it is written with a decimal point."""
    named = {field.name: (getattr(row, field.name), field.default) for field in fields(row)}
    values = {name: value for name, (value, default) in named.items() if value != "" or default != ""}
    return {
        key: value if isinstance(value, str) else float(value)
        for key, value in values.items()
        if isinstance(value, str | int | float)
    }
