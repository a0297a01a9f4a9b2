"""`commonwatt compare`: the same days under several designs."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import INTERRUPTED, VERIFICATION_FAILED, example, program_name, say
from commonwatt.cli.options import CommunityFile, EndDay, FirstDay, Jobs, processes

EXAMPLE = example(
    "commonwatt compare examples/fontana --design p2pet --design uniform_price --from 2017-05-08 --to 2017-05-15 --out out/compared"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Run the same days under several designs: who gains, who loses.", epilog=EXAMPLE)(compare)


def compare(
    design: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="A preset, a clearing mechanism, or a TOML file with what is different; give two or more.",
        ),
    ],
    file: CommunityFile = Path("examples/fontana"),
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for the results; default: out/, the community's name and -compare."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="SECTION.KEY=VALUE", help="Override a setting of every design; may be given again."
        ),
    ] = None,
    first: FirstDay = None,
    end: EndDay = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Run every design with so many seeds, the community's and those after it.")
    ] = 1,
    jobs: Jobs = 0,
) -> None:
    """Run the same days under several designs: metrics, what every member pays under each, and how sure the differences are.

    A preset or a clearing mechanism wins over what the community file says of the market. Each design is a whole run in DIR/runs; Ctrl-C
    stops after whole steps, and the same command goes on from there. More designs may be added later.
    """
    from rich.console import Console

    from commonwatt.cli.progress import StepBar
    from commonwatt.wiring.comparing import CompareRequest, compare_designs

    request = CompareRequest(
        file, tuple(design), out, tuple(set_ or ()), first, end, seeds, processes(jobs), program_name()
    )
    console = Console(stderr=True)
    try:
        with StepBar(console) as bar:
            result = compare_designs(request, bar)
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on after the last whole steps.")
        raise typer.Exit(INTERRUPTED) from None
    say(result.ending)
    if not result.is_sound:
        raise typer.Exit(VERIFICATION_FAILED)
