"""`commonwatt check`: every fault of a community at once."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = """Example:

    commonwatt check examples/fontana
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EXAMPLE)(check)


def check(
    file: Annotated[Path, typer.Argument(help="Community folder, or the TOML file in it.")],
    preset: Annotated[str | None, typer.Option(help="Market design to check it with.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a setting: section.key=value. Repeatable.")
    ] = None,
) -> None:
    """Check settings, members and data of a community; list everything that is wrong, or say what it holds."""
    from commonwatt.wiring.checking import check_lines

    for line in check_lines(file, preset, tuple(set_ or ())):
        typer.echo(line)
