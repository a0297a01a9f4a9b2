"""Make the example community from the bundled homes: `python -m scripts.make_fontana` writes profiles and members.

Everything random is a draw in [0, 1) hashed from SEED and a name (`draw`), so that the files are the same with every
version of every library, and changing one draw moves no other. What is drawn, per member:

- buy limit: uniform over 180 000 to 340 000 micro-USD/kWh in steps of 1 000 (all-in: with a local trade's fees and taxes);
- sell limit: uniform over 60 000 to 160 000 micro-USD/kWh in steps of 1 000;
- preference: `renewable` with probability 0.4, otherwise `any`;
- of the eight `flat-NN`, the size: log-normal, median 0.6 of the days they are made of, sigma 0.3;
- of each local day of a flat: a source home out of `donors`, a source day of the same type (working day or weekend) at
  most 21 days away inside the year, and a shift of -1, 0 or +1 hours round the day, each uniform.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import statistics
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scripts.make_homes import FIRST_LOCAL, HOMES, HOURS, profile_table, utc_hours, wall_clock_row, write_profiles

from commonwatt.adapters.datasets import homes17

if TYPE_CHECKING:
    import pyarrow as pa

SEED = 20160801
OUT = Path(__file__).resolve().parents[1] / "examples/fontana"
FLATS = 8
WINDOW_DAYS = 21
SHIFTS_H = (-1, 0, 1)
SIZE_MEDIAN_SHARE, SIZE_SIGMA = 0.6, 0.3
BUY_LIMITS = range(180_000, 340_001, 1_000)
SELL_LIMITS = range(60_000, 160_001, 1_000)
RENEWABLE_SHARE = 0.4
ZERO_HOURS_LIMIT_SHARE = 0.05
CONNECTIONS_W = (10_000, 15_000, 20_000, 25_000)
CONNECTION_MARGIN = 1.25

# Measured, but faulty on their face: PV of 14 and 15, load of 12 and 15 (`docs/explain/data.md`).
DOUBTFUL_HOMES = (12, 14, 15)

# The batteries are ours, not measured: energy Wh, power W. Homes whose PV and load both look sound got them.
BATTERIES = {
    2: (6_400, 3_300),
    6: (10_000, 5_000),
    8: (13_500, 5_000),
    10: (13_500, 5_000),
    13: (6_400, 3_300),
    16: (13_500, 5_000),
}

COLUMNS = (
    "id",
    "role",
    "bus",
    "microgrid",
    "pv_w",
    "battery_wh",
    "battery_w",
    "inverter_w",
    "strategy",
    "buy_limit_micro_per_kwh",
    "sell_limit_micro_per_kwh",
    "connection_w",
    "source",
    "preference",
    "origin",
)

Wh = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SourceDay:
    """Where one day of a flat comes from: home (0 to 16), day (0 is 1 August 2016) and shift in hours (+1 is later)."""

    home: int
    day: int
    shift_h: int


def draw(*name: str | int) -> float:
    """The number in [0, 1) that belongs to a name."""
    digest = hashlib.sha256(repr((SEED, *name)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def pick(choices: Any, *name: str | int) -> Any:
    """One of some choices, each as likely, by name."""
    return choices[math.floor(draw(*name) * len(choices))]


def homes_by_wall_clock() -> tuple[Wh, Wh]:
    """Load and PV in Wh of the homes as (home, local day, hour of the wall clock): shape (17, 365, 24).

    The hour that 12 March lacks holds what 01:00 holds; only flats made of that day read it.
    """
    table = homes17()
    rows = np.array([wall_clock_row(start) for start in utc_hours()])
    shaped = []
    for name in ("load_wh", "pv_wh"):
        values = table[name].to_numpy().astype(np.int64).reshape(HOMES, HOURS)
        by_row = np.empty((HOMES, HOURS), dtype=np.int64)
        by_row[:, rows] = values
        absent = np.setdiff1d(np.arange(HOURS), rows)
        by_row[:, absent] = by_row[:, absent - 1]
        shaped.append(by_row.reshape(HOMES, HOURS // 24, 24))
    return shaped[0], shaped[1]


def to_utc(days: Wh) -> Wh:
    """Days by the wall clock, shape (365, 24), as the year's 8760 hours in UTC."""
    flat = days.reshape(HOURS)
    return np.array([flat[wall_clock_row(start)] for start in utc_hours()])


def donors(load_wh: Wh) -> list[int]:
    """The homes that flats are made of: those whose load reads 0 Wh in fewer than 5 % of the hours (others look faulty)."""
    zero_share = (load_wh == 0).mean(axis=(1, 2))
    return [home for home in range(HOMES) if zero_share[home] < ZERO_HOURS_LIMIT_SHARE]


def is_weekend(day: int) -> bool:
    """Whether a day, counted from 1 August 2016, is a Saturday or Sunday."""
    return _date(day).weekday() >= 5


def _date(day: int) -> date:
    return FIRST_LOCAL.date() + timedelta(days=day)


def source_days(flat: str, homes: list[int]) -> list[SourceDay]:
    """Where each of the 365 days of a flat comes from."""
    days = []
    for day in range(HOURS // 24):
        near = range(max(0, day - WINDOW_DAYS), min(HOURS // 24, day + WINDOW_DAYS + 1))
        alike = [other for other in near if is_weekend(other) == is_weekend(day)]
        days.append(
            SourceDay(pick(homes, flat, "home", day), pick(alike, flat, "day", day), pick(SHIFTS_H, flat, "shift", day))
        )
    return days


def size_share(flat: str) -> float:
    """Use of a flat as a share of the days it is made of: log-normal, four digits so that no platform differs."""
    quantile = (draw(flat, "size") * 2**48 + 0.5) / 2**48
    return round(SIZE_MEDIAN_SHARE * math.exp(SIZE_SIGMA * statistics.NormalDist().inv_cdf(quantile)), 4)


def flat_load(flat: str, load_wh: Wh, homes: list[int]) -> Wh:
    """Load of a flat in Wh by the wall clock, shape (365, 24)."""
    days = [np.roll(load_wh[source.home, source.day], source.shift_h) for source in source_days(flat, homes)]
    per_10000 = round(size_share(flat) * 10_000)
    return (np.stack(days) * per_10000 + 5_000) // 10_000


def community() -> dict[str, tuple[Wh, Wh]]:
    """Load and PV in Wh of every member over the year's hours in UTC, in the order of the members file."""
    load_wh, pv_wh = homes_by_wall_clock()
    members = {f"home-{home + 1:02d}": (to_utc(load_wh[home]), to_utc(pv_wh[home])) for home in range(HOMES)}
    for number in range(1, FLATS + 1):
        flat = f"flat-{number:02d}"
        members[flat] = (to_utc(flat_load(flat, load_wh, donors(load_wh))), np.zeros(HOURS, dtype=np.int64))
    return members


def profiles(members: dict[str, tuple[Wh, Wh]]) -> pa.Table:
    """Columns start, member, load_wh, pv_wh, ordered by start, then by member."""
    names = sorted(members)
    columns = {
        "start": [start for start in utc_hours() for _ in names],
        "member": names * HOURS,
        "load_wh": np.stack([members[name][0] for name in names], axis=1).reshape(-1),
        "pv_wh": np.stack([members[name][1] for name in names], axis=1).reshape(-1),
    }
    return profile_table(columns, "member")


def connection_w(load_wh: Wh, pv_wh: Wh, battery_w: int) -> int:
    """The smallest usual connection, W, with a margin over the largest import or export, the battery at full power."""
    most_w = int(np.abs(load_wh - pv_wh).max()) + battery_w
    return next(power_w for power_w in CONNECTIONS_W if power_w >= CONNECTION_MARGIN * most_w)


def member_rows(members: dict[str, tuple[Wh, Wh]]) -> list[dict[str, str | int]]:
    """One row a member, by the columns of `members.csv`."""
    power_w = json.loads(homes17().schema.metadata[b"pv_w"])
    rows = []
    for position, (member, (load_wh, pv_wh)) in enumerate(members.items(), start=1):
        is_home = member.startswith("home-")
        number = int(member[-2:])
        pv_w = power_w[f"h{number:02d}"] if is_home else 0
        battery_wh, battery_w = BATTERIES.get(number, (0, 0)) if is_home else (0, 0)
        values: tuple[str | int, ...] = (
            member,
            "prosumer" if is_home else "consumer",
            f"n{position:02d}",
            "fontana",
            pv_w,
            battery_wh,
            battery_w,
            max(pv_w, battery_w),
            "truthful",
            pick(BUY_LIMITS, member, "buy_limit"),
            pick(SELL_LIMITS, member, "sell_limit"),
            connection_w(load_wh, pv_wh, battery_w),
            "pv" if is_home else "",
            "renewable" if draw(member, "preference") < RENEWABLE_SHARE else "any",
            ("doubtful" if number in DOUBTFUL_HOMES else "measured") if is_home else "resampled",
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def main() -> None:
    """Write both files of the example."""
    members = community()
    write_profiles(profiles(members), OUT / "profiles.parquet")
    with (OUT / "members.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(member_rows(members))
    print(f"profiles.parquet: {(OUT / 'profiles.parquet').stat().st_size} bytes, {len(members)} members")


if __name__ == "__main__":
    main()
