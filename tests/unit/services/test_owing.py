"""Who could not pay: said at the end of a run and on the page, with what to type; nothing where everybody could."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from tests.fakes.run_tables import changed, week
from tests.fakes.small_runs import read_json
from tests.fakes.tiny_runs import ran, write_morning

from commonwatt.services.reporting.ending import MOST_LINES
from commonwatt.services.reporting.facts import PaidIn, RunFacts
from commonwatt.services.reporting.owing import Owing
from commonwatt.services.reporting.summary import results


def of(facts: RunFacts, tables: dict[str, pa.Table]) -> Owing:
    return Owing(results(facts, tables))


def test_a_run_in_which_everybody_can_pay_has_nothing_to_say(tmp_path: Path) -> None:
    told = ran(write_morning(tmp_path / "street"), tmp_path / "out")
    assert not [line for line in told.ending if line.startswith("Money")]
    assert 'id="owing"' not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_members_without_a_prepayment_are_named_with_what_would_have_sufficed(tmp_path: Path) -> None:
    street, poor = write_morning(tmp_path / "street"), "ledger.member_deposit_nano=1000"
    told = ran(street, tmp_path / "out", overrides=(poor,))
    assert told.verified
    (line,) = [line for line in told.ending if line.startswith("Money")]
    assert " owes 0." in line
    assert "refused for want of balance" in line
    assert len(told.ending) <= MOST_LINES
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Who could not pay" in text
    (typed,) = [line for line in told.ending if "member_deposit_nano=" in line]
    wanted = typed.partition("--set ")[2].partition(" ")[0]
    # What is said to suffice does: typed as it stands, nobody owes anything.
    enough = ran(street, tmp_path / "prepaid", overrides=(wanted,))
    assert not [line for line in enough.ending if "owes" in line]
    assert read_json(tmp_path / "prepaid" / "summary.json")["ledger_verified"] is True


def test_what_was_paid_into_the_deposit_is_told_with_its_slot() -> None:
    facts, tables = week(6)
    owed = of(replace(facts, top_ups=(PaidIn(facts.first_slot + 2, 5_000_000_000),)), tables)
    assert "5.00" in owed.line()
    assert "--top-up" in owed.line()
    assert any("which waited for it" in said for said in owed.sentences())


def test_many_debtors_are_counted_and_the_prepayment_covers_the_largest_debt() -> None:
    facts, tables = week(6)
    balances = tables["balances"]
    rows = [row for row, name in enumerate(balances["account"].to_pylist()) if name.startswith("member:")]
    for row, nano in zip(rows, (7, 5, 3, 1), strict=False):
        held = sum(int(balances[name][row].as_py()) for name in ("free_nano", "pending_nano"))
        balances = changed(balances, "free_nano", row, -held - nano * 10**9)
    owed = of(facts, {**tables, "balances": balances})
    assert owed.debt_nano.tolist()[:5] == [7 * 10**9, 5 * 10**9, 3 * 10**9, 10**9, 0]
    assert "1 more owe" in owed.line()
    deposits = [balances["deposit_nano"][row].as_py() for row in rows]
    debts = owed.debt_nano.tolist()
    assert owed.prepayment_nano >= max(deposit + debt for deposit, debt in zip(deposits, debts, strict=True) if debt)
