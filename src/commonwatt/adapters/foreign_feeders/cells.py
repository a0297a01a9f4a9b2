"""What the cells of a network's tables hold: one kind of value a column, typed once as the tables come in; any other is a finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from commonwatt.adapters.foreign_feeders.frames import Rows, is_number
from commonwatt.core.findings import Finding

_WRONG: Final = object()


def _text(value: Any) -> Any:
    """Text that can be shown; a number is a name like any other that is none."""
    if isinstance(value, str):
        return value if value.isprintable() else None
    return None if is_number(value) else _WRONG


def _flag(value: Any) -> Any:
    """True or false; 1 and 0, too, which a column with gaps makes of them."""
    return bool(value) if value in (0, 1) else _WRONG


def _index(value: Any) -> Any:
    """A whole number, which a column with gaps writes with a decimal point."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int else _WRONG


def _number(value: Any) -> Any:
    return value if is_number(value) else _WRONG


_KINDS: Final[dict[str, tuple[Callable[[Any], Any], str, tuple[str, ...]]]] = {
    "text": (_text, "text", ("name", "et", "tap_side", "tap_changer_type")),
    "flag": (_flag, "true or false", ("in_service", "closed", "tap_dependency_table", "tap_phase_shifter")),
    "index": (_index, "the index of a bus", ("bus", "from_bus", "to_bus", "hv_bus", "lv_bus")),
    "element": (_index, "an index", ("element",)),
    "number": (
        _number,
        "a number",
        (
            *("vn_kv", "min_vm_pu", "max_vm_pu", "vm_pu", "z_ohm", "parallel", "df"),
            *("length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "max_i_ka"),
            *("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent"),
            *("tap_pos", "tap_neutral", "tap2_pos", "tap2_neutral", "tap_step_percent", "tap_step_degree"),
        ),
    ),
}
_COLUMNS: Final = {column: (cast, expected) for cast, expected, columns in _KINDS.values() for column in columns}


def typed(rows: Rows, place: str) -> tuple[Rows, list[Finding]]:
    """Rows with the cells of every column that is looked at of its kind, or None; a cell of another kind is a finding, and None."""
    found: list[Finding] = []
    return {number: _row(row, f"{place} {number}", found) for number, row in rows.items()}, found


def _row(row: dict[str, Any], place: str, found: list[Finding]) -> dict[str, Any]:
    kept = dict(row)
    for column, value in row.items():
        if column not in _COLUMNS or value is None:
            continue
        cast, expected = _COLUMNS[column]
        kept[column] = cast(value)
        if kept[column] is _WRONG:
            kept[column] = None
            found.append(Finding(f"{place} {column}", expected, shown(value)))
    return kept


def shown(value: Any) -> str:
    """A cell as a finding shows it; a list or a table by its kind, for it may hold others a hundred deep."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    try:
        return "none" if value is None else repr(value)[:40]
    except ValueError:  # a whole number of more digits than are ever printed
        return "a very large number"
