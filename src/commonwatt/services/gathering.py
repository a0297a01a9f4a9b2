"""Gathering: where the rows of a run's tables go as they are made, slot after slot, until all are there."""

from collections.abc import Mapping
from typing import Final, Protocol

import pyarrow as pa

from commonwatt.services.schemas import HELD

_PARTS_AT_ONCE: Final = 256
"""Parts of a table that are joined as soon as there are so many: a small one takes more memory than its rows."""


class Tables(Protocol):
    """Where the rows of the tables go as they are made."""

    def put(self, name: str, rows: pa.Table) -> None:
        """More rows of a table, as `HELD` says, in order."""
        ...

    def whole(self) -> Mapping[str, pa.Table]:
        """Every table by name, when all rows are there; asked once."""
        ...


class Parts:
    """Rows of one table that wait to be joined; many small parts become a larger one as soon as they are many."""

    def __init__(self) -> None:
        self._small: list[pa.Table] = []
        self._joined: list[pa.Table] = []

    def put(self, rows: pa.Table) -> None:
        """More rows, of the same columns."""
        self._small.append(rows)
        if len(self._small) == _PARTS_AT_ONCE:
            self._joined.append(_one_chunk(self._small))
            self._small.clear()

    def taken(self, nothing: pa.Table) -> pa.Table:
        """All rows behind `nothing`, which says the columns where there are none; they wait no longer.

        One chunk a column: what is made of hundreds of small ones is slow to filter and sort ever after.
        """
        parts = [nothing, *self._joined, *self._small]
        self._small.clear()
        self._joined.clear()
        return _one_chunk(parts)


class HeldTables:
    """Tables in memory, less the columns `without`, texts that repeat as codes."""

    def __init__(self, without: frozenset[str] = frozenset()) -> None:
        self._columns = {name: [c for c in schema.names if c not in without] for name, schema in HELD.items()}
        self._parts = {name: Parts() for name in HELD}

    def put(self, name: str, rows: pa.Table) -> None:
        """More rows of a table."""
        self._parts[name].put(rows.select(self._columns[name]))

    def whole(self) -> Mapping[str, pa.Table]:
        """Every table by name."""
        return {
            name: self._parts.pop(name).taken(HELD[name].empty_table().select(columns))
            for name, columns in self._columns.items()
        }


def _one_chunk(parts: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(parts).combine_chunks()
