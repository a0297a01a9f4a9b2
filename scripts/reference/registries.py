"""The page of registries: every room with its promises, every answer with its parameters, and the matrix of needs."""

import importlib
import inspect
import textwrap
from typing import Any

from scripts.reference.markdown import code, head, shown, table, text_of, unit

from commonwatt.core.registry import NEEDS, Answer, Registry
from commonwatt.metering import METERINGS
from commonwatt.settings.rooms import ROOMS
from commonwatt.wiring.catalogue import FEEDER

TEXT = """
A *room* is a step of the day with one Protocol and one file per *answer*; the name in a community file is the file's name.
`commonwatt list` prints this list, with the plug-ins that are installed; `commonwatt new ROOM NAME` writes a new answer.
Rooms stand in the order of the day.

*Needs* is what an answer must be given, *breaks* which of its room's promises it cannot keep (a test asserts that each break is real),
*reveals* what a metering level shows to others.
"""


def page() -> str:
    """The page, as Markdown."""
    lines = head("Registries", "the rooms' Protocols and answers", TEXT)
    rows = (
        (f"[{room}](#{room})", code(f"{r.section}.{r.key}"), ", ".join(map(code, own_names(r))))
        for room, r in ROOMS.items()
    )
    lines += table(("room", "setting", "answers"), rows)
    for registry in ROOMS.values():
        lines += _room(registry)
    return text_of([*lines, "## Matrix", "", *_matrix()])


def own_names(registry: Registry[Any]) -> list[str]:
    """The answers that ship with the package; an installed plug-in is none of them."""
    return [name for name in registry.names() if registry.answer(name).__module__ == f"{registry.package}.{name}"]


def _room(registry: Registry[Any]) -> list[str]:
    base = importlib.import_module(f"{registry.package}.base")
    (protocol,) = (
        cls
        for cls in vars(base).values()
        if inspect.isclass(cls) and cls.__module__ == base.__name__ and Answer in cls.__mro__
    )
    lines = [f"## {registry.room}", "", (base.__doc__ or "").strip(), "", *_paragraphs(protocol.__doc__)]
    methods = [
        (name, method) for name, method in vars(protocol).items() if inspect.isfunction(method) and name[0] != "_"
    ]
    lines += [f"- `{name}({_arguments(method)})`: {_one_line(method.__doc__)}" for name, method in methods] + [""]
    names = own_names(registry)
    lines += table(
        ("answer", "is", "needs", "breaks", *(("reveals",) if registry is METERINGS else ())),
        (
            (
                f"[`{name}`](#{registry.room}-{name})",
                registry.summary(name),
                _listed(registry.answer(name).needs),
                _listed(registry.answer(name).breaks),
                *((_listed(registry.answer(name).reveals),) if registry is METERINGS else ()),
            )
            for name in names
        ),
    )
    for name in names:
        lines += [
            f"### {registry.room} {name} {{#{registry.room}-{name}}}",
            "",
            *_paragraphs(registry.answer(name).__doc__),
        ]
        lines += table(
            ("parameter", "default", "unit", "may be", "meaning", "source"),
            (
                (
                    code(p.name),
                    "required" if p.is_required else shown(p.default),
                    p.unit or unit(p.name),
                    p.bounds,
                    p.doc,
                    p.source,
                )
                for p in registry.parameters(name)
            ),
        )
    return lines


def _arguments(method: Any) -> str:
    return ", ".join(name for name in inspect.signature(method).parameters if name != "self")


def _paragraphs(docstring: str | None) -> list[str]:
    return [textwrap.dedent(line) for line in inspect.cleandoc(docstring or "").splitlines()] + [""]


def _one_line(docstring: str | None) -> str:
    return " ".join(inspect.cleandoc(docstring or "").split())


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _matrix() -> list[str]:
    """What each need is met by, then which answers can be had at which metering level."""
    levels = own_names(METERINGS)
    reveals = {level: METERINGS.answer(level).reveals for level in levels}
    text = (
        f"An answer may need any of {', '.join(sorted(NEEDS))}. `{FEEDER}` is met by `[grid] feeder`, everything else by the metering "
        "level; `commonwatt check` refuses a combination that does not meet, and `commonwatt list --matrix` prints this table."
    )
    rows = []
    for room, registry in ROOMS.items():
        for name in own_names(registry):
            needs = registry.answer(name).needs
            marks = ("yes" if needs - {FEEDER} <= reveals[level] else "no" for level in levels)
            rows.append((f"[{room} `{name}`](#{room}-{name})", _listed(needs), *marks))
    return [text, "", *table(("answer", "needs", *map(code, levels)), rows)]
