"""The feeder of the tight month: the bundled `street` with one long thin cable, docs/reference/tight-feeder.toml; and why not the street itself.

python -m scripts.tight.lane                       # writes the file; a test holds it to this
"""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scripts.tight.counts import limited

import commonwatt.adapters
from commonwatt.adapters.feeder_file import FeederFile, read_feeder_file
from commonwatt.grid import Feeder

ROOT = Path(__file__).resolve().parents[2]
FONTANA = ROOT / "examples" / "fontana"
STREET = Path(commonwatt.adapters.__file__).parent / "datasets" / "feeders" / "street.toml"
FILE = ROOT / "docs" / "reference" / "tight-feeder.toml"
FIRST_M, NEXT_M = 500.0, 50.0
"""To the first house of the lane, and from each of its houses to the next."""
DRAWN_FIRST_M = 120.0
"""How far off the first house is drawn: half a kilometre of nothing would make the rest small."""
LANE = {f"l{number:02d}": FIRST_M if number == 1 else NEXT_M for number in range(1, 10)}
"""Lengths of the cable to home-01 .. home-09."""
THIN: dict[str, Any] = {"r_ohm_per_km": 0.642, "x_ohm_per_km": 0.083, "rating_a": 142.0}
"""NAYY 4x50, the thinner of the street's two cables."""
FLATS = ("n18", "n19", "n20", "n21")
"""Four flats that hang on the lane in `street` and stand beside the transformer here."""
SOURCE_SHARE = 1.085
"""Voltage behind the idle transformer: 20/0.42 kV gives 1.05 by itself, the rest is a medium-voltage side that stands high."""
ABOUT = (
    "Made up: the bundled street, but homes 1 to 9 stand on 900 m of its thinner cable, four flats beside the transformer in place of half way, and the "
    "transformer gives 108.5 % of the nominal voltage, so that noon has little room below 110 %."
)


def street() -> Feeder:
    """The bundled one."""
    found, findings = read_feeder_file(STREET)
    if found is None:
        raise ValueError(f"expected a sound feeder, was {findings}")
    return found.feeder


def tight() -> Feeder:
    """The street with one long thin cable."""
    plain = street()
    lines = [replace(line, **THIN, length_m=LANE[line.id]) if line.id in LANE else line for line in plain.lines]
    places = {f"n{number:02d}": (-DRAWN_FIRST_M - (number - 1) * NEXT_M, 0.0) for number in range(1, 10)}
    # Apart from what the drawing writes beside the transformer's bus.
    places |= {bus: (0.0, -40.0 - 20.0 * at) for at, bus in enumerate(FLATS)}
    return replace(
        plain,
        name="tight",
        about=ABOUT,
        source_share=SOURCE_SHARE,
        lines=tuple(replace(line, begin=plain.root) if line.end == FLATS[0] else line for line in lines),
        buses=tuple(
            replace(bus, x_m=x, y_m=y) for bus in plain.buses for x, y in [places.get(bus.id, (bus.x_m, bus.y_m))]
        ),
    )


def explored(feeder: Feeder, rating_share: float, first: dt.datetime, hours: int) -> tuple[int, int]:
    """In how many hours the loads of the example alone pass a limit, and in how many more they do with all of the panels' energy; no batteries, no market."""
    with (FONTANA / "members.csv").open(newline="", encoding="utf-8") as file:
        members = {row["id"]: row["bus"] for row in csv.DictReader(file)}
    row = {bus.id: number for number, bus in enumerate(feeder.buses)}
    data = pq.read_table(FONTANA / "profiles.parquet")
    at_s = data.column("start").to_numpy().astype("datetime64[s]").astype(np.int64)
    begins = (at_s - int(first.timestamp())) // 3600
    number = {name: at for at, name in enumerate(members)}
    member = np.array([number[name] for name in data.column("member").to_pylist()])
    there = (begins >= 0) & (begins < hours)
    energy = np.zeros((2, len(members), hours), np.int64)
    for at, name in enumerate(("load_wh", "pv_wh")):
        energy[at][member[there], begins[there]] = data.column(name).to_numpy()[there]
    bus = np.array([row[name] for name in members.values()], np.int64)
    loads, net = (limited(feeder, bus, wh, rating_share).slots for wh in (-energy[0], energy[1] - energy[0]))
    return int(loads.sum()), int((net & ~loads).sum())


def main() -> int:
    """Write the file."""
    FILE.write_text(FeederFile(tight()).text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
