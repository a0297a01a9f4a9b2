"""The feeder on the page: where it is drawn, whose energy it tells, and that it says what meters, trades and the power flow say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.run_tables import week
from tests.fakes.wired_runs import wired
from tests.fakes.wires import line, street, trees, wires

from commonwatt.grid import Bus, Feeder
from commonwatt.services.reporting import feeder_map as drawing
from commonwatt.services.reporting.bands import BANDS
from commonwatt.services.reporting.feeder_map import feeder_map, map_place, shown_slots, shown_words
from commonwatt.services.reporting.flowed import CROWD, Flowed
from commonwatt.services.reporting.fullest import days_table, explained, lines_table
from commonwatt.services.reporting.layout import layout
from commonwatt.services.reporting.summary import Results, results
from commonwatt.services.reporting.wire_plots import plot_places, wire_plots
from commonwatt.services.reporting.words import kwh

LANE = wires(*(line(f"h{at}", f"h{at + 1}") for at in range(6)), line("h2", "side"), root="h0")


def flowing(found: Results) -> Flowed:
    assert found.flowed is not None
    return found.flowed


def behind(feeder: Feeder, branch: int, bus: list[int]) -> list[int]:
    """Members behind a branch, by walking up from each of their buses."""
    tree, found = feeder.tree, []
    for member, place in enumerate(bus):
        node = int(tree.node[place])
        while node > 0 and node != branch:
            node = tree.toward[node]
        found += [member] if node == branch else []
    return found


def test_what_went_through_a_line_is_what_meters_and_trades_behind_it_say() -> None:
    found = wired(LANE)
    flowed, books = flowing(found), found.books
    bus = [at % 7 + 1 for at in range(6)]
    trades, slots = books.tables["trades"].to_pylist(), found.facts.slots
    for branch in range(1, len(LANE.tree.toward)):
        members = behind(LANE, branch, bus)
        assert int(flowed.members[branch]) == len(members)
        names = {books.pseudonyms[m] for m in members}
        for at in range(slots):
            cells = [at * books.members + m for m in members]
            assert int(flowed.exported_wh[branch, at]) == int(books.meters.export_wh[cells].sum())
            assert int(flowed.imported_wh[branch, at]) == int(books.meters.import_wh[cells].sum())
            made = [row for row in trades if row["slot"] == found.facts.first_slot + at]
            out = sum(row["energy_wh"] for row in made if row["seller"] in names and row["buyer"] not in names)
            into = sum(row["energy_wh"] for row in made if row["buyer"] in names and row["seller"] not in names)
            assert int(flowed.traded_wh[branch, at]) == out - into


@given(feeder=trees(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_difference_of_told_lines_is_one_or_two_members(feeder: Feeder, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 9))
    bus = data.draw(st.lists(st.integers(0, len(feeder.buses) - 1), min_size=count, max_size=count))
    flowed = flowing(wired(feeder, np.array(bus, np.int64), slots=1, homes=count, flats=0))
    told = [int(node) for node in np.flatnonzero(flowed.is_told)]
    assert (1 in told) == (count >= CROWD)
    apart = {node: int(flowed.members[node]) for node in told}
    for node in told:
        above = feeder.tree.toward[node]
        while above > 0 and above not in apart:
            above = feeder.tree.toward[above]
        if above > 0:
            apart[above] -= int(flowed.members[node])
    assert all(left == 0 or left >= CROWD for left in apart.values())


def test_the_page_has_no_energy_of_lines_that_are_not_told_and_no_percent_of_those_of_few() -> None:
    found = wired(LANE)
    flowed, data = flowing(found), feeder_map(found, flowing(found))["map"]
    assert data["told"] == np.flatnonzero(flowed.is_told).tolist()
    assert 0 < len(data["told"]) < len(LANE.tree.toward) - 1
    for name in ("exported", "imported", "traded"):
        assert {len(row) for row in data[name]} == {len(data["told"])}
    assert data["crowd"] == [n for n in range(1, len(flowed.members)) if flowed.members[n] >= CROWD]
    assert {len(row) for row in data["loading"]} == {len(data["crowd"])}
    lonely = wired(LANE, np.array([1, 2], np.int64), homes=1, flats=1)
    data = feeder_map(lonely, flowing(lonely))["map"]
    assert (data["told"], data["crowd"]) == ([], [])
    assert "no energy of theirs told" in explained(lonely, flowing(lonely))


def test_the_drawing_says_what_the_power_flow_says() -> None:
    found = wired(LANE, rating_share=0.05)
    flowed, data = flowing(found), feeder_map(found, flowing(found))["map"]
    for at, bands in enumerate(data["bands"]):
        loading = flowed.power.loading_share[1:, at] / 0.05
        for share, band in zip(loading.tolist(), bands, strict=True):
            upto = [limit for limit, *_ in BANDS]
            assert (0 if band == "0" else upto[int(band) - 1]) <= share < upto[int(band)]
        assert data["loading"][at] == [round(100 * loading[node - 1]) for node in data["crowd"]]
        off = 1000 * (flowed.voltage_share[1:, at] - 1)
        assert np.abs(np.array(data["voltage"][at]) - off).max() <= 0.5
    assert {"0", "3"} <= set("".join(data["bands"]))


def test_a_slot_without_a_solution_is_drawn_without_figures_and_said() -> None:
    found = wired(wires(line("a", "b", 100_000)), np.array([1] * 6, np.int64))
    flowed = flowing(found)
    assert not flowed.power.is_solved.all()
    data = feeder_map(found, flowed)["map"]
    for at, is_solved in enumerate(flowed.power.is_solved.tolist()):
        assert bool(data["bands"][at]) == bool(data["voltage"][at]) == bool(data["loading"][at]) == is_solved
    assert "there is no power flow: more was asked of the feeder than it can bring" in explained(found, flowed)
    assert "Hours beyond a limit" in days_table(found, flowed)
    lowest = wire_plots(found, flowed)["voltages"]["data"][0]["y"]
    assert [value is not None for value in lowest] == flowed.power.is_solved.tolist()
    assert "of the nominal one:" in plot_places(found, flowed)


def test_the_fullest_hour_is_explained_by_its_own_figures() -> None:
    found = wired(LANE, rating_share=0.05)
    flowed = flowing(found)
    at = int(np.argmax(flowed.loading_share.max(axis=0)))
    branch = int(np.argmax(flowed.loading_share[:, at]))
    html = explained(found, flowed).replace("\u00a0", " ")
    assert branch == 1
    for figure in (flowed.exported_wh[1, at], flowed.imported_wh[1, at], flowed.sold_wh[1, at]):
        assert f'<td class="n">{kwh(int(figure))}</td>' in html
    share = round(100 * flowed.loading_share[1, at])
    assert f"the transformer carried {share:,} % of what it may carry" in html
    assert "Behind it are 6 members" in html
    assert "Trades stay within the community" in html


def test_the_fullest_lines_stand_in_order_with_how_long_they_were_full() -> None:
    found = wired(LANE, rating_share=0.02)
    flowed = flowing(found)
    html = lines_table(found, flowed)
    rows = [row.split("</th>")[0].split(">")[-1] for row in html.split("<tr>")[2:]]
    peak = flowed.loading_share.max(axis=1)
    assert rows == [LANE.tree.names[n] for n in np.argsort(-peak, kind="stable") if n > 0][: len(rows)]
    assert f'<td class="n">{int((flowed.loading_share[1] > 1 + 1e-6).sum())}</td>' in html


@given(feeder=trees())
@settings(max_examples=40, deadline=None)
def test_no_two_nodes_are_drawn_at_one_place(feeder: Feeder) -> None:
    drawn = layout(feeder)
    assert not drawn.is_surveyed
    assert len(set(zip(drawn.x.tolist(), drawn.y.tolist(), strict=True))) == len(feeder.tree.toward)


def test_a_surveyed_feeder_is_drawn_where_it_lies() -> None:
    feeder = street()
    drawn = layout(feeder)
    assert drawn.is_surveyed
    for bus, node in zip(feeder.buses, feeder.tree.node.tolist(), strict=True):
        assert (drawn.x[node], drawn.y[node]) == (bus.x_m, bus.y_m)


def test_where_nothing_flowed_at_all_the_report_says_so() -> None:
    found = wired(LANE)
    flowed = flowing(found)
    still = replace(flowed, power=replace(flowed.power, loading_share=np.zeros_like(flowed.power.loading_share)))
    assert "Nothing flowed through any line in any hour." in explained(found, still)
    assert lines_table(found, still)


@pytest.mark.parametrize("place", [Bus("a"), Bus("a", 5.0, 7.0)])
def test_a_feeder_of_one_bus_is_drawn(place: Bus) -> None:
    feeder = wires(root="a", buses=(place,))
    found = wired(feeder)
    flowed = flowing(found)
    data = feeder_map(found, flowed)["map"]
    assert len(data["x"]) == 2
    assert (data["x"][0], data["y"][0]) != (data["x"][1], data["y"][1])
    assert "the transformer" in explained(found, flowed)
    assert wire_plots(found, flowed)["durations"]["data"]


def test_a_long_run_is_drawn_by_its_fullest_days_and_a_typical_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = wired(LANE, slots=24 * 8)
    flowed = flowing(found)
    assert len(shown_slots(found, flowed)) == 24 * 8
    assert shown_words(found, flowed) == ""
    monkeypatch.setattr(drawing, "MOST_CELLS", 9 * 24 * 3)
    shown = shown_slots(found, flowed)
    assert 48 <= len(shown) <= 72
    assert (np.diff(shown) > 0).all()
    assert int(np.argmax(flowed.fullest)) in shown
    assert "and a typical one" in shown_words(found, flowed)
    monkeypatch.setattr(drawing, "MOST_CELLS", 9 * 5)
    assert sorted(shown_slots(found, flowed)) == sorted(np.argsort(-flowed.fullest, kind="stable")[:5].tolist())


def test_the_slider_goes_over_every_slot_and_begins_at_the_fullest() -> None:
    found = wired(LANE)
    html, data = map_place(found, flowing(found)), feeder_map(found, flowing(found))["map"]
    assert f'max="{len(data["starts"]) - 1}" value="{int(np.argmax(flowing(found).fullest))}"' in html
    assert '<label for="feeder-slot">' in html


@pytest.mark.parametrize("slots", [0, 5])
def test_without_a_feeder_or_a_slot_nothing_is_drawn(slots: int) -> None:
    made: Any = wired(LANE, slots=slots) if not slots else results(*week(slots=slots, homes=2, flats=1))
    assert made.flowed is None
