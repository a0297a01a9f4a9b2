"""`commonwatt import`: meter data in other layouts into a community's folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commonwatt.cli.endings import example, program_name

if TYPE_CHECKING:
    from commonwatt.adapters.importing.guessing import Question

EXAMPLE = example("commonwatt import meters.csv --into mine --map zone=Europe/Zurich")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import", short_help="Read meter data in other layouts into a community.", epilog=EXAMPLE)(import_files)


def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="CSV or Parquet files of one layout.")],
    into: Annotated[Path, typer.Option(metavar="DIR", help="A community's folder; one that is not there is made.")],
    layout: Annotated[
        str,
        typer.Option(metavar="NAME", help="A named layout (pecan_street, commonwatt), or a TOML file of such keys."),
    ] = "",
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="KEY=VALUE",
            help="What a column or value is: time, member, load, pv, import, export, net; unit, values, stamps, zone, dates, "
            "decimal, separator, header, slot_s, duplicates, clock, home; may be given again.",
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write profiles.csv instead of profiles.parquet.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace profiles that are there, and set the keys they need; currency and prices stay."
        ),
    ] = False,
) -> None:
    """Read meter data in other layouts and write them as profiles, saying what was understood, guessed and doubted."""
    from commonwatt.wiring.import_request import ImportRequest
    from commonwatt.wiring.importing import import_community

    request = ImportRequest(tuple(files), into, layout, tuple(map_ or ()), csv, force, program_name())
    ask = _asked if sys.stdin.isatty() and sys.stdout.isatty() else None
    for line in import_community(request, ask):
        typer.echo(line)


def _asked(question: "Question") -> str:
    for number, choice in enumerate(question.choices, 1):
        typer.echo(f"  {number}  {choice}")
    answer = str(typer.prompt(question.text[0].upper() + question.text[1:], default="", show_default=False)).strip()
    picked = answer.isdecimal() and 1 <= int(answer) <= len(question.choices)
    return question.choices[int(answer) - 1] if picked else answer
