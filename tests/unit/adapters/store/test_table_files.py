"""Tables that go to their files while they grow: the same files however the rows come, none when it ends badly."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commonwatt.adapters.store import files, table_files
from commonwatt.adapters.store.files import write_csv, write_table
from commonwatt.adapters.store.table_files import TableFiles, write_split
from commonwatt.services.schemas import HELD, PROOFS, PUBLIC, SCHEMAS

ROWS = 25
GROUP = 10


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (files, table_files):
        monkeypatch.setattr(module, "ROWS_OF_A_GROUP", GROUP)


def trades(rows: int) -> pa.Table:
    """`rows` trades as a run holds them."""
    at = np.arange(rows)
    names = pa.array(["ann", "bob"])
    columns = {
        "seller": pa.DictionaryArray.from_arrays(pa.array(at % 2, pa.int32()), names),
        "buyer": pa.DictionaryArray.from_arrays(pa.array(at % 2, pa.int32(), mask=at % 3 == 0), names),
        **{name: pa.array([f"7-{row}" for row in at]) for name in ("trade_id", "sell_order", "buy_order")},
    }
    arrays = [columns.get(name, pa.array(at)) for name in SCHEMAS["trades"].names]
    return pa.Table.from_arrays(arrays, schema=HELD["trades"])


def written(folder: Path, parts: Iterable[pa.Table], csv: bool = False) -> dict[str, pa.Table]:
    """The files of trades that came in these parts, and what is held of them."""
    with TableFiles(folder, csv) as growing:
        for part in parts:
            growing.put("trades", part)
        return dict(growing.whole())


def test_a_file_does_not_depend_on_the_parts_in_which_its_rows_came(tmp_path: Path) -> None:
    whole = trades(ROWS)
    one_by_one = (whole.slice(row, 1) for row in range(ROWS))
    held = written(tmp_path / "a", one_by_one, csv=True)
    written(tmp_path / "b", [whole.slice(0, 3), whole.slice(3)], csv=True)
    write_table(tmp_path / "trades.parquet", whole, SCHEMAS["trades"])
    write_csv(tmp_path / "trades.csv", whole)
    for name in ("trades.parquet", "trades.csv"):
        assert len({(tmp_path / at / name).read_bytes() for at in ("a", "b", ".")}) == 1
    assert pq.ParquetFile(tmp_path / "a" / "trades.parquet").num_row_groups == -(-ROWS // GROUP)
    assert held["trades"].equals(whole)


def test_a_table_without_rows_is_a_file_with_its_columns(tmp_path: Path) -> None:
    written(tmp_path, [])
    for name in PUBLIC:
        assert pq.read_table(tmp_path / f"{name}.parquet").equals(SCHEMAS[name].empty_table())


def test_what_only_an_auditor_asks_for_is_in_the_files_and_not_held(tmp_path: Path) -> None:
    held = written(tmp_path, [])
    assert set(held) == set(SCHEMAS)
    assert all(set(table.column_names) == set(SCHEMAS[name].names) - PROOFS for name, table in held.items())


def test_no_file_is_left_of_tables_that_are_given_up(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), TableFiles(tmp_path, csv=True) as growing:
        growing.put("trades", trades(ROWS))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_rows_are_split_into_a_file_for_each_value_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "_FILES_AT_ONCE", 1)
    whole = trades(ROWS).cast(SCHEMAS["trades"])
    write_table(tmp_path / "trades.parquet", whole)
    names = {"ann": tmp_path / "a.csv", "bob": tmp_path / "b.csv", "cat": tmp_path / "c.csv"}
    write_split(tmp_path / "trades.parquet", "buyer", names)
    for name, path in names.items():
        rows = [row for row, buyer in enumerate(whole["buyer"].to_pylist()) if buyer == name]
        write_csv(tmp_path / "expected.csv", whole.take(pa.array(rows, pa.int64())))
        assert path.read_bytes() == (tmp_path / "expected.csv").read_bytes()
