"""Two readers of CSV files, one answer: the quick one gives way wherever a file is not plain."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwatt.adapters import text_columns as module
from commonwatt.adapters.csv_table import read_csv
from commonwatt.adapters.text_columns import text_columns

CELL = st.sampled_from(["", "a", " b ", "412", "-5", "ü", '"q"', '"two\nlines"', "x\ry", "1;2"])
FILES = st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=6)


@settings(max_examples=300, deadline=None)
@given(rows=FILES, end=st.sampled_from(["\n", "\r\n", "\n\n", ""]), bom=st.booleans())
def test_both_readers_say_the_same_of_any_file(rows: list[list[str]], end: str, bom: bool) -> None:
    text = ("\ufeff" if bom else "") + "one,two\n" + (end or "\n").join(",".join(row) for row in rows) + end
    data = text.encode()
    columns, lines, found = text_columns(data, "f.csv")
    table, expected = read_csv(data, "f.csv")
    assert found == expected
    if table is None:
        assert columns is None
        return
    assert columns is not None
    assert lines is not None
    assert {key: array.to_pylist() for key, array in columns.items()} == table.columns
    assert lines.tolist() == table.lines


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_plain_file_takes_the_quick_way(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(module, "read_csv", lambda *_: pytest.fail("the slow reader was asked"))
    columns, lines, found = text_columns(end.join(["a,b", "1, x ", "2,", ""]).encode(), "f.csv")
    assert columns is not None
    assert lines is not None
    assert columns["b"].to_pylist() == ["x", ""]
    assert (lines.tolist(), found) == ([2, 3], [])
