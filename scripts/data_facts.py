"""Write the figures of `docs/explain/data.md` from the bundled files: `python -m scripts.data_facts`; a test holds the page to it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scripts.make_fontana import FLATS, community, donors, homes_by_wall_clock
from scripts.make_homes import FIRST_UTC, HOMES, HOURS, LOCAL

PAGE = Path(__file__).resolve().parents[1] / "docs/explain/data.md"
BEGIN, END = "<!-- figures: python -m scripts.data_facts -->", "<!-- end of figures -->"
LONGITUDE_DEG = -117.4
SOUTH_FACING = (1, 7, 8)
WINTER, SUMMER = (datetime(2016, 12, 1, tzinfo=UTC), 62), (datetime(2017, 5, 22, tzinfo=UTC), 60)
AUTUMN_CHANGE, SPRING_CHANGE = datetime(2016, 11, 6, tzinfo=UTC), datetime(2017, 3, 12, tzinfo=UTC)

Values = npt.NDArray[np.float64]


def solar_noon_h(day: datetime) -> float:
    """Solar noon at Fontana in hours UTC: 12:00 less the longitude and the equation of time (Spencer 1971, Fourier series, to 0.6 min)."""
    angle = 2 * math.pi * (day.timetuple().tm_yday - 1) / 365
    equation_min = 229.18 * (
        0.000075
        + 0.001868 * math.cos(angle)
        - 0.032077 * math.sin(angle)
        - 0.014615 * math.cos(2 * angle)
        - 0.040849 * math.sin(2 * angle)
    )
    return 12 - LONGITUDE_DEG / 15 - equation_min / 60


def pv_centroid_h(pv_wh: Values, first: datetime, days: int) -> float:
    """Centre of the PV energy of some days in hours UTC, every hour taken at its middle; days begin at 08:00 UTC, before any sunrise."""
    begin = round((first - FIRST_UTC) / timedelta(hours=1)) + 8
    by_hour = pv_wh[begin : begin + 24 * days].reshape(days, 24).sum(axis=0)
    return float((by_hour * (np.arange(24) + 8.5)).sum() / by_hour.sum())


def clock_step_min(pv_wh: Values, change: datetime) -> float:
    """Minutes (UTC) by which the centre of PV moves over a change of the clock: the week from the change less the week before."""
    after, before = pv_centroid_h(pv_wh, change, 7), pv_centroid_h(pv_wh, change - timedelta(days=7), 7)
    return 60 * (after - before)


def coincidence(load_wh: Values) -> float:
    """Peak of the sum over sum of the peaks, of rows of load."""
    return float(load_wh.sum(axis=0).max() / load_wh.max(axis=1).sum())


def homes_lines(load_wh: Values, pv_wh: Values, power_w: list[int], chosen: list[int]) -> Iterator[str]:
    """The table of the homes."""
    yield "| home | PV W | load kWh | PV kWh | PV kWh per kW | hours at 0 Wh load | load follows PV of the others | makes flats |"
    yield "|---|--:|--:|--:|--:|--:|--:|---|"
    for home in range(HOMES):
        others = (
            np.delete(pv_wh, [home, 13, 14], axis=0) if home not in (13, 14) else np.delete(pv_wh, [13, 14], axis=0)
        )
        follows = np.corrcoef(load_wh[home], others.sum(axis=0))[0, 1]
        pv_kwh = pv_wh[home].sum() / 1000
        yield (
            f"| h{home + 1:02d} | {power_w[home]} | {load_wh[home].sum() / 1000:.0f} | {pv_kwh:.0f} | {pv_kwh / power_w[home] * 1000:.0f} "
            f"| {100 * (load_wh[home] == 0).mean():.1f} % | {follows:.2f} | {'yes' if home in chosen else 'no'} |"
        )


def clock_lines(pv_wh: Values) -> Iterator[str]:
    """The table of the clock: centres against solar noon, and steps over the two changes."""
    yield "| home | December and January: centre less solar noon | summer: centre less solar noon | step on 6 November | step on 12 March |"
    yield "|---|--:|--:|--:|--:|"
    for home in range(HOMES):
        if home == 14:
            continue
        cells = []
        for first, days in (WINTER, SUMMER):
            noon = sum(solar_noon_h(first + timedelta(days=day)) for day in range(days)) / days
            cells.append(f"{60 * (pv_centroid_h(pv_wh[home], first, days) - noon):+.0f} min")
        cells += [f"{clock_step_min(pv_wh[home], change):+.0f} min" for change in (AUTUMN_CHANGE, SPRING_CHANGE)]
        mark = " (faces south)" if home + 1 in SOUTH_FACING else ""
        yield f"| h{home + 1:02d}{mark} | " + " | ".join(cells) + " |"


def fault_lines(load_wh: Values, pv_wh: Values, power_w: list[int]) -> Iterator[str]:
    """What shows the faults."""
    per_w = pv_wh / np.array(power_w)[:, None]
    daily_peak = per_w[14].reshape(-1, 24).max(axis=1)
    sound = np.delete(per_w.sum(axis=1), [13, 14])
    noon = np.array([start.astimezone(LOCAL).hour in range(10, 15) for start in _starts()])
    yield (
        f"- **PV of h14**: {per_w[13].sum():.0f} kWh per kW a year; the other 15 (h15 aside) give {sound.min():.0f} to {sound.max():.0f}. Its shape is "
        f"right (correlation {np.corrcoef(pv_wh[13], pv_wh[12])[0, 1]:.2f} with h13), its size is {per_w[13].sum() / per_w[12].sum():.2f} of h13's, and its load "
        f"reads 0 Wh in {100 * (load_wh[13][noon] == 0).mean():.0f} % of the hours from 10:00 to 15:00 but in {100 * (load_wh[13][~noon] == 0).mean():.0f} % of "
        "the others: what looks like PV metered too low, subtracted from the load too little."
    )
    yield (
        f"- **PV of h15**: {per_w[14].sum():.0f} kWh per kW a year; on {(daily_peak < 0.05).sum()} of 365 days it never reaches 5 % of its nominal power, and "
        f"{100 * pv_wh[14][-24 * 24 :].sum() / pv_wh[14].sum():.0f} % of its energy falls in the last 24 days."
    )
    for home in (11, 14):
        follows = np.corrcoef(load_wh[home], np.delete(pv_wh, [11, 13, 14], axis=0).sum(axis=0))[0, 1]
        yield (
            f"- **Load of h{home + 1}**: 0 Wh in {100 * (load_wh[home] == 0).mean():.0f} % of the hours, nearly all of them dark, and a bell by day "
            f"(correlation {follows:.2f} with the PV of the sound homes): it looks like PV booked as load, not like a household."
        )


def spring_lines(pv_wh: Values) -> Iterator[str]:
    """Homes whose PV leaves their own roof's curve between 17 February and 20 March, against a home that faces the same way."""
    days = pv_wh.reshape(HOMES, -1, 24)
    centre_h = (days * np.arange(24)).sum(axis=2) / np.maximum(days.sum(axis=2), 1)
    spring = slice(200, 232)
    off_days = []
    for home, like in ((10, 13), (11, 13), (12, 8), (16, 1), (17, 6)):
        usual = centre_h[home - 1] - centre_h[like - 1]
        off_days.append(f"h{home} {(np.abs(usual - np.median(usual)) > 0.5)[spring].sum()}")
    yield (
        "- **PV of h10, h11, h12, h16 and h17 from 17 February to 20 March**: the centre of the day is more than half an hour off its usual "
        f"distance from a home that faces alike (h13, h13, h8, h1, h6) on this many of the 32 days: {', '.join(off_days)}. It looks filled in, or "
        "stamped by a clock that changed on another date."
    )


def coincidence_lines(load_wh: Values, flats_wh: Values, chosen: list[int]) -> Iterator[str]:
    """Peaks measured and resampled: the peak of the sum over the sum of the peaks, and how alike two loads are."""
    sources = load_wh[chosen]
    groups = [coincidence(sources[list(group)]) for group in itertools.combinations(range(len(chosen)), FLATS)]
    pairs = [np.corrcoef(rows)[np.triu_indices(len(rows), 1)].mean() for rows in (sources, flats_wh)]
    yield "| loads | coincidence of peaks | mean correlation of two |"
    yield "|---|--:|--:|"
    yield f"| all 17 homes | {coincidence(load_wh):.2f} | |"
    yield f"| the {len(chosen)} that flats are made of | {coincidence(sources):.2f} | {pairs[0]:.2f} |"
    yield f"| {FLATS} of those {len(chosen)}, mean of all {len(groups)} choices | {np.mean(groups):.2f} | |"
    yield f"| the {FLATS} flats | {coincidence(flats_wh):.2f} | {pairs[1]:.2f} |"


def figures() -> str:
    """The block of the page between its two marks."""
    import json

    from commonwatt.adapters.datasets import homes17

    power_w = list(json.loads(homes17().schema.metadata[b"pv_w"]).values())
    members = list(community().values())
    load_wh, pv_wh = (np.stack([member[column] for member in members]).astype(np.float64) for column in (0, 1))
    homes_load_wh, homes_pv_wh, flats_wh = load_wh[:HOMES], pv_wh[:HOMES], load_wh[HOMES:]
    chosen = donors(homes_by_wall_clock()[0])
    total = (
        f"All 17 homes together use {homes_load_wh.sum() / 1e6:.1f} MWh and their PV gives {homes_pv_wh.sum() / 1e6:.1f} MWh a year. The eight flats use "
        f"{flats_wh.sum() / 1e6:.1f} MWh. The 25 together have more PV than load in {100 * (pv_wh.sum(axis=0) > load_wh.sum(axis=0)).mean():.0f} % of the hours."
    )
    parts = [
        ["### The homes", "", total, "", *homes_lines(homes_load_wh, homes_pv_wh, power_w, chosen)],
        ["### The clock", "", *clock_lines(homes_pv_wh)],
        ["### Faults", "", *fault_lines(homes_load_wh, homes_pv_wh, power_w), *spring_lines(homes_pv_wh)],
        ["### Peaks, measured and resampled", "", *coincidence_lines(homes_load_wh, flats_wh, chosen)],
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _starts() -> list[datetime]:
    return [FIRST_UTC + timedelta(hours=hour) for hour in range(HOURS)]


def main() -> None:
    """Put the figures into the page."""
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{figures()}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
