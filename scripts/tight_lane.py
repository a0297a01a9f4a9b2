"""The feeder of the tight month: the bundled `street` with one long thin cable, docs/reference/tight-feeder.toml.

    python -m scripts.tight_lane                       # writes the file; a test holds it to this
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import commonwatt.adapters
from commonwatt.adapters.feeder_file import FeederFile, read_feeder_file
from commonwatt.grid import Feeder

ROOT = Path(__file__).resolve().parents[1]
STREET = Path(commonwatt.adapters.__file__).parent / "datasets" / "feeders" / "street.toml"
FILE = ROOT / "docs" / "reference" / "tight-feeder.toml"
FIRST_M, NEXT_M = 500.0, 50.0
"""To the first house of the lane, and from each of its houses to the next."""
DRAWN_FIRST_M = 120.0
"""How far off the first house is drawn: half a kilometre of nothing would make the rest small."""
LANE = {f"l{number:02d}": FIRST_M if number == 1 else NEXT_M for number in range(1, 10)}
"""Lengths of the cable to home-01 .. home-09."""
THIN = {"r_ohm_per_km": 0.642, "x_ohm_per_km": 0.083, "rating_a": 142.0}
"""NAYY 4x50, the thinner of the street's two cables."""
FLATS = ("n18", "n19", "n20", "n21")
"""Four flats that hang on the lane in `street` and stand beside the transformer here."""
SOURCE_SHARE = 1.085
"""Voltage behind the idle transformer: 20/0.42 kV gives 1.05 by itself, the rest is a medium-voltage side that stands high."""
ABOUT = (
    "Made up: the bundled street, but homes 1 to 9 stand on 900 m of its thinner cable, four flats beside the transformer in place of half way, and the "
    "transformer gives 108.5 % of the nominal voltage, so that noon has little room below 110 %."
)


def tight() -> Feeder:
    """The street with one long thin cable."""
    found, findings = read_feeder_file(STREET)
    if found is None:
        raise ValueError(f"expected a sound feeder, was {findings}")
    street = found.feeder
    lines = [
        replace(line, **THIN, length_m=LANE[line.id]) if line.id in LANE else line  # type: ignore[arg-type]
        for line in street.lines
    ]
    places = {f"n{number:02d}": -DRAWN_FIRST_M - (number - 1) * NEXT_M for number in range(1, 10)}
    return replace(
        street,
        name="tight",
        about=ABOUT,
        source_share=SOURCE_SHARE,
        lines=tuple(replace(line, begin=street.root) if line.end == FLATS[0] else line for line in lines),
        buses=tuple(
            replace(bus, x_m=places.get(bus.id, 0.0 if bus.id in FLATS else bus.x_m)) for bus in street.buses
        ),
    )


def main() -> int:
    """Write the file."""
    FILE.write_text(FeederFile(tight()).text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
