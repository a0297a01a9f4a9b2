"""Make `homes17.parquet` from the CityLearn 2.1.2 wheel: `python -m scripts.make_homes WHEEL`.

Row 0 of every building file is labelled month 7, hour 24; its hour begins at 00:00 on 1 August 2016 on the wall clock of
Fontana, California (the evidence is in `docs/explain/data.md`). One row is one hour of that clock, 24 a day without
exception, so of the two hours called 01:00 on 6 November the file has one (both get its value), and the hour 02:00 of
12 March, which did not exist, is left out. Energy is rounded to whole Wh. A value that is negative or not finite stops the
script; none occurs.
"""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = "citylearn/data/citylearn_challenge_2022_phase_all/"
OUT = Path(__file__).resolve().parents[1] / "src/commonwatt/adapters/datasets/homes17.parquet"
HOMES = 17
HOURS = 8760
LOCAL = ZoneInfo("America/Los_Angeles")
FIRST_LOCAL = datetime(2016, 8, 1)  # noqa: DTZ001 - a wall clock reading
FIRST_UTC = datetime(2016, 8, 1, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)


def utc_hours() -> list[datetime]:
    """Starts of the year's 8760 hours in UTC, without a gap."""
    return [FIRST_UTC + hour * HOUR for hour in range(HOURS)]


def wall_clock_row(start: datetime) -> int:
    """Row of the source, 0 to 8759, for the hour beginning at an instant: hours of the wall clock since 1 August 2016."""
    return (start.astimezone(LOCAL).replace(tzinfo=None) - FIRST_LOCAL) // HOUR


def source_label(row: int) -> tuple[int, int, int]:
    """Month, hour and weekday (1 is Monday) that the source prints on a row: midnight is hour 24 of the day before."""
    start = FIRST_LOCAL + row * HOUR
    day = start - HOUR if start.hour == 0 else start
    return day.month, start.hour or 24, day.isoweekday()


def whole_wh(energy_wh: float, where: str) -> int:
    """Energy in whole Wh, halves up; stops at what cannot be an energy."""
    if not math.isfinite(energy_wh) or energy_wh < 0:
        raise ValueError(f"{where}: expected energy of 0 Wh or more, was {energy_wh}")
    return math.floor(energy_wh + 0.5)


def pv_power_w(schema: dict[str, Any], building: str) -> int:
    """Nominal PV power of a building, W."""
    return round(float(schema["buildings"][building]["pv"]["attributes"]["nominal_power"]) * 1000)


def read_building(rows: list[dict[str, str]], power_w: int, building: str) -> tuple[list[int], list[int]]:
    """Load and PV in Wh of one building file's rows (there: kWh in the hour, and mean W per kW of nominal power)."""
    if len(rows) != HOURS:
        raise ValueError(f"{building}: expected {HOURS} rows, was {len(rows)}")
    load_wh, pv_wh = [], []
    for number, row in enumerate(rows):
        where = f"{building}, row {number}"
        label = tuple(round(float(row[name])) for name in ("Month", "Hour", "Day Type"))
        if label != source_label(number):
            raise ValueError(f"{where}: expected month, hour, day type {source_label(number)}, was {label}")
        load_wh.append(whole_wh(float(row["Equipment Electric Power [kWh]"]) * 1000, where))
        pv_wh.append(whole_wh(float(row["Solar Generation [W/kW]"]) * power_w / 1000, where))
    return load_wh, pv_wh


def homes_table(wheel: Path) -> pa.Table:
    """The 17 homes one after the other, 8760 hours each: start (UTC), home, load_wh, pv_wh; metadata `pv_w`."""
    hours = utc_hours()
    order = [wall_clock_row(start) for start in hours]
    columns: dict[str, list[Any]] = {"start": [], "home": [], "load_wh": [], "pv_wh": []}
    power_w = {}
    with zipfile.ZipFile(wheel) as archive:
        schema = json.loads(archive.read(FOLDER + "schema.json"))
        for number in range(1, HOMES + 1):
            building, home = f"Building_{number}", f"h{number:02d}"
            power_w[home] = pv_power_w(schema, building)
            text = archive.read(f"{FOLDER}{building}.csv").decode()
            load_wh, pv_wh = read_building(list(csv.DictReader(io.StringIO(text))), power_w[home], building)
            columns["start"] += hours
            columns["home"] += [home] * HOURS
            columns["load_wh"] += [load_wh[row] for row in order]
            columns["pv_wh"] += [pv_wh[row] for row in order]
    return profile_table(columns, "home").replace_schema_metadata({"pv_w": json.dumps(power_w)})


def profile_table(columns: dict[str, Any], who: str) -> pa.Table:
    """Columns as a table with the types that every profile file here has; `who` names its column of strings."""
    types = {"start": pa.timestamp("ms", tz="UTC"), who: pa.string(), "load_wh": pa.int32(), "pv_wh": pa.int32()}
    return pa.table({name: pa.array(columns[name], type=kind) for name, kind in types.items()})


def write_profiles(table: pa.Table, path: Path) -> None:
    """Write a profile table small, and with the same bytes each time for one version of pyarrow."""
    names = ("start", table.column_names[1])
    encodings = {"load_wh": "BYTE_STREAM_SPLIT", "pv_wh": "BYTE_STREAM_SPLIT"}
    pq.write_table(
        table, path, compression="zstd", compression_level=19, use_dictionary=list(names), column_encoding=encodings
    )


def main(wheel: str) -> None:
    """Write the bundled file from a wheel on disk."""
    write_profiles(homes_table(Path(wheel)), OUT)
    print(f"{OUT.name}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
