"""A run on a feeder, end to end: what it publishes, what an auditor makes of it, and what is said of a feeder that does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.fakes.lanes import LANE, ON, said
from tests.fakes.member_files import member_wires
from tests.fakes.small_runs import MEMBERS
from tests.fakes.tampering import change_cell, sealed
from tests.fakes.tiny_runs import ran, write_morning
from tests.fakes.wires import line, wires

from commonwatt.adapters.feeder_file import FeederFile
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.checking import check_lines
from commonwatt.wiring.feeders import FeederRequest, feeder_told

TIGHT = ("grid.model=radial", "grid.feeder=narrow.toml", "ledger.chain=memory", "market.timing=ex_ante")


def rows_of(out: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out / "public" / f"{table}.parquet").to_pylist()
    return found


def found_by(out: Path) -> dict[str, Any]:
    return {check.name: check.findings for check in audit_run(AuditRequest(out)).checks if check.findings}


def test_losses_are_in_the_books_and_the_audit_computes_them_again(street: Path, tmp_path: Path) -> None:
    result = ran(street, tmp_path / "run", overrides=ON)
    assert result.verified
    summary = result.summary
    assert (summary["energy_mismatch_wh"], summary["money_mismatch_nano"]) == (0, 0)
    wires_rows = rows_of(tmp_path / "run", "wires")
    lost = sum(row["losses_wh"] for row in wires_rows)
    assert summary["losses_wh"] == lost > 0
    # What comes in less what goes out is what the members' meters say and what was lost on the way.
    meters = rows_of(tmp_path / "run", "readings")
    drawn = sum(row["import_wh"] - row["export_wh"] for row in meters)
    assert result.results.whole("imported_wh") - result.results.whole("exported_wh") == drawn + lost
    assert {row["bus"] for row in rows_of(tmp_path / "run", "members")} == {f"h{at}" for at in range(1, 6)}
    assert (tmp_path / "run" / "public" / "feeder.toml").read_text() == FeederFile(LANE).text
    report = (tmp_path / "run" / "report.html").read_text()
    assert "were lost in lines and transformer" in report
    assert "radial on test</td>" in report
    wires_line = next(text for text in result.ending if text.startswith("Wires"))
    assert "may be used" not in wires_line
    assert "held back" not in wires_line


def test_the_drawing_of_the_report_is_the_public_table_of_the_wires(street: Path, tmp_path: Path) -> None:
    result = ran(street, tmp_path / "run", overrides=(*ON, "grid.rating_share=0.5"))
    assert result.verified
    assert any("of its rating, of which 50 % may be used" in text for text in result.ending)
    page = (tmp_path / "run" / "report.html").read_text()
    drawn = json.loads(page.split('<script type="application/json" id="figures">')[1].split("</script>")[0])["feeder"][
        "map"
    ]
    rows, meters = rows_of(tmp_path / "run", "wires"), rows_of(tmp_path / "run", "readings")
    assert len(rows) == len(drawn["bands"]) == len(drawn["starts"])
    seen = 0
    for at, row in enumerate(rows):
        fullest = drawn["names"].index(row["fullest"])
        if fullest in drawn["crowd"]:
            seen += 1
            said = drawn["loading"][at][drawn["crowd"].index(fullest)]
            assert said == max(drawn["loading"][at]) == round(row["loading_ppm"] / 0.5 / 10_000)
        low, high = (round((row[column] - 1_000_000) / 1000) for column in ("low_ppm", "high_ppm"))
        assert (min(drawn["voltage"][at]), max(drawn["voltage"][at])) == (low, high)
        of_slot = [meter for meter in meters if meter["slot"] == row["slot"]]
        whole = drawn["told"].index(1)
        assert drawn["exported"][at][whole] == sum(meter["export_wh"] for meter in of_slot)
        assert drawn["imported"][at][whole] == sum(meter["import_wh"] for meter in of_slot)
    assert seen
    names = [name.split(",")[0] for name in MEMBERS.splitlines()[1:]]
    assert not any(f'"{name}"' in json.dumps(drawn) for name in names)
    assert 'id="feeder-slot"' in page
    assert "redrawFigure" in page
    assert "radial on test: rating_share 0.5</td>" in page


def test_without_a_model_of_the_wires_nothing_is_said_of_them(street: Path, tmp_path: Path) -> None:
    result = ran(street, tmp_path / "run", overrides=("grid.feeder=lane.toml", "ledger.chain=memory"))
    assert result.verified
    assert result.summary["losses_wh"] == 0
    assert result.summary["line_loading_max_share"] is None
    assert not (tmp_path / "run" / "public" / "feeder.toml").exists()
    assert {row["bus"] for row in rows_of(tmp_path / "run", "members")} == {""}
    assert 'feeder = ""' in (tmp_path / "run" / "public" / "settings.toml").read_text()
    assert not any(text.startswith("Wires") for text in result.ending)
    assert "feeder-slot" not in (tmp_path / "run" / "report.html").read_text()


def test_a_tight_feeder_cuts_trades_before_delivery(street: Path, tmp_path: Path) -> None:
    result = ran(street, tmp_path / "run", overrides=(*TIGHT, "grid.limits=verdict"))
    assert result.verified
    assert result.results.whole("curtailed_slots") > 0
    assert result.summary["failed_slots"] == 0
    orders, cut = rows_of(tmp_path / "run", "orders"), rows_of(tmp_path / "run", "curtailments")
    assert "curtailed" in {row["reason"] for row in orders}
    told = member_wires(tmp_path / "run")
    for side, column in (("sell_order", "cut_sold_wh"), ("buy_order", "cut_bought_wh")):
        due = sum(row["energy_wh"] for row in cut if row[side])
        assert sum(int(row[column]) for row in told) == due > 0
    assert {row["why"] for row in cut} == {why for row in told for why in row["cut_why"].split("; ")}
    assert {row["export_cap_wh"] for row in told} == {""}


def test_voltages_outside_their_limits_are_counted(street: Path, tmp_path: Path) -> None:
    narrow = replace(LANE, voltage_low_share=0.9, voltage_high_share=1.002)
    (street / "sagging.toml").write_text(FeederFile(narrow).text, encoding="utf-8")
    result = ran(
        street, tmp_path / "run", overrides=("grid.model=radial", "grid.feeder=sagging.toml", "ledger.chain=memory")
    )
    rows = rows_of(tmp_path / "run", "wires")
    off = sum(row["high_ppm"] > 1_002_001 for row in rows)
    assert 0 < off < len(rows)
    assert result.summary["metered_violation_slots"] == off == result.summary["infeasible_slots"]
    assert result.summary["metered_voltage_violations"] >= off


def test_neither_feeder_nor_places_nor_losses_can_be_told_otherwise_afterwards(street: Path, tmp_path: Path) -> None:
    assert ran(street, tmp_path / "run", overrides=ON).verified
    public = tmp_path / "run" / "public"
    feeder = public / "feeder.toml"
    before = feeder.read_text()
    feeder.write_text(before.replace("length_m = 60.0", "length_m = 61.0", 1))
    sealed(public)
    found = found_by(tmp_path / "run")
    assert {"the ledger was founded on these terms and members", "what the wires carried, computed again"} <= set(found)
    feeder.write_text(before.replace("length_m = 60.0", "length_m = 60.00", 1))
    sealed(public)
    assert "files say one thing, in one way" in found_by(tmp_path / "run")
    feeder.write_text(before)
    change_cell(public, "members", "bus", lambda _: "h5", row=0)
    sealed(public)
    found = found_by(tmp_path / "run")
    assert {"the ledger was founded on these terms and members", "what the wires carried, computed again"} <= set(found)
    change_cell(public, "members", "bus", lambda _: "h1", row=0)
    change_cell(public, "wires", "losses_wh", lambda value: value + 1, row=0)
    sealed(public)
    assert "what the wires carried, computed again" in found_by(tmp_path / "run")
    feeder.unlink()
    sealed(public)
    assert found_by(tmp_path / "run")


def test_a_model_that_needs_a_feeder_asks_for_one(street: Path) -> None:
    found = said(street, "grid.model=radial")
    assert len(found) == 1
    assert "expected a feeder ([grid] feeder), which grid radial needs" in found[0]


def test_every_member_needs_a_bus_of_the_feeder(street: Path) -> None:
    found = said(street, "grid.model=radial", "grid.feeder=street")
    assert len(found) == 5
    assert found[0].startswith("members.csv:2 bus: expected a bus of the feeder: one of n00, ")
    assert found[0].endswith("found 'h1'")


def test_faults_of_a_feeder_are_found_with_those_of_the_community(street: Path, tmp_path: Path) -> None:
    bad = street / "bad.toml"
    bad.write_text(FeederFile(wires(line("h0", "h1"), line("x", "y"), root="h0")).text, encoding="utf-8")
    found = said(street, "grid.model=radial", "grid.feeder=bad.toml", "community.slot_s=7")
    assert "bad.toml:11 bus x: expected a way to h0, found none from x, y" in found
    assert len(found) > 1
    found = said(street, "grid.model=radial", "grid.feeder=stret")
    assert "(did you mean street?)" in found[0]


def test_check_says_what_the_feeder_is_and_doubts_a_transformer_that_is_too_small(street: Path) -> None:
    lines = check_lines(street, None, ON)
    assert "Feeder test: 6 buses, 5 lines of 300 m, a transformer of 100 kVA." in lines
    assert not any("Doubt" in text for text in lines)
    assert lines[-1].endswith("street " + " ".join(f"--set {text}" for text in ON))
    small = FeederFile(wires(*LANE.lines, root="h0", transformer=LANE.transformer.__class__(2000, 0.04, 30, 0)))
    (street / "small.toml").write_text(small.text, encoding="utf-8")
    lines = check_lines(street, None, ("grid.model=radial", "grid.feeder=small.toml"))
    assert any(
        text.startswith("Doubt: the transformer of 2 kVA is smaller than what members export together: ")
        for text in lines
    )


def on_ieee34(folder: Path) -> Path:
    """The community with its members spread over the buses of the bundled feeder."""
    write_morning(folder)
    lines = feeder_told(FeederRequest("ieee34", members=folder / "members.csv"))
    assert any("a bus for every member" in text for text in lines)
    return folder


@pytest.mark.parametrize("feeder", ["ieee34", "ieee34_loaded"])
def test_members_on_the_ieee_34_bus_feeder_trade_and_are_audited(feeder: str, tmp_path: Path) -> None:
    folder = on_ieee34(tmp_path / "lane")
    on = ("grid.model=radial", f"grid.feeder={feeder}", "grid.rating_share=1.1", "ledger.chain=memory")
    result = ran(folder, tmp_path / "run", overrides=on)
    assert result.verified
    assert (result.summary["energy_mismatch_wh"], result.summary["failed_slots"]) == (0, 0)
    flows = rows_of(tmp_path / "run", "wires")
    assert {row["flowed"] for row in flows} == {"feasible"}
    if feeder == "ieee34_loaded":
        # The feeder's own loads set the voltages; their losses of 268 kW are not the members'.
        assert {row["fullest"] for row in flows} == {"832-888"}
        assert all(918_000 < row["low_ppm"] < 921_000 and row["losses_wh"] < 5000 for row in flows)
    else:
        assert all(row["low_ppm"] > 1_049_000 for row in flows)


def test_check_doubts_a_feeder_that_is_full_without_members(tmp_path: Path) -> None:
    folder = on_ieee34(tmp_path / "lane")
    on = ("grid.model=radial", "grid.feeder=ieee34_loaded")
    lines = check_lines(folder, None, on)
    assert any(text.startswith("Feeder ieee34_loaded: 36 buses, ") and "1,770 kW of its own" in text for text in lines)
    doubt = "Doubt: the feeder's own loads pass its limits without any member: 832-888 at 101 % of what it may carry."
    assert doubt in lines
    assert not any("own loads pass" in text for text in check_lines(folder, None, (*on, "grid.rating_share=1.1")))


def test_a_run_goes_on_with_the_same_feeder_only(street: Path, tmp_path: Path) -> None:
    assert ran(street, tmp_path / "run", overrides=ON).verified
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["losses_wh"] > 0
    folder = street / "lane.toml"
    before = folder.read_text()
    try:
        folder.write_text(before.replace("length_m = 60.0", "length_m = 61.0", 1))
        with pytest.raises(Exception, match="feeder"):
            ran(street, tmp_path / "run", overrides=ON, resume=True)
    finally:
        folder.write_text(before)


MECHANISMS = ("uniform_price", "multi_criteria", "central_optimum", "bilateral_primal_dual")
WAYS = [("none", "pro_rata"), ("market", "pro_rata"), *(("verdict", rule) for rule in ("pro_rata", "newest", "least_welfare"))]  # fmt: skip


@pytest.mark.parametrize(("limits", "rule"), WAYS)
def test_a_tight_run_passes_its_audit_with_any_limits_and_rule(
    street: Path, tmp_path: Path, limits: str, rule: str
) -> None:
    chosen = (*TIGHT, f"grid.limits={limits}", f"grid.curtailment={rule}")
    result = ran(street, tmp_path / "run", overrides=chosen)
    assert result.verified
    assert found_by(tmp_path / "run") == {}
    told = rows_of(tmp_path / "run", "curtailments")
    assert bool(told) is (result.results.whole("curtailed_wh") > 0)
    if limits == "verdict":
        assert {row["rule"] for row in told} == {rule}
        assert result.results.whole("scheduled_violation_slots") == result.results.whole("curtailed_slots") > 0
        assert "What the feeder cost whom" in (tmp_path / "run" / "report.html").read_text()
    if limits == "none":
        assert not told
        assert result.results.whole("scheduled_violation_slots") > 0
        assert "exceeded" in {row["verdict"] for row in rows_of(tmp_path / "run", "wires")}


@pytest.mark.parametrize("clearing", MECHANISMS)
def test_a_market_within_the_wires_passes_its_audit(street: Path, tmp_path: Path, clearing: str) -> None:
    """At a gate; `test_grid_table` has the rest."""
    chosen = (*TIGHT, f"market.clearing={clearing}")
    assert ran(street, tmp_path / "run", overrides=chosen).verified
    assert found_by(tmp_path / "run") == {}


def test_a_cut_cannot_be_hidden_afterwards(street: Path, tmp_path: Path) -> None:
    assert ran(street, tmp_path / "run", overrides=(*TIGHT, "grid.limits=verdict")).verified
    public = tmp_path / "run" / "public"
    change_cell(public, "curtailments", "energy_wh", lambda value: value - 1, row=0)
    sealed(public)
    assert "what the wires carried, computed again" in found_by(tmp_path / "run")
