"""`commonwatt run`: the trading days, end to end."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import INTERRUPTED, VERIFICATION_FAILED, example, program_name, say
from commonwatt.cli.options import CommunityFile, EndDay, FirstDay, Jobs, Overrides, Preset, processes

EXAMPLE = example("commonwatt run examples/fontana --from 2017-05-08 --to 2017-05-15 --out out/demo")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Trade the days of a community, meter to report.", epilog=EXAMPLE)(run)


def run(
    file: CommunityFile = Path("examples/fontana"),
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the results; default: out/ and the community's name.")
    ] = None,
    preset: Preset = None,
    set_: Overrides = None,
    first: FirstDay = None,
    end: EndDay = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out; finished steps are not repeated.")
    ] = False,
    top_up: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT",
            help="With --resume: pay so much (in the community's currency) into the supplier's deposit where it does not cover a slot.",
        ),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write the public tables as CSV, too.")] = False,
    jobs: Jobs = 0,
) -> None:
    """Run the trading days of a community: meter, market, contracts, audit, report.

    FILE may be a federation.toml, or a folder with one: then all its communities run together, trade with each other, and there is a
    report of the whole. Ctrl-C stops after a whole step, and the same command with --resume goes on from there.
    """
    from rich.console import Console

    from commonwatt.cli.progress import StepBar
    from commonwatt.settings.federation import federation_path
    from commonwatt.wiring.federating import FederationResult, run_federation
    from commonwatt.wiring.running import RunRequest, RunResult, run_community

    federation = federation_path(file)
    asked = RunRequest(
        federation or file, out, preset, tuple(set_ or ()), first, end, resume, csv, top_up, program_name()
    )
    console = Console(stderr=True)
    try:
        with StepBar(console) as bar:
            result: RunResult | FederationResult
            if federation is not None:
                result = run_federation(asked, processes(jobs), bar)
            else:
                result = run_community(asked, bar)
    except KeyboardInterrupt:
        console.print("Stopped. The same command with --resume goes on after the last whole step.")
        raise typer.Exit(INTERRUPTED) from None
    for note in result.notes:
        console.print(note, style="yellow")
    say(result.ending)
    if not result.verified:
        raise typer.Exit(VERIFICATION_FAILED)
