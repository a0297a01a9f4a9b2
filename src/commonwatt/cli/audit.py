"""`commonwatt audit`: recompute and verify a run from its public folder."""

from pathlib import Path
from typing import Annotated

import typer

from commonwatt.cli.endings import VERIFICATION_FAILED, example

EXAMPLE = example("commonwatt audit out/demo")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Check a finished run as any stranger can.", epilog=EXAMPLE)(audit)


def audit(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, or only its public/ folder.")],
    slot: Annotated[int | None, typer.Option(metavar="SLOT", help="Look at one slot only, by its number.")] = None,
    trade: Annotated[
        str | None, typer.Option(metavar="ID", help="Look at the slot of one trade, and show the trade.")
    ] = None,
    member: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Show one member's bill and balance, by pseudonym or, where private/ is there, by id."
        ),
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Replay the chain on py-evm: slower, with exact gas.")
    ] = False,
) -> None:
    """Check everything that a stranger can check of a finished run: files, chain, packets, clearing, bills, balances.

    Needs nothing but the run's public/ folder. Each check is printed with what it compared, and what cannot be checked is named. Of a
    federation every community is checked, and what they say of each other.
    """
    from rich.console import Console

    from commonwatt.cli.progress import StepBar
    from commonwatt.wiring.auditing import AuditRequest, audit_run
    from commonwatt.wiring.auditing_federation import audit_federation, is_federation_folder

    request = AuditRequest(directory, slot, trade, member, reference)
    audited = audit_federation if is_federation_folder(directory) else audit_run
    with StepBar(Console(stderr=True)) as bar:
        result = audited(request, bar)
    for line in result.lines:
        typer.echo(line)
    if not result.passed:
        raise typer.Exit(VERIFICATION_FAILED)
