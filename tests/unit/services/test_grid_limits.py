"""What the grid cuts at the gate is told to whom it hits, settles, and passes the audit."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, Ran, rows
from tests.fakes.wires import line, wires

from commonwatt.clearing import CLEARINGS, Clearing
from commonwatt.core.members import MemberFacts
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Readings, Statement, Verdict
from commonwatt.forecasting import FORECASTINGS
from commonwatt.grid import GRIDS, Grid
from commonwatt.services.audit import CHECKS
from commonwatt.services.audit.slots import check_clearing, check_statements
from commonwatt.services.audit.wires import check_wires
from commonwatt.services.halves import GateHalf
from commonwatt.services.rules import EX_ANTE, EX_POST
from commonwatt.services.schemas import SCHEMAS
from commonwatt.settlement import SettlementContext

HOURS = 8
MECHANISMS = pytest.mark.parametrize("clearing", ["uniform_price", "two_round_double_auction"])


def ran(timing: str, clearing: str = "uniform_price", **limits: Any) -> Ran:
    design = markets.rules(timing, clearing=CLEARINGS.make(clearing))
    forecasts = FORECASTINGS.make("same_hour_yesterday")
    grid = GRIDS.make("capacity", **limits)
    return markets.run(markets.market(timing, hours=HOURS, design=design, forecasting=forecasts, grid=grid), HOURS)


def changed(table: pa.Table, **where_and_value: Any) -> pa.Table:
    """The table with one column's value of the first row exchanged."""
    listed = table.to_pylist()
    listed[0].update(where_and_value)
    return pa.Table.from_pylist(listed, schema=table.schema)


@MECHANISMS
@pytest.mark.parametrize("limits", [{"connection_share": 0.1}, {"community_export_w": 1500}])
def test_a_cut_slot_settles_and_passes_the_audit(clearing: str, limits: dict[str, Any]) -> None:
    free, cut = ran(EX_ANTE, clearing), ran(EX_ANTE, clearing, **limits)
    assert set(cut.tables["slots"]["failed"].to_pylist()) == {False}
    assert "curtailed" in cut.tables["slots"]["verdict"].to_pylist()
    traded = [sum(run.tables["trades"]["energy_wh"].to_pylist()) for run in (free, cut)]
    assert 0 < traded[1] < traded[0]
    assert not [finding for check in CHECKS for finding in check(cut.audited()).findings]


@MECHANISMS
def test_whoever_lost_energy_to_the_grid_is_told_so_and_nobody_else(clearing: str) -> None:
    free, cut = (ran(EX_ANTE, clearing, **limits).tables["orders"] for limits in ({}, {"community_export_w": 1500}))
    for before, after in zip(rows(free, slot=FIRST), rows(cut, slot=FIRST), strict=True):
        assert before["order_id"] == after["order_id"]
        assert (after["reason"] == "curtailed") == (after["filled_wh"] < before["filled_wh"])


def test_no_member_trades_more_than_its_connection_carries() -> None:
    run = ran(EX_ANTE, connection_share=0.1)
    limit = {row["member"]: row["connection_w"] // 10 for row in run.tables["members"].to_pylist()}
    for row in run.tables["orders"].to_pylist():
        assert row["filled_wh"] <= limit[row["member"]]
    assert any(row["energy_wh"] > limit[row["member"]] for row in run.tables["orders"].to_pylist())


def test_after_delivery_an_excess_is_reported_and_nothing_is_cut() -> None:
    free, judged = ran(EX_POST), ran(EX_POST, community_import_w=1)
    assert judged.tables["trades"].equals(free.tables["trades"])
    assert "infeasible" in judged.tables["slots"]["verdict"].to_pylist()
    assert set(judged.tables["slots"]["failed"].to_pylist()) == {False}
    assert "curtailed" not in judged.tables["orders"]["reason"].to_pylist()


@pytest.mark.parametrize(
    ("spoilt", "expected"),
    [
        ({"energy_wh": 10**6}, "a trade of the mechanism"),
        ({"buy_price_micro_per_kwh": 1, "sell_price_micro_per_kwh": 1}, "a trade of the mechanism"),
    ],
)
def test_under_cover_of_a_cut_nothing_can_be_added(spoilt: dict[str, int], expected: str) -> None:
    run = ran(EX_ANTE, community_export_w=1500)
    trades = changed(run.tables["trades"], **spoilt)
    found = check_clearing(run.audited({"trades": trades})).findings
    assert any(finding.expected.startswith(expected) for finding in found)


def test_a_loss_without_its_reason_is_found() -> None:
    run = ran(EX_ANTE, community_export_w=1500)
    orders = run.tables["orders"].to_pylist()
    hidden = next(i for i, row in enumerate(orders) if row["reason"] == "curtailed")
    orders[hidden]["reason"] = "rationed"
    table = pa.Table.from_pylist(orders, schema=run.tables["orders"].schema)
    found = check_clearing(run.audited({"orders": table})).findings
    assert [(finding.expected, finding.found) for finding in found] == [("curtailed", "rationed")]


FEEDER = wires(*(line(begin, end, 60, 0.4, 3) for begin, end in pairwise("nabcde")), root="n")
"""The five one after the other on a thin cable."""
UNIFORM = CLEARINGS.make("uniform_price")


def laid(timing: str, clearing: Clearing = UNIFORM, model: Grid | None = None, **other: Any) -> Ran:
    founded = markets.terms()
    members = tuple(replace(m, facts=MemberFacts(bus=bus)) for m, bus in zip(founded.members, "abcde", strict=True))
    design = markets.rules(timing, clearing=clearing, feeder=FEEDER, bus=np.arange(1, 6, dtype=np.int64), **other)
    grid, forecasts = model or GRIDS.make("radial", limits="verdict"), FORECASTINGS.make("same_hour_yesterday")
    return markets.run(
        markets.market(
            timing,
            hours=HOURS,
            design=design,
            forecasting=forecasts,
            grid=grid,
            founded_on=replace(founded, members=members),
        ),
        HOURS,
    )


@cache
def on_feeder(timing: str) -> Ran:
    return laid(timing)


TIMINGS = pytest.mark.parametrize("timing", [EX_ANTE, EX_POST])


@TIMINGS
def test_a_run_on_a_feeder_tells_its_losses_and_passes_the_audit(timing: str) -> None:
    run = on_feeder(timing)
    table = run.tables["wires"].to_pylist()
    assert len(table) == HOURS
    assert all(row["losses_wh"] > 0 and row["fullest"] and 0 < row["low_ppm"] <= row["high_ppm"] for row in table)
    assert run.tables["slots"]["losses_wh"].to_pylist() == [row["losses_wh"] for row in table]
    assert set(run.tables["slots"]["failed"].to_pylist()) == {False}
    assert ("curtailed" in {row["verdict"] for row in table}) is (timing == EX_ANTE)
    assert "infeasible" in {row["flowed"] for row in table}
    assert not [finding for check in CHECKS for finding in check(run.audited()).findings]


@TIMINGS
def test_the_grid_buys_what_is_lost_slot_by_slot_and_the_supplier_brings_it_from_outside(timing: str) -> None:
    run = on_feeder(timing)
    wires = {row["slot"]: row["losses_wh"] for row in run.tables["wires"].to_pylist()}
    postings = run.tables["postings"].to_pylist()
    bought = {row["slot"]: row for row in postings if row["kind"] == "losses"}
    assert {slot: row["energy_wh"] for slot, row in bought.items()} == wires
    price = run.market.rules.rates(FIRST).losses_micro_per_kwh
    assert price > 0
    for row in bought.values():
        assert (row["debit"], row["credit"], row["price_micro_per_kwh"]) == ("grid", "supplier", price)
    readings = run.tables["readings"].to_pylist()
    for slot, lost_wh in wires.items():
        metered = sum(row["import_wh"] - row["export_wh"] for row in readings if row["slot"] == slot)
        drawn = sum(
            row["energy_wh"] * (1 if row["credit"] == "wholesale" else -1)
            for row in postings
            if row["slot"] == slot and row["kind"] == "wholesale"
        )
        assert drawn == metered + lost_wh


def test_a_forged_loss_is_found_wherever_it_is_forged() -> None:
    run = on_feeder(EX_POST)
    rows = run.tables["postings"].to_pylist()
    at = next(number for number, row in enumerate(rows) if row["kind"] == "losses")
    honest = rows[at]["energy_wh"]
    dearer = {"energy_wh": honest + 100, "amount_nano": (honest + 100) * rows[at]["price_micro_per_kwh"]}
    postings = pa.Table.from_pylist(
        [*rows[:at], rows[at] | dearer, *rows[at + 1 :]], schema=run.tables["postings"].schema
    )
    wires = pa.Table.from_pylist(
        [
            row | {"losses_wh": row["losses_wh"] + 100 * (row["slot"] == rows[at]["slot"])}
            for row in run.tables["wires"].to_pylist()
        ],
        schema=run.tables["wires"].schema,
    )
    # In what is paid for; in what is said to be lost; and in both, so that bills and wires agree with each other, but not with the meters.
    assert [str(f) for f in check_statements(run.audited({"postings": postings})).findings]
    assert [f.where for f in check_wires(run.audited({"wires": wires})).findings] == [
        f"wires slot {rows[at]['slot']} losses_wh"
    ]
    both = run.audited({"postings": postings, "wires": wires})
    assert [f.where for f in check_wires(both).findings] == [f"wires slot {rows[at]['slot']} losses_wh"]


def test_a_feeder_that_is_full_cuts_trades_of_who_is_told_so() -> None:
    run = on_feeder(EX_ANTE)
    cut = {row["slot"] for row in rows(run.tables["wires"], verdict="curtailed")}
    assert {row["slot"] for row in rows(run.tables["orders"], reason="curtailed")} == cut != set()


@TIMINGS
@pytest.mark.parametrize("column", [name for name in SCHEMAS["wires"].names if name != "slot"])
def test_nothing_that_is_said_of_the_wires_can_be_changed(timing: str, column: str) -> None:
    run = on_feeder(timing)
    old = run.tables["wires"][column][0].as_py()
    wrong = old + 1 if isinstance(old, int) else "unchecked" if column in ("verdict", "flowed") else old + "x"
    found = check_wires(run.audited({"wires": changed(run.tables["wires"], **{column: wrong})})).findings
    assert found


def test_a_mechanism_that_weighs_losses_has_the_loss_factors_of_the_feeder_and_so_has_the_audit() -> None:
    def traded(run: Ran) -> int:
        return sum(run.tables["trades"]["energy_wh"].to_pylist())

    plain, weighing = (CLEARINGS.make("multi_criteria", beta_micro_per_kwh=beta) for beta in (0.0, 200_000_000.0))
    lossy, lossless = (GRIDS.make("radial", loss_loading_share=loading) for loading in (0.5, 0.0))
    free, weighed = (laid(EX_POST, mechanism, lossy) for mechanism in (plain, weighing))
    assert 0 < traded(weighed) < traded(free)
    assert not [finding for check in CHECKS for finding in check(weighed.audited()).findings]
    # On lines that lose nothing there is nothing to weigh.
    blind = laid(EX_POST, weighing, lossless)
    assert blind.tables["trades"].equals(laid(EX_POST, plain, lossless).tables["trades"])
    found = check_clearing(replace(weighed.audited(), rules=blind.market.rules)).findings
    assert {finding.where.split()[0] for finding in found} >= {"trades"}


@pytest.mark.parametrize("bus", ["", "elsewhere"])
def test_every_member_is_on_a_bus_of_the_feeder(bus: str) -> None:
    run = on_feeder(EX_ANTE)
    assert check_wires(run.audited({"members": changed(run.tables["members"], bus=bus)})).findings


def test_a_cut_is_as_large_as_the_rule_says_and_no_smaller_or_larger() -> None:
    run = on_feeder(EX_ANTE)
    slot = next(row["slot"] for row in run.tables["wires"].to_pylist() if row["verdict"] == "curtailed")
    trades = run.tables["trades"].to_pylist()
    at = next(i for i, row in enumerate(trades) if row["slot"] == slot)
    for more in (1, -1):
        spoilt = [dict(row) for row in trades]
        spoilt[at]["energy_wh"] += more
        table = pa.Table.from_pylist(spoilt, schema=run.tables["trades"].schema)
        assert any(f.where == f"trades slot {slot}" for f in check_wires(run.audited({"trades": table})).findings)


def beyond_help(hours: int, **more: Any) -> Ran:
    """A run on a feeder whose source alone is above the band: no cut of trades helps any slot."""
    high = replace(FEEDER, source_share=1.2)
    founded = markets.terms()
    members = tuple(replace(m, facts=MemberFacts(bus=bus)) for m, bus in zip(founded.members, "abcde", strict=True))
    design = markets.rules(EX_ANTE, feeder=high, bus=np.arange(1, 6, dtype=np.int64))
    terms = replace(founded, members=members)
    return markets.run(
        markets.market(EX_ANTE, hours=hours, design=design, grid=GRIDS.make("radial"), founded_on=terms, **more), hours
    )


def test_what_no_cut_helps_fails_the_slot_and_says_so() -> None:
    run = beyond_help(2)
    assert set(run.tables["slots"]["failed"].to_pylist()) == {True}
    assert set(run.tables["wires"]["verdict"].to_pylist()) == {"infeasible"}
    assert "nominal voltage" in run.tables["slots"]["reason"][0].as_py()
    assert not [finding for check in CHECKS for finding in check(run.audited()).findings]


def test_an_operator_that_keeps_the_trades_of_a_slot_that_no_cut_helps_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It publishes the true verdict and does not act on it: orders, trades and bills agree with each other.
    monkeypatch.setattr("commonwatt.services.trading.Verdict", SimpleNamespace(INFEASIBLE=None))
    run = beyond_help(HOURS, forecasting=FORECASTINGS.make("same_hour_yesterday"))
    assert sum(run.tables["trades"]["delivered_wh"].to_pylist()) > 0
    assert set(run.tables["wires"]["verdict"].to_pylist()) == {"infeasible"}
    traded = set(run.tables["orders"]["slot"].to_pylist())
    found = check_wires(run.audited()).findings
    assert {f.where for f in found} == {f"orders slot {slot} reason" for slot in traded}


def test_without_a_feeder_nobody_says_where_a_member_is() -> None:
    run = ran(EX_POST)
    assert set(run.tables["members"]["bus"].to_pylist()) == {""}
    assert check_wires(run.audited({"members": changed(run.tables["members"], bus="a")})).findings


def test_a_market_at_a_gate_is_cleared_again_until_the_voltage_is_kept() -> None:
    narrow = replace(
        wires(*(line(begin, end, 60, 0.4, 100) for begin, end in pairwise("nabcde")), root="n"),
        voltage_low_share=0.9995,
        voltage_high_share=1.0005,
    )

    def verdicts(**parameters: Any) -> tuple[list[tuple[Verdict, int]], int, Ran]:
        founded = markets.terms()
        members = tuple(replace(m, facts=MemberFacts(bus=bus)) for m, bus in zip(founded.members, "abcde", strict=True))
        mechanism = CLEARINGS.make("multi_criteria", price="nodal")
        design = markets.rules(EX_ANTE, clearing=mechanism, feeder=narrow, bus=np.arange(1, 6, dtype=np.int64))
        forecasts = FORECASTINGS.make("same_hour_yesterday")
        run = markets.run(
            markets.market(
                EX_ANTE,
                hours=3,
                design=design,
                forecasting=forecasts,
                grid=GRIDS.make("radial", **parameters),
                founded_on=replace(founded, members=members),
            ),
            3,
        )
        assert not [finding for check in CHECKS for finding in check(run.audited()).findings]
        said = [half.trading.verdict for half in run.halves if isinstance(half, GateHalf)]
        return [(Verdict(v.verdict), v.rounds) for v in said], sum(run.tables["trades"]["energy_wh"].to_pylist()), run

    free, all_wh, _ = verdicts(limits="none")
    once, cut_wh, _ = verdicts(rounds=0)
    again, kept_wh, _ = verdicts()
    assert free == [(Verdict.EXCEEDED, 0)] * 3
    assert once == [(Verdict.CURTAILED, 0)] * 3
    assert again == [(Verdict.FEASIBLE, 1)] * 3
    assert 0 < kept_wh < all_wh
    assert 0 < cut_wh < all_wh


@pytest.mark.parametrize("column", SCHEMAS["curtailments"].names)
def test_nothing_that_is_said_of_a_cut_can_be_changed(column: str) -> None:
    run = on_feeder(EX_ANTE)
    table = run.tables["curtailments"]
    old = table[column][0].as_py()
    wrong = old + 1 if isinstance(old, int) else f"{FIRST}-o99" if column.endswith("order") else f"{old}x"
    assert check_wires(run.audited({"curtailments": changed(table, **{column: wrong})})).findings


def test_in_a_slot_that_failed_after_its_gate_nothing_is_said_to_be_cut() -> None:
    """Its trades are void, cut or not; the next slots keep their cuts."""
    slot = on_feeder(EX_ANTE).tables["curtailments"]["slot"][0].as_py()
    honest = markets.rules(EX_ANTE).settlement

    def settle(book: OrderBook, agreement: Agreement, readings: Readings, context: SettlementContext) -> Statement:
        if context.slot == slot and len(agreement.trades):
            raise RuntimeError("so sorry")
        return honest.settle(book, agreement, readings, context)

    run = laid(EX_ANTE, settlement=SimpleNamespace(settle=settle, needs=frozenset(), breaks=frozenset()))
    assert {row["reason"] for row in rows(run.tables["orders"], slot=slot)} == {"slot_failed"}
    cut = run.tables["curtailments"]["slot"].to_pylist()
    assert cut
    assert slot not in cut
    assert check_wires(run.audited()).findings == ()


def test_a_cut_cannot_be_left_out_told_twice_or_made_up() -> None:
    run = on_feeder(EX_ANTE)
    table = run.tables["curtailments"]
    twice = pa.concat_tables([table, table.slice(0, 1)])
    for spoilt in (table.slice(1), twice, table.slice(0, 0)):
        assert check_wires(run.audited({"curtailments": spoilt})).findings
    calm = on_feeder(EX_POST)
    assert not calm.tables["curtailments"].num_rows
    assert check_wires(calm.audited({"curtailments": table.slice(0, 1)})).findings


def test_what_was_cut_is_what_the_mechanism_gave_less_what_is_left() -> None:
    run = on_feeder(EX_ANTE)
    told = run.tables["curtailments"].to_pylist()
    assert {row["rule"] for row in told} == {"pro_rata"}
    assert all(row["element"] and row["element"] in row["why"] for row in told)
    cut = sum(
        sum(wh for _, wh in half.trading.verdict.curtailed_wh) for half in run.halves if isinstance(half, GateHalf)
    )
    assert sum(row["energy_wh"] for row in told) == cut > 0
    assert {row["slot"] for row in told} == {row["slot"] for row in rows(run.tables["wires"], verdict="curtailed")}
