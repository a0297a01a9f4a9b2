"""Starting a federation from the bundled example: its members in two communities, one with much PV and one with little."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from commonwatt.adapters.datasets import example_folder
from commonwatt.adapters.store.files import write_table, write_text
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.core.foreign import toml_of
from commonwatt.settings import sections as s
from commonwatt.settings.federation import FEDERATION_NAME
from commonwatt.settings.layers import Tables
from commonwatt.settings.loading import FILE_NAME, MEMBERS_NAME
from commonwatt.settings.written import PROFILES_NAME, community_toml, folder_findings

UPPER: Final = frozenset({*(f"home-{number:02}" for number in range(1, 15)), "flat-01"})
"""Who lives in the community with much PV; the others live in the other one."""
_SIDES: Final = {"upper": "Upper", "lower": "Lower"}
_INTRO: Final = "Made by `commonwatt init --federation` from the example `fontana`: one of the communities that trade with each other."
_FILE: Final = """\
# Communities that trade with each other; each has its own file, members, data, tariff and ledger.
# Run all of them with `commonwatt run` and the name of this folder.

[federation]
name = {name}

# Folders with a community.toml, or TOML files, relative to this file.
communities = ["upper", "lower"]

# Pairs that energy can flow between; left out: all are linked.
# links = [["upper", "lower"]]
"""


def start_federation(directory: Path) -> list[Path]:
    """A new federation in a folder that is absent or empty: its file, and a folder for each community. Returns the files.

    Raises:
        InvalidInput: the folder holds something, or is none, or cannot be written; then nothing is.

    """
    require(folder_findings(directory))
    target = directory.resolve()
    made = Path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        name = target.name.replace("\n", " ") or "Federation"
        for side, title in _SIDES.items():
            _write_side(made / side, f"{title} {name}", is_upper=side == "upper")
        write_text(made / FEDERATION_NAME, _FILE.format(name=_quoted(name)))
        made.chmod(0o755)
        if target.exists():
            target.rmdir()
        made.rename(target)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True) if made != Path() else None
        require([Finding(str(directory), "a folder that can be written", (error.strerror or str(error)).lower())])
    files = [directory / side / file for side in _SIDES for file in (FILE_NAME, MEMBERS_NAME, PROFILES_NAME)]
    return [directory / FEDERATION_NAME, *files]


def _write_side(folder: Path, name: str, *, is_upper: bool) -> None:
    example = example_folder()
    folder.mkdir()
    tables, _ = toml_of(FILE_NAME, (example / FILE_NAME).read_bytes())
    given: Tables = {key: table for key, table in tables.items() if key in s.SECTIONS}
    given.setdefault("community", {})["name"] = name
    write_text(folder / FILE_NAME, community_toml(given, _INTRO))
    head, *rows = (example / MEMBERS_NAME).read_text(encoding="utf-8").splitlines()
    own = [row for row in rows if (row.partition(",")[0] in UPPER) == is_upper]
    write_text(folder / MEMBERS_NAME, "\n".join([head, *own]) + "\n")
    profiles = pq.read_table(example / PROFILES_NAME)
    ids = pa.array([row.partition(",")[0] for row in own], pa.string())
    write_table(folder / PROFILES_NAME, profiles.filter(pc.is_in(profiles["member"].cast(pa.string()), value_set=ids)))


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)
