"""The comparison: metrics of every design with intervals, paired differences, and what every member pays under each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from commonwatt.core.units import Floats, Ints
from commonwatt.services.comparison.metrics import METRICS, Sums
from commonwatt.services.comparison.outcome import Outcome
from commonwatt.services.comparison.resampling import day_weights, interval_of_draws, interval_of_seeds


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; nan where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def is_there(self) -> bool:
        """Whether there is such a figure."""
        return not math.isnan(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether anything is known about how sure it is."""
        return not math.isnan(self.low)

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval is on that side of zero, else 0."""
        if not self.has_interval:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


@dataclass(frozen=True)
class Comparison:
    """Several designs on the same days."""

    outcomes: Mapping[str, Sequence[Outcome]]
    """By design, in the order in which they were asked for, an outcome a seed."""
    figures: Mapping[str, Mapping[str, Estimate]]
    """By design, by metric."""
    differences: Mapping[tuple[str, str], Mapping[str, Estimate]]
    """By (design, the one before it in the list), by metric: the first less the second, on the same days and seeds."""
    cost_nano: Ints
    """Mean over the seeds, shape (designs, members)."""
    saving_nano: Ints
    failed: Mapping[str, str]
    """Designs that could not be run to their end, and why."""

    @property
    def designs(self) -> list[str]:
        """Those that were run, in the order in which they were asked for."""
        return list(self.outcomes)

    @property
    def any(self) -> Outcome:
        """An outcome, for what is the same in all."""
        return next(iter(self.outcomes.values()))[0]

    @property
    def seeds(self) -> int:
        """Runs of each design."""
        return len(next(iter(self.outcomes.values())))

    @property
    def ranked(self) -> list[str]:
        """Designs, the lowest bills first; of equal ones the one asked for first."""
        return sorted(self.outcomes, key=lambda name: self.figures[name]["cost_nano"].value)

    def savings_nano(self, design: str) -> Ints:
        """What every member saves under a design, by index."""
        return np.asarray(self.saving_nano[self.designs.index(design)])

    def difference(self, design: str, other: str, metric: str) -> Estimate:
        """A metric of one design less that of another, whichever stands first in the list."""
        if (design, other) in self.differences:
            return self.differences[design, other][metric]
        turned = self.differences[other, design][metric]
        return Estimate(-turned.value, -turned.high, -turned.low)


def compare(outcomes: Mapping[str, Sequence[Outcome]], failed: Mapping[str, str] | None = None) -> Comparison:
    """Compare designs by their outcomes, one a seed, the same seeds for all.

    With one seed intervals come from days drawn again in blocks, the same for every design, so that differences are paired; with
    several seeds from the spread over seeds.

    Raises:
        ValueError: outcomes of other days, members or seeds.

    """
    first = next(iter(outcomes.values()))
    for runs in outcomes.values():
        for one, other in zip(runs, first, strict=True):
            if (one.days, one.members, one.seed) != (other.days, other.members, other.seed):
                raise ValueError(f"expected outcomes of the same days, members and seeds, was {one.design}")
    weights = day_weights(first[0].seed, len(first[0].days))
    values = {name: _values(runs, weights) for name, runs in outcomes.items()}
    pairs = {
        (later, earlier): {m.name: _difference(values[later][m.name], values[earlier][m.name]) for m in METRICS}
        for earlier, later in combinations(outcomes, 2)
    }
    cost, baseline = _by_member(outcomes, "cost_nano"), _by_member(outcomes, "baseline_nano")
    return Comparison(
        outcomes=outcomes,
        figures={name: _bounded(of, len(first[0].members)) for name, of in values.items()},
        differences=pairs,
        cost_nano=cost,
        saving_nano=baseline - cost,
        failed=failed or {},
    )


@dataclass(frozen=True)
class _Values:
    """A metric under one design: by seed as it was, and (with one seed) over resampled days."""

    seeds: Floats
    draws: Floats
    days: int


def _values(runs: Sequence[Outcome], weights: Floats) -> dict[str, _Values]:
    whole = np.ones((1, len(runs[0].days)))
    as_it_was = [Sums(run, whole) for run in runs]
    drawn = Sums(runs[0], weights) if len(runs) == 1 and len(weights) else None
    return {
        metric.name: _Values(
            np.array([float(metric.of(sums)[0]) for sums in as_it_was]),
            np.zeros(0) if drawn is None else np.asarray(metric.of(drawn), np.float64),
            len(runs[0].days),
        )
        for metric in METRICS
    }


def _bounded(values: Mapping[str, _Values], members: int) -> dict[str, Estimate]:
    """Every metric with an interval that holds nothing that it cannot be."""
    figures = {}
    for metric in METRICS:
        of, (least, most) = _estimate(values[metric.name]), metric.bounds(members)
        figures[metric.name] = replace(of, low=float(np.maximum(of.low, least)), high=float(np.minimum(of.high, most)))
    return figures


def _estimate(values: _Values) -> Estimate:
    mean = float(values.seeds.mean())
    if len(values.seeds) > 1:
        return Estimate(mean, *interval_of_seeds(values.seeds))
    return Estimate(mean, *interval_of_draws(mean, values.draws, values.days))


def _difference(one: _Values, other: _Values) -> Estimate:
    return _estimate(_Values(one.seeds - other.seeds, one.draws - other.draws, one.days))


def _by_member(outcomes: Mapping[str, Sequence[Outcome]], column: str) -> Ints:
    """Sums over days, mean over seeds rounded half up, shape (designs, members)."""
    rows = []
    for runs in outcomes.values():
        members = len(runs[0].members)
        totals = sum(np.array(getattr(run, column), np.int64).reshape(-1, members).sum(axis=0) for run in runs)
        rows.append((2 * totals + len(runs)) // (2 * len(runs)))
    return np.array(rows, np.int64)
