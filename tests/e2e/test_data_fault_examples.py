"""The examples of docs/explain/data-faults.md are run, and the page shows what came of them."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.fakes.small_runs import TOML
from tests.fakes.spoiled_machine import typed

PAGE = Path(__file__).parents[2] / "docs" / "explain" / "data-faults.md"
MEMBERS = """\
id,role,pv_w,strategy,buy_limit_micro_per_kwh,sell_limit_micro_per_kwh,connection_w
ann,prosumer,2000,truthful,260000,85000,10000
"""
BLOCK = re.compile(r"^```(csv|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, list[tuple[str, str]]]:
    """The blocks of each example by its name."""
    text = PAGE.read_text(encoding="utf-8").partition("## Examples")[2]
    return {part.partition("\n")[0]: BLOCK.findall(part) for part in text.split("\n### ")[1:]}


def came_of(folder: Path, profiles: str, late: str) -> str:
    """What a run of ann's few hours says, and the readings that it publishes, in the order in which they were settled."""
    folder.mkdir()
    toml = TOML + 'corrections = "late.csv"\n' * bool(late) + "\n[ledger]\nwindow_slots = 1\n"
    files = {"community.toml": toml, "members.csv": MEMBERS, "profiles.csv": profiles, "late.csv": late}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    said = typed("run", folder, "--out", folder / "out")
    lines = said.err.splitlines()
    if said.code:
        return "\n".join([*lines, f"exit code {said.code}"]) + "\n"
    for row in pq.read_table(folder / "out" / "public" / "readings.parquet").to_pylist():
        hour = dt.datetime.fromtimestamp(row["slot"] * 3600, dt.UTC)
        revision = f", revision {row['revision']}" * bool(row["revision"])
        lines.append(f"{hour:%H:%M} {row['import_wh']} Wh in, {row['export_wh']} Wh out, {row['quality']}{revision}")
    return "\n".join(line for line in lines if line) + "\n"


@pytest.mark.parametrize("name", examples())
def test_an_example_of_the_page_comes_out_as_the_page_says(tmp_path: Path, name: str) -> None:
    blocks = examples()[name]
    files = [text for kind, text in blocks if kind == "csv"]
    (expected,) = (text for kind, text in blocks if kind == "text")
    assert came_of(tmp_path / "ann", files[0], files[1] if len(files) > 1 else "") == expected


def test_the_page_has_an_example_of_every_fault_of_data() -> None:
    assert list(examples()) == ["A gap", "A late reading", "A doubled row", "Rows out of order", "A revised reading"]
