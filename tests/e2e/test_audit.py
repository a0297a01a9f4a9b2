"""`commonwatt audit`: passes on what a stranger gets, and fails with a clear reason on anything that was changed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.fakes.small_runs import MEMBERS, Said, commonwatt, copied, read_json
from tests.fakes.tampering import change_cell, changed, sealed, text_replaced

from commonwatt.core.errors import InvalidInput
from commonwatt.services.schemas import PUBLIC, SCHEMAS
from commonwatt.wiring.auditing import AuditRequest, audit_run

LEAST_CHECKS = 12
ANCHOR = "the chain anchors the root of these files"


@pytest.fixture
def public(p2pet_run: Path, tmp_path: Path) -> Path:
    """A stranger's copy of the public folder alone."""
    return copied(p2pet_run / "public", tmp_path / "received")


def assert_failed(said: Said, *reasons: str) -> None:
    assert said.code == 1, said.both
    assert "FAILED" in said.out
    for reason in reasons:
        assert reason in said.out, said.out


def test_the_public_folder_alone_is_enough(public: Path) -> None:
    said = commonwatt("audit", public, cwd=public.parent)
    assert said.code == 0, said.both
    assert said.out.count("  ok ") == len(said.out.splitlines()) - 1 >= LEAST_CHECKS
    assert said.out.endswith("Everything that could be checked is right.\n")
    assert "not checked" not in said.out


def test_a_whole_run_is_audited_by_its_public_folder(community_run: Path) -> None:
    result = audit_run(AuditRequest(community_run))
    assert result.passed
    assert len(result.checks) >= LEAST_CHECKS


def test_an_audit_leaves_what_it_looks_at_as_it_is(public: Path, p2pet_run: Path) -> None:
    assert audit_run(AuditRequest(public)).passed
    assert sorted(p.name for p in public.iterdir()) == sorted(p.name for p in (p2pet_run / "public").iterdir())


def test_a_changed_amount_is_found_by_trade_though_the_manifest_was_made_again(public: Path) -> None:
    row = pq.read_table(public / "trades.parquet").num_rows // 2
    before = change_cell(public, "trades", "buy_amount_nano", changed, row)
    sealed(public)
    said = commonwatt("audit", public)
    amount = before["buy_amount_nano"]
    assert_failed(
        said, f"trades slot {before['slot']} buy_amount_nano", f"expected {amount}, found {amount + 1}", ANCHOR
    )
    assert "ok           files are those of the manifest" in said.out


def test_a_changed_price_is_found_by_slot_in_clearing_chain_and_bills(public: Path) -> None:
    before = change_cell(public, "trades", "sell_price_micro_per_kwh", changed, row=0)
    sealed(public)
    slot = before["slot"]
    assert_failed(
        commonwatt("audit", public), f"trades slot {slot}", f"chain slot {slot} clear", f"statements slot {slot}"
    )


def test_a_changed_amount_is_found_without_a_new_manifest(public: Path) -> None:
    change_cell(public, "statements", "amount_nano", changed)
    assert_failed(commonwatt("audit", public), "public/statements.parquet: expected SHA-256")


def _settings(public: Path) -> None:
    text_replaced(public / "settings.toml", "feed_in_micro_per_kwh = 80000", "feed_in_micro_per_kwh = 80001")


def _inputs(public: Path) -> None:
    text_replaced(public / "inputs.json", '"seed": 1', '"seed": 2')


def _chain(public: Path) -> None:
    with closing(sqlite3.connect(public / "chain.sqlite")) as chain, chain:
        chain.execute("UPDATE blocks SET time_s = time_s + 1 WHERE number = 9")


def _cell(table: str, column: str) -> Callable[[Path], None]:
    def change(public: Path) -> None:
        change_cell(public, table, column, changed)

    return change


TAMPERED = {
    "members.parquet": (_cell("members", "meter_key"), "meter packets"),
    "orders.parquet": (_cell("orders", "limit_micro_per_kwh"), "chain slot"),
    "trades.parquet": (_cell("trades", "energy_wh"), "trades slot"),
    "readings.parquet": (_cell("readings", "import_wh"), "readings slot"),
    "statements.parquet": (_cell("statements", "amount_nano"), "statements slot"),
    "wires.parquet": (_cell("wires", "losses_wh"), "wires slot"),
    "postings.parquet": (_cell("postings", "amount_nano"), "postings"),
    "receipts.parquet": (_cell("receipts", "block"), "receipts row 0"),
    "instructions.parquet": (_cell("instructions", "limit_micro_per_kwh"), "instructions"),
    "settings.toml": (_settings, "statements slot"),
    "inputs.json": (_inputs, "chain anchor"),
    "chain.sqlite": (_chain, "block 9: its fields do not give its hash"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_one_changed_value_of_any_public_file_fails_with_its_reason(public: Path, name: str) -> None:
    change, reason = TAMPERED[name]
    change(public)
    sealed(public)
    result = audit_run(AuditRequest(public))
    assert not result.passed
    assert reason in "\n".join(result.lines)


def test_every_public_file_is_among_those_that_were_tampered_with(p2pet_run: Path) -> None:
    # Without a gateway there are no enrolments: that table is spoiled below, in a run that has one. A sealed batch has no events: they are
    # spoiled column by column in the audit's unit tests. Capacity is allotted in `test_envelopes`.
    without_rows = {"curtailments.parquet", "enrolments.parquet", "envelopes.parquet", "events.parquet"}
    assert {*TAMPERED, *without_rows, "manifest.json"} == {p.name for p in (p2pet_run / "public").iterdir()}


@pytest.fixture(scope="module")
def one_day(street_with_gaps: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run without contracts, to be spoiled in every column; with a gateway, so that no table is without rows."""
    out = tmp_path_factory.mktemp("one-day") / "out"
    day = ("--from", "2024-05-07", "--to", "2024-05-08", "--preset", "p2pet", "--set", "ledger.chain=memory")
    said = commonwatt("run", street_with_gaps, "--out", out, *day, "--set", "metering.signing=gateway")
    assert said.code == 0, said.both
    return out


CELLS = [
    (table, column)
    for table in PUBLIC
    if table not in ("curtailments", "envelopes", "events")
    for column in SCHEMAS[table].names
]
"""A sealed batch has no events, and no capacity is allotted (`test_every_public_file_is_among_those_that_were_tampered_with`)."""
CHANGES: dict[str, Callable[[object], object]] = {
    "another value": changed,
    "none": lambda _: None,
    "nonsense": lambda value: -(10**17) if isinstance(value, int) else "?",
}


@pytest.mark.full
@pytest.mark.parametrize("cell", CELLS, ids="-".join)
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_value_of_any_column_is_found_by_more_than_the_anchor(
    one_day: Path, tmp_path: Path, cell: tuple[str, str], change: str
) -> None:
    public = copied(one_day / "public", tmp_path / "received")
    change_cell(public, *cell, CHANGES[change])
    sealed(public)
    failed = {check.name for check in audit_run(AuditRequest(public)).checks if not check.passed}
    assert failed & {ANCHOR, "anchor can be checked"}
    assert len(failed) > 1, failed


@pytest.mark.parametrize("name", [*TAMPERED, "manifest.json"])
def test_a_missing_file_is_named(public: Path, name: str) -> None:
    (public / name).unlink()
    result = audit_run(AuditRequest(public))
    assert not result.passed
    assert name in "\n".join(result.lines)


@pytest.mark.parametrize(
    "name", ["members.parquet", "readings.parquet", "chain.sqlite", "manifest.json", "settings.toml", "inputs.json"]
)
@pytest.mark.parametrize(
    "damage", ["half", pytest.param("garbage", marks=pytest.mark.full), pytest.param("empty", marks=pytest.mark.full)]
)
def test_a_damaged_file_is_a_finding_and_no_traceback(public: Path, name: str, damage: str) -> None:
    data = (public / name).read_bytes()
    spoiled = {"garbage": b"\x00\xff garbage" * 40, "half": data[: len(data) // 2], "empty": b""}[damage]
    (public / name).write_bytes(spoiled)
    if name != "manifest.json":
        sealed(public)
    assert not audit_run(AuditRequest(public)).passed


def test_a_damaged_file_is_exit_1(public: Path) -> None:
    (public / "readings.parquet").write_bytes((public / "readings.parquet").read_bytes()[:2000])
    (public / "chain.sqlite").write_bytes(b"no chain at all")
    assert_failed(commonwatt("audit", public), "readings.parquet", "chain.sqlite")


def test_an_added_file_is_found(public: Path) -> None:
    (public / "notes.txt").write_text("trust me")
    assert "public/notes.txt: expected a file of a run" in "\n".join(audit_run(AuditRequest(public)).lines)


def test_a_folder_that_is_no_run_is_bad_input(tmp_path: Path) -> None:
    said = commonwatt("audit", tmp_path)
    assert said.code == 2
    assert f"{tmp_path}: expected a run's folder" in said.err
    with pytest.raises(InvalidInput, match="expected a run's folder"):
        audit_run(AuditRequest(tmp_path / "nowhere"))


def test_the_folder_of_the_community_or_a_slip_in_the_name_is_answered_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InvalidInput, match=r"no such folder \(did you mean mine\?\)"):
        audit_run(AuditRequest(tmp_path / "mien"))
    (tmp_path / "mine" / "community.toml").touch()
    with pytest.raises(InvalidInput, match="found a community, whose runs are in out/"):
        audit_run(AuditRequest(tmp_path / "mine"))


def test_a_run_that_is_not_finished_says_how_to_finish_it(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    with pytest.raises(InvalidInput, match="--resume"):
        audit_run(AuditRequest(tmp_path))


def test_a_slot_is_shown_and_only_its_rows_are_checked(p2pet_run: Path) -> None:
    trades = pq.read_table(p2pet_run / "public" / "trades.parquet").to_pylist()
    slot = trades[-1]["slot"]
    said = commonwatt("audit", p2pet_run, "--slot", slot)
    assert said.code == 0, said.both
    for trade in trades:
        assert (trade["trade_id"] in said.out) == (trade["slot"] == slot)
    assert "(1 slot)" in said.out


def test_a_trade_is_shown_with_its_members_energy_and_price(p2pet_run: Path) -> None:
    trade = pq.read_table(p2pet_run / "public" / "trades.parquet").to_pylist()[3]
    said = commonwatt("audit", p2pet_run / "public", "--trade", trade["trade_id"])
    assert said.code == 0, said.both
    line = next(line for line in said.out.splitlines() if trade["trade_id"] in line)
    assert f"{trade['energy_wh']} Wh agreed" in line
    assert all(trade[side] in line for side in ("seller", "buyer") if trade[side])


def test_a_member_is_shown_by_pseudonym_and_for_the_operator_by_name(p2pet_run: Path) -> None:
    name, pseudonym = next(iter(read_json(p2pet_run / "private" / "pseudonyms.json").items()))
    by_name = commonwatt("audit", p2pet_run, "--member", name)
    assert by_name.code == 0, by_name.both
    assert by_name.out.splitlines() == audit_run(AuditRequest(p2pet_run / "public", member=pseudonym)).lines
    assert re.search(rf"member {pseudonym}: amounts in [A-Z]{{3}}; what the member pays has a minus", by_name.out)
    statements = pq.read_table(p2pet_run / "public" / "statements.parquet").to_pylist()
    billed = sum(row["amount_nano"] for row in statements if row["member"] == pseudonym)
    assert f"billed {billed / 10**9:.9f}" in by_name.out


def test_what_the_run_does_not_hold_is_bad_input_with_the_nearest(p2pet_run: Path) -> None:
    public = p2pet_run / "public"
    trade = pq.read_table(public / "trades.parquet")["trade_id"][0].as_py()
    pseudonym = pq.read_table(public / "members.parquet")["member"][0].as_py()
    for request, expected in (
        (AuditRequest(public, slot=5), "--slot: expected a slot of this run: 47"),
        (AuditRequest(public, trade=trade + "9"), f"did you mean {trade}"),
        (AuditRequest(public, trade="nonsense"), "--trade: expected a trade of this run"),
        (AuditRequest(public, member=pseudonym[:-1]), f"did you mean {pseudonym}?"),
    ):
        with pytest.raises(InvalidInput) as told:
            audit_run(request)
        assert expected in str(told.value)


@pytest.mark.parametrize("flags", [("--slot", "5"), ("--slot", "noon")], ids=" ".join)
def test_a_slot_that_the_run_does_not_hold_is_exit_2(p2pet_run: Path, flags: tuple[str, str]) -> None:
    said = commonwatt("audit", p2pet_run / "public", *flags)
    assert said.code == 2, said.both
    assert "--slot" in said.err


def test_a_member_is_not_found_by_name_in_the_public_folder(p2pet_run: Path) -> None:
    with pytest.raises(InvalidInput, match="--member"):
        audit_run(AuditRequest(p2pet_run / "public", member=MEMBERS.splitlines()[1].split(",")[0]))


@pytest.mark.full
def test_the_reference_executor_says_the_same(little_street: Path, tmp_path: Path) -> None:
    hours = ("--from", "2024-05-07", "--to", "2024-05-08")
    assert commonwatt("run", little_street, "--out", tmp_path / "out", *hours).code == 0
    said = commonwatt("audit", tmp_path / "out", "--reference")
    assert said.code == 0, said.both
    assert "executed again on py-evm" in said.out
