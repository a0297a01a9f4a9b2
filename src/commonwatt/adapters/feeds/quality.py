"""Looking through profiles for what cannot be right: the sun at night, clocks that move, values that stand still or leap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from commonwatt.adapters.feeds.doubts import Doubt, stamp
from commonwatt.adapters.feeds.rows import GROSS, NET
from commonwatt.core.units import SECONDS_PER_HOUR, Flags, Floats, Ints

_DAY_H: Final = 24
_LEAST_DAYS: Final = 3
"""Fewer days than these say nothing about the sun."""
_NEIGHBOURS: Final = 3
"""Homes with PV that make a sky to compare with."""

DARK_SHARE: Final = 0.002
"""Dark is a time of day at which the typical home has less than this share of its best slot, over four weeks."""
NIGHT_SHARE: Final = 0.05
"""PV in the dark counts from this share of the home's best slot."""
SHIFT_MIN: Final = 40
"""The middle of PV moves by a quarter of an hour over a season; a clock that changes moves it by an hour."""
SHIFT_DAYS: Final = 12
SPIKE_TIMES: Final = 4.0
"""A spike is so many times what the home is below for 99 % of its slots."""
STUCK_H: Final = 8
ZERO_H: Final = 24
SILENT_DAYS: Final = 5
WEAK_SHARE: Final = 0.5
FOLLOWS: Final = 0.7
"""Correlation of a load with its neighbours' PV from which it is no household's."""
ZERO_NIGHTS: Final = 0.75
NOON_H: Final = 3.0
HOME_W: Final = (5.0, 20_000.0)
"""What flows at a typical home on average, W: a thousand times more or less is a wrong unit, not another home."""


@dataclass(frozen=True)
class Series:
    """What is looked through: arrays of shape (slots, members); net meters have no PV to look at."""

    ids: Sequence[str]
    first_slot: int
    slot_s: int
    load_wh: Ints
    pv_wh: Ints
    known: Flags
    pv_w: Sequence[int]
    """Nominal power of each member's PV, W; 0: none or not known."""
    noon_offset_h: float = 0.0
    """How far the wall clock is ahead of UTC, hours; for the middle of the day."""
    is_net: bool = False
    """Whether the columns are the registers of a net meter, import and export."""

    @property
    def columns(self) -> tuple[tuple[str, Ints], tuple[str, Ints]]:
        """Both columns with their names in a file."""
        names = NET if self.is_net else GROSS
        return (names[0], self.load_wh), (names[1], self.pv_wh)

    def at(self, slot: int) -> str:
        """When a slot of the series begins."""
        return stamp((self.first_slot + slot) * self.slot_s)

    @cached_property
    def per_day(self) -> int:
        """Slots of a day."""
        return _DAY_H * SECONDS_PER_HOUR // self.slot_s

    @cached_property
    def producers(self) -> Ints:
        """Members that ever have PV."""
        return np.zeros(0, np.int64) if self.is_net else np.flatnonzero(self.pv_wh.any(axis=0))

    @cached_property
    def share(self) -> Floats:
        """PV of the producers as a share of each one's best slot."""
        pv: Ints = np.where(self.known, self.pv_wh, 0)[:, self.producers]
        share: Floats = pv / np.maximum(pv.max(axis=0), 1)
        return share

    @cached_property
    def days(self) -> range:
        """Offsets at which whole days begin: twelve hours from the middle of everybody's PV."""
        if not len(self.producers):
            return range(0, len(self.known) - self.per_day + 1, self.per_day)
        of_day = (self.first_slot + np.arange(len(self.known))) % self.per_day
        profile = np.bincount(of_day, weights=self.share.sum(axis=1), minlength=self.per_day)
        angle = 2 * np.pi * (np.arange(self.per_day) + 0.5) / self.per_day
        noon = np.angle((profile * np.exp(1j * angle)).sum()) / (2 * np.pi) * self.per_day
        midnight = round(noon + self.per_day / 2 - self.first_slot) % self.per_day
        return range(midnight, len(self.known) - self.per_day + 1, self.per_day)

    def by_day(self, values: Floats) -> Floats:
        """Values of shape (slots, members) as (days, slots of a day, members), days from dark to dark."""
        window = values[self.days.start : self.days.start + len(self.days) * self.per_day]
        return window.reshape(len(self.days), self.per_day, values.shape[1])


def doubts_of(series: Series) -> list[Doubt]:
    """Every doubt about some profiles, kind by kind, member by member."""
    found = [*unit_doubts(series), *_gaps(series), *_spikes(series), *_stuck(series), *_zero_load(series)]
    if len(series.producers) and len(series.days) >= _LEAST_DAYS:
        dark = _dark(series)
        found += [*_pv_at_night(series, dark), *_zero_at_night(series, dark), *_noons(series), *_shifts(series)]
        found += [*_silent(series), *_weak(series), *_follows(series)]
    return found


def unit_doubts(series: Series) -> list[Doubt]:
    """All homes together: energies that are a thousand times too large or too small."""
    slots = np.maximum(series.known.sum(axis=0), 1)
    energy_wh = np.where(series.known, series.load_wh + series.pv_wh, 0).sum(axis=0)
    mean_w: Floats = energy_wh / slots * SECONDS_PER_HOUR / series.slot_s
    used = mean_w[mean_w > 0]
    typical_w = float(np.median(used)) if len(used) else 0.0
    if not len(used) or HOME_W[0] <= typical_w <= HOME_W[1]:
        return []
    power = f"{typical_w / 1000:,.0f} kW" if typical_w >= HOME_W[1] else f"{typical_w:.2f} W"
    return [Doubt("unit", "", "", "", 0, f"the typical home uses and makes {power} on average")]


def _gaps(series: Series) -> list[Doubt]:
    found = []
    for member, name in enumerate(series.ids):
        silent = ~series.known[:, member]
        begins, lengths = _runs(silent.astype(np.int64))
        gaps = np.flatnonzero(silent[begins])
        if len(gaps):
            longest = int(lengths[gaps].max()) * series.slot_s / SECONDS_PER_HOUR
            text = f"{len(gaps)} {'gap' if len(gaps) == 1 else 'gaps'}, the longest {longest:g} h"
            found.append(Doubt("gap", name, "", series.at(int(begins[gaps[0]])), int(silent.sum()), text))
    return found


def _spikes(series: Series) -> list[Doubt]:
    found = []
    for column, wh in series.columns:
        for member, name in enumerate(series.ids):
            values = np.where(series.known[:, member], wh[:, member], 0)
            used = values[values > 0]
            if len(used) < 100:
                continue
            usual = float(np.quantile(used, 0.99))
            slots = np.flatnonzero(values > SPIKE_TIMES * usual)
            if len(slots):
                at = int(slots[np.argmax(values[slots])])
                text = f"{values[at]} Wh, where 99 % are below {usual:.0f} Wh"
                found.append(Doubt("spike", name, column, series.at(at), len(slots), text))
    return found


def _stuck(series: Series) -> list[Doubt]:
    least = max(STUCK_H * SECONDS_PER_HOUR // series.slot_s, 3)
    found = []
    for column, wh in series.columns:
        for member, name in enumerate(series.ids):
            values = np.where(series.known[:, member], wh[:, member], -1)
            begins, lengths = _runs(values)
            # A standby of a few Wh may well stand still.
            long = (lengths >= least) & (values[begins] > max(20 * series.slot_s // SECONDS_PER_HOUR, 1))
            if long.any():
                at = int(np.argmax(np.where(long, lengths, 0)))
                text = f"{values[begins[at]]} Wh for {lengths[at] * series.slot_s / SECONDS_PER_HOUR:g} h"
                found.append(Doubt("stuck", name, column, series.at(int(begins[at])), int(lengths[long].sum()), text))
    return found


def _zero_load(series: Series) -> list[Doubt]:
    least = ZERO_H * SECONDS_PER_HOUR // series.slot_s
    found = []
    for member, name in enumerate(series.ids):
        values = np.where(series.known[:, member], series.load_wh[:, member], -1)
        if series.is_net:
            values = np.where(series.pv_wh[:, member] > 0, -1, values)
        begins, lengths = _runs(values)
        long = (lengths >= least) & (values[begins] == 0)
        if long.any():
            at = int(np.argmax(np.where(long, lengths, 0)))
            text = f"0 Wh for {lengths[at] * series.slot_s / SECONDS_PER_HOUR:g} h"
            found.append(
                Doubt(
                    "zero_load", name, series.columns[0][0], series.at(int(begins[at])), int(lengths[long].sum()), text
                )
            )
    return found


def _dark(series: Series) -> Flags:
    """Which slots are dark, from what the typical home makes at that time of day in the weeks around."""
    share = series.by_day(series.share)
    if len(series.producers) >= _NEIGHBOURS:
        typical = np.median(share, axis=2)
        span = min(14, len(typical))
        around = np.stack([typical[max(0, day - span) : day + span + 1].max(axis=0) for day in range(len(typical))])
        by_day = around < DARK_SHARE
    else:  # four hours around the middle of the night: dark in every season up to 55 degrees of latitude
        slot = np.arange(series.per_day)
        edge = 2 * SECONDS_PER_HOUR // series.slot_s
        by_day = np.broadcast_to((slot < edge) | (slot >= series.per_day - edge), share.shape[:2])
    dark = np.zeros(len(series.known), np.bool_)
    dark[series.days.start : series.days.start + by_day.size] = by_day.ravel()
    return dark


def _pv_at_night(series: Series, dark: Flags) -> list[Doubt]:
    found = []
    for column, member in enumerate(series.producers.tolist()):
        slots = np.flatnonzero(dark & (series.share[:, column] > NIGHT_SHARE) & series.known[:, member])
        if len(slots):
            text = f"{series.pv_wh[slots[0], member]} Wh in the dark"
            found.append(Doubt("pv_at_night", series.ids[member], "pv_wh", series.at(int(slots[0])), len(slots), text))
    return found


def _zero_at_night(series: Series, dark: Flags) -> list[Doubt]:
    found = []
    for member, name in enumerate(series.ids):
        mine = dark & series.known[:, member]
        if mine.sum() < series.per_day:
            continue
        share = float((series.load_wh[mine, member] == 0).mean())
        if share >= ZERO_NIGHTS and series.load_wh[:, member].any():
            slots = int((series.load_wh[mine, member] == 0).sum())
            found.append(Doubt("zero_at_night", name, "load_wh", "", slots, f"0 Wh in {share:.0%} of the dark slots"))
    return found


def _centres_h(series: Series) -> Floats:
    """The middle of each producer's PV of each day, hours after the beginning of the day; NaN on a day with hardly any."""
    share = series.by_day(series.share)
    hours = (np.arange(series.per_day) + 0.5) * series.slot_s / SECONDS_PER_HOUR
    total = share.sum(axis=1)
    bright = total > 0.25 * np.median(np.where(total > 0, total, np.nan_to_num(total)), axis=0)
    centre = (share * hours[None, :, None]).sum(axis=1) / np.where(bright & (total > 0), total, 1)
    return np.where(bright & (total > 0), centre, np.nan)


def _noons(series: Series) -> list[Doubt]:
    """All homes together: the middle of the day on the wall clock."""
    share = series.by_day(series.share).sum(axis=(0, 2))
    if not share.any():
        return []
    hours = (np.arange(series.per_day) + 0.5) * series.slot_s / SECONDS_PER_HOUR
    begin_h = (series.first_slot + series.days.start) * series.slot_s / SECONDS_PER_HOUR
    noon_h = (float((share * hours).sum() / share.sum()) + begin_h + series.noon_offset_h) % _DAY_H
    if abs(noon_h - 12.5) <= NOON_H:
        return []
    clock = f"{int(noon_h):02d}:{int(noon_h % 1 * 60):02d}"
    return [Doubt("zone", "", "pv_wh", series.at(0), 0, f"the middle of PV is at {clock} on the community's clock")]


def _shifts(series: Series) -> list[Doubt]:
    """Days from which the middle of a home's PV is earlier or later than before by about an hour."""
    centres, found = _centres_h(series), []
    for column, member in enumerate(series.producers.tolist()):
        days = np.flatnonzero(np.isfinite(centres[:, column]))
        if len(days) < 2 * SHIFT_DAYS:
            continue
        windows = np.median(np.lib.stride_tricks.sliding_window_view(centres[days, column], SHIFT_DAYS), axis=1)
        step_min = 60 * (windows[SHIFT_DAYS:] - windows[:-SHIFT_DAYS])
        for at in _peaks(np.abs(step_min), SHIFT_MIN, SHIFT_DAYS):
            day = int(days[at + SHIFT_DAYS])
            slot = series.days.start + day * series.per_day
            text = f"the middle of PV moves by {step_min[at]:+.0f} min"
            found.append(Doubt("clock_shift", series.ids[member], "pv_wh", series.at(slot), 0, text))
    return found


def _silent(series: Series) -> list[Doubt]:
    """Days without PV while most of the neighbours have some."""
    if len(series.producers) < _NEIGHBOURS:
        return []
    sums = series.by_day(series.share).sum(axis=1)
    # Days on which hardly anybody has any say nothing, and do not end a silence either.
    days = np.flatnonzero(np.median(sums, axis=1) > 0.25 * np.median(sums))
    found = []
    for column, member in enumerate(series.producers.tolist()):
        silent = sums[days, column] < 0.01 * np.maximum(np.median(sums[days], axis=1), 1e-9)
        begins, lengths = _runs(silent.astype(np.int64))
        ends = begins + lengths - 1
        spans = np.where(silent[begins], days[ends] - days[begins] + 1, 0) if len(days) else begins
        if (spans >= SILENT_DAYS).any():
            at = int(np.argmax(spans))
            slot = series.days.start + int(days[begins[at]]) * series.per_day
            count = int(spans[spans >= SILENT_DAYS].sum()) * series.per_day
            text = f"nothing for {spans[at]} days"
            found.append(Doubt("pv_silent", series.ids[member], "pv_wh", series.at(slot), count, text))
    return found


def _weak(series: Series) -> list[Doubt]:
    """Homes whose PV gives much less for its nominal power than the others'."""
    sized = [m for m in series.producers.tolist() if series.pv_w[m] > 0]
    if len(sized) < _NEIGHBOURS:
        return []
    hours = np.maximum(series.known[:, sized].sum(axis=0), 1) * series.slot_s / SECONDS_PER_HOUR
    mean_share = (
        np.where(series.known, series.pv_wh, 0)[:, sized].sum(axis=0)
        / hours
        / np.array([series.pv_w[m] for m in sized], np.float64)
    )
    usual = float(np.median(mean_share))
    return [
        Doubt(
            "pv_weak",
            series.ids[member],
            "pv_wh",
            "",
            int(series.known[:, member].sum()),
            f"{mean * 8760:.0f} kWh per kW and year, where {usual * 8760:.0f} is usual here",
        )
        for member, mean in zip(sized, mean_share.tolist(), strict=True)
        if mean < WEAK_SHARE * usual
    ]


def _follows(series: Series) -> list[Doubt]:
    """Loads that follow the PV of the other homes."""
    found = []
    every = series.share.sum(axis=1)
    for member, name in enumerate(series.ids):
        own = np.flatnonzero(series.producers == member)
        mine = series.known[:, member]
        if len(series.producers) - len(own) < _NEIGHBOURS or mine.sum() < 2 * series.per_day:
            continue
        sky, load = (every - series.share[:, own].sum(axis=1))[mine], series.load_wh[mine, member]
        if not load.any() or sky.std() == 0 or load.std() == 0:
            continue
        follows = float(np.corrcoef(load, sky)[0, 1])
        if follows >= FOLLOWS:
            text = f"correlation {follows:.2f} with the other homes' PV"
            found.append(Doubt("load_follows_pv", name, "load_wh", "", int(mine.sum()), text))
    return found


def _runs(values: Ints) -> tuple[Ints, Ints]:
    """Where runs of one value begin, and how long they are."""
    begins = np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1)) if len(values) else np.zeros(0, np.int64)
    return begins, np.diff(np.append(begins, len(values)))


def _peaks(sizes: Floats, least: float, apart: int) -> list[int]:
    """The largest of each group of values of at least `least`, groups being `apart` from each other."""
    found: list[int] = []
    for at in np.argsort(-sizes, kind="stable").tolist():
        if sizes[at] < least:
            break
        if all(abs(at - other) >= apart for other in found):
            found.append(at)
    return sorted(found)
