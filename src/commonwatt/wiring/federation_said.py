"""What a federation says of itself in `public/federation.json`, read as anybody's file would be: nothing in it is taken on trust."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from commonwatt.adapters.store.files import read_json
from commonwatt.core.errors import InvalidInput, require
from commonwatt.core.findings import Finding
from commonwatt.wiring.inputs import folder_name

_FORMAT: Final = 1
_KEYS: Final = ("communities", "currency", "end_slot", "first_slot", "format", "links", "name", "slot_s")
_LAST: Final = 2**40
"""No slot is later."""


@dataclass(frozen=True)
class Named:
    """A community as the federation names it."""

    name: str
    folder: str
    root: str
    """Of its manifest, in hexadecimal."""


@dataclass(frozen=True)
class FederationSaid:
    """The file's content, of sound form."""

    name: str
    currency: str
    slot_s: int
    slots: range
    links: tuple[tuple[int, int], ...] | None
    communities: tuple[Named, ...]


def read_said(path: Path) -> FederationSaid:
    """Read the file.

    Raises:
        InvalidInput: with everything in it that is not as a run writes it.

    """
    try:
        said = read_json(path)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            [Finding(str(path), "what a federation publishes", f"{type(error).__name__}: {error}")]
        ) from error
    keys = sorted(said) if isinstance(said, dict) else []
    require([] if keys == list(_KEYS) else [Finding(str(path), ", ".join(_KEYS), ", ".join(keys) or "something else")])
    communities, links, first, end = (said[key] for key in ("communities", "links", "first_slot", "end_slot"))
    checks = (
        ("format", str(_FORMAT), type(said["format"]) is int and said["format"] == _FORMAT),
        ("name", "text", _is_text(said["name"])),
        ("currency", "text", _is_text(said["currency"])),
        ("slot_s", "a whole number above 0", type(said["slot_s"]) is int and said["slot_s"] > 0),
        ("first_slot", "a slot before end_slot", _is_slot(first) and _is_slot(end) and first < end),
        ("end_slot", f"a slot up to {_LAST}", _is_slot(end)),
        ("communities", "two or more, each with a name, the folder of that name, and a root", _are_named(communities)),
        ("links", "null, or pairs of two communities by number", links is None or _are_links(links, communities)),
    )
    require([Finding(f"{path} {key}", expected, _short(said[key])) for key, expected, is_so in checks if not is_so])
    return FederationSaid(
        said["name"],
        said["currency"],
        said["slot_s"],
        range(first, end),
        None if links is None else tuple((one, other) for one, other in links),
        tuple(Named(**entry) for entry in communities),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _is_slot(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _LAST


def _are_named(value: Any) -> bool:
    if not isinstance(value, list) or len(value) < 2:
        return False
    for entry in value:
        if not isinstance(entry, dict) or sorted(entry) != ["folder", "name", "root"]:
            return False
        # A folder is what a run makes of the name, so none lies elsewhere.
        if not all(map(_is_text, entry.values())) or entry["folder"] != folder_name(entry["name"]):
            return False
    return len({entry["folder"] for entry in value}) == len(value)


def _are_links(value: Any, communities: Any) -> bool:
    count = len(communities) if isinstance(communities, list) else 0
    return isinstance(value, list) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(type(end) is int and 0 <= end < count for end in pair)
        and pair[0] != pair[1]
        for pair in value
    )


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else text[:80] + "..."
