"""The table of kills: a CSV file with a row a case, and the summary of it in docs/explain/faults.md."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.fakes.kill_harness import Kill

COLUMNS = (
    "code", "kind", "preset", "timing", "ledger", "executor", "where", "begun", "kills", "journalled", "resumed", "executed", "going_s", "resume_s",
    "differences",
)  # fmt: skip

Row = dict[str, str]


def row_of(kill: Kill, code: str) -> Row:
    """A case as it stands in the file; times in s, empty where unknown. `code` is the commit that was killed."""
    design = kill.design
    executor = design.executor if design.ledger == "embedded" else ""
    values = (
        code, kill.kind, design.name, design.timing, design.ledger, executor, kill.where, kill.begun, kill.kills, kill.rows, kill.resumed,
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


def _design(row: Row) -> tuple[str, str, str, str]:
    return row["preset"], row["timing"], row["ledger"], row["executor"]


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
    """The table by kind of kill, by design and by the code that was killed, in Markdown."""
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
    for columns in dict.fromkeys(_design(row) for row in rows):
        preset, timing, ledger, executor = columns
        on = f" on {executor}" if executor else ""
        some = [row for row in rows if _design(row) == columns]
        lines.append(_line(f"`{preset}`, `{timing}`, ledger `{ledger}`{on}", some))
    for code in dict.fromkeys(row["code"] for row in rows):
        lines.append(_line(f"commit `{code}`", [row for row in rows if row["code"] == code]))
    lines.append(_line("**all**", rows))
    return "\n".join(lines) + "\n"
