"""The reference of settings, generated: `python -m commonwatt.settings.reference > docs/reference/settings.md`."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

from commonwatt.core.members import Member
from commonwatt.settings import sections as s
from commonwatt.settings.layers import preset, preset_names
from commonwatt.settings.member_rows import MEANINGS, REQUIRED
from commonwatt.settings.rooms import SECTION_ROOMS, answer_names, parameters_of

_HEAD = """# Settings

Generated from the models (`python -m commonwatt.settings.reference`); a test holds this page to them.

A community is a folder with `community.toml`, `members.csv` and its data. A value is looked for on the command line
(`--set section.key=value`, TOML values, bare words are text), then in the file, then in the preset that `community.design` or `--preset`
names, then in the defaults below. A layer that names another mechanism, rule or model drops the lower layers' parameters which that answer
does not take. The environment variable `COMMONWATT_KEY_FILE` takes the place of `ledger.key_file`; secrets never stand in a community file.

Prices are whole micro-currency per kWh, amounts whole nano-currency, energy whole Wh, power whole W.
"""


def settings_reference() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for name, model in s.SECTIONS.items():
        parts.append(f"## [{name}]\n\n{(model.__doc__ or '').strip().splitlines()[0]}\n\n" + _section_table(model))
        if name == "tariff":
            parts.append(f"### [[tariff.windows]]\n\n{(s.Window.__doc__ or '').strip()}\n\n" + _section_table(s.Window))
        parts += [_answer_part(name, registry) for registry in SECTION_ROOMS.get(name, ())]
    parts.append(_members_part())
    parts.append(_presets_part())
    return "\n".join(parts)


def _section_table(model: type[s.Section]) -> str:
    shapes = model.model_json_schema(mode="validation")["properties"]
    rows = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        default = "required" if field.is_required() else "" if field.default is None else f"`{_shown(field.default)}`"
        rows.append(f"| `{key}` | {_shape(shapes[key])} | {default} | {field.description} |")
    return "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _shape(shape: dict[str, Any]) -> str:
    if "anyOf" in shape:
        return _shape(next(option for option in shape["anyOf"] if option.get("type") != "null"))
    if "enum" in shape:
        return ", ".join(f"`{choice}`" for choice in shape["enum"])
    if shape.get("type") == "integer":
        low, high = shape.get("minimum"), shape.get("maximum")
        bounds = f", {low}..{high}" if low is not None and high is not None else ""
        return "whole number" + bounds
    return {"boolean": "true or false", "array": "list"}.get(str(shape.get("type")), "text")


def _answer_part(section: str, registry: Any) -> str:
    """The answers that a key may name, and the parameters that each takes in the same section."""
    lines = [f"`{section}.{registry.key}` may be:\n"]
    for name in answer_names(registry):
        lines.append(f"- `{name}`: {registry.summary(name)}")
        for parameter in parameters_of(registry, name):
            lines.append(f"    - `{parameter.name}` (default `{_shown(parameter.default)}`): {parameter.meaning}.")
    return "\n".join(lines) + "\n"


def _members_part() -> str:
    rows = []
    for field in dataclasses.fields(Member):
        default = "required" if field.name in REQUIRED else f"`{field.default}`" if field.default != "" else ""
        rows.append(f"| `{field.name}` | {default} | {MEANINGS[field.name]} |")
    head = (
        "## members.csv\n\nOne member a row, or one `[[member]]` table each in the community file (then only `id` is required). "
        "The order is the order of the members everywhere. Commas between columns, UTF-8; a column that is left out, or an empty "
        "cell, is the default.\n\n| column | default | meaning |\n|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def _presets_part() -> str:
    lines = ["## Presets\n"]
    for name in preset_names():
        values = ", ".join(
            f"`{section}.{key} = {_shown(value)}`"
            for section, table in preset(name).items()
            for key, value in table.items()
        )
        lines.append(f"- `{name}`: {values}")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    sys.stdout.write(settings_reference())
