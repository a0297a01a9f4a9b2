"""A run by the settlement path of signed trades, as a stranger sees it: audited, watched, billed; and what a changed folder is answered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.fakes.small_runs import read_json
from tests.fakes.tampering import change_cell, changed, sealed, text_replaced
from tests.fakes.tiny_runs import ran, write_morning

from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.billing import BillRequest, make_bills
from commonwatt.wiring.watching import WatchRequest, watch_run

BY_TRADES = ("ledger.path=trades",)
FOUNDATION = "the ledger was founded on these terms and members"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same morning by both paths, of one key file."""
    root = tmp_path_factory.mktemp("paths")
    street = write_morning(root / "street")
    found = {}
    for path in ("net", "trades"):
        told = ran(street, root / path, "community", overrides=(f"ledger.path={path}",))
        assert told.verified
        found[path] = root / path
    return found


@pytest.fixture
def public(runs: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of what the run by trades published, to be changed."""
    shutil.copytree(runs["trades"] / "public", tmp_path / "public")
    return tmp_path / "public"


def failed(public: Path) -> dict[str, str]:
    """The checks that found something, with all they found."""
    audited = audit_run(AuditRequest(public))
    return {check.name: "; ".join(map(str, check.findings)) for check in audited.checks if not check.passed}


@pytest.mark.parametrize("table", ["statements", "postings", "trades", "members"])
def test_both_paths_publish_the_same_bills_trades_and_postings(runs: dict[str, Path], table: str) -> None:
    net, trades = (pq.read_table(run / "public" / f"{table}.parquet") for run in runs.values())
    assert net.num_rows > 0
    assert trades.equals(net)


def test_the_summaries_differ_in_what_the_ledger_was_asked_alone(runs: dict[str, Path]) -> None:
    net, trades = (read_json(run / "summary.json") for run in runs.values())
    different = {key for key in net if net[key] != trades[key]}
    assert different == {"transactions", "gas_per_trade"}
    assert trades["gas_source"] == "model"
    assert trades["gas_per_trade"] > net["gas_per_trade"] > 0


def test_a_stranger_audits_watches_and_verifies_a_bill(runs: dict[str, Path], tmp_path: Path) -> None:
    assert failed(runs["trades"]) == {}
    assert watch_run(WatchRequest(runs["trades"])).doubts == ()
    made = make_bills(BillRequest(runs["trades"], members=("flat-1",), out=tmp_path / "bills"))
    assert made.passed


def test_the_gas_model_is_close_to_what_the_reference_counts(runs: dict[str, Path]) -> None:
    checks = audit_run(AuditRequest(runs["trades"], reference=True)).checks
    (note,) = [check.note for check in checks if "exact gas" in check.note]
    exact = int(note.partition("of the run: ")[2].partition(" ")[0].replace(",", ""))
    summary, trades = (
        read_json(runs["trades"] / "summary.json"),
        pq.read_table(runs["trades"] / "public/trades.parquet"),
    )
    assert summary["gas_per_trade"] * trades.num_rows == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize(
    ("table", "column"),
    [("postings", "amount_nano"), ("trades", "energy_wh"), ("receipts", "content_hash"), ("instructions", "energy_wh")],
)
def test_a_changed_table_is_found_although_the_manifest_fits(public: Path, table: str, column: str) -> None:
    change_cell(public, table, column, changed)
    sealed(public)
    found = failed(public)
    assert "the chain anchors the root of these files" in found
    assert len(found) > 1


def test_a_tariff_changed_in_the_settings_is_not_the_one_the_contract_was_founded_on(public: Path) -> None:
    text_replaced(public / "settings.toml", "local_fee_micro_per_kwh = 15000", "local_fee_micro_per_kwh = 15001")
    sealed(public)
    assert "rules_hash" in failed(public)[FOUNDATION]


def test_settings_of_the_other_path_are_not_those_of_the_chain(public: Path) -> None:
    text_replaced(public / "settings.toml", 'path = "trades"', 'path = "net"')
    sealed(public)
    found = failed(public)
    assert "rules_hash" in found[FOUNDATION]
    assert "the chain holds nothing else, each thing once, in its time" in found
