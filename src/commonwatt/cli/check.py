"""`commonwatt check`: every fault of a community at once."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import example
from commonwatt.cli.options import CommunityFile, Overrides, Preset

EXAMPLE = example("commonwatt check examples/fontana")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="List every fault of a community's files.", epilog=EXAMPLE)(check)


def check(
    file: CommunityFile,
    preset: Preset = None,
    set_: Overrides = None,
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
    """Check settings, members and data of a community, or of all those of a federation: everything that is wrong at once, or, where nothing is, what it holds.

    Nothing is written but the file of --doubts.
    """
    from commonwatt.core.errors import require
    from commonwatt.core.findings import Finding
    from commonwatt.settings.federation import federation_path
    from commonwatt.wiring.checking import check_lines

    federation = federation_path(file)
    if federation is not None:
        if data or doubts is not None:
            require([Finding("--data", "one community of the federation, by its folder", str(file))])
        from commonwatt.wiring.federating import check_federation_lines

        for line in check_federation_lines(federation, preset, tuple(set_ or ())):
            typer.echo(line)
        return
    for line in check_lines(file, preset, tuple(set_ or ()), data=data, doubts=doubts):
        typer.echo(line)
