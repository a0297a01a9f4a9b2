"""Catalogue: every room's registry, what is in it, and which answers meet which metering level."""

from typing import Any

from commonwatt.assets import ASSETS
from commonwatt.bidding import BIDDINGS
from commonwatt.clearing import CLEARINGS
from commonwatt.core.errors import MissingExtra, require
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.registry import Registry
from commonwatt.forecasting import FORECASTINGS
from commonwatt.grid import GRIDS
from commonwatt.metering import METERINGS
from commonwatt.pricing import PRICINGS
from commonwatt.settlement import SETTLEMENTS
from commonwatt.trust import TRUSTS
from commonwatt.validators import VALIDATORS
from commonwatt.venues import VENUES

ROOMS: dict[str, Registry[Any]] = {
    registry.room: registry
    for registry in (
        METERINGS, FORECASTINGS, BIDDINGS, ASSETS, VENUES, CLEARINGS, PRICINGS, GRIDS, SETTLEMENTS, TRUSTS, VALIDATORS
    )
}  # fmt: skip
"""Rooms in the order of the day."""


def catalogue_lines(room: str | None) -> list[str]:
    """One line an answer, under its room; for one room, its parameters too.

    Raises:
        InvalidInput: no such room.

    """
    if room is not None and room not in ROOMS:
        require([Finding("list", "a room: " + one_of(room, ROOMS), repr(room))])
    lines = []
    for name in ROOMS if room is None else (room,):
        registry = ROOMS[name]
        lines.append(name + (f" ({registry.key} = ...)" if registry.key else ""))
        width = max(map(len, registry.names()), default=0)
        for answer in registry.names():
            lines.append(f"  {answer:<{width}}  {_summary(registry, answer)}")
            if room is not None and _is_installed(registry, answer):
                lines += _parameters(registry, answer)
    return lines


def _summary(registry: Registry[Any], answer: str) -> str:
    try:
        return registry.summary(answer)
    except MissingExtra as error:
        return f"not available: {error}"


def _is_installed(registry: Registry[Any], answer: str) -> bool:
    try:
        registry.answer(answer)
    except MissingExtra:
        return False
    return True


def _parameters(registry: Registry[Any], answer: str) -> list[str]:
    import dataclasses

    lines = []
    for field in dataclasses.fields(registry.answer(answer)):
        meta = field.metadata
        bounds = " or ".join(meta["choices"]) if meta.get("choices") else _range(meta.get("low"), meta.get("high"))
        unit = f" {meta['unit']}" if meta.get("unit") else ""
        lines.append(f"      {field.name} = {field.default}{unit}{bounds and f' ({bounds})'}: {meta.get('doc', '')}")
    return lines


def _range(low: object, high: object) -> str:
    if low is None and high is None:
        return ""
    if low is None or high is None:
        return f"at least {low}" if high is None else f"at most {high}"
    return f"{low}..{high}"


FEEDER = "feeder"
"""Comes from `[grid] feeder`, whatever the meters reveal."""


def matrix_lines() -> list[str]:
    """A table: what each answer needs, and at which metering levels it can be had."""
    levels = METERINGS.names()
    reveals = {level: METERINGS.answer(level).reveals for level in levels}
    lines = ["answer".ljust(44) + "needs".ljust(24) + "  ".join(levels)]
    for room, registry in ROOMS.items():
        for answer in registry.names():
            if not _is_installed(registry, answer):
                lines.append(f"{room} {answer}".ljust(44) + "not available")
                continue
            needs = registry.answer(answer).needs
            marks = "  ".join(
                ("yes" if needs - {FEEDER} <= reveals[level] else "no").ljust(len(level)) for level in levels
            )
            lines.append(
                f"{room} {answer}".ljust(44) + (", ".join(sorted(needs)) or "nothing").ljust(24) + marks.rstrip()
            )
    return lines
