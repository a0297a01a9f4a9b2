"""Importing: meter data in any layout into a community's folder; all of it or nothing, and said what was understood."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from commonwatt.adapters.feeds.doubts import doubtful_members
from commonwatt.adapters.feeds.rows import NET
from commonwatt.adapters.importing.guessing import Guess, Question, guessed
from commonwatt.adapters.importing.layout import Layout, layout_of, mapped
from commonwatt.adapters.importing.naming import ids_of
from commonwatt.adapters.importing.profiles import Profiles, all_homes, combined
from commonwatt.adapters.importing.reading import Rows, read_rows
from commonwatt.adapters.importing.source import Source, opened
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.wiring.doubting import profile_doubts
from commonwatt.wiring.import_lines import import_lines
from commonwatt.wiring.import_request import ImportRequest, Understood
from commonwatt.wiring.import_target import Target, target_of, write_import

Ask = Callable[[Question], str]
"""Asks a person; an empty answer is none."""
_MOST_QUESTIONS = 40


def import_community(request: ImportRequest, ask: Ask | None = None) -> list[str]:
    """Read the files, write profiles (and what else the folder lacks), and say what was understood.

    Args:
        request: files, folder and layout.
        ask: asks for what cannot be guessed; None: it is a finding.

    Raises:
        InvalidInput: with every finding; nothing was written.

    """
    layout, found = layout_of(request.layout) if request.layout else (Layout(), [])
    values, faults = mapped(request.maps)
    target, more = target_of(request.into, as_csv=request.as_csv, force=request.force)
    require([*found, *faults, *more])
    understood = Understood(layout.with_(values))
    sources, found = _opened(request.sources, understood.given)
    require(found)
    parts, found = _read(sources, target, understood, ask)
    require(found)
    profiles = _combined(parts, understood)
    zone = _zone(understood)
    doubts = [*understood.doubts, *profile_doubts(profiles, zone or target.zone, profiles.columns == NET)]
    written = write_import(target, profiles, doubts, doubtful_members(doubts), zone)
    return import_lines(request, understood, target, profiles, doubts, written)


def _opened(paths: Sequence[Path], layout: Layout) -> tuple[list[Source], list[Finding]]:
    sources, found = [], []
    for path in paths:
        source, faults = opened(path, layout)
        found += faults
        if source is not None:
            sources.append(source)
    return sources, found


def _read(
    sources: Sequence[Source], target: Target, understood: Understood, ask: Ask | None
) -> tuple[list[Rows], list[Finding]]:
    """The rows of every file; what a person answers for one file holds for the others too."""
    parts, found = [], []
    for source in sources:
        guess = guessed(source, understood.given, target.zone)
        for _ in range(_MOST_QUESTIONS if ask else 0):
            if not guess.open:
                break
            question = guess.open[0]
            answer = ask(question) if ask else ""
            answers, faults = mapped([f"{question.key}={answer}"])
            if not answer or faults:
                break
            understood.given = understood.given.with_(answers)
            guess = guessed(source, understood.given, target.zone)
        understood.guesses[source.name] = guess
        if guess.open:
            found += _open_findings(source, guess)
            continue
        read = read_rows(source, guess.layout)
        found += read.findings
        understood.doubts += read.doubts
        understood.notes += read.notes
        if read.rows is not None:
            parts.append(read.rows)
    kinds = {guess.layout.values for guess in understood.guesses.values()}
    if len(kinds) > 1:
        found.append(Finding("values", "one kind in all files (--map values=slot or register)", " and ".join(sorted(kinds))))  # fmt: skip
    return parts, found


def _open_findings(source: Source, guess: Guess) -> list[Finding]:
    """What must be said, the columns there are, and what was guessed so far."""
    columns = ", ".join(source.header[:20]) + (", ..." if len(source.header) > 20 else "")
    found = [
        Finding(
            f"{source.header_place} {question.key}",
            f"{question.text} (--map {question.key}=...)",
            "nothing that says it" + (f"; choices: {', '.join(question.choices[:12])}" if question.choices else ""),
        )
        for question in guess.open
    ]
    so_far = ", ".join(f"{key}={value}" for key, value in guess.layout.given().items()) or "nothing yet"
    return [*found, Finding(source.header_place, f"a whole layout; so far {so_far}", f"columns {columns}")]


def _combined(parts: Sequence[Rows], understood: Understood) -> Profiles:
    names = all_homes(parts)
    ids, found = ids_of(names)
    require(found)
    understood.renamed = {name: made for name, made in zip(names, ids, strict=True) if name != made}
    layout = next(iter(understood.guesses.values())).layout
    result = combined(parts, layout, ids, int(understood.given.slot_s or 0))
    require(result.findings)
    assert result.profiles is not None, "profiles without findings"
    understood.doubts += result.doubts
    understood.notes += result.notes
    return result.profiles


def _zone(understood: Understood) -> str:
    """The zone of the files' times by its IANA name; empty where only offsets are known."""
    zone = next(iter(understood.guesses.values())).layout.zone
    return zone if "/" in zone else ""
