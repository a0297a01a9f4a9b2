"""Fees by location end to end: every kind under markets of every make, on bills, watched and audited, and what is said of a false one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import add
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.lanes import LANE, said
from tests.fakes.member_files import member_wires
from tests.fakes.small_runs import MEMBERS
from tests.fakes.tampering import change_cell, sealed
from tests.fakes.tiny_runs import ran, rows_of, write_morning

from commonwatt.adapters.feeder_file import FeederFile
from commonwatt.grid import Bus
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.watching import WatchRequest, watch_run

LINE = ("grid.fee=line", "grid.fee_micro_per_kwh=4000")
ZONE = ("grid.fee=zone", "grid.fee_micro_per_kwh=9000")
LENGTH = ("grid.fee=length", "grid.fee_micro_per_kwh_km=70000")
OHM = ("grid.fee=resistance", "grid.fee_micro_per_kwh_ohm=150000")
ON = ("grid.model=radial", "grid.feeder=lane.toml")
LOCAL_FEE = 15_000
MEMORY = (*ON, "ledger.chain=memory")


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five members along a lane of two zones."""
    folder = write_morning(tmp_path_factory.mktemp("ways") / "street")
    header, *rows = MEMBERS.splitlines()
    lines = [f"{header},bus", *(f"{row},h{at}" for at, row in enumerate(rows, 1))]
    (folder / "members.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    buses = tuple(Bus(bus.id, zone="near" if bus.id < "h3" else "far") for bus in LANE.buses)
    text = FeederFile(replace(LANE, buses=buses)).text
    (folder / "lane.toml").write_text(text, encoding="utf-8")
    return folder


def findings(out: Path) -> dict[str, Any]:
    return {check.name: check.findings for check in audit_run(AuditRequest(out)).checks if check.findings}


MARKETS = [
    (LINE, ("market.clearing=uniform_price",)),
    (ZONE, ("market.clearing=pay_as_bid", "market.timing=ex_ante", "settlement.rule=delivered")),
    (LENGTH, ("market.clearing=mid_market_rate", "market.timing=ex_ante")),
    (OHM, ("market.clearing=multi_criteria", "ledger.path=trades")),
    (LINE, ("market.venue=continuous", "market.timing=ex_ante", "settlement.rule=delivered", "ledger.path=trades")),
    (
        ZONE,
        ("market.clearing=uniform_price", "market.timing=ex_ante", "settlement.rule=delivered", "ledger.path=trades"),
    ),
]


@pytest.mark.parametrize(("fee", "market"), MARKETS)
def test_every_market_settles_fees_by_location_and_the_books_are_right(
    fee: tuple[str, ...], market: tuple[str, ...], street: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = ran(street, out, overrides=(*MEMORY, *fee, *market))
    assert result.verified
    summary = result.summary
    assert (summary["energy_mismatch_wh"], summary["money_mismatch_nano"], summary["failed_slots"]) == (0, 0, 0)
    trades = rows_of(out, "trades")
    due = sum(t["delivered_wh"] * (t["sell_fee_micro_per_kwh"] + t["buy_fee_micro_per_kwh"]) for t in trades)
    assert summary["way_fees_nano"] == due > 0
    local = sum(-row["amount_nano"] for row in rows_of(out, "statements") if row["leg"] == "local_fee")
    assert local - due == sum(t["delivered_wh"] for t in trades if t["buyer"]) * LOCAL_FEE
    limits = {row["order_id"]: row["limit_micro_per_kwh"] for row in rows_of(out, "orders")}
    for t in trades:
        if t["sell_order"]:
            assert t["sell_price_micro_per_kwh"] - t["sell_fee_micro_per_kwh"] >= limits[t["sell_order"]]
        if t["buy_order"]:
            assert t["buy_price_micro_per_kwh"] + t["buy_fee_micro_per_kwh"] <= limits[t["buy_order"]]
    assert "Fees by location" in (out / "report.html").read_text()
    told = member_wires(out)
    assert sum(int(row["way_fee_nano"]) for row in told) == due


def test_members_and_auditors_bear_out_the_fees_of_an_honest_run_and_find_a_false_one(
    street: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert ran(street, out, overrides=(*ON, *LINE, "market.clearing=pay_as_bid")).verified
    assert watch_run(WatchRequest(out)).doubts == ()
    assert not findings(out)
    public = out / "public"
    paying = next(at for at, row in enumerate(rows_of(out, "trades")) if row["buy_fee_micro_per_kwh"])
    honest = (public / "trades.parquet").read_bytes()
    for by in (-4000, 1):
        change_cell(public, "trades", "buy_fee_micro_per_kwh", partial(add, by), row=paying)
        sealed(public)
        assert len(findings(out)) >= 2, "the roots on the ledger, and the market computed again"
        (public / "trades.parquet").write_bytes(honest)
    local = next(at for at, row in enumerate(rows_of(out, "statements")) if row["leg"] == "local_fee")
    change_cell(public, "statements", "price_micro_per_kwh", lambda value: value + 1, row=local)
    sealed(public)
    assert findings(out)


def test_a_zone_fee_keeps_trade_in_the_zone(street: Path, tmp_path: Path) -> None:
    shares = []
    for name, fee in (("free", ()), ("paid", ("grid.fee=zone", "grid.fee_micro_per_kwh=60000"))):
        assert ran(street, tmp_path / name, overrides=(*MEMORY, *fee, "market.clearing=random_matching")).verified
        bus = {row["member"]: row["bus"] for row in rows_of(tmp_path / name, "members")}
        near = {member: place < "h3" for member, place in bus.items()}
        trades = rows_of(tmp_path / name, "trades")
        within = sum(t["delivered_wh"] for t in trades if near[t["seller"]] == near[t["buyer"]])
        shares.append(within / sum(t["delivered_wh"] for t in trades))
    assert shares[0] + 0.1 < shares[1]


def test_fees_that_make_no_sense_are_named(street: Path) -> None:
    on = "grid.model=radial"
    lane = "grid.feeder=lane.toml"
    assert (
        "grid.fee_micro_per_kwh: expected more than 0, what fee = line charges"
        in said(street, on, lane, "grid.fee=line")[0]
    )
    assert "it charges nothing" in said(street, on, lane, "grid.fee_micro_per_kwh_km=5")[0]
    (negative,) = said(street, on, lane, *LINE[:1], "grid.fee_micro_per_kwh=-1")
    assert "0..2147483647" in negative
    (unknown,) = said(street, "grid.fee=line")
    assert "fee" in unknown
