"""Columns: a frozen dataclass of equally long NumPy arrays, the shape in which rooms pass orders, trades, readings and postings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from commonwatt.core.units import Flags, Ints


@dataclasses.dataclass(frozen=True)
class Columns:
    """Base of every columnar record. Arrays are made read-only; a subclass says the dtype (and width) of each field in `dtypes`."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {}
    """Fields that are not int64: name -> (dtype, width); width 0 is a flat column, else shape (n, width)."""

    def __post_init__(self) -> None:
        columns = self.__dict__
        length = -1
        for name, dtype, width in _layout(type(self)):
            array = columns[name] = _column(columns[name], dtype, width)
            if length not in (-1, len(array)):
                raise ValueError(f"expected columns of equal length, was {name} {len(array)} beside {length}")
            length = len(array)

    def __len__(self) -> int:
        return len(self.__dict__[_layout(type(self))[0][0]])

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """The columns by name, in declared order."""
        return {name: getattr(self, name) for name, _, _ in _layout(type(self))}

    def take(self, rows: Ints | Flags) -> Self:
        """The rows of a mask or of indices, in that order."""
        at = rows
        if rows.dtype == np.bool_:
            if len(rows) != len(self):
                raise IndexError(f"expected a mask of {len(self)} rows, was {len(rows)}")
            at = rows.nonzero()[0]
        return self._of_sound({name: array.take(at, axis=0) for name, array in self.arrays().items()})

    def replaced(self, **columns: npt.NDArray[np.generic]) -> Self:
        """A copy with some columns exchanged."""
        table = self.arrays()
        for name, dtype, width in _layout(type(self)):
            if name in columns:
                table[name] = _column(columns.pop(name), dtype, width)
                if len(table[name]) != len(self):
                    raise ValueError(f"expected {len(self)} rows as before, was {name} {len(table[name])}")
        if columns:
            raise TypeError(f"expected columns of {type(self).__name__}, was {sorted(columns)}")
        return self._of_sound(table)

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        if cls not in _EMPTY:
            _EMPTY[cls] = cls.of(0)
        table = _EMPTY[cls]
        assert isinstance(table, cls), "kept under its own kind"
        return table

    @classmethod
    def of(cls, length: int, **columns: npt.NDArray[np.generic] | int | bool) -> Self:
        """`length` rows; a scalar fills its column, a column left out is zero."""
        arrays = {}
        for name, dtype, width in _layout(cls):
            value = columns.pop(name, 0)
            if not isinstance(value, np.ndarray):
                shape = (length, width) if width else length
                value = np.full(shape, value, dtype) if value else np.zeros(shape, dtype)
            arrays[name] = value
        if columns:
            raise TypeError(f"expected columns of {cls.__name__}, was {sorted(columns)}")
        return cls(**arrays)

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Rows of all parts, one after the other."""
        tables = [part for part in parts if len(part)]
        if len(tables) < 2:
            return tables[0] if tables else cls.empty()
        return cls._of_sound({name: np.concatenate([t.__dict__[name] for t in tables]) for name, _, _ in _layout(cls)})

    @classmethod
    def _of_sound(cls, columns: Mapping[str, npt.NDArray[np.generic]]) -> Self:
        """A table of columns that need no check because they were cut from one, or were checked."""
        table = object.__new__(cls)
        for name, array in columns.items():
            array.setflags(write=False)
            table.__dict__[name] = array
        return table


def _column(value: npt.ArrayLike, dtype: np.dtype[np.generic], width: int) -> npt.NDArray[np.generic]:
    """A value as a column that cannot be written: of this type, flat or of this width."""
    array: npt.NDArray[np.generic] = np.ascontiguousarray(value, dtype=dtype)
    if width or array.ndim != 1:
        array = array.reshape((len(array), width) if width else (len(array),))
    if array.flags.writeable:
        array = array.view()
        array.setflags(write=False)
    return array


_LAYOUTS: dict[type[Columns], tuple[tuple[str, np.dtype[np.generic], int], ...]] = {}
_EMPTY: dict[type[Columns], Columns] = {}


def _layout(kind: type[Columns]) -> tuple[tuple[str, np.dtype[np.generic], int], ...]:
    """Name, dtype and width of each field of a kind of table; worked out once, since tables are made by the thousand."""
    if kind not in _LAYOUTS:
        named = ((field.name, *kind.dtypes.get(field.name, ("int64", 0))) for field in dataclasses.fields(kind))
        _LAYOUTS[kind] = tuple((name, np.dtype(dtype), width) for name, dtype, width in named)
    return _LAYOUTS[kind]
