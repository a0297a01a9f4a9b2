"""A small sound community on disk, for tests that spoil one thing of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from commonwatt.core.errors import InvalidInput
from commonwatt.settings import community_findings

TOML = """
[community]
name = "Test"
time_zone = "Europe/Zurich"

[tariff]
retail_micro_per_kwh = 300_000
feed_in_micro_per_kwh = 80_000
grid_fee_micro_per_kwh = 40_000
tax_micro_per_kwh = 20_000

[data]
profiles = "profiles.csv"
"""

MEMBERS = """\
id,role,pv_w,battery_wh,battery_w,battery_min_wh,battery_initial_wh,strategy,buy_limit_micro_per_kwh,sell_limit_micro_per_kwh,connection_w
anna,prosumer,5000,10000,4000,1000,2000,truthful,250000,100000,10000
ben,consumer,0,0,0,0,0,zero_intelligence,280000,90000,10000
"""

HOURS = [f"2024-05-{day:02d}T{hour:02d}:00Z" for day in (6, 7) for hour in range(24)]
"""Two days, of which each hour has one row a member."""

HEADER = "start,member,load_wh,pv_wh"


def profile_lines() -> list[str]:
    """The rows of a sound profile file: line 2 is anna's first hour, line 3 ben's."""
    return [
        f"{hour},{member},{100 + 10 * i + m},{(50 + i) * (1 - m)}"
        for i, hour in enumerate(HOURS)
        for m, member in enumerate(("anna", "ben"))
    ]


def write_community(
    folder: Path, toml: str = TOML, members: str = MEMBERS, rows: Iterable[str] | None = None, header: str = HEADER
) -> Path:
    """Write `community.toml`, `members.csv` and `profiles.csv` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "community.toml").write_text(toml, encoding="utf-8")
    (folder / "members.csv").write_text(members, encoding="utf-8")
    lines = profile_lines() if rows is None else list(rows)
    (folder / "profiles.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder


def told(folder: Path, overrides: Iterable[str] = (), design: str | None = None) -> list[str]:
    """What a check of the folder tells a person, one line a finding."""
    return [str(finding) for finding in community_findings(folder, design, tuple(overrides))]


def lines_of(error: InvalidInput) -> list[str]:
    """The findings of an error, one line each."""
    return [str(finding) for finding in error.findings]
