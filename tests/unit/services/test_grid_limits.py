"""What the grid cuts at the gate is told to whom it hits, settles, and passes the audit."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, Ran, rows

from commonwatt.clearing import CLEARINGS
from commonwatt.forecasting import FORECASTINGS
from commonwatt.grid import GRIDS
from commonwatt.services.audit import CHECKS
from commonwatt.services.audit.slots import check_clearing
from commonwatt.services.rules import EX_ANTE, EX_POST

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
