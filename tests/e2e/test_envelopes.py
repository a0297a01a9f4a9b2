"""Connection capacity allotted, end to end: no export limit passed, what that costs in PV, and an auditor who finds other caps."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.fakes.member_files import member_wires
from tests.fakes.small_runs import MEMBERS
from tests.fakes.tampering import change_cell, sealed
from tests.fakes.tiny_runs import HOURS, Telling, in_child, ran, write_morning_with_a_late_reading
from tests.fakes.wires import line, wires

from commonwatt.adapters.feeder_file import FeederFile
from commonwatt.grid import power_flow
from commonwatt.wiring.auditing import AuditRequest, audit_run

LANE = wires(*(line(f"h{at}", f"h{at + 1}", 60, 0.4, 100) for at in range(5)), root="h0")
RATING_SHARE = 0.015
TIGHT = ("grid.model=radial", "grid.feeder=lane.toml", "ledger.chain=memory", f"grid.rating_share={RATING_SHARE}")
NAME = "what members may export and import is what the wires carry"
TIMINGS = pytest.mark.parametrize("timing", ["ex_post", "ex_ante"])


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_morning_with_a_late_reading(tmp_path_factory.mktemp("lane") / "lane")
    header, *rows = MEMBERS.splitlines()
    lines = [f"{header},bus", *(f"{row},h{at}" for at, row in enumerate(rows, 1))]
    (folder / "members.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "lane.toml").write_text(FeederFile(LANE).text, encoding="utf-8")
    return folder


def settings(rule: str, timing: str = "ex_post", *more: str) -> tuple[str, ...]:
    return (*TIGHT, f"grid.allocation={rule}", f"market.timing={timing}", *more)


def rows_of(out: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out / "public" / f"{table}.parquet").to_pylist()
    return found


def export_violations(out: Path) -> int:
    """Slots in which a branch carried more than it may towards the transformer, or a voltage was too high, by the meters."""
    bus = {row["member"]: LANE.places[row["bus"]] for row in rows_of(out, "members")}
    readings = [row for row in rows_of(out, "readings") if row["revision"] == 0]
    slots = sorted({row["slot"] for row in readings})
    net = np.zeros((len(LANE.buses), len(slots)))
    for row in readings:
        net[bus[row["member"]], slots.index(row["slot"])] += row["export_wh"] - row["import_wh"]
    flow, tree = power_flow(LANE, net, np.minimum(net, 0) * np.tan(np.arccos(0.95))), LANE.tree
    at_node = np.zeros((len(tree.toward), len(slots)))
    np.add.at(at_node, tree.node, net)
    full = (tree.feeds @ at_node > 0) & (flow.loading_share > RATING_SHARE + 1e-5)
    return int((full[1:].any(axis=0) | (flow.voltage_share > 1.1 + 1e-5).any(axis=0)).sum())


@TIMINGS
def test_caps_keep_every_export_limit_and_caps_by_the_hour_lose_less_than_fixed_ones(
    lane: Path, tmp_path: Path, timing: str
) -> None:
    violations: dict[str, int] = {}
    lost: dict[str, Any] = {}
    for rule in ("none", "fixed", "envelope"):
        out = tmp_path / rule
        result = ran(lane, out, overrides=settings(rule, timing))
        assert result.verified, rule
        assert all(check.passed for check in audit_run(AuditRequest(out)).checks), rule
        assert (result.summary["energy_mismatch_wh"], result.summary["money_mismatch_nano"]) == (0, 0)
        assert result.summary["failed_slots"] == 0
        told = member_wires(out)
        assert sum(int(row["held_back_wh"]) for row in told) == result.summary["curtailed_pv_wh"]
        assert sum(row["export_cap_wh"] != "" for row in told) == len(rows_of(out, "envelopes"))
        said = [
            any("of sun held back, which no saving counts" in text for text in result.ending),
            "Inverters held back" in (out / "report.html").read_text(),
        ]
        assert said == [rule != "none"] * 2
        violations[rule], lost[rule] = export_violations(out), result.summary["curtailed_pv_wh"]
        assert len(rows_of(out, "envelopes")) == (0 if rule == "none" else 5 * HOURS)
    assert violations["none"] > 0
    assert violations["fixed"] == violations["envelope"] == 0
    assert lost["none"] == 0
    assert lost["fixed"] > lost["envelope"] > 0


@TIMINGS
def test_nobody_orders_or_exports_more_than_it_may_and_load_is_never_switched_off(
    lane: Path, tmp_path: Path, timing: str
) -> None:
    free, capped = tmp_path / "free", tmp_path / "capped"
    plain = ran(lane, free, overrides=settings("none", timing))
    result = ran(lane, capped, overrides=settings("envelope", timing))
    caps = {(row["slot"], row["member"]): row for row in rows_of(capped, "envelopes")}
    for row in rows_of(capped, "orders"):
        cap = caps[row["slot"], row["member"]]
        assert row["energy_wh"] <= cap["export_wh" if row["side"] == "sell" else "import_wh"]
    for row in rows_of(capped, "readings"):
        assert row["export_wh"] <= caps[row["slot"], row["member"]]["export_wh"]
    flows = [each.results.books.tables["flows"] for each in (plain, result)]
    assert flows[0]["load_wh"].to_pylist() == flows[1]["load_wh"].to_pylist()
    assert not any(flows[0]["curtailed_pv_wh"].to_pylist())
    could = [(np.array(table["pv_wh"]) + np.array(table["curtailed_pv_wh"])).tolist() for table in flows]
    assert could[0] == could[1]


def test_a_late_reading_is_settled_within_the_cap_of_its_hour(lane: Path, tmp_path: Path) -> None:
    assert ran(lane, tmp_path / "run", overrides=settings("fixed", "ex_post", "ledger.window_slots=1")).verified
    late = [row for row in rows_of(tmp_path / "run", "readings") if row["revision"] == 1]
    caps = {(row["slot"], row["member"]): row["export_wh"] for row in rows_of(tmp_path / "run", "envelopes")}
    assert len(late) == 1
    assert late[0]["export_wh"] == caps[late[0]["slot"], late[0]["member"]] > 0


@TIMINGS
def test_a_killed_run_goes_on_with_the_same_caps_to_the_same_bytes(lane: Path, tmp_path: Path, timing: str) -> None:
    asked = settings("envelope", timing)
    ran(lane, tmp_path / "whole", overrides=asked)

    def die(done: int) -> None:
        if done == 3:
            os._exit(9)

    assert in_child(lambda: ran(lane, tmp_path / "killed", watcher=Telling(die), overrides=asked)) == 9
    assert ran(lane, tmp_path / "killed", resume=True, overrides=asked).verified
    for table in ("envelopes", "orders", "trades", "readings", "statements", "wires"):
        one, other = (tmp_path / out / "public" / f"{table}.parquet" for out in ("whole", "killed"))
        assert one.read_bytes() == other.read_bytes(), table


def found_in(out: Path) -> Counter[str]:
    return Counter({check.name: len(check.findings) for check in audit_run(AuditRequest(out)).checks if check.findings})


@pytest.mark.parametrize("rule", ["fixed", "envelope"])
def test_an_auditor_finds_caps_that_are_not_the_feeders_and_orders_beyond_them(
    lane: Path, tmp_path: Path, rule: str
) -> None:
    out = tmp_path / "run"
    ran(lane, out, overrides=settings(rule))
    public = out / "public"
    assert not found_in(out)
    path = public / "envelopes.parquet"
    honest = path.read_bytes()
    most = max(range(5 * HOURS), key=lambda at: rows_of(out, "envelopes")[at]["export_wh"])
    whose = rows_of(out, "envelopes")[most - most % 5 + (most + 1) % 5]["member"]
    changes: dict[str, Callable[[Any], Any]] = {
        "slot": lambda value: value + 1,
        "member": lambda _: whose,
        "export_wh": lambda value: value + 5000,
        "import_wh": lambda value: value + 5000,
        "counted_wh": lambda value: value + 100,
    }
    for column, change in changes.items():
        change_cell(public, "envelopes", column, change, row=most)
        sealed(public)
        assert NAME in found_in(out), column
        path.write_bytes(honest)
    sold = next(row for row in rows_of(out, "orders") if row["side"] == "sell")
    at = next(
        i
        for i, row in enumerate(rows_of(out, "envelopes"))
        if (row["slot"], row["member"]) == (sold["slot"], sold["member"])
    )
    change_cell(public, "envelopes", "export_wh", lambda _: sold["energy_wh"] - 1, row=at)
    sealed(public)
    assert NAME in found_in(out)
    path.write_bytes(honest)
    table = pq.read_table(path)
    pq.write_table(table.slice(5), path, compression="zstd")
    sealed(public)
    assert NAME in found_in(out)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), path, compression="zstd")
    sealed(public)
    assert NAME in found_in(out)


def test_a_meter_beyond_its_cap_is_counted_and_no_finding(lane: Path, tmp_path: Path) -> None:
    """With caps lowered to nothing in a slot that offered nothing, a meter that exports is beyond its cap."""
    out = tmp_path / "run"
    ran(lane, out, overrides=settings("envelope", "ex_ante"))
    ordered = {(row["slot"], row["member"]) for row in rows_of(out, "orders") if row["side"] == "sell"}
    sent = {(row["slot"], row["member"]): row["export_wh"] for row in rows_of(out, "readings") if row["revision"] == 0}
    at, key = next(
        (i, key)
        for i, row in enumerate(rows_of(out, "envelopes"))
        if sent[key := (row["slot"], row["member"])] and key not in ordered
    )
    change_cell(out / "public", "envelopes", "export_wh", lambda _: 0, row=at)
    sealed(out / "public")
    check = next(check for check in audit_run(AuditRequest(out)).checks if check.name == NAME)
    assert check.passed
    assert check.note == f"1 meter reading beyond the export cap, by {sent[key]:,} Wh together"


def test_without_allocation_rows_of_caps_are_a_finding(lane: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    ran(lane, out, overrides=settings("none"))
    first = rows_of(out, "readings")[0]
    path = out / "public" / "envelopes.parquet"
    row = {"slot": first["slot"], "member": first["member"], "export_wh": 0, "import_wh": 0, "counted_wh": 0}
    pq.write_table(pa.Table.from_pylist([row], schema=pq.read_schema(path)), path, compression="zstd")
    sealed(out / "public")
    assert NAME in found_in(out)
