"""Texts of strangers, parsed: JSON and TOML within limits of size and depth, and one kind of error for whatever is none."""

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any, Final

from commonwatt.core.findings import Finding

MOST_JSON: Final = 64 * 2**20
"""Characters of a file or text of JSON, unless a reader says otherwise."""
MOST_TOML: Final = 16 * 2**20
"""Characters of a text of TOML: the parser takes half a second for one of these sixteen."""
DEEPEST: Final = 100
"""Lists and tables within each other; nothing of ours has more than ten."""
_TOO_DEEP: Final = "too deep a nesting"
_JSON_TEXT: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_TOML_TEXT: Final = re.compile(
    r'"{3}[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"{3}'
    r"|'{3}.*?'{3}"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
    r"|'[^'\n]*'|#[^\n]*",
    re.DOTALL,
)
"""Texts and comments, whose brackets are none."""
_BRACKET: Final = re.compile(r"[\[\]{}]")
_DOTTED: Final = re.compile(rf"(?<![^\s.=])(?:[^\s.=]+[ \t]*\.[ \t]*){{{DEEPEST}}}")
_LINE: Final = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


def parsed_json(text: str, most: int = MOST_JSON, constant: Callable[[str], Any] | None = None) -> Any:
    """What a text of JSON says; `constant` is asked for NaN and the infinities.

    Brackets are counted first: the interpreter's own guard is a limit that other packages raise, and beyond it the machine's stack ends.

    Raises:
        ValueError: it is no JSON, longer than `most` characters, or of too deep a nesting.

    """
    if len(text) > most:
        raise ValueError(f"{len(text):,} characters, {most:,} at most")
    if _is_deep(text, _JSON_TEXT):
        raise ValueError(_TOO_DEEP)
    return json.loads(text, parse_constant=constant)  # noqa: TID251 - here only


def parsed_toml(text: str) -> dict[str, Any]:
    """What a text of TOML says.

    Raises:
        ValueError: it is no TOML, too long, or of too deep a nesting.

    """
    if len(text) > MOST_TOML:
        raise ValueError(f"{len(text):,} characters, {MOST_TOML:,} at most")
    # The parser would copy a dotted name for every part of it.
    is_dotted = _DOTTED.search(text) and _DOTTED.search(_TOML_TEXT.sub('""', text))
    if is_dotted or _is_deep(text, _TOML_TEXT):
        raise ValueError(_TOO_DEEP)
    try:
        table = tomllib.loads(text)  # noqa: TID251 - here only
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level: list[Any] = [table]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return table
    raise ValueError(_TOO_DEEP)


def _is_deep(text: str, aside: re.Pattern[str]) -> bool:
    """Whether brackets are within each other too often; those in what stands `aside` are none."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(aside.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > DEEPEST:
            return True
    return False


def text_of(label: str, data: bytes) -> tuple[str, list[Finding]]:
    """A file's text in UTF-8, or in which line it is none. A leading byte order mark is accepted."""
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return "", [Finding(f"{label}:{line}", "text in UTF-8", f"the byte 0x{data[error.start]:02x}")]


def toml_of(label: str, data: bytes) -> tuple[dict[str, Any], list[Finding]]:
    """The tables of a TOML file, or why it is none and in which line. A leading byte order mark is accepted."""
    text, found = text_of(label, data)
    if found:
        return {}, found
    try:
        return parsed_toml(text), []
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = _LINE.search(message)
        line = int(at[1]) if at and at[1] else data.count(b"\n") + 1
        return {}, [Finding(f"{label}:{line}", "TOML", _LINE.sub("", message))]
    except ValueError as error:  # an integer of thousands of digits, too long, too deep
        return {}, [Finding(label, "TOML", str(error)[:80])]
