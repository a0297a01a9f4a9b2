"""Small communities whose members live along one lane of five houses, and the feeders of such lanes, some of them tight."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.tiny_runs import write_morning
from tests.fakes.wires import line, wires

from commonwatt.adapters.feeder_file import FeederFile
from commonwatt.core.errors import InvalidInput
from commonwatt.grid import Bus, Feeder
from commonwatt.wiring.checking import check_lines

LANE = wires(*(line(f"h{at}", f"h{at + 1}", 60, 0.4, 100) for at in range(5)), root="h0")
NARROW = wires(*(line(f"h{at}", f"h{at + 1}", 60, 0.4, 1) for at in range(5)), root="h0")
"""Its lines carry 1 A: less than one house sells."""
ON = ("grid.model=radial", "grid.feeder=lane.toml", "ledger.chain=memory")
FULL = (
    "grid.model=radial", "grid.feeder=lane.toml", "grid.rating_share=0.03", "grid.limits=verdict", "grid.fee=line",
    "grid.fee_micro_per_kwh=4000", "market.clearing=pay_as_bid", "forecasting.model=persistence",
)  # fmt: skip
"""A lane as `laid`, too thin for what is traded on it before delivery, and a fee on every line of it."""


def laid(last_m: float = 60) -> Feeder:
    """The lane with lines of 20 A, in two zones; its last cable as long as it is asked for."""
    lane = wires(*(line(f"h{at}", f"h{at + 1}", last_m if at == 4 else 60, 0.4, 20) for at in range(5)), root="h0")
    return replace(lane, buses=tuple(Bus(bus.id, zone="near" if bus.id < "h3" else "far") for bus in lane.buses))


def placed(folder: Path, lane: Feeder) -> Path:
    """A community of five or fewer whose members live along the lane, in order."""
    header, *rows = (folder / "members.csv").read_text(encoding="utf-8").splitlines()
    lines = [f"{header},bus", *(f"{row},h{at}" for at, row in enumerate(rows, 1))]
    (folder / "members.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "lane.toml").write_text(FeederFile(lane).text, encoding="utf-8")
    return folder


def on_lane(folder: Path, lane: Feeder, hours: int) -> Path:
    """The morning, each member at its bus."""
    return placed(write_morning(folder, hours), lane)


def write_lane(folder: Path) -> Path:
    """The morning with `lane.toml` and `narrow.toml`."""
    placed(write_morning(folder), LANE)
    (folder / "lane.toml").write_text("# mine\n" + FeederFile(LANE).text, encoding="utf-8")
    (folder / "narrow.toml").write_text(FeederFile(NARROW).text, encoding="utf-8")
    return folder


def told_late(folder: Path) -> Path:
    """The same where roof-1's meter is silent in the first hour, and tells it in the second."""
    head, late, *rest = (folder / "profiles.csv").read_text(encoding="utf-8").splitlines()
    assert late.split(",")[1] == "roof-1"
    (folder / "profiles.csv").write_text("\n".join([head, *rest]) + "\n", encoding="utf-8")
    received = sorted({row.partition(",")[0] for row in rest})[1]
    (folder / "late.csv").write_text(f"{head},received\n{late},{received}\n", encoding="utf-8")
    with (folder / "community.toml").open("a", encoding="utf-8") as toml:
        toml.write('corrections = "late.csv"\n')
    return folder


def said(street: Path, *overrides: str) -> list[str]:
    """The findings of a check that finds some."""
    with pytest.raises(InvalidInput) as error:
        check_lines(street, None, overrides)
    return [str(finding) for finding in error.value.findings]
