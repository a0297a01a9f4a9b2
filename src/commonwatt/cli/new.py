"""`commonwatt new`: a template file for a new answer of a room."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import example

EXAMPLE = example("commonwatt new clearing my_auction")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Write a template for an answer of your own.", epilog=EXAMPLE)(new)


def new(
    room: Annotated[
        str, typer.Argument(metavar="ROOM", help="A room, such as clearing; `commonwatt list` shows them.")
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the answer in lower_case; settings use it.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="New folder of a plug-in project; default: the room's own folder in a source checkout, else commonwatt-NAME.",
        ),
    ] = None,
) -> None:
    """Write a template for a new answer (a mechanism, policy, strategy, ...) that already keeps its room's promises, and say what to do next."""
    from commonwatt.wiring.drafting import DraftRequest, draft_lines

    for line in draft_lines(DraftRequest(room, name, out, Path.cwd())):
        typer.echo(line)
