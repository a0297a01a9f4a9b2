"""Starting: a new community folder, and what to do with it."""

from pathlib import Path
from shlex import quote

from commonwatt.settings.written import start_community


def start_federation_lines(directory: Path) -> list[str]:
    """Write a federation of two communities and say what is in it.

    Raises:
        InvalidInput: the folder is not empty, or cannot be written; nothing was written.

    """
    from commonwatt.settings.starting_federation import start_federation

    start_federation(directory)
    return [
        f"A federation in {directory}: federation.toml, and two communities in upper/ and lower/, one with much PV and one with little.",
        "federation.toml names the communities; each has its own community.toml, members.csv and profiles.parquet.",
        f"Next: commonwatt check {quote(str(directory))}, then commonwatt run {quote(str(directory))}",
    ]


def start_lines(directory: Path) -> list[str]:
    """Write the folder and say what is in it.

    Raises:
        InvalidInput: the folder is not empty, or cannot be written; nothing was written.

    """
    written = start_community(directory)
    return [
        f"A community in {directory}: {', '.join(path.name for path in written)}.",
        "community.toml explains every key; members.csv has a line a member; profiles.parquet is a year of example data.",
        "Its .gitignore keeps the keys of its runs (keys.json) and out/ out of version control.",
        f"Next: commonwatt check {quote(str(directory))}, then commonwatt run {quote(str(directory))}",
    ]
