"""Findings of a section: what pydantic refused, in words, and what holds between keys."""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from commonwatt.core.findings import Finding, one_of, whole_number
from commonwatt.core.time_of_use import minute_of
from commonwatt.settings.rooms import Where, shown
from commonwatt.settings.sections import SECTIONS, SIGNED_PRICES, Section, Supplier, Window

_TYPES = {
    "string_type": "text",
    "bool_type": "true or false",
    "float_type": "a number",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
    "missing": "a value",
    "string_too_short": "text that is not empty",
}
_LISTED: Mapping[str, tuple[type[Section], str]] = {
    "windows": (Window, "a window"),
    "suppliers": (Supplier, "a supplier"),
}
_UNIT = "_micro_per_kwh"
_OFFSET_SAMPLES_S = (1_704_067_200, 1_719_792_000)
"""January and July 2024: the offsets a zone has over a year."""


def validated(section: str, values: Mapping[str, Any], where: Where) -> tuple[Section | None, list[Finding]]:
    """The typed section, or what is wrong with it, every key at once."""
    model = SECTIONS[section]
    try:
        return model.model_validate(dict(values)), []
    except ValidationError as error:
        return None, [_finding(section, model, dict(e), where) for e in error.errors(include_url=False)]


def keys_of(model: type[Section]) -> list[str]:
    """The keys of a section as a file spells them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def tariff_findings(values: Mapping[str, Any], slot_s: int, zone: ZoneInfo, where: Where) -> list[Finding]:
    """What holds between keys of [tariff]: negative prices only where allowed, windows that begin and end with a slot."""
    found = []
    tables = [("", values), *_tables(values, "windows"), *_tables(values, "suppliers")]
    for prefix, table in tables:
        for key in SIGNED_PRICES:
            price = table.get(key)
            if type(price) is int and price < 0 and values.get("allow_negative") is not True:
                expected = "at least 0 (or tariff.allow_negative = true)"
                found.append(Finding(where("tariff", prefix + key), expected, str(price)))
        if prefix.startswith("windows"):
            found += _window_findings(table, slot_s, zone, lambda key, p=prefix: where("tariff", p + key))
    return found


def _tables(values: Mapping[str, Any], key: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The tables of a list, and how a finding names each."""
    listed = values.get(key, [])
    if not isinstance(listed, list):
        return []
    return [(f"{key}[{i}].", table) for i, table in enumerate(listed, 1) if isinstance(table, dict)]


def window_findings(values: Mapping[str, Mapping[str, Any]], where: Where) -> list[Finding]:
    """A window in which a slot that is opened at a gate may still be unsettled when a withdrawal announced after the gate is due."""
    slots, timing = values["ledger"].get("window_slots"), values["market"].get("timing")
    if timing != "ex_ante" or slots != 1:
        return []
    expected = "at least 2 where orders are placed at a gate: a slot is open for one and a half, which a withdrawal has to wait out"
    return [Finding(where("ledger", "window_slots"), expected, "1")]


def period_findings(values: Mapping[str, Any], where: Where) -> list[Finding]:
    """A period of [data] that ends after it begins."""
    first, end = (str(values.get(key, "")) for key in ("from", "to"))
    if first and end and end <= first:
        return [Finding(where("data", "to"), f"a day after {first}", end)]
    return []


def _window_findings(table: Mapping[str, Any], slot_s: int, zone: ZoneInfo, where: Any) -> list[Finding]:
    found = []
    for key in ("from", "to"):
        try:
            minute = minute_of(table.get(key, ""))
        except (ValueError, AttributeError):
            continue  # the section's own finding
        if all((minute * 60 - offset_s) % slot_s for offset_s in _offsets_s(zone)):
            found.append(Finding(where(key), f"a time at which a slot of {slot_s} s begins", shown(table[key])))
    if "from" in table and table["from"] == table.get("to"):
        found.append(Finding(where("to"), "another time than from (a whole day is 00:00 to 24:00)", shown(table["to"])))
    return found


def _offsets_s(zone: ZoneInfo) -> set[int]:
    instants = (dt.datetime.fromtimestamp(s, zone) for s in _OFFSET_SAMPLES_S)
    return {int(offset.total_seconds()) for t in instants if (offset := t.utcoffset()) is not None}


def _finding(section: str, model: type[Section], error: dict[str, Any], where: Where) -> Finding:
    kind, loc, context = error["type"], error["loc"], error.get("ctx", {})
    found = "none" if kind == "missing" else shown(error["input"])
    place = where(section, _path(loc))
    if kind == "extra_forbidden":
        owner, name = _LISTED[str(loc[0])] if len(loc) > 1 else (model, f"[{section}]")
        return Finding(place, f"a key of {name}: {_nearest(str(loc[-1]), keys_of(owner))}", found)
    if kind == "literal_error":
        return Finding(place, one_of(str(error["input"]), re.findall(r"'([^']*)'", context["expected"])), found)
    if kind == "value_error":
        return Finding(place, str(context["error"]), found)
    for bound, words in (("ge", "at least"), ("le", "at most"), ("max_length", "text of at most")):
        if bound in context:
            return Finding(place, f"{words} {context[bound]}" + (" characters" * (bound == "max_length")), found)
    if kind in ("int_type", "int_from_float"):
        return Finding(place, whole_number(str(loc[-1]), error["input"]), found)
    if kind == "string_pattern_mismatch":
        readable = "hours or days such as 6h or 1d" if "hd" in context["pattern"] else "text without control characters"
        return Finding(place, readable, found)
    return Finding(place, _TYPES.get(kind, error["msg"]), found)


def _nearest(name: str, keys: list[str]) -> str:
    """As `one_of`, but a price is also known by its name without the unit."""
    listed = one_of(name, keys)
    stem = difflib.get_close_matches(name, [key.removesuffix(_UNIT) for key in keys], n=1, cutoff=0.5)
    return listed if "did you mean" in listed or not stem else one_of(stem[0] + _UNIT, keys)


def _path(loc: tuple[str | int, ...]) -> str:
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in loc]
    return "".join(parts).lstrip(".")
