"""What several commands ask for in the same words."""

import os
from pathlib import Path
from typing import Annotated

import typer

CommunityFile = Annotated[Path, typer.Argument(metavar="FILE", help="Community folder, or the TOML file in it.")]
Preset = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Market design that fills every section the file leaves open, such as p2pet."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override a setting; may be given again."),
]
FirstDay = Annotated[
    str | None,
    typer.Option("--from", metavar="DATE", help="First local day, YYYY-MM-DD; default: [data] from, else the first."),
]
EndDay = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="DATE", help="Local day after the last, YYYY-MM-DD; default: [data] to, else the end."
    ),
]
Jobs = Annotated[
    int,
    typer.Option(metavar="N", help="So many communities or runs at a time; 0: one for every processor.", min=0),
]


def processes(jobs: int) -> int:
    """How many processes `--jobs` means."""
    return jobs or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
