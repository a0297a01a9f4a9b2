"""Columns: a frozen dataclass of equally long NumPy arrays, the shape in which rooms pass orders, trades, readings and postings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class Columns:
    """Base of every columnar record. Arrays are made read-only; a subclass says the dtype (and width) of each field in `dtypes`."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {}
    """Fields that are not int64: name -> (dtype, width); width 0 is a flat column, else shape (n, width)."""

    def __post_init__(self) -> None:
        length = -1
        for name, dtype, width in _layout(type(self)):
            array: npt.NDArray[np.generic] = np.ascontiguousarray(getattr(self, name), dtype=dtype)
            if width or array.ndim != 1:
                array = array.reshape((len(array), width) if width else (len(array),))
            if length not in (-1, len(array)):
                raise ValueError(f"expected columns of equal length, was {name} {len(array)} beside {length}")
            length = len(array)
            if array.flags.writeable:
                array = array.view()
                array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(getattr(self, _layout(type(self))[0][0]))

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """The columns by name, in declared order."""
        return {name: getattr(self, name) for name, _, _ in _layout(type(self))}

    def take(self, rows: npt.NDArray[np.generic]) -> Self:
        """The rows of a mask or of indices, in that order."""
        return type(self)(**{name: array[rows] for name, array in self.arrays().items()})

    def replaced(self, **columns: npt.NDArray[np.generic]) -> Self:
        """A copy with some columns exchanged."""
        return dataclasses.replace(self, **columns)

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        return cls(**{f.name: cls._blank(f.name, 0) for f in dataclasses.fields(cls)})

    @classmethod
    def of(cls, length: int, **columns: npt.NDArray[np.generic] | int | bool) -> Self:
        """`length` rows; a scalar fills its column, a column left out is zero."""
        arrays = {}
        for field in dataclasses.fields(cls):
            value = columns.pop(field.name, 0)
            arrays[field.name] = value if isinstance(value, np.ndarray) else cls._blank(field.name, length, int(value))
        if columns:
            raise TypeError(f"expected columns of {cls.__name__}, was {sorted(columns)}")
        return cls(**arrays)

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Rows of all parts, one after the other."""
        tables = list(parts)
        if not tables:
            return cls.empty()
        return cls(**{f.name: np.concatenate([getattr(t, f.name) for t in tables]) for f in dataclasses.fields(cls)})

    @classmethod
    def _blank(cls, name: str, length: int, value: int = 0) -> npt.NDArray[np.generic]:
        dtype, width = cls.dtypes.get(name, ("int64", 0))
        return np.full((length, width) if width else length, value, dtype=dtype)


_LAYOUTS: dict[type[Columns], tuple[tuple[str, np.dtype[np.generic], int], ...]] = {}


def _layout(kind: type[Columns]) -> tuple[tuple[str, np.dtype[np.generic], int], ...]:
    """Name, dtype and width of each field of a kind of table; worked out once, since tables are made by the thousand."""
    if kind not in _LAYOUTS:
        named = ((field.name, *kind.dtypes.get(field.name, ("int64", 0))) for field in dataclasses.fields(kind))
        _LAYOUTS[kind] = tuple((name, np.dtype(dtype), width) for name, dtype, width in named)
    return _LAYOUTS[kind]
