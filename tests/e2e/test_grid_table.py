"""Every way to set the grid beside every other, end to end: books balance, everybody agrees, and a run that was stopped ends in the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes.lanes import laid, on_lane, told_late
from tests.fakes.pairwise import Row, pairwise
from tests.fakes.small_runs import promised
from tests.fakes.tiny_runs import Telling, ran, rows_of

from commonwatt.grid import GRIDS, NO_SOLUTION
from commonwatt.services.audit.wires import NAME as WIRES
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.watching import WatchRequest, watch_run

HOURS = 5
AT = {"ex_post": 1, "ex_ante": 2}
"""Half slots in an hour."""
CHARGED = {
    "none": (),
    "line": ("fee_micro_per_kwh=4000",),
    "zone": ("fee_micro_per_kwh=9000",),
    "length": ("fee_micro_per_kwh_km=70000",),
    "resistance": ("fee_micro_per_kwh_ohm=150000",),
}
BESIDE = (
    ("market.clearing", ("uniform_price", "pay_as_bid", "multi_criteria", "central_optimum", "bilateral_primal_dual", "mid_market_rate", "two_round_double_auction")),
    ("ledger.path", ("net", "trades")),
    ("settlement", ("rule=scheduled", "rule=delivered", "residual=gate")),
    ("grid.rating_share", ("0.03", "1.0", "0.1", "0.02")),
    ("grid.power_factor", ("0.95", "0.8", "1.0")),
    ("grid.rounds", ("4", "0", "1")),
    ("grid.counted_load_share", ("0.0", "1.0")),
)  # fmt: skip
"""What is not of the table takes turns."""


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lane with a late reading."""
    return told_late(on_lane(tmp_path_factory.mktemp("table") / "street", laid(), HOURS))


def choices() -> dict[str, tuple[str, ...]]:
    """The columns of the table: when it is traded, and every setting of the model that has words to choose from."""
    return {
        "market.timing": tuple(AT),
        **{f"grid.{p.name}": p.choices for p in GRIDS.parameters("radial") if p.choices},
    }


TABLE = pairwise(choices())


def settings(row: Row, number: int) -> tuple[str, ...]:
    """A row as `--set` takes it, with what takes turns."""
    beside = [f"{name}{'.' if name == 'settlement' else '='}{given[number % len(given)]}" for name, given in BESIDE]
    charged = [f"grid.{text}" for text in CHARGED[row["grid.fee"]]]
    on = ("grid.model=radial", "grid.feeder=lane.toml", "forecasting.model=persistence", "ledger.window_slots=2")
    return (*on, *(f"{name}={value}" for name, value in row.items()), *beside, *charged)


def stopped(street: Path, out: Path, after: int, overrides: tuple[str, ...]) -> None:
    """A run that was interrupted after so many half slots."""

    def stop(done: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran(street, out, watcher=Telling(stop), overrides=overrides)


@pytest.mark.parametrize("number", range(len(TABLE)), ids=lambda number: "-".join(TABLE[number].values()))
def test_a_run_balances_is_audited_and_resumes_to_the_same_bytes(street: Path, tmp_path: Path, number: int) -> None:
    asked = (*settings(TABLE[number], number), f"ledger.chain={'memory' if number % 5 else 'embedded'}")
    whole, halted = tmp_path / "whole", tmp_path / "halted"
    result = ran(street, whole, overrides=asked)
    assert result.verified
    assert (result.summary["energy_mismatch_wh"], result.summary["money_mismatch_nano"]) == (0, 0)
    assert watch_run(WatchRequest(whole)).doubts == ()
    assert sum(row["revision"] for row in rows_of(whole, "readings")) == 1
    halves = HOURS * AT[TABLE[number]["market.timing"]]
    stopped(street, halted, 1 + number % (halves - 1), asked)
    assert ran(street, halted, overrides=asked, resume=True).verified
    assert promised(halted) == promised(whole)


def test_the_table_says_every_word_that_the_model_knows() -> None:
    assert {value for row in TABLE for value in row.values()} == {
        value for words in choices().values() for value in words
    }
    assert len(TABLE) < 20
    assert {row["grid.fee"] for row in TABLE} == set(CHARGED)
    assert all(len(TABLE) >= len(given) for _, given in BESIDE)


NOTE = "1 slot is not judged again on readings that came late: by them "
THIN = (
    "grid.model=radial", "grid.feeder=lane.toml", "ledger.chain=memory", "ledger.window_slots=2", "forecasting.model=persistence",
)  # fmt: skip


@pytest.mark.parametrize("timing", AT)
def test_a_slot_without_a_power_flow_is_recorded_with_its_reason_and_settled_by_the_supplier(
    timing: str, tmp_path: Path
) -> None:
    """The last house hangs on 180 km of thin cable, which carries about half a kilowatt."""
    out, street = tmp_path / "run", told_late(on_lane(tmp_path / "street", laid(180_000), HOURS))
    gate = timing == "ex_ante"
    result = ran(street, out, overrides=(*THIN, "grid.limits=none", f"market.timing={timing}"))
    assert result.verified
    summary, said = result.summary, {row["slot"]: row for row in rows_of(out, "wires")}
    assert (summary["energy_mismatch_wh"], summary["money_mismatch_nano"]) == (0, 0)
    dark = [row for row in said.values() if row["flowed_why"] == NO_SOLUTION]
    assert {(row["flowed"], row["losses_wh"], row["fullest"]) for row in dark} == {("infeasible", 0, "")}
    assert 0 < len(dark) == result.results.whole("unsolved_slots") < len(said)
    beyond = result.results.whole("infeasible_slots")
    assert result.results.whole("metered_violation_slots") == beyond >= len(dark)
    # At the gate nobody can say what a schedule without a power flow does, though nothing is ever cut: its trades are void.
    void = [slot for slot, row in said.items() if gate and row["verdict_why"] == NO_SOLUTION]
    assert len(void) == summary["failed_slots"]
    assert bool(void) is gate
    for slot in void:
        assert said[slot]["verdict"] == "infeasible"
        assert not [row for row in rows_of(out, "trades") if row["slot"] == slot]
        assert {row["reason"] for row in rows_of(out, "orders") if row["slot"] == slot} == {"slot_failed"}
        billed = [row for row in rows_of(out, "statements") if row["slot"] == slot]
        assert {row["leg"] for row in billed if row["energy_wh"]} >= {"supplier_buy"}
        assert not {row["leg"] for row in billed} & {"peer_buy", "peer_sell", "local_fee"}
    (words,) = [text for text in result.ending if text.startswith("Wires")]
    assert f"in {len(dark)} of them there is no power flow, and what was lost is not known" in words
    report = (out / "report.html").read_text(encoding="utf-8")
    assert NO_SOLUTION in report
    figures = report.split('<script type="application/json" id="figures">')[1].split("</script>")[0]
    json.loads(figures, parse_constant=lambda name: pytest.fail(f"{name} in the figures of the report"))
    checks = audit_run(AuditRequest(out)).checks
    assert [check.name for check in checks if check.findings] == []
    (note,) = [check.note for check in checks if check.name == WIRES]
    assert NOTE in note
    assert watch_run(WatchRequest(out)).doubts == ()


def test_the_audit_says_what_late_readings_would_have_said_of_the_wires(street: Path, tmp_path: Path) -> None:
    assert ran(street, tmp_path / "run", overrides=(*THIN, "grid.rating_share=0.15")).verified
    (note,) = [check.note for check in audit_run(AuditRequest(tmp_path / "run")).checks if check.name == WIRES]
    assert NOTE in note
    # What the substitute hid: its energy filled the first lines.
    assert note.endswith("Wh more were lost, which nobody pays or gets, 1 slot more is beyond a limit")
