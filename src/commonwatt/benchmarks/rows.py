"""Rows: what every suite reports of every job, and the file they are written to."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commonwatt.adapters.store.files import read_json, write_text

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One figure of one job; the columns are the same for every suite."""

    suite: str
    job: str
    size: int
    """Orders, slots, processes: what the job's name counts."""
    value: float
    """Median over the runs of what the limit is about, in `unit`."""
    unit: str
    better: str
    """`lower` or `higher`."""
    limit: float | None
    met: bool | None
    reference: str
    """What ran beside it in the same run: `np.argsort(prices)`, ..., or `yardstick`."""
    reference_value: float
    """Median CPU seconds of the reference."""
    ratio: float
    """Median CPU seconds of ours over those of the reference."""
    cpu_s: float
    wall_s: float
    peak_mb: float
    runs: int
    spread_share: float
    """Interquartile range of the values over their median."""
    quoted: str
    """Figures of others that cannot run beside ours, as they were published."""
    note: str
    """What a reader must know of this row."""


@dataclass(frozen=True)
class Growth:
    """How a job's time grows with its size."""

    suite: str
    job: str
    sizes: tuple[int, ...]
    cpu_s: tuple[float, ...]
    exponent: float
    """Slope of log CPU seconds against log size: 1 is linear."""


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))


@dataclass(frozen=True)
class Report:
    """Everything one call of `commonwatt bench` measured."""

    date: str
    """ISO date of the run."""
    machine: dict[str, Any]
    versions: dict[str, str]
    rows: tuple[Row, ...]
    growth: tuple[Growth, ...]

    def to_json(self) -> dict[str, Any]:
        """As written to the file."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Report:
        """From a file's content; the columns of every row must be exactly `COLUMNS`.

        Raises:
            ValueError: a row with other columns.

        """
        for row in content["rows"]:
            if tuple(row) != COLUMNS:
                raise ValueError(f"expected the columns {', '.join(COLUMNS)}, was {', '.join(row)}")
        growth = [Growth(**{**g, "sizes": tuple(g["sizes"]), "cpu_s": tuple(g["cpu_s"])}) for g in content["growth"]]
        return cls(
            date=content["date"],
            machine=content["machine"],
            versions=content["versions"],
            rows=tuple(Row(**row) for row in content["rows"]),
            growth=tuple(growth),
        )


def write_report(path: Path, report: Report) -> None:
    """Write the JSON file, whole or not at all."""
    write_text(path, json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n")


def read_report(path: Path) -> Report:
    """The content of a JSON file.

    Raises:
        ValueError: not the file of a benchmark.

    """
    return Report.from_json(read_json(path))
