"""What the feeder cost whom: cuts, sun held back and fees by member, the answer in words, and where the drawing shows them."""

import csv
import io
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.fakes.run_tables import FIRST_SLOT, RATES
from tests.fakes.wired_runs import wired
from tests.fakes.wires import line, wires

from commonwatt.core.records import Wires
from commonwatt.services.reporting.burden import MOST_ROWS, burden, burden_csv, burden_section
from commonwatt.services.reporting.curtailed import cut_words
from commonwatt.services.reporting.envelopes import caps_figure, caps_section
from commonwatt.services.reporting.feeder_map import feeder_map, map_place
from commonwatt.services.reporting.flowed import Flowed
from commonwatt.services.reporting.fullest import explained
from commonwatt.services.reporting.neighbours import fees_by_zone, neighbours_section, zones_of
from commonwatt.services.reporting.strained import full_words, strained
from commonwatt.services.reporting.summary import Results, results
from commonwatt.services.reporting.ways import way_section
from commonwatt.services.reporting.wires import wire_figures, wires_section
from commonwatt.services.schemas import SCHEMAS

FORK = wires(line("r", "a"), line("a", "b"), line("r", "c"), line("c", "d"), root="r")
FEED_IN, ALL_IN, LOCAL = RATES.feed_in_micro_per_kwh, RATES.all_in_micro_per_kwh, RATES.local_charges_micro_per_kwh


@pytest.fixture(scope="module")
def plain() -> Results:
    """Seventeen members on two cables: homes, then flats, bus by bus."""
    return wired(FORK, homes=12, flats=5, rating_share=0.1)


def amended(found: Results, facts: Any = None, **rows: list[dict[str, Any]]) -> Results:
    """The run with tables of its own."""
    tables = {name: pa.Table.from_pylist(made, schema=SCHEMAS[name]) for name, made in rows.items()}
    return results(facts or found.facts, {**found.books.tables, **tables})


def with_cuts(found: Results) -> tuple[Results, list[dict[str, Any]]]:
    """A tenth of every trade was cut in two slots: for one line in the first, for another in the second."""
    trades = found.books.tables["trades"].to_pylist()
    slots = [slot for slot, _ in Counter(row["slot"] for row in trades).most_common(2)]
    cuts = [
        {
            **{name: row[name] for name in ("slot", "sell_order", "buy_order", "sell_price_micro_per_kwh", "buy_price_micro_per_kwh")},
            "energy_wh": max(1, row["energy_wh"] // 10), "element": "r-a" if row["slot"] == slots[0] else "r-c", "rule": "newest", "why": "",
        }
        for row in trades if row["slot"] in slots
    ]  # fmt: skip
    assert len({row["slot"] for row in cuts}) == 2
    return amended(found, curtailments=cuts), cuts


def with_sun(found: Results) -> tuple[Results, list[dict[str, Any]]]:
    """The first two homes held 300 Wh back in the third slot, the first 50 Wh in the fourth; everybody had a cap of 2 kWh."""
    flows = found.books.tables["flows"].to_pylist()
    names, held = found.books.pseudonyms, {(2, 0): 300, (2, 1): 300, (3, 0): 50}
    for row in flows:
        row["curtailed_pv_wh"] = held.get((row["slot"] - FIRST_SLOT, names.index(row["member"])), 0)
    caps = [
        {"slot": FIRST_SLOT + at, "member": name, "export_wh": 2000, "import_wh": 9000, "counted_wh": 0}
        for at in range(found.facts.slots) for name in names
    ]  # fmt: skip
    return amended(found, flows=flows, envelopes=caps), flows


def flowing(found: Results) -> Flowed:
    assert found.flowed is not None
    return found.flowed


def test_a_cut_costs_each_side_what_its_trade_was_better_than_the_supplier(plain: Results) -> None:
    found, cuts = with_cuts(plain)
    members = {row["order_id"]: row["member"] for row in plain.books.tables["orders"].to_pylist()}
    lost: Counter[str] = Counter()
    for row in cuts:
        lost[members[row["sell_order"]]] += row["energy_wh"] * (row["sell_price_micro_per_kwh"] - FEED_IN)
        lost[members[row["buy_order"]]] += row["energy_wh"] * (ALL_IN - LOCAL - row["buy_price_micro_per_kwh"])
    bore = burden(found.books)
    assert bore.cut_nano.tolist() == [lost[name] for name in plain.books.pseudonyms]
    assert bore.total_nano.tolist() == bore.cut_nano.tolist()
    assert int(bore.sold_wh.sum()) == int(bore.bought_wh.sum()) == sum(row["energy_wh"] for row in cuts)


def test_the_dearest_ten_stand_in_the_page_and_everybody_in_the_file(plain: Results) -> None:
    found, _ = with_cuts(plain)
    bore, html = burden(found.books), burden_section(found)
    assert len(bore.ranked) > MOST_ROWS
    assert html.count("<tr><th scope=row>") == MOST_ROWS + 2
    assert f"{len(bore.ranked) - MOST_ROWS} others</th>" in html
    assert "Jain" in html
    rows = list(csv.DictReader(io.StringIO(burden_csv(found.books))))
    assert [row["member"] for row in rows] == [found.books.ids[m] for m in bore.ranked]
    assert [int(row["together_nano"]) for row in rows] == sorted(bore.total_nano[bore.ranked].tolist(), reverse=True)
    assert sum(float(row["together_USD"]) for row in rows) == pytest.approx(int(bore.total_nano.sum()) / 1e9)


def test_nobody_bore_anything_where_nothing_was_cut_held_or_charged(plain: Results) -> None:
    assert (burden_section(plain), burden_csv(plain.books), caps_section(plain)) == ("", "", "")
    assert "Nothing was cut or held back." in full_words(plain)


def test_what_was_cut_is_said_with_rule_limits_and_whom_it_cost(plain: Results) -> None:
    found, cuts = with_cuts(plain)
    at = cuts[0]["slot"] - FIRST_SLOT
    mine = [row for row in cuts if row["slot"] == cuts[0]["slot"]]
    said = cut_words(found, at, names=True)
    assert (
        f"of {len(mine)} trades were cut by the rule `newest` (those made last lose first), for {mine[0]['element']} ("
        in said
    )
    assert said.count("USD)") == 3
    quiet = cut_words(found, at, names=False)
    assert not any(name in quiet for name in found.books.ids)
    assert (
        cut_words(found, next(at for at in range(30) if FIRST_SLOT + at not in {r["slot"] for r in cuts}), names=True)
        == ""
    )
    assert "were cut by the rule" in explained(found, flowing(found)).replace("<code>", "").replace("</code>", "")


def test_the_drawing_marks_the_buses_of_who_was_cut_and_names_nobody(plain: Results) -> None:
    found, cuts = with_cuts(plain)
    data = feeder_map(found, flowing(found))["map"]
    orders = {row["order_id"]: row["member"] for row in plain.books.tables["orders"].to_pylist()}
    names, node = found.books.pseudonyms, flowing(found).tree.node[flowing(found).wires.bus]
    for at in range(found.facts.slots):
        cut = {
            orders[row[side]] for row in cuts if row["slot"] == FIRST_SLOT + at for side in ("sell_order", "buy_order")
        }
        assert data["cut"][at] == sorted({int(node[names.index(name)]) for name in cut})
        assert (str(at) in data["notes"]) == bool(cut)
    assert not any(name in str(data) for name in (*names, *found.books.ids))
    metas = [trace.get("meta") for trace in feeder_map(found, flowing(found))["data"]]
    assert metas.count("cut") == 1
    assert not {"held", "missing"} & set(metas)


def test_sun_held_back_is_worth_the_feed_in_price_and_marked(plain: Results) -> None:
    found, _ = with_sun(plain)
    bore = burden(found.books)
    assert bore.held_wh.tolist()[:3] == [350, 300, 0]
    assert bore.held_nano.tolist()[:3] == [350 * FEED_IN, 300 * FEED_IN, 0]
    said = caps_section(found).replace("\u00a0", " ")
    assert "0.7 kWh of sun were held back" in said
    assert "behind 2 members in 2 hours" in said
    assert "0.7 kWh of sun were held back, worth about 0.05 USD" in full_words(found).replace("\u00a0", " ")
    data = feeder_map(found, flowing(found))["map"]
    assert [len(nodes) for nodes in data["held"][:5]] == [0, 0, 2, 1, 0]
    assert [y for y in caps_figure(found)["data"][2]["y"] if y] == [0.6, 0.05]
    assert set(caps_figure(found)["data"][0]["y"]) == {2.0 * found.books.members}
    assert "caps" in wire_figures(found)
    assert "caps" not in wire_figures(plain)


def feasible(found: Results) -> list[dict[str, Any]]:
    """A row of `wires` a slot, in which nothing passes a limit; line r-a is fullest, more so every slot."""
    said = {name: "" if pa.types.is_string(kind) else 0 for name, kind in zip(SCHEMAS["wires"].names, SCHEMAS["wires"].types, strict=True)}  # fmt: skip
    said |= {"verdict": "feasible", "flowed": "feasible", "fullest": "r-a"}
    return [said | {"slot": FIRST_SLOT + at, "loading_ppm": 50_000 + at} for at in range(found.facts.slots)]


def test_the_answer_counts_the_slots_that_passed_a_limit(plain: Results) -> None:
    said = [
        row | {"flowed": "infeasible" if at < 3 else "feasible", "lines_beyond": int(at == 5)}
        for at, row in enumerate(feasible(plain))
    ]
    words = full_words(amended(plain, wires=said)).replace("\u00a0", " ")
    assert words.startswith("The feeder was full in 3 of 30 hours: in 3 by what was metered. Fullest was line r-a")
    assert "50 % of what it may carry" in words
    gate = amended(plain, replace(plain.facts, timing="ex_ante"), wires=said)
    assert (
        "full in 4 of 30 hours: in 3 by what was metered and in 1 by what was agreed, and nothing was cut"
        in full_words(gate)
    )
    quiet = amended(plain, wires=[row | {"flowed": "feasible"} for row in said])
    assert full_words(quiet).startswith("The feeder was never full")
    assert wires_section(amended(plain, wires=said)).startswith('<p class="note">The feeder was full in 3 of 30')


def test_a_voltage_nearer_to_its_limit_than_any_line_is_said(plain: Results) -> None:
    near = {"highest": "b", "high_ppm": 1_010_000, "lowest": "d", "low_ppm": 990_000}
    rows = [row | near for row in feasible(plain)]
    assert "Voltages" not in full_words(amended(plain, wires=rows))
    rows[3] |= {"high_ppm": 1_146_000}
    said = full_words(amended(plain, wires=rows)).replace("\u00a0", " ")
    assert (
        "that of bus b, 2023-04-26 20:00, was 114.6 % of the nominal one, where 110.0 % is the limit (feeding in raises it)."
        in said
    )
    rows[4] |= {"low_ppm": 700_000}
    said = full_words(amended(plain, wires=rows)).replace("\u00a0", " ")
    assert (
        "that of bus d, 2023-04-26 21:00, was 70.0 % of the nominal one, where 90.0 % is the limit (drawing lowers it)."
        in said
    )


def test_trades_that_fill_a_line_as_far_as_the_market_lets_them_count_as_full(plain: Results) -> None:
    flowed, facts = flowing(plain), plain.facts
    assert facts.wires is not None
    assert not strained(plain).filled.any()
    node = int(flowed.tree.node[1])
    at = int(np.argmax(np.abs(flowed.traded_wh[node])))
    carried = np.full(len(FORK.buses) + 1, 10**9, np.int64)
    carried[1] = abs(int(flowed.traded_wh[node, at]))
    assert carried[1] > 0
    toward = np.array([-1, 0, 1, 0, 3, -1], np.int64)
    told = Wires.of(len(toward), toward=toward, limit_wh=carried)
    found = results(replace(facts, wires=replace(facts.wires, told=told)), plain.books.tables)
    assert np.flatnonzero(strained(found).filled).tolist() == [at]
    assert "in 1 by trades, which the market kept within it" in full_words(found)
    assert "less than the same orders could have without wires" in full_words(found)
    assert (
        feeder_map(found, flowing(found))["map"]["notes"][str(at)]
        == "Trades fill line r-a: the market let no more through."
    )


def test_a_slot_without_a_power_flow_says_why_and_shows_in_the_strip() -> None:
    found = wired(wires(line("a", "b", 100_000)), np.array([1] * 6, np.int64))
    why = [
        {name: "" if pa.types.is_string(kind) else 0 for name, kind in zip(SCHEMAS["wires"].names, SCHEMAS["wires"].types, strict=True)}
        | {"slot": FIRST_SLOT + at, "verdict": "infeasible", "flowed": "infeasible", "flowed_why": "the voltage collapses"}
        for at in range(found.facts.slots)
    ]  # fmt: skip
    found = amended(found, wires=why)
    missing = ~flowing(found).power.is_solved
    drawn = feeder_map(found, flowing(found))
    for at, is_missing in enumerate(missing.tolist()):
        assert ("the voltage collapses" in drawn["map"]["notes"].get(str(at), "")) == is_missing
    assert [trace["name"] for trace in drawn["data"] if trace.get("meta") == "missing"] == ["no power flow"]
    assert "a dark bar in it: no power flow" in map_place(found, flowing(found))
    assert "there is no power flow" in full_words(found)
    off = flowing(found).is_off & ~missing
    assert ("a blue edge: a voltage outside its limits" in map_place(found, flowing(found))) == bool(off.any())


def test_a_trade_is_within_a_zone_where_both_live_in_it_or_the_pool_gives_there_what_it_takes(plain: Results) -> None:
    books, zones = plain.books, zones_of(plain.books)
    assert zones is not None
    assert zones.names == ["behind r-a", "behind r-c"]
    zone = dict(zip(books.pseudonyms, zones.of.tolist(), strict=True))
    trades = books.tables["trades"].to_pylist()
    within = [
        sum(row["energy_wh"] for row in trades if zone[row["seller"]] == zone[row["buyer"]] == at) for at in (0, 1)
    ]
    assert zones.kept_wh.tolist() == within
    assert 0 < sum(within) < int(zones.sold_wh.sum()) == int(zones.bought_wh.sum())
    pooled = [
        row | {side: None, f"{side[:-2]}_order" if side == "seller" else "buy_order": None}
        for row in trades
        for side in ("seller", "buyer")
    ]
    pool = zones_of(amended(plain, trades=pooled).books)
    assert pool is not None
    net: Counter[tuple[int, int, str]] = Counter()
    for row in trades:
        net[row["slot"], zone[row["seller"]], "sold"] += row["energy_wh"]
        net[row["slot"], zone[row["buyer"]], "bought"] += row["energy_wh"]
    slots = {row["slot"] for row in trades}
    assert pool.kept_wh.tolist() == [sum(min(net[s, z, "sold"], net[s, z, "bought"]) for s in slots) for z in (0, 1)]
    assert "stayed within a zone of the feeder" in neighbours_section(plain)
    assert not fees_by_zone(books, zones).any()
    charged = amended(plain, trades=[row | {"buy_fee_micro_per_kwh": 20_000} for row in trades])
    assert fees_by_zone(charged.books, zones).tolist() == [20_000 * int(wh) for wh in zones.bought_wh]
    assert '<td>behind r-a</td><td class="n">' in way_section(charged)
    assert zones_of(wired(wires(line("a", "b"))).books) is None
