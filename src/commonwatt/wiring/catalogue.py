"""Catalogue: every room's registry, what is in it, and which answers meet which metering level."""

from typing import Any

from commonwatt.core.errors import MissingExtra, require
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.registry import Registry
from commonwatt.metering import METERINGS
from commonwatt.settings.rooms import ROOMS


def catalogue_lines(room: str | None) -> list[str]:
    """One line an answer, under its room; for one room, its parameters too.

    Raises:
        InvalidInput: no such room.

    """
    lines = []
    for registry in _rooms(room):
        lines.append(registry.room + (f" ({registry.key} = ...)" if registry.key else ""))
        width = max(map(len, registry.names()), default=0)
        for answer in registry.names():
            lines.append(f"  {answer:<{width}}  {_summary(registry, answer)}")
            if room is not None and _is_installed(registry, answer):
                lines += _parameters(registry, answer)
    return lines


def _rooms(room: str | None) -> list[Registry[Any]]:
    if room is not None and room not in ROOMS:
        require([Finding("list", "a room: " + one_of(room, ROOMS), repr(room))])
    return [registry for name, registry in ROOMS.items() if room in (None, name)]


def _summary(registry: Registry[Any], answer: str) -> str:
    try:
        lacking = registry.lacking(answer, "")
        return registry.summary(answer) + (f" Lacks {lacking.expected}." if lacking else "")
    except MissingExtra as error:
        return f"not available: {error}"


def _is_installed(registry: Registry[Any], answer: str) -> bool:
    try:
        registry.answer(answer)
    except MissingExtra:
        return False
    return True


def _parameters(registry: Registry[Any], answer: str) -> list[str]:
    return [f"      {p.name} = {p.default}: {p.meaning}" for p in registry.parameters(answer)]


FEEDER = "feeder"
"""Comes from `[grid] feeder`, whatever the meters reveal."""


def matrix_lines(room: str | None = None) -> list[str]:
    """A table: what each answer needs, and at which metering levels it can be had; of one room or of all.

    Raises:
        InvalidInput: no such room.

    """
    levels = METERINGS.names()
    reveals = {level: METERINGS.answer(level).reveals for level in levels}
    lines = ["answer".ljust(44) + "needs".ljust(24) + "  ".join(levels)]
    for registry in _rooms(room):
        for answer in registry.names():
            if not _is_installed(registry, answer):
                lines.append(f"{registry.room} {answer}".ljust(44) + "not available")
                continue
            needs = registry.answer(answer).needs
            marks = "  ".join(
                ("yes" if needs - {FEEDER} <= reveals[level] else "no").ljust(len(level)) for level in levels
            )
            lines.append(
                f"{registry.room} {answer}".ljust(44)
                + (", ".join(sorted(needs)) or "nothing").ljust(24)
                + marks.rstrip()
            )
    return lines
