"""`commonwatt check`: every fault of a community at once."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import example

EXAMPLE = example("commonwatt check examples/fontana")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="List every fault of a community's files.", epilog=EXAMPLE)(check)


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Community folder, or the TOML file in it.")],
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Market design that fills every section the file leaves open, such as p2pet."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override a setting; may be given again."),
    ] = None,
    data: Annotated[
        bool,
        typer.Option(
            "--data", help="Look through the data for what can be doubted: gaps, clocks, spikes, PV at night."
        ),
    ] = False,
    doubts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every doubt to a .csv or .json file; implies --data."),
    ] = None,
) -> None:
    """Check settings, members and data of a community: everything that is wrong at once, or, where nothing is, what it holds.

    Nothing is written but the file of --doubts.
    """
    from commonwatt.wiring.checking import check_lines

    for line in check_lines(file, preset, tuple(set_ or ()), data=data, doubts=doubts):
        typer.echo(line)
