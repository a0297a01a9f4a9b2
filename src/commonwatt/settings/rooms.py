"""Which keys of a community file name an answer of a room, and what is wrong with an answer's name, parameters or needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from commonwatt.assets import ALWAYS, ASSETS
from commonwatt.bidding import BIDDINGS
from commonwatt.clearing import CLEARINGS
from commonwatt.core.errors import MissingExtra
from commonwatt.core.findings import Finding, one_of
from commonwatt.core.registry import Parameter, Registry
from commonwatt.forecasting import FORECASTINGS
from commonwatt.grid import GRIDS
from commonwatt.metering import METERINGS
from commonwatt.pricing import PRICINGS
from commonwatt.settings.sections import SECTIONS
from commonwatt.settlement import SETTLEMENTS
from commonwatt.trust import TRUSTS
from commonwatt.validators import VALIDATORS
from commonwatt.venues import VENUES

Where = Callable[[str, str], str]
"""Section and key -> how a finding names the place: `community.toml market.clearing`, `--set market.clearing`."""

ROOMS: Final[Mapping[str, Registry[Any]]] = {
    registry.room: registry
    for registry in (
        METERINGS, FORECASTINGS, BIDDINGS, ASSETS, VENUES, CLEARINGS, PRICINGS, GRIDS, SETTLEMENTS, TRUSTS, VALIDATORS
    )
}  # fmt: skip
"""Every room's registry by the room's name, in the order of the day: the one list of rooms."""

SECTION_ROOMS: Final[Mapping[str, tuple[Registry[Any], ...]]] = {
    section: rooms
    for section in SECTIONS
    if (rooms := tuple(registry for registry in ROOMS.values() if registry.section == section))
}
"""The registries behind a section of the community file, in the order of the file."""


@dataclass(frozen=True)
class Choice:
    """An answer of a room as a community chose it; `registry.make(name, **parameters)` builds it."""

    name: str
    parameters: Mapping[str, Any]
    """Only what was given; the rest are the answer's own defaults."""


def parameters_of(registry: Registry[Any], name: str) -> list[Parameter]:
    """The parameters of an answer; none for an answer that cannot be loaded."""
    return registry.parameters(name) if _answer(registry, name) is not None else []


def choice(registry: Registry[Any], name: str, extras: Mapping[str, Any]) -> Choice:
    """The answer `name` with those of a section's other keys that are its parameters."""
    known = {parameter.name for parameter in parameters_of(registry, name)}
    mine = {key: _plain(value) for key, value in extras.items() if key in known}
    return Choice(name, registry.given(name, mine) if known else mine)


def kept_parameters(section: str, values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """What remains of lower layers' keys once a higher layer chose the answers `names`: only keys that somebody still takes."""
    known = set(SECTIONS[section].model_fields)
    for registry in SECTION_ROOMS.get(section, ()):
        name = names.get(registry.key, values.get(registry.key, SECTIONS[section].model_fields[registry.key].default))
        if isinstance(name, str):
            for answer in _meant(registry, name):
                known |= {parameter.name for parameter in parameters_of(registry, answer)}
    return {key: value for key, value in values.items() if key in known}


def room_findings(section: str, values: Mapping[str, Any], where: Where) -> list[Finding]:
    """What is wrong with a section's answers: names that do not exist, packages that are missing, parameters out of place."""
    model = SECTIONS[section]
    extras = {key: _plain(value) for key, value in values.items() if key not in model.model_fields}
    found: list[Finding] = []
    known: dict[str, list[str]] = {}
    for registry in SECTION_ROOMS[section]:
        name = values.get(registry.key, model.model_fields[registry.key].default)
        if not isinstance(name, str):
            return found  # the type is the section's finding; without a name nothing can be said of parameters
        fault = name_finding(registry, name, where(section, registry.key)) if name or registry is not BIDDINGS else None
        if fault:
            return [*found, fault]
        for answer in _meant(registry, name):
            mine = {parameter.name: parameter for parameter in parameters_of(registry, answer)}
            known[answer] = list(mine)
            for key, value in extras.items():
                if key in mine:
                    faults = registry.findings(answer, section, {key: value})
                    found += [dataclasses.replace(f, where=where(section, key)) for f in faults]
            missing = [key for key, parameter in mine.items() if name and parameter.is_required and key not in extras]
            found += [Finding(where(section, key), f"a value: {answer} needs it", "none") for key in missing]
    choices = {*model.model_fields, *(key for keys in known.values() for key in keys)}
    for key, value in extras.items():
        if key not in choices:
            expected = f"a key of [{section}] or a parameter of {' or '.join(known)}: {one_of(key, choices)}"
            found.append(Finding(where(section, key), expected, shown(value)))
    return list(dict.fromkeys(found))


def answer_names(registry: Registry[Any]) -> list[str]:
    """The answers that the room's key may name: all of them, but no asset that every community has anyway."""
    return [name for name in registry.names() if registry is not ASSETS or name not in ALWAYS]


def _meant(registry: Registry[Any], name: str) -> list[str]:
    """The answers that a key's value means: the one it names, or, where members choose for themselves, any that is installed."""
    if name or registry is not BIDDINGS:
        return [name]
    return [answer for answer in registry.names() if _answer(registry, answer) is not None]


def name_finding(registry: Registry[Any], name: str, where: str) -> Finding | None:
    """Why an answer cannot be used, or None: it does not exist, or a package it needs is not installed."""
    if name not in answer_names(registry):
        return Finding(where, one_of(name, answer_names(registry)), shown(name))
    try:
        return registry.lacking(name, where)
    except MissingExtra as error:
        return Finding(where, f"an answer that is installed ({error})", shown(name))


def matrix_findings(names: Mapping[str, str], has_feeder: bool, where: Where) -> list[Finding]:
    """Which answers need something that the metering level does not reveal; `names` is `section.key` -> answer's name."""
    level = names.get(f"metering.{METERINGS.key}", "")
    metering = _answer(METERINGS, level)
    if metering is None:
        return []
    given = set(metering.reveals) | ({"feeder"} if has_feeder else set())
    found = []
    for section, registries in SECTION_ROOMS.items():
        for registry in registries:
            name = names.get(f"{section}.{registry.key}", "")
            lacking = sorted(set(getattr(_answer(registry, name), "needs", ())) - given)
            if lacking:
                source = "a feeder ([grid] feeder)" if lacking == ["feeder"] else "a metering level that reveals "
                expected = source if lacking == ["feeder"] else source + " and ".join(lacking)
                expected += f", which {registry.room} {name} needs"
                revealed = ", ".join(sorted(given)) or "nothing"
                found.append(
                    Finding(where(section, registry.key), expected, f"metering {level}, which reveals {revealed}")
                )
    return found


def needs_feeder(model: str) -> bool:
    """Whether a grid model looks at a feeder."""
    return "feeder" in getattr(_answer(GRIDS, model), "needs", ())


def may_loop(model: str) -> bool:
    """Whether a grid model takes a feeder with loops."""
    return bool(getattr(_answer(GRIDS, model), "may_loop", False))


def asks_clearing(venue: str) -> bool:
    """Whether a venue asks the mechanism of `market.clearing` who trades with whom; others decide it by themselves."""
    return "clearing" in getattr(_answer(VENUES, venue), "asks", ("clearing",))


def venue_findings(venue: str, clearing: str, where: Where) -> list[Finding]:
    """Why a mechanism cannot stand beside a venue that decides by itself: it was asked for on the command line, or wants no market at all.

    A mechanism in a file is taken for what the venue was laid over.
    """
    place = where("market", "clearing")
    if asks_clearing(venue) or (clearing != "no_market" and not place.startswith("--")):
        return []
    asking = " or ".join(name for name in VENUES.names() if asks_clearing(name))
    expected = f"market.venue {asking} beside it: {venue} decides by itself who trades with whom"
    return [Finding(place, expected, clearing)]


def path_findings(venue: str, clearing: str, path: str, where: Where) -> list[Finding]:
    """Why trades cannot be settled one by one: a line between two members has one price."""
    is_two = "one_price" in getattr(_answer(CLEARINGS, clearing), "breaks", ())
    if path != "trades" or not is_two or not asks_clearing(venue):
        return []
    return [
        Finding(
            where("ledger", "path"), f"net, for with clearing {clearing} buyers and sellers have different prices", path
        )
    ]


def strategy_names() -> list[str]:
    """The bidding strategies that a member may use."""
    return BIDDINGS.names()


def shown(value: Any) -> str:
    """A value as a TOML file shows it, shortened."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _answer(registry: Registry[Any], name: str) -> Any:
    if name not in registry.names():
        return None
    try:
        return registry.answer(name)
    except MissingExtra:
        return None


def _plain(value: Any) -> Any:
    return tuple(_plain(v) for v in value) if isinstance(value, list) else value
