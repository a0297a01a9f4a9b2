"""`commonwatt run`: the folder it leaves holds what is promised, whatever the design, the days and the members."""

from __future__ import annotations

import csv
import datetime as dt
from itertools import product
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.fakes.small_runs import CONSUMERS, MEMBERS, commonwatt, read_json, write_small_community

# As `records.md` promises them, written out a second time on purpose: a renamed column breaks somebody's script.
COLUMNS = {
    "members": "member meter_key wallet role connection_w",
    "orders": "slot order_id member side energy_wh limit_micro_per_kwh sequence source preference filled_wh reason",
    "trades": "slot trade_id seller buyer sell_order buy_order energy_wh sell_price_micro_per_kwh buy_price_micro_per_kwh"
    " sell_amount_nano buy_amount_nano delivered_wh round sell_fee_micro_per_kwh buy_fee_micro_per_kwh",
    "readings": "slot member import_wh export_wh quality revision counter packet_hash opening signature",
    "statements": "slot member revision leg energy_wh price_micro_per_kwh amount_nano",
    "postings": "slot revision debit credit amount_nano kind",
    "receipts": "slot kind revision part parts content_hash transaction block status",
}
TEXT = [
    "member",
    "meter_key",
    "wallet",
    "role",
    "order_id",
    "side",
    "source",
    "preference",
    "reason",
    "trade_id",
    "seller",
    "buyer",
    "sell_order",
    "buy_order",
    "quality",
    "packet_hash",
    "opening",
    "signature",
    "leg",
    "debit",
    "credit",
    "kind",
    "content_hash",
    "transaction",
]
SUMMARY = [
    "slots",
    "failed_slots",
    "members",
    "traded_wh",
    "delivered_wh",
    "imported_wh",
    "exported_wh",
    "losses_wh",
    "supplier_sold_wh",
    "supplier_bought_wh",
    "self_sufficiency_share",
    "self_consumption_share",
    "clearing_efficiency_share",
    "efficiency_share",
    "price_mean_micro_per_kwh",
    "price_min_micro_per_kwh",
    "price_max_micro_per_kwh",
    "baseline_nano",
    "cost_nano",
    "cost_saving_share",
    "revenue_gain_share",
    "members_worse_off",
    "imbalance_wh",
    "money_mismatch_nano",
    "energy_mismatch_wh",
    "transactions",
    "gas_per_trade",
    "gas_source",
    "proofs_verified",
    "ledger_verified",
    "not_built",
]
TIMING = {"wall_s", "cpu_s", "step_cpu_s", "latency", "resumed_steps", "executed_steps", "peak_mb"}
ONE_DAY = ("--from", "2024-05-07", "--to", "2024-05-08")
IN_MEMORY = ("--set", "ledger.chain=memory")


def assert_whole(run: Path, ids: list[str]) -> None:
    """Every promised file, column and key is there, and nothing mismatches."""
    for name, columns in COLUMNS.items():
        schema = pq.read_schema(run / "public" / f"{name}.parquet")
        assert not set(columns.split()) - set(schema.names), name
        for column in columns.split():
            assert str(schema.field(column).type) == ("string" if column in TEXT else "int64"), (name, column)
    for name in ("manifest.json", "settings.toml", "inputs.json", "chain.sqlite"):
        assert (run / "public" / name).is_file(), name
    assert sorted(p.name for p in (run / "members").iterdir()) == sorted(ids)
    for member in ids:
        for name in ("orders.csv", "readings.csv", "bill.csv"):
            assert (run / "members" / member / name).read_text().strip(), (member, name)
    assert (run / "private" / "journal.sqlite").is_file()
    assert "<html" in (run / "report.html").read_text(encoding="utf-8")
    summary, timing = read_json(run / "summary.json"), read_json(run / "timing.json")
    assert not set(SUMMARY) - set(summary)
    assert set(timing) >= TIMING
    assert (summary["energy_mismatch_wh"], summary["money_mismatch_nano"]) == (0, 0)
    assert summary["ledger_verified"] is True
    assert summary["failed_slots"] == 0


def ids_of(members: str) -> list[str]:
    return [line.split(",")[0] for line in members.splitlines()[1:]]


def test_a_run_leaves_the_promised_folder(community_run: Path) -> None:
    assert_whole(community_run, ids_of(MEMBERS))
    summary = read_json(community_run / "summary.json")
    assert summary["slots"] == 72
    assert summary["traded_wh"] > 0
    assert summary["gas_per_trade"] > 0


def test_a_run_with_gates_gaps_and_corrections_leaves_the_promised_folder(p2pet_run: Path) -> None:
    assert_whole(p2pet_run, ids_of(MEMBERS))
    readings = pq.read_table(p2pet_run / "public" / "readings.parquet").to_pydict()
    assert readings["quality"].count("substituted") == 6
    assert readings["quality"].count("corrected") == 7
    assert max(readings["revision"]) == 2
    legs = set(pq.read_table(p2pet_run / "public" / "statements.parquet")["leg"].to_pylist())
    assert legs & {"correction_short", "correction_long"}


def test_csv_says_what_parquet_says(community_run: Path) -> None:
    for name in COLUMNS:
        table = pq.read_table(community_run / "public" / f"{name}.parquet")
        with (community_run / "public" / f"{name}.csv").open(newline="") as file:
            header, *rows = list(csv.reader(file))
        assert header == table.column_names
        assert rows == [["" if v is None else str(v) for v in row.values()] for row in table.to_pylist()]


def test_no_csv_unless_asked_for(p2pet_run: Path) -> None:
    assert not list((p2pet_run / "public").glob("*.csv"))


def test_the_public_folder_names_no_member_and_no_path(community_run: Path) -> None:
    for path in (community_run / "public").iterdir():
        content = path.read_bytes()
        for name in [*ids_of(MEMBERS), str(community_run.parent)]:
            assert name.encode() not in content, (path.name, name)


def test_a_member_sees_only_their_own_rows(community_run: Path) -> None:
    pseudonyms = read_json(community_run / "private" / "pseudonyms.json")
    for member, pseudonym in pseudonyms.items():
        with (community_run / "members" / member / "readings.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 72
        assert {row["member"] for row in rows} == {pseudonym}


@pytest.mark.parametrize("preset", ["community", "p2pet"])
def test_where_nobody_sells_every_file_has_its_header(tmp_path: Path, preset: str) -> None:
    street = write_small_community(tmp_path / "flats", members=CONSUMERS, days=2)
    said = commonwatt("run", street, "--out", tmp_path / "out", "--preset", preset, "--csv", *ONE_DAY)
    assert said.code == 0, said.both
    assert_whole(tmp_path / "out", ids_of(CONSUMERS))
    summary = read_json(tmp_path / "out" / "summary.json")
    assert summary["traded_wh"] == 0
    assert summary["gas_per_trade"] is None
    assert summary["self_sufficiency_share"] == 0
    assert pq.read_table(tmp_path / "out" / "public" / "trades.parquet").num_rows == 0
    header = (tmp_path / "out" / "public" / "trades.csv").read_text().replace('"', "").strip()
    assert header == COLUMNS["trades"].replace(" ", ",")
    assert commonwatt("audit", tmp_path / "out" / "public").code == 0


DESIGNS = [
    (timing, rule, clearing)
    for timing, rule, clearing in product(
        ("ex_post", "ex_ante"), ("scheduled", "delivered"), ("uniform_price", "two_round_double_auction")
    )
]


def _assert_design_holds(street: Path, out: Path, design: tuple[str, str, str], slots: int, *more: str) -> None:
    timing, rule, clearing = design
    chosen = (f"market.timing={timing}", f"settlement.rule={rule}", f"market.clearing={clearing}")
    settings = [part for setting in chosen for part in ("--set", setting)]
    said = commonwatt("run", street, "--out", out, *settings, *ONE_DAY, *more)
    assert said.code == 0, said.both
    assert_whole(out, ids_of(MEMBERS))
    summary = read_json(out / "summary.json")
    assert summary["slots"] == slots
    assert summary["traded_wh"] > 0
    written = (out / "public" / "settings.toml").read_text()
    assert all(f'"{answer}"' in written for answer in design)


@pytest.mark.parametrize("design", DESIGNS, ids="-".join)
def test_every_design_balances_to_the_wh_and_the_nano(
    little_street: Path, tmp_path: Path, design: tuple[str, str, str]
) -> None:
    _assert_design_holds(little_street, tmp_path / "out", design, 24, *IN_MEMORY)


@pytest.mark.full
@pytest.mark.parametrize("design", DESIGNS, ids="-".join)
def test_every_design_balances_on_the_contracts_with_gaps(
    street_with_gaps: Path, tmp_path: Path, design: tuple[str, str, str]
) -> None:
    _assert_design_holds(street_with_gaps, tmp_path / "out", design, 48, "--to", "2024-05-09")


@pytest.mark.parametrize(
    ("day", "slots"),
    [(dt.date(2024, 3, 31), 23), (dt.date(2024, 10, 27), 25), (dt.date(2024, 6, 5), 24)],
    ids=["spring", "autumn", "plain"],
)
def test_a_local_day_has_the_hours_of_its_clock(tmp_path: Path, day: dt.date, slots: int) -> None:
    street = write_small_community(tmp_path / "street", first=day - dt.timedelta(days=1))
    end = day + dt.timedelta(days=1)
    said = commonwatt("run", street, "--out", tmp_path / "out", "--from", str(day), "--to", str(end), *IN_MEMORY)
    assert said.code == 0, said.both
    assert read_json(tmp_path / "out" / "summary.json")["slots"] == slots
    covered = sorted(set(pq.read_table(tmp_path / "out" / "public" / "readings.parquet")["slot"].to_pylist()))
    assert len(covered) == slots
    midnight = dt.datetime.combine(day, dt.time(), dt.timezone(dt.timedelta(hours=2 if slots != 23 else 1)))
    assert covered[0] * 3600 == midnight.timestamp()


def test_without_dates_a_run_covers_the_days_of_the_file_else_all_data(little_street: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    days = ("--set", "data.from=2024-05-07", "--set", "data.to=2024-05-08")
    assert commonwatt("run", little_street, "--out", out, *days, *IN_MEMORY).code == 0
    assert read_json(out / "summary.json")["slots"] == 24


def test_dates_of_the_command_line_win_over_those_of_the_file(little_street: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = commonwatt(
        "run", little_street, "--out", out, "--set", "data.from=2024-05-06", "--from", "2024-05-08", *IN_MEMORY
    )
    assert said.code == 0, said.both
    assert read_json(out / "summary.json")["slots"] == 24


def test_results_go_to_a_folder_named_after_the_community(little_street: Path, tmp_path: Path) -> None:
    said = commonwatt("run", little_street.resolve() / "community.toml", *ONE_DAY, *IN_MEMORY, cwd=tmp_path)
    assert said.code == 0, said.both
    assert (tmp_path / "out" / "little-street" / "summary.json").is_file()
    assert f"out{'/'}little-street" in said.out


def test_the_ending_fits_ten_lines_and_says_what_to_type_next(little_street: Path, tmp_path: Path) -> None:
    said = commonwatt("run", little_street, "--out", tmp_path / "a run", *ONE_DAY, *IN_MEMORY)
    lines = said.out.splitlines()
    assert len(lines) <= 11
    assert f"commonwatt audit '{tmp_path / 'a run'}'" in said.out
    # What to type next is about the community that was run, not about the bundled one.
    assert f"commonwatt run {little_street} --preset p2pet" in said.out


def test_a_preset_of_the_command_line_wins_and_is_recorded(p2pet_run: Path) -> None:
    written = (p2pet_run / "public" / "settings.toml").read_text()
    assert 'design = "p2pet"' in written
    assert 'timing = "ex_ante"' in written


def test_the_last_of_two_settings_wins(little_street: Path, tmp_path: Path) -> None:
    both = ("--set", "community.seed=5", "--set", "community.seed=6")
    said = commonwatt("run", little_street, "--out", tmp_path / "out", *both, *ONE_DAY, *IN_MEMORY)
    assert said.code == 0, said.both
    assert "seed = 6" in (tmp_path / "out" / "public" / "settings.toml").read_text()
