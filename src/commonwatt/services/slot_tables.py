"""Arrow tables read slot by slot: columns are decoded for many slots at a time, so that a slot costs a few slices."""

from binascii import unhexlify
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.units import Bytes2D, Flags, Ints

WINDOW_ROWS: Final = 200_000
"""Rows of a table that are held decoded at a time: checks go through a run in order, so each row is decoded once a check."""

Array = npt.NDArray[Any]
Decoder = Callable[[pa.ChunkedArray], Array]


class SlotTable:
    """A table with a column `slot`, in order of slot and within it of the file.

    `decoders` says by name how and from which column an array is made; any other name is a column of whole numbers.
    """

    def __init__(self, table: pa.Table, decoders: Mapping[str, tuple[str, Decoder]]) -> None:
        self._table = table
        self._decoders = decoders
        self._window = range(0)
        self._decoded: dict[str, Array] = {}

    @cached_property
    def ordered(self) -> pa.Table:
        """The rows in order."""
        slots = ints(self._table["slot"])
        if (np.diff(slots) >= 0).all():
            return self._table
        return self._table.take(pa.array(np.argsort(slots, kind="stable")))

    @cached_property
    def _slots(self) -> Ints:
        return ints(self.ordered["slot"])

    def extent(self, slot: int) -> tuple[int, int]:
        """The first row of a slot and the one behind its last."""
        first, last = np.searchsorted(self._slots, [slot, slot + 1])
        return int(first), int(last)

    def columns(self, slot: int, *names: str) -> list[Array]:
        """Columns of a slot, decoded."""
        first, last = self.extent(slot)
        if first < self._window.start or last > self._window.stop:
            self._window, self._decoded = range(first, self._end(last)), {}
        begin = self._window.start
        return [self._column(name)[first - begin : last - begin] for name in names]

    def parts(self, *names: str) -> Iterator[list[Array]]:
        """Columns of the whole table, decoded some rows at a time, in the order of the file."""
        for start in range(0, len(self._table), WINDOW_ROWS):
            rows = self._table.slice(start, WINDOW_ROWS)
            yield [self._decode(name, rows) for name in names]

    def _end(self, last: int) -> int:
        """Where a window ends whose first slot ends at row `last`: not in the middle of a slot."""
        end = min(len(self._slots), last + WINDOW_ROWS)
        return int(np.searchsorted(self._slots, self._slots[end - 1], side="right")) if end else 0

    def _column(self, name: str) -> Array:
        if name not in self._decoded:
            rows = self.ordered.slice(self._window.start, len(self._window))
            self._decoded[name] = self._decode(name, rows)
        return self._decoded[name]

    def _decode(self, name: str, rows: pa.Table) -> Array:
        column, decode = self._decoders.get(name, (name, ints))
        array: Array = decode(rows[column])
        return array


def ints(column: pa.ChunkedArray) -> Ints:
    """A column of whole numbers."""
    return np.asarray(column.to_numpy(), dtype=np.int64)


def codes_of(names: list[str]) -> Decoder:
    """Where each text stands in `names`; -1 for a null and for one that is not in the list (a tampered file: later checks say which)."""
    known = pa.array(names, pa.string())

    def decode(column: pa.ChunkedArray) -> Ints:
        return np.asarray(pc.fill_null(pc.index_in(column, value_set=known), -1).to_numpy(), dtype=np.int64)

    return decode


def bytes_of(width: int) -> Decoder:
    """`0x...` as bytes, shape (rows, width); zeros for a null. Raises ValueError for anything else."""

    def decode(column: pa.ChunkedArray) -> Bytes2D:
        texts = pc.fill_null(column, "0x" + "00" * width).combine_chunks()
        if not len(texts):
            return np.zeros((0, width), np.uint8)
        _, offsets, raw = texts.buffers()
        ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        if (np.diff(ends) != 2 + 2 * width).any():
            raise ValueError(f"expected 0x and {2 * width} hex digits in every row, was another length")
        digits = np.frombuffer(raw, np.uint8)[ends[0] : ends[-1]].reshape(len(texts), -1)[:, 2:]
        return np.frombuffer(unhexlify(digits.tobytes()), np.uint8).reshape(len(texts), width)

    return decode


def is_given(column: pa.ChunkedArray) -> Flags:
    """Where a column is not null."""
    return np.asarray(pc.is_valid(column).to_numpy(), dtype=np.bool_)


def order_rows(column: pa.ChunkedArray) -> Ints:
    """The row in the slot's book that an order's id ends with; -1 for a null. Raises ValueError for a text that is no such id."""
    numbers = pc.replace_substring_regex(column, "^.*-o", "").cast(pa.int64())
    return np.asarray(pc.fill_null(numbers, -1).to_numpy(), dtype=np.int64)
