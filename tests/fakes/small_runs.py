"""A small community whose run takes a second or two, and the command line as a user starts it."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

TOML = """\
[community]
name = "Little Street"
currency = "CHF"
time_zone = "Europe/Zurich"

[tariff]
retail_micro_per_kwh = 300_000
feed_in_micro_per_kwh = 80_000
grid_fee_micro_per_kwh = 40_000
local_fee_micro_per_kwh = 15_000
tax_micro_per_kwh = 20_000
local_tax_micro_per_kwh = 5_000

[data]
profiles = "profiles.csv"
"""

MEMBERS = """\
id,role,pv_w,battery_wh,battery_w,battery_min_wh,battery_initial_wh,strategy,buy_limit_micro_per_kwh,sell_limit_micro_per_kwh,connection_w
roof-1,prosumer,6000,0,0,0,0,truthful,260000,85000,10000
roof-2,prosumer,4000,0,0,0,0,zero_intelligence,280000,95000,10000
barn,prosumer,3000,5000,2000,500,1000,truthful,250000,90000,10000
flat-1,consumer,0,0,0,0,0,truthful,300000,90000,10000
flat-2,consumer,0,0,0,0,0,zero_intelligence,290000,90000,10000
"""

CONSUMERS = """\
id,role,strategy,buy_limit_micro_per_kwh,sell_limit_micro_per_kwh,connection_w
flat-1,consumer,truthful,300000,90000,10000
flat-2,consumer,zero_intelligence,290000,90000,10000
"""

FIRST_DAY = dt.date(2024, 5, 6)
ZONE = ZoneInfo("Europe/Zurich")
PEAK_WH = {"roof-1": 4200, "roof-2": 2600, "barn": 1900}
"""PV at noon of the members that have some."""

HEADER = "start,member,load_wh,pv_wh"
TIMING = "timing.json"
TIMEOUT_S = 400
"""A guard against hangs, no measure of speed: the longest command takes a minute on two cores that do nothing else."""


def local_hours(first: dt.date, days: int) -> list[dt.datetime]:
    """The hours of local days, in UTC: 23 or 25 on the days on which the clock changes."""
    begin, end = (dt.datetime.combine(day, dt.time(), ZONE) for day in (first, first + dt.timedelta(days=days)))
    hours = int((end.timestamp() - begin.timestamp()) // 3600)
    return [begin.astimezone(dt.UTC) + dt.timedelta(hours=i) for i in range(hours)]


def profile_row(hour: dt.datetime, index: int, member: str) -> str:
    """A line of the profile file; load and PV differ by member and hour, without randomness."""
    local = hour.astimezone(ZONE).hour
    load_wh = 180 + 37 * index + 29 * ((7 * local + 3 * index + hour.day) % 11) + (400 if local in (7, 19) else 0)
    pv_wh = PEAK_WH.get(member, 0) * max(0, 36 - (local - 12) ** 2) // 36
    return f"{hour:%Y-%m-%dT%H:%MZ},{member},{load_wh},{pv_wh}"


def write_small_community(
    folder: Path,
    *,
    first: dt.date = FIRST_DAY,
    days: int = 3,
    members: str = MEMBERS,
    toml: str = TOML,
    gaps: Mapping[str, Iterable[int]] = {},
) -> Path:
    """Write a community folder; `gaps` names hours (from the first) at which a meter was silent."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = [line.split(",")[0] for line in members.splitlines()[1:]]
    lines = [
        profile_row(hour, index, member)
        for number, hour in enumerate(local_hours(first, days))
        for index, member in enumerate(ids)
        if number not in gaps.get(member, ())
    ]
    (folder / "community.toml").write_text(toml, encoding="utf-8")
    (folder / "members.csv").write_text(members, encoding="utf-8")
    (folder / "profiles.csv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return folder


def write_community_with_gaps(folder: Path) -> Path:
    """Two meters that were silent on the second day, and the readings that came hours later; one of them came twice."""
    toml = TOML + 'corrections = "late.csv"\n'
    write_small_community(folder, toml=toml, gaps={"roof-1": range(33, 37), "flat-1": range(30, 32)})
    hours = local_hours(FIRST_DAY, 3)
    ids = [line.split(",")[0] for line in MEMBERS.splitlines()[1:]]
    rows = [(hour, "roof-1", 40) for hour in range(33, 37)] + [(30, "flat-1", 41), (31, "flat-1", 41)]
    lines = [f"{profile_row(hours[at], ids.index(name), name)},{hours[got]:%Y-%m-%dT%H:%MZ}" for at, name, got in rows]
    again = profile_row(hours[33], ids.index("roof-1"), "roof-1").split(",")
    lines.append(",".join([*again[:2], str(int(again[2]) + 50), again[3], f"{hours[60]:%Y-%m-%dT%H:%MZ}"]))
    (folder / "late.csv").write_text("\n".join([HEADER + ",received", *lines]) + "\n", encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def both(self) -> str:
        """Everything that was printed."""
        return self.out + self.err


def environment(more: Mapping[str, str] = {}) -> dict[str, str]:
    """What a command of a test sees of the environment: no key file from outside, and warnings as errors."""
    kept = {key: value for key, value in os.environ.items() if key != "COMMONWATT_KEY_FILE"}
    return {**kept, "PYTHONWARNINGS": "error", "NO_COLOR": "1", "COLUMNS": "200", **more}


def command(*arguments: str | Path) -> list[str]:
    """`commonwatt ARGUMENTS` under this Python."""
    return [sys.executable, "-m", "commonwatt", *map(str, arguments)]


def commonwatt(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] = {}) -> Said:
    """Type a command and wait for its end. A traceback is a fault whatever the exit code."""
    ended = subprocess.run(
        command(*arguments), cwd=cwd, env=environment(env), capture_output=True, text=True, timeout=TIMEOUT_S
    )
    said = Said(ended.returncode, ended.stdout, ended.stderr)
    assert "Traceback" not in said.both, said.both
    return said


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by relative name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def promised(run: Path) -> dict[str, bytes]:
    """What two runs of the same input have in common: all files but timing.json and private/."""
    return {
        name: data for name, data in files_of(run).items() if name != TIMING and not name.startswith(f"private{os.sep}")
    }


def journalled(run: Path) -> int:
    """Rows of the journal of a run, read beside the process that writes them; 0 while there is none."""
    path = run / "private" / "journal.sqlite"
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as journal:
            return int(journal.execute("SELECT count(*) FROM halves").fetchone()[0])
    except sqlite3.OperationalError:  # not created yet
        return 0


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def copied(community: Path, folder: Path) -> Path:
    """A copy of a community with its key file."""
    shutil.copytree(community, folder)
    return folder
