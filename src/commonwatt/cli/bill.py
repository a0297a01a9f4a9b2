"""`commonwatt bill`: a member's bill with the proof of every line."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import VERIFICATION_FAILED, example, say

EXAMPLE = example("commonwatt bill out/demo --member home-01")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EXAMPLE)(bill)


def bill(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A finished run's folder, or only its public/ folder.")
    ],
    member: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Whose bill: name or pseudonym; may be given again.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="A bill for every member.")] = False,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First local day, YYYY-MM-DD; default: the run's.")
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE", help="Local day after the last, YYYY-MM-DD; default: the run's."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to write, a folder a member; default: DIR/members/NAME/bill."),
    ] = None,
) -> None:
    """Write members' bills, with the proof of every line.

    Each is a folder: the page, the table, the proofs, and the verifier with which a stranger checks them.
    """
    from rich.console import Console

    from commonwatt.cli.progress import StepBar
    from commonwatt.wiring.billing import BillRequest, make_bills

    with StepBar(Console(stderr=True)) as bar:
        result = make_bills(BillRequest(directory, tuple(member or ()), everyone, first, end, out), bar)
    say(result.lines)
    if not result.passed:
        raise typer.Exit(VERIFICATION_FAILED)
