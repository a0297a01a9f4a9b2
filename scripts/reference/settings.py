"""The page of settings, from the typed sections, the answers' parameters, the columns of members.csv and the presets."""

import dataclasses
from typing import Any

from scripts.reference.markdown import code, head, shown, table, text_of

from commonwatt.core.members import Member
from commonwatt.settings import sections as s
from commonwatt.settings.layers import preset, preset_names
from commonwatt.settings.member_rows import MEANINGS, REQUIRED
from commonwatt.settings.rooms import SECTION_ROOMS, answer_names, parameters_of

TEXT = """
A community is a folder with `community.toml`, `members.csv` and its data. A value is looked for on the command line
(`--set section.key=value`, TOML values, bare words are text), then in the file, then in the preset that `community.design` or `--preset`
names, then in the defaults below. A layer that names another mechanism, rule or model drops the lower layers' parameters which that answer
does not take. The environment variable `COMMONWATT_KEY_FILE` takes the place of `ledger.key_file`; secrets never stand in a community file.

Prices are whole micro-currency per kWh, amounts whole nano-currency, energy whole Wh, power whole W.
"""
MEMBERS = """
One member a row, or one `[[member]]` table each in the community file (then only `id` is required). The order is the order of the
members everywhere. Commas between columns, UTF-8; a column that is left out, or an empty cell, is the default.
"""


def page() -> str:
    """The page, as Markdown."""
    lines = head("Settings", "the typed sections of `commonwatt.settings`", TEXT)
    for name, model in s.SECTIONS.items():
        lines += [f"## [{name}]", "", (model.__doc__ or "").strip().splitlines()[0], "", *_section(model)]
        if name == "tariff":
            lines += ["### [[tariff.windows]]", "", (s.Window.__doc__ or "").strip(), "", *_section(s.Window)]
            lines += ["### [[tariff.suppliers]]", "", (s.Supplier.__doc__ or "").strip(), "", *_section(s.Supplier)]
        for registry in SECTION_ROOMS.get(name, ()):
            lines += _answers(registry)
    lines += ["## members.csv", "", MEMBERS.strip(), "", *_members(), "## Presets", "", *_presets()]
    return text_of(lines)


def _section(model: type[s.Section]) -> list[str]:
    shapes = model.model_json_schema(mode="validation")["properties"]
    rows = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        default = "required" if field.is_required() else "" if field.default is None else shown(field.default)
        rows.append((code(key), _shape(shapes[key]), default, field.description or ""))
    return table(("key", "value", "default", "meaning"), rows)


def _shape(shape: dict[str, Any]) -> str:
    if "anyOf" in shape:
        return _shape(next(option for option in shape["anyOf"] if option.get("type") != "null"))
    if "enum" in shape:
        return ", ".join(f"`{choice}`" for choice in shape["enum"])
    if shape.get("type") == "integer":
        low, high = shape.get("minimum"), shape.get("maximum")
        bounds = f", {low}..{high}" if low is not None and high is not None else ""
        return "whole number" + bounds
    if shape.get("type") == "number":
        return f"number, {shape['minimum']:g}..{shape['maximum']:g}"
    return {"boolean": "true or false", "array": "list"}.get(str(shape.get("type")), "text")


def _answers(registry: Any) -> list[str]:
    """The answers that a key may name, and the parameters that each takes in the same section."""
    lines = [f"`{registry.section}.{registry.key}` may be (see [{registry.room}](registries.md#{registry.room})):", ""]
    for name in answer_names(registry):
        lines.append(f"- `{name}`: {registry.summary(name)}")
        for parameter in parameters_of(registry, name):
            lines.append(f"    - `{parameter.name}` (default {shown(parameter.default)}): {parameter.meaning}.")
    return [*lines, ""]


def _members() -> list[str]:
    rows = []
    for field in dataclasses.fields(Member):
        default = "required" if field.name in REQUIRED else code(field.default)
        rows.append((code(field.name), default, MEANINGS[field.name]))
    return table(("column", "default", "meaning"), rows)


def _presets() -> list[str]:
    lines = []
    for name in preset_names():
        tables = preset(name).items()
        values = [code(f"{section}.{key} = {value!r}") for section, given in tables for key, value in given.items()]
        lines.append(f"- `{name}`: " + ", ".join(values))
    return lines
