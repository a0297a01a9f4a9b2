"""Figures of a run: by hand on a table of two neighbours, and checks that no single change of one source escapes."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from tests.fakes.run_tables import FIRST_SLOT, RATES, Rows, changed, facts_of, week

from commonwatt.grid import NO_SOLUTION
from commonwatt.services.reporting.caveats import caveats
from commonwatt.services.reporting.ending import ending
from commonwatt.services.reporting.facts import DemandCounts, RunFacts
from commonwatt.services.reporting.lost import Lost
from commonwatt.services.reporting.strained import full_words
from commonwatt.services.reporting.summary import results, summary_json
from commonwatt.services.reporting.ways import paid_by_member, way_line, way_section, way_sentences
from commonwatt.services.reporting.wires import wires_line
from commonwatt.services.schemas import SCHEMAS

Run = tuple[RunFacts, dict[str, pa.Table]]


@pytest.fixture
def neighbours() -> Run:
    """One slot: Ann exports 1000 Wh, Bob imports 1500 Wh; 1000 Wh at 0.2 between them, 500 from the supplier."""
    rows = Rows()
    for name in ("ann", "bob"):
        rows.add("members", name, "", "", "prosumer", 10_000)
    rows.add("readings", FIRST_SLOT, "ann", 0, 900, "substituted", 0, 0)
    rows.add("readings", FIRST_SLOT, "ann", 0, 1000, "corrected", 1, 1)
    rows.add("readings", FIRST_SLOT, "bob", 1500, 0, "measured", 0, 0)
    rows.add("flows", FIRST_SLOT, "ann", 400, 1400, 0, 0, 0)
    rows.add("flows", FIRST_SLOT, "bob", 1500, 0, 0, 0, 0)
    rows.add("wishes", FIRST_SLOT, "ann", 1000, 0, 100_000)
    rows.add("wishes", FIRST_SLOT, "bob", -1500, 300_000, 0)
    rows.add("slots", FIRST_SLOT, False, None, 0, "unchecked")
    rows.add("orders", FIRST_SLOT, "a", "ann", "sell", 1000, 100_000, 0, "pv", "any", 900, "rationed")
    rows.add("orders", FIRST_SLOT, "b", "bob", "buy", 1500, 300_000, 1, "unknown", "any", 900, "no_counterpart")
    rows.add(
        "trades", FIRST_SLOT, "t", "ann", "bob", "a", "b", 900, 200_000, 200_000, 180_000_000, 180_000_000, 900, 1, 0, 0
    )
    legs = [("ann", 0, "peer_sell", 900, 200_000, 180_000_000), ("ann", 1, "correction_long", 100, 80_000, 8_000_000)]
    legs += [("bob", 0, "peer_buy", 900, 200_000, -180_000_000), ("bob", 0, "supplier_buy", 600, 300_000, -180_000_000)]
    legs += [("bob", 0, "local_fee", 900, 10_000, -9_000_000)]
    for name, revision, leg, energy, price, amount in legs:
        rows.add("statements", FIRST_SLOT, name, revision, leg, energy, price, amount)
    rows.add("postings", FIRST_SLOT, 0, "member:bob", "member:ann", 180_000_000, "trade")
    rows.add("postings", FIRST_SLOT, 0, "member:bob", "supplier", 180_000_000, "supplier")
    rows.add("postings", FIRST_SLOT, 0, "member:bob", "grid", 9_000_000, "fee")
    rows.add("postings", FIRST_SLOT, 1, "supplier", "member:ann", 8_000_000, "correction")
    rows.add("postings", FIRST_SLOT, 0, "supplier", "wholesale", 40_000_000, "wholesale")
    balances = [
        ("supplier", 1_172_000_000, 0, 1_000_000_000),
        ("grid", 9_000_000, 0, 0),
        ("member:ann", 180, 187_999_820, 0),
    ]
    for balance in [*balances, ("member:bob", 131_000_000, 0, 500_000_000)]:
        rows.add("balances", *balance)
    for kind in ("open", "clear", "settle"):
        rows.add("receipts", FIRST_SLOT, kind, 0, 0, 1, "00", "0x" + kind, 1, 1)
    gas = {"0xopen": 100, "0xclear": 200, "0xsettle": 700}
    facts = facts_of(["ann", "bob"], ["Ann", "Bob"], 1, gas_by_transaction=gas, gas_source="model")
    return facts, rows.tables()


def test_every_figure_of_two_neighbours_is_as_counted_by_hand(neighbours: Run) -> None:
    summary = results(*neighbours).summary
    expected = {
        "slots": 1, "failed_slots": 0, "members": 2, "traded_wh": 900, "delivered_wh": 900, "backed_wh": 900,
        "imported_wh": 500, "exported_wh": 0, "losses_wh": 0, "curtailed_pv_wh": 0, "supplier_sold_wh": 600, "supplier_bought_wh": 100,
        "self_sufficiency_share": round(1 - 500 / 1900, 9), "self_consumption_share": 1.0,
        "curtailed_slots": 0, "infeasible_slots": 0, "unsolved_slots": 0, "scheduled_violation_slots": 0, "scheduled_line_violations": 0,
        "scheduled_voltage_violations": 0, "metered_violation_slots": 0, "metered_line_violations": 0, "metered_voltage_violations": 0,
        "curtailed_wh": 0, "curtailed_trades": 0, "recleared_slots": 0, "line_loading_max_share": None, "voltage_min_share": None, "voltage_max_share": None,
            "lines_short_share": None, "loss_loading_share": None,
        "losses_cost_nano": 0, "grid_fees_nano": 9_000_000, "losses_recovered_share": None, "recovering_fee_micro_per_kwh": None,
        # energy-only limits: bob 300 - 15 = 285, ann 100
        "clearing_efficiency_share": 0.9, "efficiency_share": 0.9,
        "price_mean_micro_per_kwh": 200_000, "price_min_micro_per_kwh": 200_000, "price_max_micro_per_kwh": 200_000,
        "baseline_nano": 1500 * 360_000 - 1000 * 80_000, "cost_nano": 369_000_000 - 188_000_000,
        "cost_saving_share": round(1 - 369 / 540, 9), "revenue_gain_share": round(188 / 80 - 1, 9), "members_worse_off": 0,
        "way_fees_nano": 0, "imbalance_wh": 0, "forecast_cost_nano": None, "money_mismatch_nano": 0, "energy_mismatch_wh": 0,
        "transactions": 3, "gas_per_trade": 1000.0, "gas_source": "model",
        "demands": 0, "demands_answered": 0, "demands_unanswered": 0, "voided_settlements": 0, "proofs_verified": 0, "ledger_verified": True,
        "not_built": ["dispute"],
    }  # fmt: skip
    assert summary == expected


def test_fees_by_location_are_told_by_who_paid_them(neighbours: Run) -> None:
    facts, tables = neighbours
    told = results(*neighbours)
    assert (way_line(told), way_section(told)) == ("", "")
    trades = tables["trades"]
    for column, fee in (("sell_fee_micro_per_kwh", 1_000_000), ("buy_fee_micro_per_kwh", 20_000)):
        trades = changed(trades, column, 0, fee)
    told = results(facts, tables | {"trades": trades})
    assert told.summary["way_fees_nano"] == 900 * 1_020_000
    assert way_line(told) == "0.92\u00a0USD of fees by location"
    assert [column.tolist() for column in paid_by_member(told.books)] == [[900_000_000, 0], [0, 18_000_000], [900, 900]]
    said = " ".join(way_sentences(told))
    assert "0.90\u00a0USD of it as sellers and 0.02\u00a0USD as buyers" in said
    assert said.count("0\u00a0% of what changed hands") == 1
    assert "Ann" in way_section(told)
    assert any("Fees by location are charged" in text for text in caveats(told))


def test_what_was_said_of_the_wires_is_summed_up(neighbours: Run) -> None:
    facts, tables = neighbours
    said = [(0, "curtailed", "feasible", 70, "l1", 500_000, 980_000, 1_010_000), (1, "feasible", "infeasible", 30, "l2", 1_200_000, 990_000, 1_020_000)]  # fmt: skip
    wires = pa.Table.from_pylist(
        [
            {
                "slot": FIRST_SLOT + slot, "verdict": verdict, "verdict_why": "", "flowed": flowed, "flowed_why": "", "losses_wh": lost, "rounds": slot,
                "lines_beyond": 2 - 2 * slot, "buses_beyond": 1 - slot, "flowed_lines_beyond": slot, "flowed_buses_beyond": 0,
                "fullest": full, "loading_ppm": loading, "lowest": "b", "low_ppm": low, "highest": "a", "high_ppm": high,
            }
            for slot, verdict, flowed, lost, full, loading, low, high in said
        ],
        schema=SCHEMAS["wires"],
    )  # fmt: skip
    summary = results(facts, {**tables, "wires": wires}).summary
    assert (summary["curtailed_slots"], summary["infeasible_slots"]) == (1, 1)
    assert summary["line_loading_max_share"] == 1.2
    assert (summary["metered_violation_slots"], summary["metered_line_violations"]) == (1, 1)
    assert summary["metered_voltage_violations"] == 0
    # What is traded after delivery was never scheduled.
    assert summary["scheduled_violation_slots"] == 0
    gate = results(replace(facts, timing="ex_ante"), {**tables, "wires": wires}).summary
    assert (gate["scheduled_violation_slots"], gate["recleared_slots"]) == (1, 1)
    assert (gate["scheduled_line_violations"], gate["scheduled_voltage_violations"]) == (2, 1)
    assert (summary["voltage_min_share"], summary["voltage_max_share"]) == (0.98, 1.02)


def test_a_slot_without_a_power_flow_is_counted_and_said_although_no_line_of_it_is_full(neighbours: Run) -> None:
    facts, tables = neighbours
    nothing = dict.fromkeys(SCHEMAS["wires"].names, 0) | {"fullest": "", "lowest": "", "highest": "", "verdict_why": ""}
    row = {**nothing, "slot": FIRST_SLOT, "verdict": "feasible", "flowed": "infeasible", "flowed_why": NO_SOLUTION}
    dark = {**tables, "wires": pa.Table.from_pylist([row], schema=SCHEMAS["wires"])}
    told = results(facts, dark)
    assert [told.summary[f"{name}_slots"] for name in ("infeasible", "unsolved", "metered_violation", "scheduled_violation")] == [1, 1, 1, 0]  # fmt: skip
    assert (
        wires_line(told)
        == "what was metered passed a limit in 1 hour; in 1 of them there is no power flow, and what was lost is not known"
    )
    assert "In 1 of them, first at 2023-04-26 17:00, there is no power flow" in full_words(told)
    row |= {"verdict": "infeasible", "verdict_why": NO_SOLUTION}
    dark |= {"wires": pa.Table.from_pylist([row], schema=SCHEMAS["wires"])}
    gate = results(replace(facts, timing="ex_ante"), dark)
    assert gate.summary["scheduled_violation_slots"] == 1
    assert wires_line(gate).startswith(
        "all trades were void in 1 hour, because no cut would have helped; what was metered"
    )
    assert "was not cut" not in wires_line(gate)
    assert "all trades being void in 1, where no cut would have helped" in full_words(gate)


def test_demands_and_what_was_void_are_counted_and_said(neighbours: Run) -> None:
    facts, tables = neighbours
    asked = replace(facts, demands=DemandCounts(made=3, answered=1, unanswered=1, voided=2))
    found = results(asked, tables)
    names = ("demands", "demands_answered", "demands_unanswered", "voided_settlements")
    assert [found.summary[name] for name in names] == [3, 1, 1, 2]
    (books,) = [line for line in ending(found, "out/x") if line.startswith("Books")]
    assert books.endswith("; 3 demands of members, 1 answered; 2 settlements void")
    assert "demands of members" not in str(ending(results(facts, tables), "out/x"))


def test_losses_are_part_of_what_a_community_imports(neighbours: Run) -> None:
    summary = results(*with_losses(neighbours)).summary
    assert (summary["imported_wh"], summary["losses_wh"]) == (540, 40)
    assert summary["self_sufficiency_share"] == round(1 - 540 / 1940, 9)


def test_losses_are_bought_and_the_fees_that_the_grid_got_recover_them_in_part(neighbours: Run) -> None:
    done = results(*with_losses(neighbours, price=300_000))
    summary = done.summary
    # 40 Wh at 0.30 cost 0.012; the local fee brought in 0.009; 600 Wh were supplied.
    assert (summary["losses_cost_nano"], summary["grid_fees_nano"]) == (12_000_000, 9_000_000)
    assert (summary["losses_recovered_share"], summary["recovering_fee_micro_per_kwh"]) == (0.75, 20_000)
    assert summary["energy_mismatch_wh"] == 0
    assert (
        Lost(done.books)
        .sentence()
        .endswith(
            "recovers 75\u00a0%. A grid fee of 20000 micro per kWh from the supplier alone would (`[tariff] grid_fee_micro_per_kwh`)."
        )
    )
    assert Lost(done.books).words().endswith("75\u00a0% recovered; recovering fee: 20000 micro per kWh)")
    cheap = Lost(results(*with_losses(neighbours, price=80_000)).books)
    assert cheap.recovered_share == 1.0
    assert cheap.sentence().endswith("which recovers that.")
    below = Lost(results(*with_losses(neighbours, price=-10_000)).books)
    assert (below.recovered_share, below.words()) == (None, "")
    assert "the price was below zero" in below.sentence()


@pytest.mark.parametrize(("bought_wh", "off_wh"), [(0, 40), (39, 1), (50, 10)])
def test_losses_that_nobody_bought_are_energy_that_is_off(neighbours: Run, bought_wh: int, off_wh: int) -> None:
    assert results(*with_losses(neighbours, bought_wh=bought_wh)).summary["energy_mismatch_wh"] == off_wh


def test_what_comes_from_outside_has_to_bring_the_losses(neighbours: Run) -> None:
    assert results(*with_losses(neighbours, drawn_wh=500)).summary["energy_mismatch_wh"] == 40


def with_losses(run: Run, price: int = 80_000, bought_wh: int = 40, drawn_wh: int = 540) -> Run:
    """The same with 40 Wh lost, which the grid buys at a price, and `drawn_wh` from outside, where a kWh is closed at 0.08."""
    facts, tables = run
    rows = [
        row
        | {"energy_wh": 0, "price_micro_per_kwh": 0}
        | ({"energy_wh": drawn_wh, "price_micro_per_kwh": 80_000} if row["kind"] == "wholesale" else {})
        for row in tables["postings"].to_pylist()
    ]
    ends = ("grid", "supplier") if price > 0 else ("supplier", "grid")
    lost = dict(zip(("debit", "credit"), ends, strict=True))
    rows.append(
        rows[0]
        | lost
        | {
            "amount_nano": bought_wh * abs(price),
            "kind": "losses",
            "energy_wh": bought_wh,
            "price_micro_per_kwh": price,
        }
    )
    slots = changed(tables["slots"], "losses_wh", 0, 40)
    rates = {slot: replace(own, balancing_micro_per_kwh=80_000) for slot, own in facts.rates.items()}
    return replace(facts, rates=rates), tables | {"slots": slots, "postings": pa.Table.from_pylist(rows)}


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("readings", "import_wh", 2),
        ("readings", "export_wh", 1),
        *[("statements", "energy_wh", row) for row in range(4)],
        ("trades", "delivered_wh", 0),
        ("trades", "slot", 0),
        ("readings", "slot", 2),
    ],
)
@pytest.mark.parametrize("by", [1, -1])
def test_energy_that_one_source_alone_moved_is_seen(
    neighbours: Run, table: str, column: str, row: int, by: int
) -> None:
    facts, tables = neighbours
    summary = results(facts, tables | {table: changed(tables[table], column, row, by)}).summary
    assert summary["energy_mismatch_wh"] != 0


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        *[("statements", "amount_nano", row) for row in range(5)],
        *[("postings", "amount_nano", row) for row in range(4)],
        *[("postings", "revision", row) for row in range(4)],
        *[("balances", column, row) for column in ("free_nano", "pending_nano", "deposit_nano") for row in range(4)],
    ],
)
@pytest.mark.parametrize("by", [1, -1])
def test_money_that_one_source_alone_moved_is_seen(neighbours: Run, table: str, column: str, row: int, by: int) -> None:
    facts, tables = neighbours
    if column == "revision" and by < 0:
        by = 2
    summary = results(facts, tables | {table: changed(tables[table], column, row, by)}).summary
    assert summary["money_mismatch_nano"] != 0


@pytest.mark.parametrize("name", ["member:eve", "nobody"])
def test_money_posted_to_an_account_that_does_not_exist_is_seen(neighbours: Run, name: str) -> None:
    facts, tables = neighbours
    postings = tables["postings"].set_column(
        3, "credit", pa.array(["member:ann", "supplier", name, "member:ann", "wholesale"])
    )
    assert results(facts, tables | {"postings": postings}).summary["money_mismatch_nano"] != 0


def test_a_trade_of_a_member_that_does_not_exist_is_seen(neighbours: Run) -> None:
    facts, tables = neighbours
    trades = tables["trades"].set_column(2, "seller", pa.array(["eve"]))
    assert results(facts, tables | {"trades": trades}).summary["energy_mismatch_wh"] == 900 + 900


def test_peer_legs_are_what_was_delivered_of_a_trade(neighbours: Run) -> None:
    facts, tables = neighbours
    summary = results(facts, tables | {"trades": changed(tables["trades"], "energy_wh", 0, 50)}).summary
    assert (summary["traded_wh"], summary["delivered_wh"], summary["energy_mismatch_wh"]) == (950, 900, 0)


def test_firm_trades_beyond_the_meters_are_traded_but_not_backed() -> None:
    summary = results(*week(slots=48, timing="ex_ante", noise=0.5)).summary
    assert isinstance(summary["delivered_wh"], int)
    assert isinstance(summary["backed_wh"], int)
    assert 0 < summary["backed_wh"] < summary["delivered_wh"]
    assert results(*week(slots=48, timing="ex_ante", noise=0.0)).summary["efficiency_share"] == 1.0


def test_void_trades_of_a_failed_slot_count_nowhere(neighbours: Run) -> None:
    facts, tables = neighbours
    trades = tables["trades"].to_pylist()
    void = trades[0] | {
        "trade_id": "v",
        "slot": FIRST_SLOT + 1,
        "delivered_wh": 0,
        "sell_amount_nano": 0,
        "buy_amount_nano": 0,
    }
    more = facts_of(["ann", "bob"], ["Ann", "Bob"], 2, failed={FIRST_SLOT + 1: "why"}, gas_by_transaction={})
    tables = tables | {"trades": pa.Table.from_pylist([*trades, void], schema=tables["trades"].schema)}
    before, after = results(replace(facts, gas_by_transaction={}), neighbours[1]).summary, results(more, tables).summary
    assert {k for k in before if before[k] != after[k]} == {"slots", "failed_slots", "gas_source"}


def test_trades_with_the_pool_count_once(neighbours: Run) -> None:
    facts, tables = neighbours
    row = tables["trades"].to_pylist()[0]
    sold = row | {"buyer": None, "buy_order": None, "buy_price_micro_per_kwh": None, "buy_amount_nano": None}
    bought = row | {
        "trade_id": "u",
        "seller": None,
        "sell_order": None,
        "sell_price_micro_per_kwh": None,
        "sell_amount_nano": None,
    }
    pooled = pa.Table.from_pylist([sold, bought], schema=tables["trades"].schema)
    whole, split = results(facts, tables).summary, results(facts, tables | {"trades": pooled}).summary
    assert {k for k in whole if whole[k] != split[k]} == {"gas_per_trade"}  # two rows now


def test_dictionary_columns_give_the_same_figures() -> None:
    facts, tables = week(slots=30, homes=4, flats=2)
    packed = {}
    for name, table in tables.items():
        for at, kind in enumerate(table.schema):
            if pa.types.is_string(kind.type):
                table = table.set_column(at, kind.name, table.column(at).dictionary_encode())
        packed[name] = table
    assert results(facts, packed).summary == results(facts, tables).summary


def test_a_run_without_trades_has_nulls_for_prices_and_gas_and_saves_nothing() -> None:
    summary = results(*week(slots=30, homes=4, flats=2, trading=False)).summary
    assert [summary[f"price_{k}_micro_per_kwh"] for k in ("mean", "min", "max")] == [None, None, None]
    assert summary["gas_per_trade"] is None
    assert summary["baseline_nano"] == summary["cost_nano"]
    assert (summary["cost_saving_share"], summary["revenue_gain_share"], summary["members_worse_off"]) == (0.0, 0.0, 0)
    assert (summary["money_mismatch_nano"], summary["energy_mismatch_wh"]) == (0, 0)


def test_a_run_of_no_slots_and_no_members_has_a_summary() -> None:
    summary = results(facts_of([], [], 0), Rows().tables()).summary
    assert (summary["members"], summary["traded_wh"], summary["clearing_efficiency_share"]) == (0, 0, 1.0)


def test_negative_prices_balance_and_average_to_a_negative_price() -> None:
    rates = replace(RATES, retail_micro_per_kwh=-60_000, feed_in_micro_per_kwh=-150_000, imbalance_buy_micro_per_kwh=-60_000,
                    imbalance_sell_micro_per_kwh=-150_000, grid_fee_micro_per_kwh=0, tax_micro_per_kwh=0)  # fmt: skip
    summary = results(*week(slots=48, rates=rates)).summary
    assert (summary["money_mismatch_nano"], summary["energy_mismatch_wh"]) == (0, 0)
    low, mean, high = (summary[f"price_{k}_micro_per_kwh"] for k in ("min", "mean", "max"))
    assert isinstance(low, int)
    assert isinstance(mean, int)
    assert isinstance(high, int)
    assert -150_000 <= low <= mean <= high < 0


def test_perfect_forecasts_cost_nothing_and_bad_ones_do() -> None:
    perfect = results(*week(slots=96, timing="ex_ante", noise=0.0)).summary
    rough = results(*week(slots=96, timing="ex_ante", noise=0.5)).summary
    assert perfect["forecast_cost_nano"] == 0
    assert perfect["imbalance_wh"] == 0
    assert isinstance(rough["forecast_cost_nano"], int)
    assert rough["forecast_cost_nano"] > 0


def test_the_gas_of_slots_that_were_not_replayed_is_the_mean_of_their_kind(neighbours: Run) -> None:
    facts, tables = neighbours
    more = tables["receipts"].to_pylist()
    more += [row | {"slot": row["slot"] + 1, "transaction": row["transaction"] + "2"} for row in more]
    receipts = pa.Table.from_pylist(more, schema=tables["receipts"].schema)
    assert results(facts, tables | {"receipts": receipts}).summary["gas_per_trade"] == 2000.0
    without = replace(facts, gas_by_transaction={"0xopen": 100})
    assert results(without, tables).summary["gas_per_trade"] is None


def test_anchors_are_transactions_of_the_run(neighbours: Run) -> None:
    facts, tables = neighbours
    gas = {**facts.gas_by_transaction, "0xanchor": 500}
    anchored = replace(facts, anchors=((facts.first_slot, "0xanchor"),), gas_by_transaction=gas)
    summary = results(anchored, tables).summary
    assert (summary["transactions"], summary["gas_per_trade"]) == (4, 1500.0)


def test_the_file_is_json_and_the_same_twice() -> None:
    first, second = (summary_json(results(*week(slots=24)).summary) for _ in range(2))
    assert first == second
    assert list(json.loads(first))[:3] == ["slots", "failed_slots", "members"]
