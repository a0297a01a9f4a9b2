"""Columns: equal length, the dtype that is declared, never written to."""

from dataclasses import dataclass

import numpy as np
import pytest

from commonwatt.core.columns import Columns
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Forecasts, Readings


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="expected columns of equal length"):
        Forecasts(np.array([1, 2]), np.array([1]))


def test_an_array_becomes_the_declared_dtype_and_width() -> None:
    readings = Readings.of(3, packet_hash=np.arange(96).reshape(3, 32))
    assert readings.packet_hash.dtype == np.uint8
    assert readings.packet_hash.shape == (3, 32)
    assert readings.signature.shape == (3, 65)
    assert readings.quality.dtype == np.int8


def test_a_column_cannot_be_written() -> None:
    table = Forecasts(np.array([1, 2]), np.array([3, 4]))
    with pytest.raises(ValueError, match="read-only"):
        table.load_wh[0] = 9


def test_rows_are_taken_joined_and_replaced() -> None:
    table = Forecasts(np.array([1, 2, 3]), np.array([4, 5, 6]))
    assert table.take(np.array([2, 0])).load_wh.tolist() == [3, 1]
    assert table.take(table.load_wh > 1).pv_wh.tolist() == [5, 6]
    assert Forecasts.joined([table, table.take(np.array([1]))]).load_wh.tolist() == [1, 2, 3, 2]
    assert table.replaced(pv_wh=np.array([0, 0, 1])).pv_wh.tolist() == [0, 0, 1]
    assert table.pv_wh.tolist() == [4, 5, 6]


def test_what_is_cut_from_a_table_cannot_be_written_either() -> None:
    table = Forecasts(np.array([1, 2, 3]), np.array([4, 5, 6]))
    rows = np.array([0, 1])
    for cut in (table.take(rows), table.replaced(pv_wh=np.array([0, 0, 1])), Forecasts.joined([table, table])):
        with pytest.raises(ValueError, match="read-only"):
            cut.pv_wh[0] = 9


def test_a_mask_or_a_column_of_another_length_is_refused() -> None:
    table = Forecasts(np.array([1, 2, 3]), np.array([4, 5, 6]))
    with pytest.raises(IndexError, match="expected a mask of 3 rows, was 2"):
        table.take(np.array([True, False]))
    with pytest.raises(ValueError, match="expected 3 rows as before, was pv_wh 1"):
        table.replaced(pv_wh=np.array([1]))
    with pytest.raises(TypeError, match="wind_wh"):
        table.replaced(wind_wh=np.array([1, 2, 3]))


def test_no_parts_join_to_no_rows_of_the_right_dtypes() -> None:
    book = OrderBook.joined([])
    assert len(book) == 0
    assert book.is_sell.dtype == np.bool_


def test_scalars_fill_a_column_and_unknown_columns_are_refused() -> None:
    assert Forecasts.of(2, load_wh=5).load_wh.tolist() == [5, 5]
    with pytest.raises(TypeError, match="wind_wh"):
        Forecasts.of(2, wind_wh=5)


def test_a_table_without_declared_dtypes_is_int64() -> None:
    @dataclass(frozen=True)
    class Counted(Columns):
        count: np.ndarray

    assert Counted(np.array([1, 2], np.int8)).count.dtype == np.int64
