"""`commonwatt watch`: hold what was settled against what members know."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import VERIFICATION_FAILED, example, program_name

EXAMPLE = example("commonwatt watch out/demo")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Hold what was settled against what members know.", epilog=EXAMPLE)(watch)


def watch(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, or only its public/ folder.")],
    member: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Watch for one member, by pseudonym or, where private/ is there, by id."),
    ] = None,
    slot: Annotated[int | None, typer.Option(metavar="SLOT", help="Look at one slot only, by its number.")] = None,
    send: Annotated[
        bool,
        typer.Option(
            "--send",
            help="On a run that was stopped before its end: have --member demand what stands behind such a line, or do what is due after that.",
        ),
    ] = False,
    undecided: Annotated[
        bool,
        typer.Option(
            "--undecided",
            help="With --send: also demand what the contract only bounds (a price with fees, the tariff of the hour). It can be answered, and the bond lost.",
        ),
    ] = False,
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="With --send: the community's key file (or its folder), for the member's wallet."
        ),
    ] = None,
) -> None:
    """Hold every line that was settled against what its member knows: the order it gave, its own meter, the tariff.

    A run that was stopped before its end is watched as far as it came; there, --send has a member demand what stands behind such a line, where
    the contract would decide for it: a batch with such a line falls when nobody can answer. The contract knows a limit without fees, and bounds
    of the tariff over all hours. What lies within those is listed like the rest, and demanded with --undecided only.
    """
    from rich.console import Console

    from commonwatt.cli.progress import StepBar
    from commonwatt.wiring.watching import WatchRequest, watch_run

    with StepBar(Console(stderr=True)) as bar:
        result = watch_run(WatchRequest(directory, member, slot, send, undecided, keys, program_name()), bar)
    for line in result.lines:
        typer.echo(line)
    if result.doubts:
        raise typer.Exit(VERIFICATION_FAILED)
