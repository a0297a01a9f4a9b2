"""What the market knows of members: it reaches the mechanisms of a run, is public, and nobody tells it otherwise afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.fakes.small_runs import MEMBERS
from tests.fakes.tampering import change_cell, sealed
from tests.fakes.tiny_runs import ran, rows_of, write_morning

from commonwatt.wiring.auditing import AuditRequest, audit_run

SAID = {
    "roof-1": "north,4.5,0,1",
    "roof-2": "south,1.5,0,2",
    "barn": "north,,0,0",
    "flat-1": "south,3.2,20000000,5",
    "flat-2": "north,0.4,5000000,2",
}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_morning(tmp_path_factory.mktemp("facts") / "street")
    header, *rows = MEMBERS.splitlines()
    lines = [f"{header},microgrid,trust,budget_nano,key_parts", *(f"{r},{SAID[r.partition(',')[0]]}" for r in rows)]
    (folder / "members.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def traded(street: Path, out: Path, *overrides: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Orders and trades of a run that passed its audit."""
    result = ran(street, out, overrides=("ledger.chain=memory", *overrides))
    assert result.verified
    assert (result.summary["energy_mismatch_wh"], result.summary["money_mismatch_nano"]) == (0, 0)
    assert result.summary["failed_slots"] == 0
    return rows_of(out, "orders"), rows_of(out, "trades")


def test_microgrids_reach_the_rings(street: Path, tmp_path: Path) -> None:
    _, trades = traded(street, tmp_path / "run", "market.clearing=token_ring")
    place = {row["member"]: row["microgrid"] for row in rows_of(tmp_path / "run", "members")}
    assert trades
    assert all(place[trade["seller"]] == place[trade["buyer"]] for trade in trades)


def test_a_seller_below_the_least_trust_does_not_sell_and_budgets_are_kept(street: Path, tmp_path: Path) -> None:
    overrides = ("market.clearing=multi_criteria", "market.least_trust=2")
    orders, trades = traded(street, tmp_path / "run", *overrides)
    names = {row["trust"]: row["member"] for row in rows_of(tmp_path / "run", "members")}
    assert names["1.5"] not in {trade["seller"] for trade in trades}
    assert names["4.5"] in {trade["seller"] for trade in trades}
    assert {o["reason"] for o in orders if o["member"] == names["1.5"] and o["side"] == "sell"} == {"trust"}
    spent: dict[tuple[int, str], int] = {}
    for trade in trades:
        key = trade["slot"], trade["buyer"]
        spent[key] = spent.get(key, 0) + trade["energy_wh"] * trade["buy_price_micro_per_kwh"]
    budget = {names["3.2"]: 20_000_000, names["0.4"]: 5_000_000}
    assert all(amount <= budget.get(buyer, amount) for (_, buyer), amount in spent.items())
    assert "budget" in {order["reason"] for order in orders}


def test_parts_of_the_static_key_divide_the_production(street: Path, tmp_path: Path) -> None:
    _, trades = traded(street, tmp_path / "run", "market.clearing=allocation_keys", "market.key=static")
    parts = {row["member"]: row["key_parts"] for row in rows_of(tmp_path / "run", "members")}
    by_slot: dict[int, list[dict[str, Any]]] = {}
    for trade in trades:
        by_slot.setdefault(trade["slot"], []).append(trade)
    offered: dict[int, int] = {}
    for order in rows_of(tmp_path / "run", "orders"):
        if order["side"] == "sell":
            offered[order["slot"]] = offered.get(order["slot"], 0) + order["energy_wh"]
    bought = [(t, offered[t["slot"]]) for t in trades if t["buyer"]]
    assert bought
    assert all(t["energy_wh"] <= supply * parts[t["buyer"]] // 10 + 1 for t, supply in bought)


def test_a_negotiated_run_says_in_its_audit_how_it_was_found(street: Path, tmp_path: Path) -> None:
    traded(street, tmp_path / "run", "market.clearing=bilateral_primal_dual")
    slot = rows_of(tmp_path / "run", "trades")[0]["slot"]
    lines = audit_run(AuditRequest(tmp_path / "run", slot=slot)).lines
    assert any("rounds" in line and "messages between" in line for line in lines), lines


@pytest.mark.parametrize("column", ["microgrid", "trust", "budget_nano", "key_parts"])
def test_a_fact_that_is_told_otherwise_afterwards_is_found(street: Path, tmp_path: Path, column: str) -> None:
    # The design looks at none of them: nothing but the hash of the rules on the ledger knows.
    assert ran(street, tmp_path / "run").verified
    public = tmp_path / "run" / "public"
    change_cell(public, "members", column, lambda value: value + 1 if isinstance(value, int) else "2", row=0)
    sealed(public)
    checks = {check.name: check for check in audit_run(AuditRequest(tmp_path / "run")).checks}
    assert checks["the ledger was founded on these terms and members"].findings
