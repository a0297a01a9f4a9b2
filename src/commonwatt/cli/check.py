"""`commonwatt check`: every fault of a community at once."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import example, say
from commonwatt.cli.options import Overrides, Preset

EXAMPLE = example("commonwatt check examples/fontana")

CheckedFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Community folder, the TOML file in it, or a feeder (.toml, .json).")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="List every fault of a community's files, or of a feeder.", epilog=EXAMPLE)(check)


def check(
    file: CheckedFile,
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
    """Check settings, members and data of a community, or of all those of a federation, or a feeder's file: everything that is wrong at once, or, where nothing is, what it holds.

    A feeder is a .toml file of its own or the .json of a pandapower network; `commonwatt feeder` says the same of it and converts it.

    Nothing is written but the file of --doubts.
    """
    from commonwatt.core.errors import require
    from commonwatt.core.findings import Finding
    from commonwatt.settings.federation import federation_path
    from commonwatt.wiring.checking import check_lines

    if file.suffix in (".toml", ".json"):
        from commonwatt.wiring.feeders import checked_feeder, is_feeder

        if is_feeder(file):
            given = {"--preset": preset, "--set": set_, "--data": data, "--doubts": doubts}
            require([Finding(option, "a community", f"the feeder {file}") for option, value in given.items() if value])
            say(checked_feeder(file))
            return
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
