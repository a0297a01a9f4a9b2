"""A street of any number of homes for the day suite: days of the bundled homes, drawn anew and split into quarter hours; resampled, not measured."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from commonwatt.adapters.datasets import homes17
from commonwatt.adapters.feeder_file import FEEDER, FeederFile
from commonwatt.adapters.store.files import write_table, write_text
from commonwatt.core.determinism import stream
from commonwatt.core.units import whole_wh
from commonwatt.settings.written import community_toml

if TYPE_CHECKING:
    from pathlib import Path

    from commonwatt.core.units import Floats, Ints
    from commonwatt.grid import Feeder

SEED: Final = 2017
FIRST_DAY: Final = np.datetime64("2016-08-01")
DAYS: Final = 365
QUARTERS: Final = 4
SLOT_S: Final = 900
SLOTS_A_DAY: Final = 96
WINDOW_DAYS: Final = 21
FAULTY_HOMES: Final = (6, 11, 13, 14)
"""Homes (from 0) whose load reads 0 in many hours or whose PV looks broken (`docs/explain/data.md`)."""

PV_SHARE, BATTERY_SHARE = 0.6, 0.3
CONNECTION_W: Final = 40_000

Given = dict[str, dict[str, Any]]
GIVEN: Final[Given] = {
    "community": {"name": "Bench Street", "slot_s": SLOT_S, "time_zone": "UTC"},
    "tariff": {
        "retail_micro_per_kwh": 300_000,
        "feed_in_micro_per_kwh": 80_000,
        "grid_fee_micro_per_kwh": 40_000,
        "local_fee_micro_per_kwh": 15_000,
        "tax_micro_per_kwh": 20_000,
        "local_tax_micro_per_kwh": 5_000,
    },
    "grid": {"model": "capacity"},
    "metering": {"signing": "gateway"},
    "bidding": {"signing": "standing"},
    "data": {"profiles": "profiles.parquet"},
}
"""What the community file sets; the design is the default one. One gateway signs the packets of a slot, members sign once for a run."""

EVERY_SIGNATURE: Final[Given] = {"metering": {"signing": "meter"}, "bidding": {"signing": "order"}}
"""What it sets instead where every meter signs its packet and every member each order."""


@dataclass(frozen=True)
class Street:
    """How many homes trade on which days of the year (0 is 1 August 2016)."""

    homes: int
    first_day: int
    days: int
    is_signed: bool = False
    """Every packet and every order has a signature of its own."""
    feeder: Feeder | None = None
    """What the homes are connected to, bus by bus, the transformer's left out; None: the grid is `capacity`."""

    @property
    def with_pv(self) -> int:
        """Homes with PV: the first ones."""
        return round(self.homes * PV_SHARE)

    @property
    def with_battery(self) -> int:
        """Homes with a battery: the first ones, all of which have PV."""
        return round(self.homes * BATTERY_SHARE)


def write_street(street: Street, folder: Path) -> None:
    """Write the community folder: `community.toml`, `members.csv`, `profiles.parquet`, and `feeder.toml` where there is one."""
    given = GIVEN | EVERY_SIGNATURE if street.is_signed else GIVEN
    if street.feeder is not None:
        given = given | {"grid": {"model": "radial", "feeder": FEEDER}}
        write_text(folder / FEEDER, FeederFile(street.feeder).text)
    write_text(folder / "community.toml", community_toml(given))
    write_text(folder / "members.csv", _members(street))
    write_table(folder / "profiles.parquet", _profiles(street))


def _members(street: Street) -> str:
    draw = stream(SEED, "members")
    out = io.StringIO()
    names = "id,role,pv_w,battery_wh,battery_w,strategy,buy_limit_micro_per_kwh,sell_limit_micro_per_kwh,connection_w,source,origin"
    rows = csv.writer(out, lineterminator="\n")
    buses = [bus.id for bus in street.feeder.buses if bus.id != street.feeder.root] if street.feeder else []
    rows.writerow([*names.split(","), *(("bus",) if buses else ())])
    for home in range(street.homes):
        buy, sell = int(draw.integers(180, 341)) * 1000, int(draw.integers(60, 161)) * 1000
        has_pv, has_battery = home < street.with_pv, home < street.with_battery
        assets = (5000 if has_pv else 0, 10_000 if has_battery else 0, 5000 if has_battery else 0)
        role, strategy = ("prosumer" if has_pv else "consumer"), ("truthful", "zero_intelligence")[home % 2]
        source = "pv" if has_pv else ""
        place = (buses[home % len(buses)],) if buses else ()
        rows.writerow([_id(home), role, *assets, strategy, buy, sell, CONNECTION_W, source, "resampled", *place])
    return out.getvalue()


def _id(home: int) -> str:
    return f"home-{home + 1:03}"


def _profiles(street: Street) -> pa.Table:
    table = homes17()
    hours = {name: table[name].to_numpy().reshape(-1, DAYS, 24) for name in ("load_wh", "pv_wh")}
    sound = np.setdiff1d(np.arange(len(hours["load_wh"])), FAULTY_HOMES)
    load, pv = [], []
    for home in range(street.homes):
        draw = stream(SEED, "home", home)
        donor, day = _source_days(street, draw, sound)
        size = float(np.exp(draw.normal(0.0, 0.3)))
        load.append(_quarters(hours["load_wh"][donor, day] * size, draw, 0.5))
        own = draw.choice(sound)
        pv.append(_quarters(hours["pv_wh"][own, day] * float(home < street.with_pv), draw, 0.1))
    begin = FIRST_DAY + street.first_day
    starts = (begin + np.arange(street.days * SLOTS_A_DAY) * np.timedelta64(SLOT_S, "s")).astype("datetime64[ms]")
    return pa.table(
        {
            "start": pa.array(np.tile(starts, street.homes), pa.timestamp("ms", "UTC")),
            "member": np.repeat([_id(home) for home in range(street.homes)], len(starts)),
            "load_wh": np.concatenate(load),
            "pv_wh": np.concatenate(pv),
        }
    )


def _source_days(street: Street, draw: np.random.Generator, sound: Ints) -> tuple[Ints, Ints]:
    """For each day a home of the data and a day of the same type (working day or weekend) at most 21 days away."""
    days = np.arange(street.first_day, street.first_day + street.days)
    is_weekend = ~np.is_busday(FIRST_DAY + np.arange(DAYS))
    near = []
    for day in days.tolist():
        window = np.arange(max(0, day - WINDOW_DAYS), min(DAYS, day + WINDOW_DAYS + 1))
        near.append(int(draw.choice(window[is_weekend[window] == is_weekend[day]])))
    return draw.choice(sound, len(days)), np.array(near)


def _quarters(hour_wh: Floats, draw: np.random.Generator, noise: float) -> Ints:
    """Hours of shape (days, 24) as quarter hours, flat: each hour's energy on four noisy shares, whole Wh by rounding the running sum."""
    shares = draw.uniform(1 - noise, 1 + noise, (hour_wh.size, QUARTERS))
    split = hour_wh.reshape(-1, 1) * shares / shares.sum(axis=1, keepdims=True)
    return np.diff(whole_wh(np.cumsum(split.reshape(-1))), prepend=0)
