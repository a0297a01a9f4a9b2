"""metrics.csv, members.csv, differences.csv and timing.csv: the comparison for other programs; an empty cell is a figure that is not there."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from commonwatt.services.comparison.comparing import Comparison, Estimate
from commonwatt.services.comparison.metrics import METRICS, Metric

LATENCY: Final = ("halves", "p50_s", "p95_s", "p99_s", "max_s")
"""What a run's `timing.json` tells of each stage."""


def metrics_csv(comparison: Comparison) -> str:
    """`design, metric, value, low, high`: every metric of every design with its 95 % interval."""
    rows = [
        [design, metric.name, *_cells(metric, comparison.figures[design][metric.name])]
        for design in comparison.designs
        for metric in METRICS
    ]
    return _csv(["design", "metric", "value", "low", "high"], rows)


def differences_csv(comparison: Comparison) -> str:
    """`design, against, metric, difference, low, high`: every pair of designs, the first less the second, on the same days."""
    rows = [
        [design, against, metric.name, *_cells(metric, of[metric.name])]
        for (design, against), of in comparison.differences.items()
        for metric in METRICS
    ]
    return _csv(["design", "against", "metric", "difference", "low", "high"], rows)


def members_csv(comparison: Comparison) -> str:
    """`design, member, cost_nano, saving_nano`: what every member pays, and saves against no market."""
    rows = [
        [design, member, str(int(cost)), str(int(saving))]
        for design, costs, savings in zip(comparison.designs, comparison.cost_nano, comparison.saving_nano, strict=True)
        for member, cost, saving in zip(comparison.any.members, costs, savings, strict=True)
    ]
    return _csv(["design", "member", "cost_nano", "saving_nano"], rows)


def timing_csv(latencies: Iterable[tuple[str, int, Mapping[str, Mapping[str, float]]]]) -> str:
    """`design, seed, stage` and time on the clock by half slot: the only table that differs between equal comparisons.

    `latencies` holds design, seed, and by stage the figures of `timing.json`.
    """
    rows = [
        [design, str(seed), stage, *(f"{of[name]:.6f}".rstrip("0").rstrip(".") for name in LATENCY)]
        for design, seed, stages in latencies
        for stage, of in sorted(stages.items())
    ]
    return _csv(["design", "seed", "stage", *LATENCY], rows)


def _cells(metric: Metric, estimate: Estimate) -> list[str]:
    return [_number(metric, value) for value in (estimate.value, estimate.low, estimate.high)]


def _number(metric: Metric, value: float) -> str:
    if math.isnan(value):
        return ""
    if metric.is_whole:
        return str(math.floor(value + 0.5))
    return f"{value:.9f}".rstrip("0").rstrip(".") if round(value, 9) else "0"


def _csv(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return text.getvalue()
