"""`commonwatt list`: what can be plugged in."""

from typing import Annotated

import typer

from commonwatt.cli.endings import example

EXAMPLE = example("commonwatt list clearing")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list", short_help="List what can be plugged in.", epilog=EXAMPLE)(listing)


def listing(
    room: Annotated[
        str | None,
        typer.Argument(
            metavar="ROOM", help="A room, such as clearing, with the parameters of its answers; default: all rooms."
        ),
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Show what each answer needs, and which metering levels reveal it.")
    ] = False,
) -> None:
    """List what can be plugged in: the answers of every room, one line each, or of one room with their parameters."""
    from commonwatt.wiring.catalogue import catalogue_lines, matrix_lines

    for line in matrix_lines(room) if matrix else catalogue_lines(room):
        typer.echo(line)
