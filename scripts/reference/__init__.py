"""The reference pages, generated from the code; `scripts/generate.py` writes them, a house test holds them to it."""

from collections.abc import Callable, Mapping
from typing import Final

from scripts.reference import (
    benchmarks,
    commands,
    contracts,
    errors,
    feeder_file,
    findings,
    registries,
    results,
    settings,
)

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands": commands.page,
    "settings": settings.page,
    "registries": registries.page,
    "results": results.page,
    "contracts": contracts.page,
    "errors": errors.page,
    "feeder-file": feeder_file.page,
    "findings": findings.page,
    "benchmarks": benchmarks.page,
}
"""File stem in docs/reference -> what makes the page."""
