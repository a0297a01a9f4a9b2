"""The form of the public tables: no nulls, ids, names and numbers of the right kind. A tampered file may hold anything."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.accounts import account_names, kind_names
from commonwatt.core.events import EventKind, EventOutcome
from commonwatt.core.findings import Finding
from commonwatt.core.orders import Preference, Source
from commonwatt.core.records import Leg, Quality, Reason, Verdict
from commonwatt.core.units import ENERGY_LIMIT_WH, PRICE_LIMIT_MICRO_PER_KWH
from commonwatt.services.audit.base import Audited, Check
from commonwatt.services.schemas import PUBLIC_RECEIPTS

_NULLABLE: Final = {
    "orders": ("nonce",),
    "events": ("member", "order_id", "request", "commitment"),
    "trades": ("seller", "buyer", "sell_order", "buy_order"),
    "curtailments": ("sell_order", "buy_order"),
    "readings": ("packet_hash", "opening", "signature"),
}
_HEX_BYTES: Final = {
    "meter_key": 20,
    "gateway": 20,
    "wallet": 20,
    "nonce": 32,
    "commitment": 32,
    "salt": 32,
    "packet_hash": 32,
    "opening": 32,
    "signature": 65,
    "content_hash": 32,
    "transaction": 32,
}
_ID: Final = {
    "order_id": "o",
    "request": "o",
    "instruction": "i",
    "instruction_id": "i",
    "sell_order": "o",
    "buy_order": "o",
    "trade_id": "t",
}
_AMOUNT: Final = 2**62
_PRICE: Final = PRICE_LIMIT_MICRO_PER_KWH - 1
_RANGES: Final = {
    "slot": (0, 2**40),
    "first_slot": (0, 2**40),
    "last_slot": (0, 2**40),
    "path": (0, 1),
    "connection_w": (1, 2**32 - 1),
    "energy_wh": (0, 2**40),
    "limit_micro_per_kwh": (-_PRICE, _PRICE),
    "price_micro_per_kwh": (-2 * _PRICE, 2 * _PRICE),
    "sell_price_micro_per_kwh": (-_PRICE, _PRICE),
    "buy_price_micro_per_kwh": (-_PRICE, _PRICE),
    "sequence": (0, 2**31),
    "time_ms": (0, 2**40),
    "filled_wh": (0, ENERGY_LIMIT_WH),
    "delivered_wh": (0, ENERGY_LIMIT_WH),
    "round": (-1, 127),
    "sell_fee_micro_per_kwh": (0, _PRICE),
    "buy_fee_micro_per_kwh": (0, _PRICE),
    "import_wh": (0, ENERGY_LIMIT_WH - 1),
    "export_wh": (0, ENERGY_LIMIT_WH - 1),
    "counted_wh": (0, ENERGY_LIMIT_WH - 1),
    "revision": (0, 2**15),
    "counter": (-1, _AMOUNT),
    "amount_nano": (-_AMOUNT, _AMOUNT),
    "sell_amount_nano": (-_AMOUNT, _AMOUNT),
    "buy_amount_nano": (-_AMOUNT, _AMOUNT),
    "part": (0, 255),
    "parts": (1, 256),
    "block": (0, 2**40),
    "status": (0, 1),
    "losses_wh": (0, 2**40),
    "rounds": (0, 2**16),
    "lines_beyond": (0, 2**32),
    "buses_beyond": (0, 2**32),
    "flowed_lines_beyond": (0, 2**32),
    "flowed_buses_beyond": (0, 2**32),
    "loading_ppm": (0, 2**40),
    "low_ppm": (0, 2**40),
    "high_ppm": (0, 2**40),
    "budget_nano": (0, 10**15),
    "key_parts": (0, 10**9),
}


def check_form(audited: Audited) -> Check:
    """Every value of every public table is of its kind: what follows can compute with them."""
    form = check_tables(audited.public.tables)
    if not form.passed:
        return form
    known = audited.rules.suppliers or ("",) * len(audited.public.suppliers)
    found = [
        Finding(f"members row {row} supplier", repr(expected), repr(name))
        for row, (name, expected) in enumerate(zip(audited.public.suppliers, known, strict=True))
        if name != expected
    ]
    return replace(form, findings=tuple(found))


def check_tables(tables: Mapping[str, pa.Table]) -> Check:
    """The same of tables by name, for whoever reads them without an audit."""
    found, cells = [], 0
    for name, table in tables.items():
        names = _names(name, [str(text) for text in tables["members"]["member"].to_pylist()])
        for column in table.column_names:
            cells += table.num_rows
            found += _column_findings(name, column, table[column], names.get(column))
    return Check("public tables are well-formed", cells, "values", tuple(found))


def _names(table: str, members: list[str]) -> dict[str, list[str]]:
    """The words that a column may hold."""
    accounts = account_names(members)
    kinds = {"receipts": list(PUBLIC_RECEIPTS), "events": [kind.name.lower() for kind in EventKind]}
    return {
        "side": ["buy", "sell"],
        "source": [s.name.lower() for s in Source],
        "preference": [p.name.lower() for p in Preference],
        "reason": [r.name.lower() for r in Reason],
        "quality": [q.name.lower() for q in Quality],
        "leg": [leg.name.lower() for leg in Leg],
        "kind": kinds.get(table, kind_names()),
        "verdict": [verdict.name.lower() for verdict in Verdict],
        "flowed": [verdict.name.lower() for verdict in Verdict],
        "outcome": [outcome.name.lower() for outcome in EventOutcome],
        "debit": accounts,
        "credit": accounts,
        **({} if table == "members" else {"member": members}),
        "seller": members,
        "buyer": members,
    }


def _column_findings(table: str, column: str, values: pa.ChunkedArray, words: list[str] | None) -> list[Finding]:
    if table == "members" and column == "member" and len(pc.unique(values)) != len(values):
        return [Finding("members member", "every member once", "one twice")]
    right, expected = _right(table, column, values, words)
    right = pc.fill_null(right, False)
    if column in _NULLABLE.get(table, ()):
        right = pc.or_(right, pc.is_null(values))
    rows = np.flatnonzero(~np.asarray(right.to_numpy(), np.bool_))
    return [Finding(f"{table} row {row} {column}", expected, str(values[row].as_py())) for row in rows.tolist()]


def _right(table: str, column: str, values: pa.ChunkedArray, words: list[str] | None) -> tuple[pa.ChunkedArray, str]:
    """Which values are of their kind, and what that is in words."""
    if words is not None:
        return pc.is_in(values, value_set=pa.array(words, pa.string())), f"a known {column}"
    if column in _HEX_BYTES:
        size = _HEX_BYTES[column]
        return _matches(values, f"0x[0-9a-f]{{{2 * size}}}"), f"0x and {size} bytes in hex"
    if column in _ID:
        number, letter = "(0|[1-9][0-9]{0,11})", _ID[column]
        return _matches(values, f"{number}-{letter}{number}"), f"an id SLOT-{letter}ROW"
    if column in _RANGES:
        low, high = _RANGES[column]
        return pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high)), f"{low}..{high}"
    if table == "members" and column == "member":
        return _matches(values, "[0-9a-f]{16}"), "16 hex digits"
    if column == "trust":
        return _matches(values, r"([0-4](\.[0-9]{1,6})?|5(\.0{1,6})?)?"), "empty, or a number from 0 to 5"
    return pc.invert(pc.is_null(values)), "a value"


def _matches(values: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    # \A and \z are the text's ends; ^ and $ would let a line end through.
    return pc.match_substring_regex(values, f"\\A{pattern}\\z")
