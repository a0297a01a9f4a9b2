"""The page of findings: the form of every fault that a check can report, gathered from the places that report it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeGuard

from scripts.reference.markdown import code, head, table, text_of

import commonwatt

SOURCE = Path(commonwatt.__file__).parent
TEXT = """
A finding says where, what was expected, and what was found: `members.csv:14 battery_wh: expected 0..200000, found -5`. Findings are
reported all at once, to standard error, and the command ends with exit code 2 (findings of an audit: 1). A name that is almost right
is answered with the nearest right one.

There are no codes to look up: the text is the finding. Below is the form of each, as the code writes it; `<name>` and `…` stand for
what is filled in. Search for the words that your finding has in common with a row. Findings of which every part is filled in (a value
out of its range, say) are not listed.
"""
GROUPS: Final = {
    "The community's files": (
        ("settings", "core/registry", "core/orders"),
        "Open the file at the line that is named and put in what was expected; `commonwatt check FILE` lists what is left. "
        "[Settings](settings.md) has every key with its range.",
    ),
    "Profiles and corrections": (
        ("adapters/csv_table", "adapters/feeds"),
        "Mend the rows of the data file. Where the meter was silent, leave the row out: gaps are filled by rule and marked "
        "([faults of data](../explain/data-faults.md)).",
    ),
    "Feeders": (
        ("adapters/feeder_file", "adapters/line_file", "grid/_equipment", "grid/_feeder"),
        "Mend the feeder's file: connect what is not, open loops, give every line a length, an impedance and a rating "
        "([feeders](../explain/grid-feeders.md)).",
    ),
    "Dates, folders, keys and what was typed": (
        (),
        "Type the command again with what was expected. Nothing was written.",
    ),
    "Ledgers": (
        ("adapters/ledger",),
        "The ledger and what the community's files say do not go together: begin a new run, or use the files that the run was made from.",
    ),
    "Promises of an answer": (
        (
            "clearing",
            "settlement",
            "metering",
            "validators",
            "pricing",
            "bidding",
            "assets",
            "grid",
            "forecasting",
            "venues",
            "trust",
        ),
        "An answer did not keep its room's promise: the slot fails and is settled with the supplier, or the run stops. "
        "Report it to the answer's author, or choose another.",
    ),
    "Audits": (
        ("services/audit", "wiring/audit"),
        "The run's public folder is not what an honest run leaves. Compare with another copy; [audit](../explain/audit.md) says what each check "
        "compares.",
    ),
}
"""Title -> (where in the package, what to do about it); without a place: everything else."""
_LONGEST: Final = 160


def page() -> str:
    """The page, as Markdown."""
    lines = head("Findings", "every place in the code that reports one", TEXT)
    known = [(group_of(path), form) for path, form in forms() if says_something(form)]
    for title, (_, advice) in GROUPS.items():
        rows = [tuple(map(code, form)) for form in sorted({form for group, form in known if group == title})]
        lines += [f"## {title}", "", advice, "", *table(("where", "expected", "found"), rows)]
    return text_of(lines)


def group_of(path: str) -> str:
    """The group of a source file, by its path in the package; of a file that no group names, the one without places."""
    named = (title for title, (places, _) in GROUPS.items() if any(path.startswith(place) for place in places))
    return next(named, next(title for title, (places, _) in GROUPS.items() if not places))


def forms() -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Every `Finding(...)` of the package: its file, and its three texts."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "Finding(" not in text:
            continue
        for function in ast.walk(ast.parse(text)):
            if isinstance(function, ast.FunctionDef):
                calls = [node for node in ast.walk(function) if _is_finding(node)]
                texts = _assigned(function) if calls else {}
                for call in calls:
                    where, expected, found = (_text(argument, texts) for argument in call.args)
                    yield path.relative_to(SOURCE).as_posix(), (where, expected, found)


def _is_finding(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"


def _assigned(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Names that a function gives a text once."""
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            given.setdefault(node.targets[0].id, []).append(node.value)
    return {name: values[0] for name, values in given.items() if len(values) == 1}


def _text(node: ast.expr, known: dict[str, ast.expr]) -> str:
    """A text as it will read; what is filled in stands as `<name>`, or as `…` where the code has no name for it."""
    text = _read(node, known)
    while "……" in text:
        text = text.replace("……", "…")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _read(node: ast.expr, known: dict[str, ast.expr]) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_read(value, known) for value in values)
        case ast.FormattedValue(value=value):
            return _read(value, known)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _read(left, known) + _read(right, known)
        case ast.IfExp(body=body, orelse=other):
            texts = [_read(body, known), _read(other, known)]
            return " / ".join(dict.fromkeys(text for text in texts if text)) or "…"
        case ast.Name(id=name) if name in known:
            return _read(known[name], {key: value for key, value in known.items() if key != name})
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return f"<{name.lower().strip('_').replace('_', ' ')}>"
        case ast.Call(func=ast.Name(id="one_of")):
            return "one of …"
        case ast.Call(func=ast.Name(id="str" | "repr" | "shown" | "int"), args=[inner]):
            return _read(inner, {})
    return "…"


def says_something(form: tuple[str, str, str]) -> bool:
    """Whether any word of what was expected or found is the code's own, and not filled in."""
    return bool(re.search(r"[a-z]{3}", re.sub(r"<[^>]*>", "", form[1] + form[2]).replace("none", "")))
