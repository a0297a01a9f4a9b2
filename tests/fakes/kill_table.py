"""The table of kills: a CSV file with a row a case, and the summary of it in docs/explain/faults.md."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.fakes.kill_harness import Kill

COLUMNS = (
    "kind", "preset", "timing", "ledger", "where", "begun", "kills", "journalled", "resumed", "executed", "going_s", "resume_s",
    "differences",
)  # fmt: skip

Row = dict[str, str]


def row_of(kill: Kill) -> Row:
    """A case as it stands in the file; times in s, empty where unknown."""
    design = kill.design
    values = (
        kill.kind, design.preset, design.timing, design.ledger, kill.where, kill.begun, kill.kills, kill.rows, kill.resumed,
        kill.executed, "" if kill.going_s is None else f"{kill.going_s:.3f}", f"{kill.resume_s:.3f}", "; ".join(kill.differences),
    )  # fmt: skip
    return dict(zip(COLUMNS, map(str, values), strict=True))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """The file of all cases."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[Row]:
    """What `write_rows` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _line(name: str, rows: Sequence[Row]) -> str:
    going = [float(row["going_s"]) for row in rows if row["going_s"]]
    whole = [float(row["resume_s"]) for row in rows]
    times = [
        f"{statistics.median(going):.2f} s" if going else "",
        f"{statistics.median(whole):.2f} s",
        f"{max(whole):.2f} s",
    ]
    counts = [sum(int(row["kills"]) for row in rows), len(rows), sum(bool(row["differences"]) for row in rows)]
    return f"| {name} | {' | '.join(map(str, [*counts, *times]))} |"


def summary(rows: Sequence[Row]) -> str:
    """The table by kind of kill and by design, in Markdown."""
    heads = [
        "kills",
        "resumed runs",
        "with a difference",
        "until it goes on, median",
        "until it has ended, median",
        "greatest",
    ]
    lines = [f"| killed | {' | '.join(heads)} |", f"|---{'|---' * len(heads)}|"]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        lines.append(_line(kind, [row for row in rows if row["kind"] == kind]))
    for columns in dict.fromkeys((row["preset"], row["timing"], row["ledger"]) for row in rows):
        preset, timing, ledger = columns
        some = [row for row in rows if (row["preset"], row["timing"], row["ledger"]) == columns]
        lines.append(_line(f"`{preset}`, `{timing}`, ledger `{ledger}`", some))
    lines.append(_line("**all**", rows))
    return "\n".join(lines) + "\n"
