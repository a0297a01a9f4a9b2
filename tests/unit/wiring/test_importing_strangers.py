"""Meter files as people really have them: two header lines, marks between thousands, a clock beside a date, codes instead of words."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commonwatt.settings import open_community
from commonwatt.wiring.import_request import ImportRequest
from commonwatt.wiring.importing import import_community

BERLIN = ZoneInfo("Europe/Berlin")
SLOTS = [1_729_893_600 + 900 * at for at in range(292)]
"""Three days of quarters of an hour from 26 October 2024 on: one of them has 25 hours."""
TIMES = [dt.datetime.fromtimestamp(instant, BERLIN) for instant in SLOTS]
LOAD_WH = [200 + 37 * (at % 11) for at in range(len(SLOTS))]
PV_WH = [max(0, 36 - (time.hour - 12) ** 2) * 10 for time in TIMES]
ZONE = "zone=Europe/Berlin"


def comma(value: float) -> str:
    return f"{value:.3f}".replace(".", ",")


def grouped(value: float) -> str:
    return f"{value:,.1f}".replace(",", " ").replace(".", ",").replace(" ", ".")


ROWS = list(zip(TIMES, LOAD_WH, PV_WH, strict=True))
FILES: dict[str, list[str]] = {
    "units on a second line, kW, a date and a clock": [
        "Datum;Uhrzeit;Verbrauch;Erzeugung",
        ";;kW;kW",
        *(f"{t:%d.%m.%Y};{t:%H:%M};{comma(load / 250)};{comma(pv / 250)}" for t, load, pv in ROWS),
    ],
    "homes above, energies and units below": [
        '"","Haus 1","Haus 1","Haus 2",""',
        '"time","load","pv","load","pv"',
        '"","kWh","kWh","kWh","kWh"',
        *(f'"{t:%Y-%m-%dT%H:%M%z}",{a / 1000},{p / 1000},{a / 1000},0' for t, a, p in ROWS),
    ],
    "marks between thousands": [
        "time;Haus 1 [W];Haus 2 [W]",
        *(f"{t:%Y-%m-%d %H:%M};{grouped(a * 4 + 10**4)};{grouped(a * 4)}" for t, a, _ in ROWS),
    ],
    "marks between thousands, the other way": [
        "time,Haus 1 [W],Haus 2 [W]",
        *(f'{t:%Y-%m-%d %H:%M},"{a * 4 + 10**4:,.1f}","{a * 4:,.1f}"' for t, a, _ in ROWS),
    ],
    "homes with numbers": [
        "timestamp,home_1,home_2",
        *(f"{instant},{a},{a}" for instant, a in zip(SLOTS, LOAD_WH, strict=True)),
    ],
    "codes of meters": [
        "Meter;Timestamp;1-1:1.29.0 (kWh);1-1:2.29.0 (kWh)",
        *(f"CH1;{t:%Y-%m-%dT%H:%M:%S%z};{a / 1000};{p / 1000}" for t, a, p in ROWS),
    ],
    "a spreadsheet's own line": [
        "sep=;",
        "Zeitstempel;Verbrauch [kWh]",
        *(f"{t:%d.%m.%Y %H:%M};{comma(a / 1000)}" for t, a, _ in ROWS),
    ],
}
NO_PV = [0] * len(SLOTS)
TRUTH = {
    "units on a second line, kW, a date and a clock": {"meters": (LOAD_WH, PV_WH)},
    "homes above, energies and units below": {"Haus-1": (LOAD_WH, PV_WH), "Haus-2": (LOAD_WH, NO_PV)},
    "marks between thousands": {"Haus-1": ([a + 2500 for a in LOAD_WH], NO_PV), "Haus-2": (LOAD_WH, NO_PV)},
    "homes with numbers": {"home_1": (LOAD_WH, NO_PV), "home_2": (LOAD_WH, NO_PV)},
    "codes of meters": {"CH1": (LOAD_WH, PV_WH)},
    "a spreadsheet's own line": {"meters": (LOAD_WH, NO_PV)},
}
TRUTH["marks between thousands, the other way"] = TRUTH["marks between thousands"]


def energies(into: Path) -> dict[str, tuple[list[int], list[int]]]:
    table = pq.read_table(into / "profiles.parquet").sort_by([("member", "ascending"), ("start", "ascending")])
    assert set(SLOTS) == {int(start.timestamp()) for start in table["start"].to_pylist()}
    first, second = [name for name in table.column_names if name.endswith("_wh")]
    homes: dict[str, tuple[list[int], list[int]]] = {}
    for row in table.to_pylist():
        one = homes.setdefault(row["member"], ([], []))
        one[0].append(row[first])
        one[1].append(row[second])
    return homes


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("form", ["utf-8-sig", "utf-8"])
def test_a_strangers_file_gives_its_energies(tmp_path: Path, name: str, form: str) -> None:
    path, into = tmp_path / "meters.csv", tmp_path / "mine"
    ends = "\r\n" if form == "utf-8-sig" else "\n"
    path.write_bytes((ends.join(FILES[name]) + ends).encode(form))
    import_community(ImportRequest((path,), into, maps=(ZONE,)))
    assert energies(into) == TRUTH[name]


def test_a_parquet_files_own_zone_becomes_the_communitys(tmp_path: Path) -> None:
    path, into = tmp_path / "meters.parquet", tmp_path / "mine"
    times = pa.array([instant * 10**6 for instant in SLOTS], pa.timestamp("us", "Europe/Berlin"))
    table = {"__index_level_0__": times, "load_kW": [a / 250 for a in LOAD_WH], "pv_kW": [p / 250 for p in PV_WH]}
    pq.write_table(pa.table(table), path)
    said = "\n".join(import_community(ImportRequest((path,), into)))
    assert "guessed zone = 'Europe/Berlin': the column's type says so" in said
    assert energies(into) == {"meters": (LOAD_WH, PV_WH)}
    assert open_community(into).settings.community.time_zone == "Europe/Berlin"


def test_a_number_with_three_decimals_is_not_taken_for_thousands(tmp_path: Path) -> None:
    path, into = tmp_path / "meters.csv", tmp_path / "mine"
    rows = [f"{t:%Y-%m-%d %H:%M};{'1.234' if at % 2 else '0,5'}" for at, t in enumerate(TIMES)]
    path.write_text("\n".join(["time;load kWh", *rows]) + "\n", encoding="utf-8")
    import_community(ImportRequest((path,), into, maps=(ZONE, "decimal=,")))
    assert energies(into)["meters"][0][:2] == [500, 1234]
