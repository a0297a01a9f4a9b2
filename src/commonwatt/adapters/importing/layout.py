"""Layouts as data: which column holds what, in which unit, at which end of the slot; named ones are TOML files in `layouts/`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from commonwatt.core.findings import Finding, one_of
from commonwatt.core.foreign import parsed_toml

ENERGIES: Final = ("load", "pv", "import", "export", "net")
"""What a column may measure; `net` is one signed column, positive from the grid."""
HOME: Final = "{member}"
"""Stands in a column's name for the home it belongs to: a wide file."""


def _key(doc: str, *choices: str) -> Any:
    return dataclasses.field(default="", metadata={"doc": doc, "choices": choices})


@dataclass(frozen=True)
class Layout:
    """How to read a file; an empty key is guessed, or asked for where a guess would be idle.

    Columns are named as the file names them: `a + b` is their sum (of times: one after the other), `a?` may be missing, `a | b` is the
    first that is there. `{member}` in a name makes the file wide: a column a home.
    """

    time: str = _key("column of the time; of a date and a time of day: `date + time`")
    member: str = _key("column of the home's name (long files)")
    home: str = _key("name of the home, where a file has only one; else the file's name")
    load: str = _key("column of what the home used")
    pv: str = _key("column of what its PV made")
    import_: str = _key("column of what it took from the grid")
    export: str = _key("column of what it fed in")
    net: str = _key("signed column, positive from the grid")
    unit: str = _key("of the values; W and kW are mean power", "Wh", "kWh", "W", "kW")
    values: str = _key("energy of each slot, or a register that counts up", "slot", "register")
    stamps: str = _key("which end of its slot a time names", "start", "end")
    zone: str = _key("of times without an offset: an IANA name, UTC, or a fixed offset such as +01:00")
    clock: str = _key("hours that a change of clocks skips or shows once: refused, or left out", "strict", "lenient")
    dates: str = _key("order of a date", "year_first", "day_first", "month_first")
    decimal: str = _key("between whole and fraction", ".", ",")
    separator: str = _key("between columns", ",", ";", "tab", "|")
    header: str = _key("line of the column names")
    slot_s: str = _key("length of a slot to sum up to, s; else as in the data")
    duplicates: str = _key("of several values for one time: which counts", "first", "last")

    def given(self) -> dict[str, str]:
        """The keys that are set, as a file spells them, in order."""
        return {spelled(f.name): v for f in dataclasses.fields(self) if (v := getattr(self, f.name))}

    def column(self, energy: str) -> str:
        """What the layout says of one of `ENERGIES`."""
        return str(getattr(self, stored(energy)))

    def with_(self, values: Mapping[str, str]) -> Layout:
        """This layout with other keys set."""
        return dataclasses.replace(self, **{stored(key): value for key, value in values.items()})

    @property
    def is_wide(self) -> bool:
        """Whether homes have columns of their own."""
        return any(HOME in self.column(energy) for energy in ENERGIES)


def spelled(name: str) -> str:
    """A key as a file spells it: `import_` is a word of Python."""
    return name.removesuffix("_")


def stored(key: str) -> str:
    """A key as the dataclass has it."""
    return f"{key}_" if key == "import" else key


KEYS: Final[Mapping[str, dataclasses.Field[Any]]] = {spelled(f.name): f for f in dataclasses.fields(Layout)}


def layout_names() -> list[str]:
    """The named layouts, sorted."""
    return sorted(Path(f.name).stem for f in _folder().iterdir() if f.name.endswith(".toml"))


def layout_says(name: str) -> str:
    """A named layout in one line."""
    return str(_packaged(name).get("says", ""))


def layout_of(text: str) -> tuple[Layout, list[Finding]]:
    """A layout by name, or of a TOML file."""
    if text in layout_names():
        return checked(f"layout {text}", _packaged(text))
    path = Path(text)
    try:
        tables = parsed_toml(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        expected = f"a layout, {one_of(text, layout_names())}, or a TOML file of one"
        return Layout(), [Finding(f"--layout {text}", expected, "no such file")]
    except (OSError, ValueError) as error:
        return Layout(), [Finding(f"--layout {text}", "a TOML file", str(error).splitlines()[0][:120].lower())]
    return checked(path.name, tables)


def mapped(texts: Sequence[str]) -> tuple[dict[str, str], list[Finding]]:
    """What `--map key=value` says."""
    values: dict[str, Any] = {}
    found = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            found.append(Finding(f"--map {text[:80]}", "key=value, such as time=Datum", "no ="))
        elif not key.strip():
            found.append(Finding(f"--map {text[:80]}", f"a key before =: {one_of('', KEYS)}", "none"))
        else:
            values[key.strip()] = value.strip()
    layout, faults = checked("--map", values)
    return layout.given(), found + faults


def checked(label: str, values: Mapping[str, Any]) -> tuple[Layout, list[Finding]]:
    """A layout from keys and values, and what is wrong with them."""
    found, kept = [], {}
    for key, value in values.items():
        where = f"{label} {key}"
        text = " + ".join(map(str, value)) if isinstance(value, list) else str(value)
        if key == "says":
            continue
        if key not in KEYS:
            found.append(Finding(where, one_of(key, KEYS), repr(value)))
        elif not isinstance(value, str | int | list) or isinstance(value, bool):
            found.append(Finding(where, "text", repr(value)[:80]))
        elif fault := _fault(key, text):
            found.append(Finding(where, fault, repr(text)))
        else:
            kept[stored(key)] = text
    return Layout(**kept), found


def columns_of(text: str, header: Iterable[str]) -> list[str] | None:
    """The columns that a layout's value means in a file (none when all of them may be missing); None when one is missing."""
    names = list(header)
    for alternative in [text, *text.split("|")]:
        name = alternative.strip()
        if name in names:
            return [name]
    best: list[str] | None = None
    for alternative in text.split("|"):
        terms = [term.strip() for term in alternative.split("+")]
        wanted = [term.removesuffix("?").strip() for term in terms]
        there = [name for name in wanted if name in names]
        needed = [name for term, name in zip(terms, wanted, strict=True) if not term.endswith("?")]
        if there and all(name in names for name in needed):
            return there
        if not needed:
            best = []
    return best


def _fault(key: str, text: str) -> str:
    choices = KEYS[key].metadata["choices"]
    if choices and text not in choices:
        return one_of(text, choices)
    if key == "slot_s" and not (text.isascii() and text.isdecimal() and int(text) and 3600 % int(text) == 0):
        return "a divisor of 3600 s, such as 900 or 3600"
    if key == "header" and not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) < 10_000):
        return "the number of a line, from 1"
    if key == "zone":
        from commonwatt.adapters.importing.stamps import zone_of

        return zone_of(text)[1]
    if key == "home" and not re.fullmatch(r"[^\x00-\x1f\x7f]{1,200}", text):
        return "a name of at most 200 printable characters"
    return "" if text or choices else "a value"


def _packaged(name: str) -> dict[str, Any]:
    return parsed_toml((_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def _folder() -> Any:
    return resources.files("commonwatt.adapters.importing") / "layouts"
