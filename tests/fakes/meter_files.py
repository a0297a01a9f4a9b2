"""The same three days of three homes, over the night on which the clock is put back, written in every layout that meters know."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

ZURICH = ZoneInfo("Europe/Zurich")
HOMES = ("anna", "ben", "cleo")
FIRST = dt.datetime(2024, 10, 26, tzinfo=ZURICH)
DAYS = 3


@dataclass(frozen=True)
class Shape:
    """How a file is written."""

    wide: bool = False
    slot_s: int = 3600
    unit: str = "kWh"
    """In the column names, and of the values: Wh, kWh, W, kW."""
    end: bool = False
    """Whether times name the end of a slot."""
    local: bool = False
    """Local wall clock without an offset; else UTC with one."""
    date: str = "%Y-%m-%d"
    separator: str = ","
    comma: bool = False
    register: bool = False
    kinds: tuple[str, ...] = ("load", "pv")
    """Or import, export; net; net, pv."""


def starts(slot_s: int = 3600) -> list[int]:
    """Instants at which the slots begin: 73 hours, because one shows twice."""
    begin, end = (int((FIRST + dt.timedelta(days=days)).timestamp()) for days in (0, DAYS))
    return list(range(begin, end, slot_s))


def load_wh(home: int, at: int) -> int:
    """What a home uses in a slot, Wh."""
    return 240 + 100 * home + round(90 * math.sin(at)) + (400 if at % 24 == 19 else 0)


def pv_wh(home: int, instant_s: int) -> int:
    """What a home's PV makes in a slot, Wh; the last home has none."""
    hour = dt.datetime.fromtimestamp(instant_s, ZURICH).hour
    return max(0, 36 - (hour - 12) ** 2) * 50 * (home < 2)


def truth(slot_s: int = 3600) -> dict[tuple[str, int], tuple[int, int]]:
    """Load and PV by home and instant."""
    return {
        (name, instant): (load_wh(home, at), pv_wh(home, instant))
        for home, name in enumerate(HOMES)
        for at, instant in enumerate(starts(slot_s))
    }


def energies(shape: Shape, load: int, pv: int) -> dict[str, int]:
    """A slot's energies by kind, Wh."""
    every = {
        "load": load,
        "pv": pv,
        "import": max(load - pv, 0),
        "export": max(pv - load, 0),
        "net": load - pv,
    }
    return {kind: every[kind] for kind in shape.kinds}


def expected(shape: Shape) -> dict[tuple[str, int], tuple[int, int]]:
    """What an import must find: load and PV where both can be known, else import and export."""
    if "pv" in shape.kinds:
        return truth(shape.slot_s)
    return {
        at: (max(load - pv, 0), max(pv - load, 0)) if "load" not in shape.kinds else (load, 0)
        for at, (load, pv) in truth(shape.slot_s).items()
    }


def written(path: Path, shape: Shape, spoil: Callable[[list[str]], list[str]] = lambda lines: lines) -> Path:
    """The file, its lines changed by `spoil`."""
    path.write_text("\n".join(spoil(lines_of(shape))) + "\n", encoding="utf-8")
    return path


def lines_of(shape: Shape) -> list[str]:
    """Header and rows."""
    columns = [f"{kind}_{shape.unit}" for kind in shape.kinds]
    keys: list[tuple[str, ...]] = [HOMES] if shape.wide else [(home,) for home in HOMES]
    if shape.wide:
        columns = [f"{home}_{column}" for home in HOMES for column in columns]
        header = ["Time", *columns]
    else:
        header = ["Time", "Home", *columns]
    rows = [header]
    known, instants = truth(shape.slot_s), starts(shape.slot_s)
    for homes in keys:
        totals = {(home, kind): 12_345_000 for home in homes for kind in shape.kinds}
        for instant in [*instants, instants[-1] + shape.slot_s] if shape.register else instants:
            cells = [_time(instant, shape)] if shape.wide else [_time(instant, shape), homes[0]]
            for home in homes:
                now = energies(shape, *known.get((home, instant), (0, 0)))
                cells += [_number(totals[home, k] if shape.register else wh, shape) for k, wh in now.items()]
                totals |= {(home, kind): totals[home, kind] + wh for kind, wh in now.items()}
            rows.append(cells)
    return [shape.separator.join(row) for row in rows]


def _time(instant: int, shape: Shape) -> str:
    shown = instant + shape.slot_s * (shape.end and not shape.register)
    zone = ZURICH if shape.local else dt.UTC
    moment = dt.datetime.fromtimestamp(shown, zone)
    return moment.strftime(f"{shape.date} %H:%M") + ("" if shape.local else "Z")


def _number(wh: int, shape: Shape) -> str:
    value = wh * {"Wh": 1.0, "kWh": 1e-3, "W": 3600 / shape.slot_s, "kW": 3.6 / shape.slot_s}[shape.unit]
    text = f"{value:.6f}".rstrip("0").rstrip(".") if shape.unit != "Wh" else str(wh)
    return text.replace(".", ",") if shape.comma else text
