"""What an import was asked, and what it understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from commonwatt.adapters.feeds.doubts import Doubt
from commonwatt.adapters.importing.guessing import Guess
from commonwatt.adapters.importing.layout import Layout


@dataclass(frozen=True)
class ImportRequest:
    """What `commonwatt import` was asked."""

    sources: tuple[Path, ...]
    into: Path
    layout: str = ""
    maps: tuple[str, ...] = ()
    as_csv: bool = False
    force: bool = False
    program: str = "commonwatt"
    """How the command was typed, for what to type next."""


@dataclass
class Understood:
    """What the files were read as."""

    given: Layout
    guesses: dict[str, Guess] = field(default_factory=dict)
    """By file name."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Names of the files -> ids, where they differ."""
    doubts: list[Doubt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
