"""`commonwatt watch`: silent on what a run settled, loud on a line that nobody's order or meter bears out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.fakes.small_runs import commonwatt, copied


@pytest.fixture
def public(p2pet_run: Path, tmp_path: Path) -> Path:
    """A stranger's copy of the public folder alone."""
    return copied(p2pet_run / "public", tmp_path / "received")


def with_more(path: Path, column: str) -> None:
    """Add one to the first row's value that is above 0."""
    table = pq.read_table(path)
    values = table[column].to_pylist()
    row = next(row for row, value in enumerate(values) if value > 0)
    values[row] += 1
    index = table.column_names.index(column)
    pq.write_table(table.set_column(index, table.schema.field(index), pa.array(values, pa.int64())), path)


def test_every_line_of_a_run_is_borne_out(public: Path) -> None:
    said = commonwatt("watch", public)
    assert said.code == 0, said.both
    assert "every line is borne out" in said.out
    assert "5 members" in said.out


def test_energy_that_a_meter_did_not_see_is_doubted(public: Path) -> None:
    with_more(public / "readings.parquet", "import_wh")
    said = commonwatt("watch", public)
    assert said.code == 1, said.both
    assert "Wh in all, as the meter says, found" in said.out


def test_a_member_watches_its_own_lines_only(public: Path) -> None:
    with_more(public / "readings.parquet", "import_wh")
    readings = pq.read_table(public / "readings.parquet")
    harmed = next(row for row in readings.to_pylist() if row["import_wh"] > 0)["member"]
    others = readings.filter(pc.not_equal(readings["member"], harmed))["member"].to_pylist()
    assert commonwatt("watch", public, "--member", harmed).code == 1
    assert commonwatt("watch", public, "--member", others[0]).code == 0


def test_an_order_that_is_gone_leaves_its_trades_without_one(public: Path) -> None:
    orders = pq.read_table(public / "orders.parquet")
    pq.write_table(orders.slice(0, 0), public / "orders.parquet")
    said = commonwatt("watch", public)
    assert said.code == 1, said.both
    assert "expected an order of the member behind it" in said.out


@pytest.mark.parametrize(("option", "value"), [("--member", "nobody"), ("--slot", "1")])
def test_who_or_what_is_not_there_is_bad_input(public: Path, option: str, value: str) -> None:
    said = commonwatt("watch", public, option, value)
    assert said.code == 2, said.both
    assert option in said.both
