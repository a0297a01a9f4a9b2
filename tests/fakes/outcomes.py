"""Outcomes of made-up designs: the made-up week of `run_tables` under several names, with what a test moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes.run_tables import week

from commonwatt.services.comparison import Outcome, outcome_of
from commonwatt.services.reporting.summary import Results, results


def made_up(**asked: Any) -> Results:
    """Results of the made-up week; keywords are those of `week`."""
    return results(*week(**asked))


def outcome(design: str, seed: int = 7, days: int = 7, **asked: Any) -> Outcome:
    """The made-up week, or another number of days, as an outcome."""
    return replace(outcome_of(made_up(slots=24 * days, **asked), design), seed=seed)


def dearer(base: Outcome, design: str, by_nano: list[list[int]]) -> Outcome:
    """The same outcome under another name, every member's cost moved by day."""
    cost = [[c + b for c, b in zip(row, more, strict=True)] for row, more in zip(base.cost_nano, by_nano, strict=True)]
    return replace(base, design=design, cost_nano=cost)


def moved(base: Outcome, design: str, by_nano: int) -> Outcome:
    """Every member's cost moved by as much on every day."""
    return dearer(base, design, [[by_nano] * len(base.members)] * len(base.days))
