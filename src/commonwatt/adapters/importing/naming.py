"""Names of homes as ids: what a file calls them, in letters that a list of members allows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from commonwatt.core.findings import Finding

_SPELLED: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ø": "o", "å": "a"})  # fmt: skip
_LONGEST: Final = 64


def ids_of(names: Sequence[str]) -> tuple[list[str], list[Finding]]:
    """An id for each name, and the names that would share one."""
    ids = [home_id(name) for name in names]
    first: dict[str, str] = {}
    found = []
    for name, made in zip(names, ids, strict=True):
        other = first.setdefault(made.casefold(), name)
        if other != name:
            expected = f"names that differ in letters and digits, as an id has them ({made})"
            found.append(Finding("homes", expected, f"{other!r} and {name!r}"))
    return ids, found


def home_id(name: str) -> str:
    """A name in letters, digits, `.`, `_` and `-`: `Haus Müller 3` -> `Haus-Mueller-3`."""
    plain = unicodedata.normalize("NFKD", name.translate(_SPELLED)).encode("ascii", "ignore").decode()
    made = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:_LONGEST].rstrip("-._")
    return made or "home"
