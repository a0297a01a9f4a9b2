"""`commonwatt feeder`: what a feeder is, and a feeder of another tool as a file of ours."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import example, say

EXAMPLE = example("commonwatt feeder street --to mine/feeder.toml")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Check a feeder, convert one of pandapower or SimBench.", epilog=EXAMPLE)(feeder)


def feeder(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FEEDER",
            help="A .toml file, the .json of a pandapower network, a SimBench code (1-LV-rural3--0-sw), or a bundled one (street).",
        ),
    ],
    to: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Write it as a file to keep and to edit.")
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option(
            metavar="MEMBERS.csv",
            help="Write a bus of the feeder for every member, spread over the buses where the network has loads.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file, and buses, that are there.")] = False,
) -> None:
    """Say what a feeder is and every fault that it has; with --to and --members make it a community's."""
    from commonwatt.wiring.feeders import FeederRequest, feeder_told

    say(feeder_told(FeederRequest(source, to, members, force)))
