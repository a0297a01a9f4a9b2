"""Members with suppliers of their own: their energy, their limits, their bills, their comparison with no market; fees stay the community's."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.e2e.test_bill import alone
from tests.fakes.small_runs import commonwatt, read_json
from tests.fakes.tampering import change_cell, sealed
from tests.fakes.tiny_runs import ran, write_morning_with_a_late_reading

from commonwatt.wiring.billing import BillRequest, make_bills

SUPPLIERS = """
[[tariff.suppliers]]
name = "Sonne & Söhne"
retail_micro_per_kwh = 260_000
feed_in_micro_per_kwh = 120_000

[[tariff.suppliers]]
name = "plain"
retail_micro_per_kwh = 330_000
feed_in_micro_per_kwh = 50_000
imbalance_buy_micro_per_kwh = 400_000
"""
OWN = {"roof-1": "Sonne & Söhne", "flat-1": "plain", "flat-2": "Sonne & Söhne"}


def with_suppliers(folder: Path) -> Path:
    """The street with a silent meter, three of whose members have suppliers of their own."""
    write_morning_with_a_late_reading(folder)
    members = folder / "members.csv"
    head, *rows = members.read_text(encoding="utf-8").splitlines()
    rows = [f"{row},{OWN.get(row.partition(',')[0], '')}" for row in rows]
    members.write_text("\n".join([f"{head},supplier", *rows]) + "\n", encoding="utf-8")
    toml = folder / "community.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace("\n[data]", SUPPLIERS + "\n[data]"), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_suppliers(tmp_path_factory.mktemp("suppliers") / "street")


@pytest.fixture(scope="module")
def run(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suppliers") / "run"
    result = ran(street, folder, overrides=("ledger.window_slots=1",))
    assert result.verified
    assert (result.summary["energy_mismatch_wh"], result.summary["money_mismatch_nano"]) == (0, 0)
    assert result.summary["members_worse_off"] == 0
    return folder


def named(supplier: str, _: object) -> str:
    return supplier


def prices(run: Path, name: str, leg: str) -> set[int]:
    pseudonym = read_json(run / "private" / "pseudonyms.json")[name]
    rows = pq.read_table(run / "public" / "statements.parquet").to_pylist()
    return {row["price_micro_per_kwh"] for row in rows if (row["member"], row["leg"]) == (pseudonym, leg)}


def test_each_member_pays_its_own_supplier(run: Path) -> None:
    assert prices(run, "roof-1", "supplier_sell") == {120_000}
    assert prices(run, "roof-2", "supplier_sell") <= {80_000}
    assert prices(run, "flat-1", "supplier_buy") <= {330_000}
    assert prices(run, "flat-2", "supplier_buy") <= {260_000}
    assert prices(run, "roof-1", "correction_short") | prices(run, "roof-1", "correction_long") <= {120_000, 260_000}
    assert prices(run, "flat-1", "grid_fee") | prices(run, "flat-2", "grid_fee") <= {40_000}


def test_nobody_sells_below_its_own_feed_in_nor_buys_above_its_own_supply(run: Path) -> None:
    names = read_json(run / "private" / "pseudonyms.json")
    trades = pq.read_table(run / "public" / "trades.parquet").to_pylist()
    sold = {t["sell_price_micro_per_kwh"] for t in trades if t["seller"] == names["roof-1"]}
    bought = {t["buy_price_micro_per_kwh"] for t in trades if t["buyer"] == names["flat-2"]}
    assert all(price >= 120_000 for price in sold)
    # 0.26 and the grid's 0.04 and 0.02, less the local 0.015 and 0.005.
    assert all(price <= 300_000 for price in bought)
    assert trades


def test_bills_name_the_supplier_and_strangers_verify_them(run: Path, tmp_path: Path) -> None:
    result = make_bills(BillRequest(run, everyone=True, out=tmp_path / "bills"))
    assert result.passed, result.lines
    for name in ("roof-1", "roof-2", "flat-1"):
        said = alone(tmp_path / "bills" / name)
        assert said.code == 0, said.both
        assert read_json(tmp_path / "bills" / name / "bill.json")["member"]["supplier"] == OWN.get(name, "")
        assert ("your supplier" in said.out) == (name in OWN)
    bill = tmp_path / "bills" / "roof-1" / "bill.json"
    text = bill.read_text(encoding="utf-8")
    bill.write_text(text.replace('"supplier": "Sonne & S\\u00f6hne"', '"supplier": "plain"'), encoding="utf-8")
    assert alone(bill.parent).code == 1


def test_the_audit_knows_whose_supplier_is_whose(run: Path, tmp_path: Path) -> None:
    assert commonwatt("audit", run).code == 0
    for number, other in enumerate(("", "plain", "nobody")):
        public = tmp_path / str(number)
        shutil.copytree(run / "public", public)
        change_cell(public, "members", "supplier", partial(named, other), row=0)
        sealed(public)
        said = commonwatt("audit", public)
        assert said.code == 1
        lines = [line for line in said.out.splitlines() if "FAIL" in line]
        assert any("give the same bills" in line or "well-formed" in line for line in lines), said.both


def test_a_supplier_that_is_not_there_is_found(street: Path, tmp_path: Path) -> None:
    members = (street / "members.csv").read_text(encoding="utf-8")
    folder = tmp_path / "street"
    with_suppliers(folder)
    (folder / "members.csv").write_text(members.replace(",plain", ",plane"), encoding="utf-8")
    said = commonwatt("check", folder)
    assert said.code == 2
    assert "supplier: expected one of Sonne & Söhne, plain (did you mean plain?), found 'plane'" in said.both
