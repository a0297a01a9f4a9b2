"""The table: rows and growth for the terminal and, as Markdown, for the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwatt.benchmarks.rows import Growth, Report, Row

HEADINGS: Final = (
    "job",
    "value",
    "limit",
    "",
    "spread",
    "CPU-s",
    "wall s",
    "peak MB",
    "runs",
    "CPU-s of the reference",
)
WIDTH: Final = 150
"""Of the table where the terminal does not say how wide it is."""
MET: Final = {True: "met", False: "not met", None: ""}


def print_table(rows: Sequence[Row], growth: Sequence[Growth]) -> None:
    """The rows as a table on standard output."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in (*HEADINGS, "growth"):
        table.add_column(heading, no_wrap=True)
    exponents = {(g.suite, g.job): f"n^{g.exponent:.2f}" for g in growth}
    for row in rows:
        cells: list[str | Text] = [*_cells(row)]
        cells[3] = Text(MET[row.met], {True: "green", False: "bold red", None: ""}[row.met])
        table.add_row(*cells, exponents.get((row.suite, row.job), ""))
    console.print(table)


def markdown(report: Report) -> str:
    """A page of the documentation: machine, versions and date, the rows, the growth, what was quoted and noted."""
    machine = report.machine
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    lines = [
        "# Benchmarks",
        "",
        "Generated from `benchmarks.json` in this folder (`commonwatt bench --json docs/reference/benchmarks.json`, then `make generate`);",
        "what is measured and how is told in [Benchmarks, explained](../explain/benchmarks.md).",
        "",
        f"{report.date} on {machine['processor']}, {machine['cores']} cores, {machine['memory_mb']} MB, {machine['system']}; {versions}.",
    ]
    for suite in dict.fromkeys(row.suite for row in report.rows):
        rows = [row for row in report.rows if row.suite == suite]
        lines += ["", f"## {suite}", "", _line(HEADINGS), _line(["---"] * len(HEADINGS))]
        lines += [_line(_cells(row)) for row in rows]
        remarks = [
            (row.job, text) for row in rows for text in (row.note, row.quoted and f"quoted: {row.quoted}") if text
        ]
        lines += [""] + [f"- `{job}`: {text}" for job, text in remarks] if remarks else []
        grown = [g for g in report.growth if g.suite == suite]
        if grown:
            lines += ["", "Growth of CPU seconds with size:", "", _line(["job", "sizes", "CPU-s", "exponent"])]
            lines += [_line(["---"] * 4)]
            lines += [
                _line([g.job, ", ".join(map(str, g.sizes)), ", ".join(map(number, g.cpu_s)), f"{g.exponent:.2f}"])
                for g in grown
            ]
    return "\n".join(lines) + "\n"


def _cells(row: Row) -> list[str]:
    return [
        row.job,
        f"{number(row.value)} {row.unit}",
        "" if row.limit is None else number(row.limit),
        MET[row.met],
        f"{row.spread_share:.0%}",
        number(row.cpu_s),
        number(row.wall_s),
        number(row.peak_mb),
        str(row.runs),
        f"{number(row.reference_value)} {row.reference}",
    ]


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{float(f'{value:.3g}'):.6f}".rstrip("0").rstrip(".")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
