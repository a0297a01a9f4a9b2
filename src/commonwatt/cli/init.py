"""`commonwatt init`: a new community folder from the bundled example."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import example

EXAMPLE = example("commonwatt init mine && commonwatt run mine")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Make a community folder to start from.", epilog=EXAMPLE)(init)


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder.")],
    federation: Annotated[
        bool, typer.Option("--federation", help="Two communities that trade with each other, in one folder.")
    ] = False,
) -> None:
    """Write a community to start from: community.toml, members.csv and profiles.parquet, filled from an example."""
    from commonwatt.wiring.starting import start_federation_lines, start_lines

    for line in start_federation_lines(directory) if federation else start_lines(directory):
        typer.echo(line)
