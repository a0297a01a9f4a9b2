"""`commonwatt bench`: the benchmarks, with limits and references, to a table and a JSON file."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example:\n\n\b\n    commonwatt bench clearing --json out/clearing.json\n"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Measure the platform against its limits.", epilog=EXAMPLE)(bench)


def bench(
    suite: Annotated[
        list[str] | None, typer.Argument(metavar="SUITE", help="Suites, such as clearing or day; default: all.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the rows to this file, too.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Jobs that take minutes, too (a whole year).")] = False,
    scale: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Do this part of every job's size; rows are named after what was done, without a limit.",
        ),
    ] = 1.0,
    runs: Annotated[
        int | None, typer.Option(metavar="COUNT", help="Runs of every job; default: what the job says.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="End with exit code 1 when a limit is not met.")] = False,
) -> None:
    """Measure the platform: each job checks its answer first, then is timed beside a reference in the same run."""
    import datetime as dt

    from rich.console import Console

    from commonwatt.benchmarks.machine import machine, versions
    from commonwatt.benchmarks.rows import Report, write_report
    from commonwatt.benchmarks.running import BenchRequest, outcomes, tasks
    from commonwatt.benchmarks.table import print_table

    todo = tasks(BenchRequest(tuple(suite or ()), scale, full, runs))
    # The one place of the benchmarks that reads the date: the door.
    today = dt.datetime.now(dt.UTC).date().isoformat()  # noqa: TID251
    done = []
    with Console(stderr=True).status("") as status:
        ended = outcomes(todo)
        for number, task in enumerate(todo, 1):
            status.update(f"{task.suite} {task.job} ({number} of {len(todo)})")
            done.append(next(ended))
    rows = tuple(row for outcome in done for row in outcome.rows)
    growth = tuple(outcome.growth for outcome in done if outcome.growth)
    print_table(rows, growth)
    for note in dict.fromkeys(row.note for row in rows if row.note):
        typer.echo(f"{', '.join(row.job for row in rows if row.note == note)}: {note}.")
    if json is not None:
        write_report(json, Report(today, machine(), versions(), rows, growth))
        typer.echo(f"Written: {json}")
    wrong = [outcome.wrong for outcome in done if outcome.wrong]
    for text in wrong:
        typer.echo(text, err=True)
    missed = [row.job for row in rows if row.met is False]
    if missed:
        typer.echo(f"Limit not met: {', '.join(missed)}.")
    if wrong or (strict and missed):
        raise typer.Exit(1)
