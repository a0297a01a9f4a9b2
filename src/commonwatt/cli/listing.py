"""`commonwatt list`: what can be plugged in."""

from typing import Annotated

import typer

EXAMPLE = """Example:

    commonwatt list clearing
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("list", epilog=EXAMPLE)(listing)


def listing(
    room: Annotated[str | None, typer.Argument(help="A room, such as clearing; default: all.")] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="What each answer needs against what each metering level reveals.")
    ] = False,
) -> None:
    """List the answers of every room, with one line each."""
    from commonwatt.wiring.catalogue import catalogue_lines, matrix_lines

    for line in matrix_lines() if matrix else catalogue_lines(room):
        typer.echo(line)
