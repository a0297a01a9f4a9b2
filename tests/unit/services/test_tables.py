"""Tables of a run: held as codes, spelt out in the files, the same however the parts are joined."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.fakes.markets import market, run

from commonwatt.adapters.store.files import write_table
from commonwatt.services import gathering
from commonwatt.services.schemas import HELD, PROOFS, SCHEMAS
from commonwatt.services.tables import coded, hexes


def test_bytes_are_spelt_in_hex_and_what_is_not_there_is_null() -> None:
    rows = np.array([[0, 255], [1, 2], [171, 16]], np.uint8)
    assert hexes(rows).to_pylist() == ["0x00ff", "0x0102", "0xab10"]
    assert hexes(rows, np.array([False, True, False])).to_pylist() == [None, "0x0102", None]
    assert hexes(rows[:0]).to_pylist() == []
    hexes(rows, np.array([True, False, True])).validate(full=True)


def test_a_negative_code_is_nobodys_name() -> None:
    assert coded(np.array([1, -1, 0]), pa.array(["a", "b"])).to_pylist() == ["b", None, "a"]


def test_codes_are_spelt_out_in_the_file(tmp_path: Path) -> None:
    held = pa.table({"leg": coded(np.array([1, 0, -1]), pa.array(["a", "b"]))})
    schema = pa.schema([("leg", pa.string())])
    write_table(tmp_path / "held.parquet", held, schema)
    write_table(tmp_path / "plain.parquet", pa.table({"leg": ["b", "a", None]}, schema=schema))
    assert (tmp_path / "held.parquet").read_bytes() == (tmp_path / "plain.parquet").read_bytes()
    assert pq.read_table(tmp_path / "held.parquet").schema.equals(schema)


def test_tables_do_not_depend_on_how_many_parts_are_joined_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run(market(), hours=5)
    whole = ran.tables
    monkeypatch.setattr(gathering, "_PARTS_AT_ONCE", 2)
    again = type(ran)(ran.market, ran.journal, ran.slots).tables
    assert len(whole["orders"]) > 5
    assert all(again[name].equals(whole[name]) for name in SCHEMAS)


def test_a_table_is_held_with_the_columns_of_its_file() -> None:
    assert {name: schema.names for name, schema in HELD.items()} == {n: s.names for n, s in SCHEMAS.items()}
    assert {name for schema in SCHEMAS.values() for name in schema.names} >= PROOFS
