"""Schemas: columns and types of every table of a run; a table exists, with these columns, when nothing traded."""

import pyarrow as pa

PUBLIC = ("members", "enrolments", "orders", "trades", "readings", "statements", "postings", "receipts")
"""What an auditor gets."""

_TEXT = frozenset(
    [
        "member",
        "meter_key",
        "gateway",
        "wallet",
        "role",
        "order_id",
        "side",
        "source",
        "preference",
        "reason",
        "nonce",
        "trade_id",
        "seller",
        "buyer",
        "sell_order",
        "buy_order",
        "quality",
        "packet_hash",
        "opening",
        "signature",
        "leg",
        "debit",
        "credit",
        "kind",
        "content_hash",
        "transaction",
        "verdict",
        "account",
    ]
)
_FLAGS = frozenset({"failed"})

_COLUMNS = {
    "members": "member meter_key wallet role connection_w",
    "enrolments": "member gateway signature",
    "orders": "slot order_id member side energy_wh limit_micro_per_kwh sequence source preference filled_wh reason nonce",
    "trades": (
        "slot trade_id seller buyer sell_order buy_order energy_wh sell_price_micro_per_kwh buy_price_micro_per_kwh "
        "sell_amount_nano buy_amount_nano delivered_wh round"
    ),
    "readings": "slot member import_wh export_wh quality revision counter packet_hash opening signature",
    "statements": "slot member revision leg energy_wh price_micro_per_kwh amount_nano",
    "postings": "slot revision debit credit amount_nano kind energy_wh price_micro_per_kwh",
    "receipts": "slot kind revision part parts content_hash transaction block status",
    # Private: the operator's.
    "flows": "slot member load_wh pv_wh charge_wh discharge_wh storage_wh",
    "wishes": "slot member net_wh buy_limit_micro_per_kwh sell_limit_micro_per_kwh",
    "slots": "slot failed reason losses_wh verdict",
    "balances": "account free_nano pending_nano deposit_nano",
}


def _type(column: str) -> pa.DataType:
    if column in _TEXT:
        return pa.string()
    return pa.bool_() if column in _FLAGS else pa.int64()


SCHEMAS: dict[str, pa.Schema] = {
    table: pa.schema([(column, _type(column)) for column in columns.split()]) for table, columns in _COLUMNS.items()
}
