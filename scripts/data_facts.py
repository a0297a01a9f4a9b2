"""Write the figures of `docs/explain/data.md`: `python -m scripts.data_facts`; a test holds the page to them."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scripts.make_fontana import FLATS, community, donors, homes_by_wall_clock
from scripts.make_homes import FIRST_UTC, HOMES, LOCAL, utc_hours

from commonwatt.adapters.datasets import homes17

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[1] / "docs/explain/data.md"
BEGIN, END = "<!-- figures: python -m scripts.data_facts -->", "<!-- end of figures -->"
LONGITUDE_DEG = -117.4
SOUTH_FACING = (1, 7, 8)
WINTER, SUMMER = (datetime(2016, 12, 1, tzinfo=UTC), 62), (datetime(2017, 5, 22, tzinfo=UTC), 60)
AUTUMN_CHANGE, SPRING_CHANGE = datetime(2016, 11, 6, tzinfo=UTC), datetime(2017, 3, 12, tzinfo=UTC)
FAULTY_PV = (14, 15)
FAULTY_LOAD = (12, 15)
FACES_LIKE = {10: 13, 11: 13, 12: 8, 16: 1, 17: 6}

Values = npt.NDArray[np.float64]


def solar_noon_h(day: datetime) -> float:
    """Solar noon at Fontana in hours UTC: 12:00 less the longitude and the equation of time (Spencer 1971)."""
    angle = 2 * math.pi * (day.timetuple().tm_yday - 1) / 365
    equation_min = 229.18 * (
        0.000075
        + 0.001868 * math.cos(angle)
        - 0.032077 * math.sin(angle)
        - 0.014615 * math.cos(2 * angle)
        - 0.040849 * math.sin(2 * angle)
    )
    return 12 - LONGITUDE_DEG / 15 - equation_min / 60


def pv_centre_h(pv_wh: Values, first: datetime, days: int) -> float:
    """Centre of the PV energy of some days in hours UTC, each hour at its middle; days begin at 08:00 UTC, in the dark."""
    begin = round((first - FIRST_UTC) / timedelta(hours=1)) + 8
    by_hour = pv_wh[begin : begin + 24 * days].reshape(days, 24).sum(axis=0)
    return float((by_hour * (np.arange(24) + 8.5)).sum() / by_hour.sum())


def off_noon_min(pv_wh: Values, first: datetime, days: int) -> float:
    """Minutes from mean solar noon to the centre of PV, over some days."""
    noon_h = sum(solar_noon_h(first + timedelta(days=day)) for day in range(days)) / days
    return 60 * (pv_centre_h(pv_wh, first, days) - noon_h)


def clock_step_min(pv_wh: Values, change: datetime) -> float:
    """Minutes (UTC) that the centre of PV moves when the clock changes: the week from then less the week before."""
    return 60 * (pv_centre_h(pv_wh, change, 7) - pv_centre_h(pv_wh, change - timedelta(days=7), 7))


def coincidence(load_wh: Values) -> float:
    """Peak of the sum over sum of the peaks, of rows of load."""
    return float(load_wh.sum(axis=0).max() / load_wh.max(axis=1).sum())


def follows_pv(load_wh: Values, pv_wh: Values, home: int) -> float:
    """Correlation of a home's load with the PV of all other homes whose PV is sound."""
    others = [other - 1 for other in range(1, HOMES + 1) if other != home and other not in FAULTY_PV]
    return float(np.corrcoef(load_wh[home - 1], pv_wh[others].sum(axis=0))[0, 1])


def zero_percent(load_wh: Values) -> float:
    """Percentage of the hours in which a load reads 0 Wh."""
    return 100 * float((load_wh == 0).mean())


def table(*rows: tuple[str, ...]) -> Iterator[str]:
    """Lines of a table: the first row is its head."""
    head, *body = rows
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join(['---'] + ['--:'] * (len(head) - 1))}|"
    for row in body:
        yield f"| {' | '.join(row)} |"


def homes_lines(load_wh: Values, pv_wh: Values, power_w: list[int], chosen: list[int]) -> Iterator[str]:
    """The table of the homes."""
    rows = [("home", "PV W", "load kWh", "PV kWh", "PV kWh per kW", "hours at 0 Wh", "load follows PV", "makes flats")]
    for home in range(1, HOMES + 1):
        load, pv, power = load_wh[home - 1], pv_wh[home - 1], power_w[home - 1]
        rows.append(
            (
                f"h{home:02d}",
                f"{power}",
                f"{load.sum() / 1000:.0f}",
                f"{pv.sum() / 1000:.0f}",
                f"{pv.sum() / power:.0f}",
                f"{zero_percent(load):.1f} %",
                f"{follows_pv(load_wh, pv_wh, home):.2f}",
                "yes" if home - 1 in chosen else "no",
            )
        )
    yield from table(*rows)


def clock_lines(pv_wh: Values) -> Iterator[str]:
    """The table of the clock: centres of PV less solar noon in winter and summer, and steps over the two changes."""
    rows = [("home", "off noon, Dec and Jan", "off noon, 22 May to 20 Jul", "step on 6 Nov", "step on 12 Mar")]
    for home in range(1, HOMES + 1):
        if home == 15:
            continue
        pv = pv_wh[home - 1]
        cells = [off_noon_min(pv, *WINTER), off_noon_min(pv, *SUMMER)]
        cells += [clock_step_min(pv, AUTUMN_CHANGE), clock_step_min(pv, SPRING_CHANGE)]
        mark = " (faces south)" if home in SOUTH_FACING else ""
        rows.append((f"h{home:02d}{mark}", *(f"{cell:+.0f} min" for cell in cells)))
    yield from table(*rows)


def pv_fault_lines(load_wh: Values, pv_wh: Values, power_w: list[int]) -> Iterator[str]:
    """What shows that PV of homes 14 and 15 is faulty."""
    per_w = pv_wh / np.array(power_w)[:, None]
    sound = np.delete(per_w.sum(axis=1), [home - 1 for home in FAULTY_PV])
    midday = np.array([10 <= start.astimezone(LOCAL).hour < 15 for start in utc_hours()])
    load = load_wh[13]
    yield (
        f"- **PV of h14**: {per_w[13].sum():.0f} kWh per kW a year; the 15 sound ones give {sound.min():.0f} to "
        f"{sound.max():.0f}. Its shape is right (correlation {np.corrcoef(pv_wh[13], pv_wh[12])[0, 1]:.2f} with h13), "
        f"its size is {per_w[13].sum() / per_w[12].sum():.2f} of h13's. Its load reads 0 Wh in "
        f"{zero_percent(load[midday]):.0f} % of the hours from 10:00 to 15:00, in {zero_percent(load[~midday]):.0f} % of "
        "the others: as if PV were metered too low, and too little of it were added back to the load."
    )
    daily_peak = per_w[14].reshape(-1, 24).max(axis=1)
    late = pv_wh[14][-24 * 24 :].sum() / pv_wh[14].sum()
    yield (
        f"- **PV of h15**: {per_w[14].sum():.0f} kWh per kW a year; on {(daily_peak < 0.05).sum()} of 365 days it never "
        f"reaches 5 % of its nominal power, and {100 * late:.0f} % of its energy falls in the last 24 days."
    )


def load_fault_lines(load_wh: Values, pv_wh: Values) -> Iterator[str]:
    """What shows that the load of homes 12 and 15 is not a household's."""
    dark = pv_wh.sum(axis=0) == 0
    for home in FAULTY_LOAD:
        load = load_wh[home - 1]
        yield (
            f"- **Load of h{home}**: 0 Wh in {zero_percent(load[dark]):.0f} % of the dark hours, and a bell by day "
            f"(correlation {follows_pv(load_wh, pv_wh, home):.2f} with the PV of the sound homes): it looks like PV "
            "booked as load, not like a household."
        )


def spring_line(pv_wh: Values) -> str:
    """Homes whose PV leaves their own roof's curve in spring, against a home that faces the same way."""
    days = pv_wh.reshape(HOMES, -1, 24)
    centre_h = (days * np.arange(24)).sum(axis=2) / np.maximum(days.sum(axis=2), 1)
    counts = []
    for home, like in FACES_LIKE.items():
        distance = centre_h[home - 1] - centre_h[like - 1]
        counts.append(f"h{home} {(np.abs(distance - np.median(distance)) > 0.5)[200:232].sum()} (h{like:02d})")
    return (
        "- **PV of h10, h11, h12, h16 and h17 from 17 February to 20 March**: days out of these 32 on which the centre of "
        "PV is more than half an hour off its usual distance from a home that faces alike (in brackets): "
        f"{', '.join(counts)}. It looks filled in, or stamped by a clock that changed on another date."
    )


def coincidence_lines(load_wh: Values, flats_wh: Values, chosen: list[int]) -> Iterator[str]:
    """Peaks measured and resampled: the peak of the sum over the sum of the peaks, and how alike two loads are."""
    sources = load_wh[chosen]
    groups = [coincidence(sources[list(group)]) for group in itertools.combinations(range(len(chosen)), FLATS)]
    alike = [np.corrcoef(rows)[np.triu_indices(len(rows), 1)].mean() for rows in (sources, flats_wh)]
    yield from table(
        ("loads", "coincidence of peaks", "mean correlation of two"),
        ("all 17 homes", f"{coincidence(load_wh):.2f}", ""),
        (f"the {len(chosen)} that flats are made of", f"{coincidence(sources):.2f}", f"{alike[0]:.2f}"),
        (f"{FLATS} of those {len(chosen)}, mean of all {len(groups)} choices", f"{np.mean(groups):.2f}", ""),
        (f"the {FLATS} flats", f"{coincidence(flats_wh):.2f}", f"{alike[1]:.2f}"),
    )


def total_line(load_wh: Values, pv_wh: Values) -> str:
    """What homes and flats use and make together."""
    surplus = 100 * (pv_wh.sum(axis=0) > load_wh.sum(axis=0)).mean()
    return (
        f"All 17 homes together use {load_wh[:HOMES].sum() / 1e6:.1f} MWh and their PV gives {pv_wh.sum() / 1e6:.1f} MWh a "
        f"year. The eight flats use {load_wh[HOMES:].sum() / 1e6:.1f} MWh. The 25 together have more PV than load in "
        f"{surplus:.0f} % of the hours."
    )


def figures() -> str:
    """The block of the page between its two marks."""
    power_w = list(json.loads(homes17().schema.metadata[b"pv_w"]).values())
    members = list(community().values())
    load_wh, pv_wh = (np.stack([member[column] for member in members]).astype(np.float64) for column in (0, 1))
    homes_wh, homes_pv_wh, flats_wh = load_wh[:HOMES], pv_wh[:HOMES], load_wh[HOMES:]
    chosen = donors(homes_by_wall_clock()[0])
    faults = [*pv_fault_lines(homes_wh, homes_pv_wh, power_w), *load_fault_lines(homes_wh, homes_pv_wh)]
    parts = [
        ["### The homes", "", total_line(load_wh, pv_wh), ""],
        [*homes_lines(homes_wh, homes_pv_wh, power_w, chosen)],
        ["### The clock", "", *clock_lines(homes_pv_wh)],
        ["### Faults", "", *faults, spring_line(homes_pv_wh)],
        ["### Peaks, measured and resampled", "", *coincidence_lines(homes_wh, flats_wh, chosen)],
    ]
    return "\n\n".join("\n".join(part).rstrip() for part in parts)


def main() -> None:
    """Put the figures into the page."""
    head, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{figures()}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
