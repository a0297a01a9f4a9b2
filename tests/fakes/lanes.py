"""A morning of a small community whose members live along one lane: its folder with two feeders in it, one of them tight."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.small_runs import MEMBERS
from tests.fakes.tiny_runs import write_morning
from tests.fakes.wires import line, wires

from commonwatt.adapters.feeder_file import FeederFile
from commonwatt.core.errors import InvalidInput
from commonwatt.wiring.checking import check_lines

LANE = wires(*(line(f"h{at}", f"h{at + 1}", 60, 0.4, 100) for at in range(5)), root="h0")
NARROW = wires(*(line(f"h{at}", f"h{at + 1}", 60, 0.4, 1) for at in range(5)), root="h0")
"""Its lines carry 1 A: less than one house sells."""
ON = ("grid.model=radial", "grid.feeder=lane.toml", "ledger.chain=memory")


def write_lane(folder: Path) -> Path:
    """The community, `lane.toml` and `narrow.toml`."""
    write_morning(folder)
    header, *rows = MEMBERS.splitlines()
    lines = [f"{header},bus", *(f"{row},h{at}" for at, row in enumerate(rows, 1))]
    (folder / "members.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "lane.toml").write_text("# mine\n" + FeederFile(LANE).text, encoding="utf-8")
    (folder / "narrow.toml").write_text(FeederFile(NARROW).text, encoding="utf-8")
    return folder


def said(street: Path, *overrides: str) -> list[str]:
    """The findings of a check that finds some."""
    with pytest.raises(InvalidInput) as error:
        check_lines(street, None, overrides)
    return [str(finding) for finding in error.value.findings]
