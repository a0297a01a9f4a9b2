"""`commonwatt watch --send`: a member demands what stands behind a line, is answered or paid, and whatever kills the run, it ends the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.fakes.cheats import CHEATS
from tests.fakes.claimants import Cheating
from tests.fakes.lanes import FULL, laid, on_lane, told_late
from tests.fakes.small_runs import commonwatt, copied, promised
from tests.fakes.tiny_runs import Telling, in_child, journal_rows, ran, write_morning

from commonwatt.adapters.ledger import open_ledger
from commonwatt.adapters.store.sqlite_journal import SqliteJournal
from commonwatt.settings.checking import open_community
from commonwatt.wiring import running
from commonwatt.wiring.auditing import AuditRequest, audit_run
from commonwatt.wiring.running import RunResult
from commonwatt.wiring.watching import WatchRequest, WatchResult, watch_run

Once = Callable[[str, Callable[[Path], object]], Path]

CHEATED = 2
"""Hour of the morning."""
MEMBER = "flat-2"
ASKED, LATE = 3, 5
"""Steps after which the member demands, and after which the time to answer is over."""


def stopped_at(step: int) -> Telling:
    """Stops a run after a step."""

    def stop(done: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return Telling(stop)


def run_until(street: Path, out: Path, step: int, *, resume: bool = True, overrides: tuple[str, ...] = ()) -> None:
    with pytest.raises(KeyboardInterrupt):
        ran(street, out, resume=resume, watcher=stopped_at(step), overrides=overrides)


def sent(street: Path, out: Path, member: str = MEMBER, *, undecided: bool = False) -> WatchResult:
    return watch_run(WatchRequest(out, member, send=True, undecided=undecided, keys=street))


def cheated(street: Path, out: Path, cheat: str, step: int = ASKED, overrides: tuple[str, ...] = ()) -> None:
    """A run whose operator posted other lines of one hour than its books say, stopped after a step."""
    slot = open_community(street, "community", ()).feed.slots().start + CHEATED
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "open_ledger", lambda *a, **k: Cheating(open_ledger(*a, **k), slot, CHEATS[cheat]))
        run_until(street, out, step, resume=False, overrides=overrides)


@pytest.fixture(scope="session")
def morning(once: Once) -> Path:
    """A street, and three stopped runs of it: an honest one, a cheated one, and that one after a demand and a void."""

    def make(folder: Path) -> None:
        street = write_morning(folder / "street", 10)
        ran(street, folder / "whole")
        run_until(street, folder / "honest", ASKED, resume=False)
        cheated(street, folder / "cheated", "wrong_net")
        copied(folder / "cheated", folder / "void")
        sent(street, folder / "void")
        run_until(street, folder / "void", LATE)
        sent(street, folder / "void")

    return once("demands", make)


def test_a_member_is_paid_where_the_operator_has_nothing_to_show(morning: Path, tmp_path: Path) -> None:
    street, out = morning / "street", copied(morning / "cheated", tmp_path / "out")
    said = commonwatt("watch", out, "--member", MEMBER)
    assert said.code == 1, said.both
    assert "Wh in all, as the meter says, found" in said.out
    said = commonwatt("watch", out, "--member", MEMBER, "--send", "--keys", street / "keys.json")
    assert said.code == 1, said.both
    assert "demanded what stands behind it; 0.0100 CHF of yours are parked" in said.out
    assert "has until 6 May 2024, 13:00 to answer" in said.out
    run_until(street, out, LATE)
    said = commonwatt("watch", out, "--member", MEMBER, "--send", "--keys", street)
    assert "so its batch is void. Your bond is back" in said.out, said.both
    assert commonwatt("watch", out).code == 0
    said = commonwatt("run", street, "--out", out, "--resume")
    assert said.code == 0, said.both
    assert "Energy 0 Wh off, money 0 off, ledger verified" in said.out
    assert "1 demand of members, 0 answered; 1 settlement void" in said.out
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert (summary["demands"], summary["demands_unanswered"], summary["voided_settlements"]) == (1, 1, 1)
    assert "was void and settled again, attempt 2" in (out / "report.html").read_text(encoding="utf-8")
    said = commonwatt("audit", out)
    assert said.code == 0, said.both
    assert "1 not answered in time, so that the settlement was void and the member was paid" in said.out
    assert "was void and settled again, attempt 2" in said.out
    assert commonwatt("watch", out).code == 0


def test_an_honest_operator_answers_when_it_goes_on(
    morning: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    street, out = morning / "street", copied(morning / "honest", tmp_path / "out")
    nothing = sent(street, out)
    assert nothing.doubts == ()
    assert nothing.lines[-1] == "Nothing to demand."
    doubt_everything(monkeypatch)
    spared = sent(street, out).lines
    assert any("not demanded. The contract knows your limit without fees" in line for line in spared)
    assert not any("are parked" in line for line in spared)
    assert any("demanded what stands behind it" in line for line in sent(street, out, undecided=True).lines)
    monkeypatch.undo()
    result = ran(street, out, resume=True)
    assert result.verified
    said = commonwatt("audit", out)
    assert said.code == 0, said.both
    assert "answered by the operator" in said.out
    statements = [(folder / "public" / "statements.parquet").read_bytes() for folder in (out, morning / "whole")]
    assert statements[0] == statements[1]


def doubt_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member who doubts the first line that names it."""
    from commonwatt.services.ports import Batch
    from commonwatt.services.watching import Doubt, Evidence
    from commonwatt.wiring import watching

    def doubts(member: int, batches: list[Batch], evidence: Evidence) -> list[Doubt]:
        batch = batches[0]
        for line, pair in enumerate(zip(batch.lines.who.tolist(), batch.lines.other.tolist(), strict=True)):
            if member + 8 in pair:
                return [Doubt(batch, line, pair.index(member + 8), "an answer", "a question")]
        return []

    monkeypatch.setattr(watching, "doubts", doubts)


OTHERS = [
    "overfilled",
    *(pytest.param(name, marks=pytest.mark.full) for name in ("beyond_limit", "not_ordered", "left_out")),
]


@pytest.mark.parametrize("cheat", OTHERS)
def test_every_cheat_ends_in_a_run_that_audits(morning: Path, tmp_path: Path, cheat: str) -> None:
    street, out = morning / "street", tmp_path / "out"
    cheated(street, out, cheat)
    names = list(json.loads((out / "private" / "pseudonyms.json").read_text(encoding="utf-8")))
    member = next(name for name in names if watch_run(WatchRequest(out, name)).doubts)
    assert any("demanded" in line for line in sent(street, out, member).lines)
    run_until(street, out, LATE)
    assert any("is void" in line for line in sent(street, out, member).lines)
    assert ran(street, out, resume=True).verified
    assert watch_run(WatchRequest(out)).doubts == ()
    bills = [(folder / "public" / "statements.parquet").read_bytes() for folder in (out, morning / "whole")]
    assert bills[0] == bills[1]


def settled_again(street: Path, out: Path, overrides: tuple[str, ...]) -> RunResult:
    """A run whose batch with a wrong net is demanded, void, and settled a second time."""
    cheated(street, out, "wrong_net", overrides=overrides)
    assert any("are parked" in line for line in sent(street, out).lines)
    run_until(street, out, LATE, overrides=overrides)
    assert any("is void" in line for line in sent(street, out).lines)
    return ran(street, out, resume=True, overrides=overrides)


def test_what_stands_beside_signed_trades_is_void_and_settled_again(morning: Path, tmp_path: Path) -> None:
    street, out, by_trades = morning / "street", tmp_path / "out", ("ledger.path=trades",)
    assert settled_again(street, out, by_trades).verified
    said = commonwatt("audit", out)
    assert said.code == 0, said.both
    assert "was void and settled again, attempt 2" in said.out
    assert watch_run(WatchRequest(out)).doubts == ()
    bills = [(folder / "public" / "statements.parquet").read_bytes() for folder in (out, morning / "whole")]
    assert bills[0] == bills[1]


def test_on_a_feeder_what_was_void_is_settled_again_with_its_losses_its_fees_and_its_late_reading(
    tmp_path: Path,
) -> None:
    street, out = told_late(on_lane(tmp_path / "street", laid(), 10)), tmp_path / "out"
    wired = (*FULL, "market.timing=ex_post", "grid.rating_share=0.5", "grid.allocation=fixed")
    result = settled_again(street, out, wired)
    assert result.verified
    summary = result.summary
    assert (summary["voided_settlements"], summary["energy_mismatch_wh"], summary["money_mismatch_nano"]) == (1, 0, 0)
    assert result.results.whole("way_fees_nano") > 0 < result.results.whole("curtailed_pv_wh")
    audited = audit_run(AuditRequest(out))
    assert audited.passed, audited.lines
    postings = pq.read_table(out / "public" / "postings.parquet").to_pylist()
    lost = [row["losses_wh"] for row in pq.read_table(out / "public" / "wires.parquet").to_pylist()]
    assert sum(row["energy_wh"] for row in postings if row["kind"] == "losses") == sum(lost) > 0
    assert any(row["revision"] for row in postings)
    assert watch_run(WatchRequest(out)).doubts == ()


KILLS = [LATE + 3, *(pytest.param(row, marks=pytest.mark.full) for row in (LATE + 2, LATE + 4, LATE + 5))]


@pytest.mark.parametrize("row", KILLS)
def test_a_run_killed_while_it_settles_again_ends_in_the_same_bytes(morning: Path, tmp_path: Path, row: int) -> None:
    street, whole, out = morning / "street", tmp_path / "whole", tmp_path / "out"
    copied(morning / "void", whole)
    copied(morning / "void", out)
    assert ran(street, whole, resume=True).verified
    append = SqliteJournal.append

    def deadly(journal: SqliteJournal, slot: int, half: str, payload: bytes) -> None:
        append(journal, slot, half, payload)
        if journal._rows == row:
            os._exit(9)

    def die() -> None:
        setattr(SqliteJournal, "append", deadly)  # noqa: B010 - this process dies of it
        ran(street, out, resume=True)

    assert in_child(die) == 9
    assert len(journal_rows(out)) == row
    assert ran(street, out, resume=True).verified
    assert promised(out) == promised(whole)
    assert journal_rows(out) == journal_rows(whole)


def test_the_rows_that_the_kills_are_for_are_there(morning: Path, tmp_path: Path) -> None:
    out = copied(morning / "void", tmp_path / "out")
    ran(morning / "street", out, resume=True)
    kinds = [row[2] for row in journal_rows(out)]
    assert kinds[: LATE + 4] == ["delivery"] * ASKED + ["heard"] + ["delivery"] * (LATE - ASKED) + [
        "heard",
        "again",
        "delivery",
    ]


def test_the_bill_of_a_slot_that_was_void_proves_what_stands(morning: Path, tmp_path: Path) -> None:
    out = copied(morning / "void", tmp_path / "out")
    ran(morning / "street", out, resume=True)
    said = commonwatt("bill", out, "--member", MEMBER)
    assert said.code == 0, said.both
    folder = out / "members" / MEMBER / "bill"
    proof = json.loads((folder / "bill.json").read_text(encoding="utf-8"))
    settled = [entry for entry in proof["entries"] if not entry["revision"]]
    assert len(settled) == 10
    verified = subprocess.run([sys.executable, "-I", "verify_bill.py"], cwd=folder, capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout


def test_a_lost_chain_is_made_again_with_what_the_members_sent(morning: Path, tmp_path: Path) -> None:
    street, out = morning / "street", copied(morning / "void", tmp_path / "out")
    run_until(street, out, LATE + 1)
    whole = copied(out, tmp_path / "whole")
    for path in (out / "private").glob("chain.sqlite*"):
        path.unlink()
    for run in (out, whole):
        assert ran(street, run, resume=True).verified
    assert promised(out) == promised(whole)


def test_who_cannot_send_is_told_everything_at_once_and_nothing_is_sent(morning: Path, tmp_path: Path) -> None:
    out = copied(morning / "cheated", tmp_path / "out")
    said = commonwatt("watch", out, "--send", "--member", "flat-9")
    assert said.code == 2
    assert "--member: expected who sends, one of" in said.err
    assert "--keys: expected the community's key file" in said.err
    other = write_morning(tmp_path / "other")
    ran(other, tmp_path / "of-other")
    said = commonwatt("watch", out, "--send", "--member", MEMBER, "--keys", other)
    assert said.code == 2
    assert "expected the key file of this run, found another" in said.err
    said = commonwatt("watch", tmp_path / "of-other", "--send", "--member", MEMBER, "--keys", other)
    assert said.code == 2
    assert "expected a run that was stopped before its end" in said.err
    assert len(journal_rows(out)) == ASKED


def test_a_run_at_work_is_not_watched(morning: Path, tmp_path: Path) -> None:
    from commonwatt.adapters.store.run_lock import RunLock

    out = copied(morning / "cheated", tmp_path / "out")
    with RunLock(out / "private" / "journal.lock"):
        said = commonwatt("watch", out)
    assert said.code == 2
    assert "another holds it" in said.err


def test_what_was_stopped_in_the_middle_of_a_step_is_resumed_first(morning: Path, tmp_path: Path) -> None:
    street, out = morning / "street", tmp_path / "out"

    def die() -> None:
        append = SqliteJournal.append

        def deadly(journal: SqliteJournal, slot: int, half: str, payload: bytes) -> None:
            append(journal, slot, half, payload)
            if journal._rows == ASKED:
                os._exit(9)

        setattr(SqliteJournal, "append", deadly)  # noqa: B010 - this process dies of it
        ran(street, out)

    assert in_child(die) == 9
    said = commonwatt("watch", out, "--send", "--member", MEMBER, "--keys", street)
    assert said.code == 2, said.both
    assert "stopped in the middle of a step" in said.err


def test_what_to_type_next_is_said_in_full(morning: Path, tmp_path: Path) -> None:
    street, out = morning / "street", copied(morning / "cheated", tmp_path / "out")
    lines = sent(street, out).lines
    assert lines[-1].endswith(f"commonwatt watch {out} --member {MEMBER} --keys {street} --send")
