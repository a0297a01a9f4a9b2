"""Numbers as people write them: decimal commas, blanks, words for nothing; as float columns."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.units import Flags, Floats

NOTHING: Final = ("", "-", "--", "na", "n/a", "nan", "null", "none", "nil")
"""What stands in a cell without a value, in lower case."""
_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_LARGEST: Final = 2.0**62
_BLANK_IN_NUMBER: Final = "(\\d)[ '\u2019\u00a0\u202f](\\d{3})"


def figures(array: Any, decimal: str) -> tuple[Floats, Flags]:
    """The numbers of a column (NaN where a cell has none), and the cells that hold something else than a number."""
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _from_text(array, decimal)
    if pa.types.is_boolean(array.type) or not (
        pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_decimal(array.type)
    ):
        return np.full(len(array), np.nan), np.ones(len(array), np.bool_)
    values = np.array(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    bad = np.isinf(values) | (np.abs(values) > _LARGEST)
    values[bad] = np.nan
    return values, bad


def _from_text(array: Any, decimal: str) -> tuple[Floats, Flags]:
    try:  # a column of plain numbers needs no second look
        if decimal == ".":
            values = np.array(array.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
            if np.isfinite(values).all() and (np.abs(values) <= _LARGEST).all():
                return values, np.zeros(len(values), np.bool_)
    except pa.ArrowInvalid:
        pass
    text = array
    for _ in range(2):  # of 1 234 567 the first pass takes every other blank
        text = pc.replace_substring_regex(text, _BLANK_IN_NUMBER, r"\1\2")
    text = _ungrouped(text, decimal)
    if decimal == ",":
        text = pc.replace_substring(text, ",", ".")
    is_number = pc.match_substring_regex(text, _NUMBER)
    nothing = pc.is_in(pc.utf8_lower(text), pa.array(NOTHING))
    numbers = pc.if_else(is_number, text, pa.scalar(None, pa.string()))
    values = np.array(numbers.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    known = _flags(is_number)
    large = known & ~(np.abs(np.where(known, values, 0)) <= _LARGEST)
    values[large] = np.nan
    return values, large | ~(known | _flags(nothing))


def _ungrouped(text: Any, decimal: str) -> Any:
    """Without the marks between thousands (`1.234,5`), in a column where at least one cell can mean nothing else."""
    mark, point = (r"\.", ",") if decimal == "," else (",", r"\.")
    group = rf"^[+-]?[1-9]\d{{0,2}}({mark}\d{{3}})"
    sure = rf"({group}+{point}\d+$)|({group}{{2,}}$)"
    if not _flags(pc.match_substring_regex(text, sure)).any():
        return text
    is_grouped = pc.match_substring_regex(text, rf"{group}+({point}\d*)?$")
    return pc.if_else(is_grouped, pc.replace_substring_regex(text, mark, ""), text)


def _flags(array: Any) -> Flags:
    return np.asarray(array.fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
