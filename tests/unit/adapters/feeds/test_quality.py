"""Doubts about data: every kind is found where it was put, and a sound neighbourhood has none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.fakes.communities import told

from commonwatt.adapters.datasets import example_folder
from commonwatt.adapters.feeds.doubts import KINDS, Doubt, doubt_lines, doubtful_members
from commonwatt.adapters.feeds.quality import Series, doubts_of
from commonwatt.core.units import Ints
from commonwatt.settings import open_community
from commonwatt.wiring.doubting import community_doubts, data_lines

DAYS, HOMES = 60, 5
FIRST = 19_800 * 24  # 18 March 2024, 00:00 UTC


def street(slot_s: int = 3600) -> Series:
    """Two months of five homes with PV of their own size; clouds come and go for all alike."""
    per_day = 86_400 // slot_s
    slots = np.arange(DAYS * per_day)
    hour = (slots % per_day + 0.5) * slot_s / 3600
    cloud = 0.5 + 0.4 * np.sin(slots // per_day * 2.4)
    sun = np.maximum(0, 1 - ((hour - 12.2) / 6) ** 2) * cloud
    size = np.arange(3, 3 + HOMES) * 1000
    pv = (sun[:, None] * size * slot_s / 3600).astype(np.int64)
    wiggle = (np.arange(len(slots))[:, None] * (7 + 2 * np.arange(HOMES)) * 37) % 211
    evening = np.where((hour > 18) & (hour < 22), 600, 150)[:, None]
    load = ((evening + wiggle) * slot_s // 3600 + 1).astype(np.int64)
    return Series([f"h{i}" for i in range(HOMES)], FIRST * 3600 // slot_s, slot_s, load, pv, np.ones(pv.shape, np.bool_), size.tolist())  # fmt: skip


def changed(series: Series, column: str, change: Callable[[Ints], None]) -> Series:
    values = {name: np.array(getattr(series, name)) for name in ("load_wh", "pv_wh")}
    change(values[column])
    return replace(series, load_wh=values["load_wh"], pv_wh=values["pv_wh"])


def kinds(series: Series) -> list[tuple[str, str]]:
    return [(doubt.kind, doubt.member) for doubt in doubts_of(series)]


@pytest.mark.parametrize("slot_s", [900, 3600])
def test_a_sound_street_has_no_doubt(slot_s: int) -> None:
    assert doubts_of(street(slot_s)) == []


def _night(pv: Ints) -> None:
    pv[24 * 20 + 1, 2] = 2000


def _hour_later(pv: Ints) -> None:
    pv[24 * 30 :, 1] = np.roll(pv[24 * 30 :, 1], 1)


def _leap(pv: Ints) -> None:
    pv[24 * 20 + 12, 3] = 40_000


def _silent(pv: Ints) -> None:
    pv[24 * 20 : 24 * 28, 0] = 0


def _weak(pv: Ints) -> None:
    pv[:, 4] //= 3


@pytest.mark.parametrize(
    ("column", "change", "doubt"),
    [
        ("pv_wh", _night, ("pv_at_night", "h2")),
        ("pv_wh", _leap, ("spike", "h3")),
        ("pv_wh", _silent, ("pv_silent", "h0")),
        ("pv_wh", _weak, ("pv_weak", "h4")),
        ("load_wh", lambda load: load.__setitem__((slice(100, 112), 1), 333), ("stuck", "h1")),
        ("load_wh", lambda load: load.__setitem__((slice(100, 130), 1), 0), ("zero_load", "h1")),
        ("load_wh", lambda load: load.__setitem__((700, 2), 9000), ("spike", "h2")),
    ],
)
def test_a_fault_is_doubted_and_nothing_else(
    column: str, change: Callable[[Ints], None], doubt: tuple[str, str]
) -> None:
    assert kinds(changed(street(), column, change)) == [doubt]


def test_a_clock_that_changes_names_the_day_and_by_how_much() -> None:
    *_, doubt = doubts_of(changed(street(), "pv_wh", _hour_later))
    assert (doubt.kind, doubt.member) == ("clock_shift", "h1")
    assert doubt.start[:10] in [f"2024-04-{day}" for day in range(14, 20)]
    assert doubt.found == "the middle of PV moves by +60 min"


def test_a_load_that_is_the_sun_is_no_household() -> None:
    sound = street()
    series = changed(sound, "load_wh", lambda load: load.__setitem__((slice(None), 2), sound.pv_wh[:, 0]))
    assert {("load_follows_pv", "h2"), ("zero_at_night", "h2")} <= set(kinds(series))
    assert doubtful_members(doubts_of(series)) == {"h2": ["zero_at_night", "load_follows_pv"]}


def test_gaps_are_counted_and_their_values_are_nobodys() -> None:
    sound = street()
    known = sound.known.copy()
    known[50:60, 1] = known[80, 1] = False
    [doubt] = doubts_of(replace(changed(sound, "load_wh", lambda load: load.__setitem__((55, 1), 10**6)), known=known))
    assert (doubt.kind, doubt.slots, doubt.found) == ("gap", 11, "2 gaps, the longest 10 h")


def test_times_of_another_zone_show_in_the_middle_of_the_day() -> None:
    assert kinds(replace(street(), noon_offset_h=1.0)) == []
    [doubt] = doubts_of(replace(street(), noon_offset_h=-7.0))
    assert doubt.kind == "zone" and doubt.found.startswith("the middle of PV is at 05:")


@pytest.mark.parametrize(("times", "kilowatts"), [((1000, 1), "kW on average"), ((1, 1000), " W on average")])
def test_a_wrong_unit_shows_in_what_a_home_uses(times: tuple[int, int], kilowatts: str) -> None:
    sound, (up, down) = street(), times
    series = replace(sound, load_wh=sound.load_wh * up // down, pv_wh=sound.pv_wh * up // down)
    doubt, *_ = doubts_of(series)
    assert (doubt.kind, doubt.member) == ("unit", "")
    assert kilowatts in doubt.found


def test_a_row_that_is_there_twice_is_one_slot_in_the_summary() -> None:
    twice = [
        Doubt("duplicate", "h0", column, "2024-03-18T00:00Z", 1, "given more than once") for column in ("load", "pv")
    ]
    assert doubt_lines(twice, "")[0].endswith("1 slot at h0.")


def test_a_single_home_is_looked_at_alone() -> None:
    sound = street()
    one = Series(["h0"], sound.first_slot, 3600, sound.load_wh[:, :1], sound.pv_wh[:, :1], sound.known[:, :1], [3000])
    assert doubts_of(one) == []
    assert kinds(changed(one, "pv_wh", lambda pv: pv.__setitem__((24 * 9, 0), 900))) == [("pv_at_night", "h0")]


def test_registers_of_net_meters_are_not_taken_for_the_sun() -> None:
    assert doubts_of(replace(street(), is_net=True, pv_wh=street().load_wh)) == []


@pytest.mark.parametrize("length", [0, 1, 5, 30])
def test_little_data_is_no_reason_to_doubt(length: int) -> None:
    sound = street()
    short = replace(sound, load_wh=sound.load_wh[:length], pv_wh=sound.pv_wh[:length], known=sound.known[:length])
    assert doubts_of(short) == []


def test_of_the_bundled_homes_those_marked_doubtful_are_grave_and_no_others() -> None:
    community = open_community(example_folder())
    doubts = community_doubts(community)
    marked = {member.id for member in community.settings.members if member.origin == "doubtful"}
    assert set(doubtful_members(doubts)) == marked == {"home-12", "home-14", "home-15"}
    # docs/explain/data.md: the clock of these five homes' PV moved in February and March; home-15 hardly has any.
    moved = {doubt.member for doubt in doubts if doubt.kind == "clock_shift"} - {"home-15"}
    assert moved == {"home-10", "home-11", "home-12", "home-16", "home-17"}
    assert data_lines(community, doubts, None)[-1] == (
        "Marked doubtful in the list of members, and so they are: home-12, home-14, home-15."
    )


def test_a_grave_doubt_that_nobody_marked_is_asked_for(tmp_path: Path) -> None:
    community = open_community(example_folder())
    lines = data_lines(community, [Doubt("pv_weak", "home-01", "pv_wh", "", 8760, "100 kWh")], None)
    assert "Not marked: home-01 (pv_weak). With origin = doubtful in the list of members the report says so." in lines
    assert lines[-1] == "Marked doubtful without a grave doubt found here: home-12, home-14, home-15."
    assert told(example_folder()) == []


def test_every_kind_says_what_is_done_about_it() -> None:
    for name, kind in KINDS.items():
        lines = doubt_lines([Doubt(name, "anna", "load_wh", "2024-05-06T00:00Z", 2, "9 Wh")], "")
        assert kind.says in lines[0] and "anna" in lines[0]
        assert lines[1].endswith(f"{kind.done[1:]}.")


def test_an_example_of_a_doubt_is_told_on_the_communitys_clock() -> None:
    night = Doubt("pv_at_night", "anna", "pv_wh", "2024-05-05T23:00Z", 1, "9 Wh")
    assert doubt_lines([night], "Europe/Zurich")[1].startswith(
        "    e.g. anna 2024-05-06 01:00 (Europe/Zurich) pv_wh: 9 Wh."
    )
    assert "2024-05-05T23:00Z" in doubt_lines([night], "")[1]
