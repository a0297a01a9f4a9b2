"""Changing single keys of a community file in place: comments, order and everything else stay."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from commonwatt.core.foreign import parsed_toml
from commonwatt.core.toml_lines import key_lines

Changes = Mapping[tuple[str, str], int | str]
"""Section and key -> new value."""


def edited(text: str, changes: Changes) -> str | None:
    """A TOML text with some keys changed or added; None where that cannot be done without touching more."""
    try:
        wanted = parsed_toml(text)
    except ValueError:
        return None
    for (section, key), value in changes.items():
        wanted.setdefault(section, {})[key] = value
        text = _changed(text, section, key, value)
    try:
        return text if parsed_toml(text) == wanted else None
    except ValueError:
        return None


def _changed(text: str, section: str, key: str, value: Any) -> str:
    lines, at = text.splitlines(), key_lines(text)
    written = f"{key} = {json.dumps(value, ensure_ascii=False)}"
    if (line := at.get(f"{section}.{key}")) is not None:
        lines[line - 1] = written
    elif (line := at.get(section)) is not None:
        lines.insert(line, written)
    else:
        lines += ["", f"[{section}]", written]
    return "\n".join(lines) + "\n"
