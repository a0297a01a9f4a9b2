"""Designs that meet each other: members' own suppliers beside every venue and in a federation, runs that were stopped, and whoever looks at them."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.e2e.test_demands import stopped_at
from tests.e2e.test_suppliers import SUPPLIERS, with_suppliers
from tests.fakes.federations import write_valley
from tests.fakes.small_runs import read_json
from tests.fakes.tiny_runs import Telling, ran

from commonwatt.core.errors import InvalidInput
from commonwatt.venues import VENUES
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.auditing_federation import audit_federation
from commonwatt.wiring.billing import BillRequest, make_bills
from commonwatt.wiring.federating import FederationResult, run_federation
from commonwatt.wiring.running import RunRequest
from commonwatt.wiring.watching import WatchRequest, watch_run

TIMINGS = ("ex_post", "ex_ante")
SOME = {
    "continuous": ("market.cancelled_share=0.3",),
    "on_chain": ("market.unrevealed_share=0.3",),
    "request": ("market.most_answers=2",),
}
"""Parameters under which not every order goes its way."""
OWN = {
    "sunny": {"roof-1": "plain", "flat-1": "Sonne & Söhne"},
    "shady": {"flat-1": "Sonne & Söhne", "flat-4": "plain", "hall": "plain"},
}
"""Who has a supplier of its own in the federation; roof-1's feed-in is low enough for its energy to cross."""
SIDES = ("sunny-side", "shady-side")


def sets(timing: str, *more: str) -> tuple[str, ...]:
    return f"market.timing={timing}", "forecasting.model=persistence", "ledger.window_slots=2", *more


def assert_everybody_agrees(out: Path, bills: Path) -> None:
    """Audit, watch and every member's bill of a finished run."""
    audit = audit_run(AuditRequest(out))
    assert audit.passed, audit.lines
    assert watch_run(WatchRequest(out)).doubts == ()
    made = make_bills(BillRequest(out, everyone=True, out=bills))
    assert made.passed, made.lines


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The street whose members have suppliers of their own, with a late reading."""
    return with_suppliers(tmp_path_factory.mktemp("combinations") / "street")


@pytest.mark.full
@pytest.mark.parametrize("path", ["net", "trades"])
@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("venue", VENUES.names())
def test_own_suppliers_beside_every_venue_watched_while_stopped_and_resumed(
    street: Path, tmp_path: Path, venue: str, timing: str, path: str
) -> None:
    design = sets(timing, f"market.venue={venue}", f"ledger.path={path}", *SOME.get(venue, ()))
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        ran(street, out, overrides=design, watcher=stopped_at(7 if timing == "ex_ante" else 4))
    watched = watch_run(WatchRequest(out))
    assert watched.doubts == (), watched.lines
    assert "every line is borne out" in watched.lines[-1]
    result = ran(street, out, overrides=design, resume=True)
    assert result.verified
    assert (result.summary["energy_mismatch_wh"], result.summary["money_mismatch_nano"]) == (0, 0)
    assert pq.read_table(out / "public" / "trades.parquet").num_rows > 0
    assert_everybody_agrees(out, tmp_path / "bills")


def write_valley_with_suppliers(folder: Path) -> Path:
    """The federation's file; in both communities some members have suppliers of their own."""
    write_valley(folder)
    for side, own in OWN.items():
        members, toml = folder / side / "members.csv", folder / side / "community.toml"
        head, *rows = members.read_text(encoding="utf-8").splitlines()
        named = [f"{row},{own.get(row.partition(',')[0], '')}" for row in rows]
        members.write_text("\n".join([f"{head},supplier", *named]) + "\n", encoding="utf-8")
        text = toml.read_text(encoding="utf-8").replace("\n[data]", SUPPLIERS + "\n[data]")
        toml.write_text(text, encoding="utf-8")
    return folder / "federation.toml"


@pytest.fixture(scope="module")
def valley(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_valley_with_suppliers(tmp_path_factory.mktemp("combinations") / "valley")


def federated(valley: Path, out: Path, *design: str) -> FederationResult:
    return run_federation(RunRequest(valley, out, None, design), 1, Telling())


@pytest.mark.full
@pytest.mark.parametrize("rule", [("settlement.residual=gate",), ("settlement.rule=delivered",)], ids=" ".join)
@pytest.mark.parametrize("timing", TIMINGS)
def test_own_suppliers_in_a_federation(valley: Path, tmp_path: Path, timing: str, rule: tuple[str, ...]) -> None:
    out = tmp_path / "run"
    result = federated(valley, out, *sets(timing, *rule))
    assert result.verified
    summary = read_json(out / "summary.json")
    assert summary["exchanged_wh"] > 0
    assert (summary["energy_mismatch_wh"], summary["money_mismatch_nano"]) == (0, 0)
    audit = audit_federation(AuditRequest(out))
    assert audit.passed, audit.lines
    for side in SIDES:
        community = out / "communities" / side
        assert_everybody_agrees(community, tmp_path / side)
        names = read_json(community / "private" / "pseudonyms.json")
        own = {names[name]: supplier for name, supplier in OWN[side.partition("-")[0]].items()}
        retail = {"plain": 330_000, "Sonne & Söhne": 260_000}
        bought = [r for r in pq.read_table(community / "public/statements.parquet").to_pylist() if r["leg"] == "supplier_buy"]  # fmt: skip
        assert {own.get(row["member"]) for row in bought} > {None} or side == "sunny-side"
        for row in bought:
            assert row["price_micro_per_kwh"] == retail.get(own.get(row["member"], ""), 300_000)


@pytest.mark.full
@pytest.mark.parametrize("timing", TIMINGS)
def test_a_community_of_a_stopped_federation_is_watched(valley: Path, tmp_path: Path, timing: str) -> None:
    out, settled = tmp_path / "run", 0

    class Stopping(Telling):
        """Stops the federation when it is half through."""

        def stage(self, name: str, total: int | None = None) -> None:
            super().stage(name, total)
            self._half = (total or 0) // 2

        def at(self, done: int) -> None:
            if done >= self._half > 0:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_federation(RunRequest(valley, out, None, sets(timing)), 1, Stopping())
    for side in SIDES:
        watched = watch_run(WatchRequest(out / "communities" / side))
        assert watched.doubts == (), watched.lines
        settled += int(watched.lines[-1].partition(" ")[0])
    assert settled > 0
    assert run_federation(RunRequest(valley, out, None, sets(timing), resume=True), 1, Telling()).verified


@pytest.mark.parametrize("venue", [name for name in VENUES.names() if name != "sealed_batch"])
def test_a_federation_says_that_its_communities_meet_in_sealed_batches(
    valley: Path, tmp_path: Path, venue: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        federated(valley, tmp_path / "run", f"market.venue={venue}")
    found = [str(finding) for finding in caught.value.findings]
    assert [finding.partition(":")[0] for finding in found] == ["sunny", "shady"]
    assert all("market.venue: expected sealed_batch" in finding and f"found {venue}" in finding for finding in found)
    assert not (tmp_path / "run").exists()
