"""A book from a file: what a mechanism gets, and what is said of every fault."""

from pathlib import Path

import numpy as np
import pytest

from commonwatt.adapters.order_file import OrderFile, read_orders
from commonwatt.clearing import NO_BUDGET, NO_PLACE

HEADER = "order_id,member,side,energy_wh,limit_micro_per_kwh"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "ORDERS.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read(folder: Path, *lines: str) -> OrderFile:
    file, found = read_orders(written(folder, *lines))
    assert found == []
    assert file is not None
    return file


def faults(folder: Path, *lines: str) -> list[str]:
    file, found = read_orders(written(folder, *lines))
    assert file is None
    return [str(finding) for finding in found]


def test_orders_stand_in_order_of_the_file_and_members_count_as_they_appear(tmp_path: Path) -> None:
    file = read(tmp_path, HEADER, "x,ben,buy,5,0", "y,anna,sell,7,-10", "z,ben,buy,6,30")
    assert file.book.member.tolist() == [0, 1, 0]
    assert file.book.is_sell.tolist() == [False, True, False]
    assert file.book.limit_micro_per_kwh.tolist() == [0, -10, 30]
    assert file.book.sequence.tolist() == [0, 1, 2]
    assert file.order_ids.to_pylist() == ["x", "y", "z"]


def test_a_sequence_decides_the_order_of_the_book(tmp_path: Path) -> None:
    file = read(tmp_path, HEADER + ",sequence", "x,ben,buy,5,1,30", "y,anna,sell,7,2,10", "z,carla,buy,6,3,20")
    assert file.order_ids.to_pylist() == ["y", "z", "x"]
    assert file.book.sequence.tolist() == [10, 20, 30]
    assert file.lines.tolist() == [1, 2, 0]


def test_what_is_said_beside_the_book_reaches_the_facts_and_blanks_stand_in_no_way(tmp_path: Path) -> None:
    columns = ",source,preference,bus,trust,budget_nano,microgrid"
    file = read(
        tmp_path, HEADER + columns, "x,ben,buy,5,1,,renewable,n1,0.75,9000,north", "y,anna,sell,7,2,wind,,,,,south"
    )
    assert file.book.source.tolist() == [0, 2]
    assert file.book.preference.tolist() == [1, 0]
    assert file.facts.bus.tolist() == [0, NO_PLACE]
    assert file.facts.microgrid.tolist() == [0, 1]
    assert file.facts.budget_nano.tolist() == [9000, NO_BUDGET]
    assert file.facts.trust[0] == 0.75
    assert np.isnan(file.facts.trust[1])


def test_a_file_without_orders_is_an_empty_book(tmp_path: Path) -> None:
    assert len(read(tmp_path, HEADER).book) == 0


def test_every_fault_of_every_row_is_said_at_once(tmp_path: Path) -> None:
    rows = [
        "a,ben,buy,-5,10",
        "a,anna,sel,7,10",
        ",carla,sell,0.5,2147483648",
        "d,,buy,5,0.28",
        "",
        "e,ben,sell,5,10",
    ]
    assert faults(tmp_path, HEADER, *rows) == [
        "ORDERS.csv:4 order_id: expected a name, found nothing",
        "ORDERS.csv:3 order_id: expected an id of its own (as line 2 has), found 'a'",
        "ORDERS.csv:3 side: expected one of buy, sell (did you mean sell?), found 'sel'",
        "ORDERS.csv:5 member: expected a name, found nothing",
        "ORDERS.csv:7 side: expected buy, the side that member ben has in line 2, found 'sell'",
        "ORDERS.csv:4 energy_wh: expected a whole number, found '0.5'",
        "ORDERS.csv:2 energy_wh: expected 1..2147483647, found '-5'",
        "ORDERS.csv:5 limit_micro_per_kwh: expected a whole number of micro (0.28 per kWh is 280000), found '0.28'",
        "ORDERS.csv:4 limit_micro_per_kwh: expected -2147483647..2147483647, found '2147483648'",
    ]


def test_faults_of_optional_columns_are_said_too(tmp_path: Path) -> None:
    columns = ",sequence,source,preference,trust,budget_nano"
    rows = ["a,ben,buy,5,1,4,,renewables,-1,-2", "b,anna,sell,5,1,4,solar,,much,1e3"]
    assert faults(tmp_path, HEADER + columns, *rows) == [
        "ORDERS.csv:3 sequence: expected a number of its own (as line 2 has), found '4'",
        "ORDERS.csv:3 source: expected one of battery, ev, fuel, pv, unknown, wind, found 'solar'",
        "ORDERS.csv:2 preference: expected one of any, renewable (did you mean renewable?), found 'renewables'",
        "ORDERS.csv:2 trust: expected a number of at least 0, with a decimal point, found '-1'",
        "ORDERS.csv:3 trust: expected a number of at least 0, with a decimal point, found 'much'",
        "ORDERS.csv:3 budget_nano: expected a whole number, found '1e3'",
        "ORDERS.csv:2 budget_nano: expected 0..999999999999999999, found '-2'",
    ]


def test_columns_that_are_missing_or_unknown_are_named(tmp_path: Path) -> None:
    assert faults(tmp_path, "order_id,member,side,energy_kwh,limit_micro_per_kwh", "a,ben,buy,5,1") == [
        "ORDERS.csv:1 energy_wh: expected a column of this name, found 'energy_kwh'",
        "ORDERS.csv:1 energy_kwh: expected a known column: one of budget_nano, bus, energy_wh, limit_micro_per_kwh, member, "
        "microgrid, order_id, preference, proof, sequence, side, source, trust (did you mean energy_wh?), found 'energy_kwh'",
    ]


def test_a_fault_in_many_rows_names_a_few_and_counts_the_rest(tmp_path: Path) -> None:
    said = faults(tmp_path, HEADER, *[f"o{row},m{row},buy,0,1" for row in range(1000)])
    assert len(said) == 6
    assert said[-1] == "ORDERS.csv energy_wh: expected 1..2147483647, found 995 more such rows"


@pytest.mark.parametrize("name", ["none.csv", "."])
def test_what_is_no_file_is_said_in_words(tmp_path: Path, name: str) -> None:
    file, found = read_orders(tmp_path / name)
    assert file is None
    assert len(found) == 1
