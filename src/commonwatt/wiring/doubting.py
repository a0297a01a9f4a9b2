"""Doubts about a community's data: looked for, summed up, and held against what its list of members admits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from commonwatt.adapters.feeds.doubts import Doubt, doubt_lines, doubt_rows, doubtful_members
from commonwatt.adapters.feeds.quality import Series, doubts_of, unit_doubts
from commonwatt.adapters.importing.profiles import Profiles
from commonwatt.adapters.importing.writing import doubts_table
from commonwatt.adapters.store.files import write_csv, write_json
from commonwatt.core.errors import require
from commonwatt.core.findings import Finding
from commonwatt.core.members import Fleet
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades, Verdict
from commonwatt.core.units import SECONDS_PER_HOUR
from commonwatt.grid import GRIDS, GridContext, feeder_doubts
from commonwatt.services.reporting.words import several
from commonwatt.settings.checking import OpenCommunity
from commonwatt.wiring.feeders import feeder_line

_DOUBTFUL: Final = "doubtful"


def community_doubts(community: OpenCommunity) -> list[Doubt]:
    """Every doubt about the data of a community without faults."""
    return doubts_of(_series(community))


def unit_lines(community: OpenCommunity) -> list[str]:
    """The one doubt that makes every figure wrong, in words: energies of a wrong unit. It costs nothing to look for."""
    zone = community.settings.community.time_zone
    return [f"Doubt: {line.strip()}" for line in doubt_lines(unit_doubts(_series(community)), zone)]


def feeder_lines(community: OpenCommunity) -> list[str]:
    """What the feeder is that the grid model looks at; doubts: a transformer smaller than what is drawn or exported together, limits that are passed without members."""
    if community.settings.feeder is None:
        return []
    feeder, feed = community.settings.feeder.feeder, community.feed
    rated_w = feeder.transformer.rating_va
    said = [feeder_line(feeder), *community.settings.feeder.notes, *feeder_doubts(feeder)]
    together_wh = (feed.load_wh - feed.pv_wh).sum(axis=1)
    own_w, slot_s = -round(float(feeder.own_va.real.sum())), community.settings.community.slot_s
    for word, most_wh in (("draw", int(together_wh.max(initial=0))), ("export", int(-together_wh.min(initial=0)))):
        most_w = most_wh * SECONDS_PER_HOUR // slot_s
        if most_w + (own_w if word == "draw" else -own_w) > rated_w:
            beside = f", beside {own_w / 1000:,.1f} kW of the feeder's own" if feeder.loads else ""
            said.append(
                f"Doubt: the transformer of {rated_w / 1000:,.0f} kVA is smaller than what members {word} together: {most_w / 1000:,.1f} kW in the strongest slot, batteries aside{beside}."
            )
    return said + _own_excess(community)


def _own_excess(community: OpenCommunity) -> list[str]:
    """The doubt that the feeder's own loads pass its limits without any member."""
    settings = community.settings
    if settings.feeder is None or not settings.feeder.feeder.loads:
        return []
    feeder, chosen = settings.feeder.feeder, settings.choices["grid"]
    context = GridContext(0, settings.community.slot_s, Fleet.empty(), is_delivered=True, feeder=feeder)
    nobody, nothing = np.zeros(0, np.int64), Agreement(Trades.empty(), np.zeros(0, np.int64))
    verdict = GRIDS.make(chosen.name, **chosen.parameters).check(nobody, OrderBook.empty(), nothing, context)
    if verdict.verdict != Verdict.INFEASIBLE:
        return []
    return [f"Doubt: the feeder's own loads pass its limits without any member: {verdict.reason}."]


def _series(community: OpenCommunity) -> Series:
    settings, feed = community.settings, community.feed
    members = settings.members
    return Series(
        [member.id for member in members],
        feed.first_slot,
        settings.community.slot_s,
        feed.load_wh,
        feed.pv_wh,
        feed.is_measured,
        [member.pv_w for member in members],
        _ahead_h(settings.zone, feed.first_slot * settings.community.slot_s),
        feed.is_net,
    )


def profile_doubts(profiles: Profiles, zone: str, is_net: bool) -> list[Doubt]:
    """Every doubt about imported profiles; the size of a home's PV is not known but by its best slot."""
    best_w = (profiles.second_wh.max(axis=0) * SECONDS_PER_HOUR // profiles.slot_s).tolist()
    ahead_h = _ahead_h(ZoneInfo(zone), profiles.first_slot * profiles.slot_s) if zone else 0.0
    series = Series(
        profiles.homes,
        profiles.first_slot,
        profiles.slot_s,
        profiles.first_wh,
        profiles.second_wh,
        profiles.known,
        best_w,
        ahead_h,
        is_net,
    )
    # Without a zone nobody can say when noon is.
    return [doubt for doubt in doubts_of(series) if zone or doubt.kind != "zone"]


def data_lines(community: OpenCommunity, doubts: Sequence[Doubt], written: Path | None) -> list[str]:
    """The doubts in words, and which homes are grave: marked as doubtful in the list of members, or not."""
    if not doubts:
        return ["No doubts about the data."]
    lines = [f"{several(len(doubts), 'doubt')} about the data" + (f", all in {written}:" if written else ":")]
    lines += [f"    {line}" for line in doubt_lines(doubts, community.settings.community.time_zone)]
    marked = {member.id for member in community.settings.members if member.origin == _DOUBTFUL}
    grave = doubtful_members(doubts)
    if known := sorted(marked & set(grave)):
        lines.append(f"Marked doubtful in the list of members, and so they are: {', '.join(known)}.")
    if more := sorted(set(grave) - marked):
        why = "; ".join(f"{member} ({', '.join(grave[member])})" for member in more)
        lines.append(f"Not marked: {why}. With origin = doubtful in the list of members the report says so.")
    if others := sorted(marked - set(grave)):
        lines.append(f"Marked doubtful without a grave doubt found here: {', '.join(others)}.")
    return lines


def write_doubts(path: Path, doubts: Sequence[Doubt]) -> None:
    """All doubts as JSON or CSV, by the file's ending.

    Raises:
        InvalidInput: another ending, or a place that cannot be written.

    """
    if path.suffix not in (".csv", ".json"):
        require([Finding(f"--doubts {path}", "a name that ends with .csv or .json", repr(path.suffix))])
    try:
        if path.suffix == ".json":
            write_json(path, doubt_rows(doubts))
        else:
            write_csv(path, doubts_table(doubts))
    except OSError as error:
        require([Finding(f"--doubts {path}", "a file that can be written", (error.strerror or str(error)).lower())])


def _ahead_h(zone: ZoneInfo, instant_s: int) -> float:
    offset = dt.datetime.fromtimestamp(instant_s, zone).utcoffset()
    return offset.total_seconds() / SECONDS_PER_HOUR if offset is not None else 0.0
