"""Schemas: columns, types and meanings of every table of a run; a table exists, with these columns, when nothing traded."""

from collections.abc import Mapping
from typing import Final

import pyarrow as pa

PUBLIC = (
    *("members", "enrolments", "instructions", "orders", "events", "trades"),
    *("readings", "statements", "postings", "wires", "curtailments", "envelopes", "receipts"),
)
"""What an auditor gets."""

_TEXT, _FLAG, _WHOLE = pa.string(), pa.bool_(), pa.int64()
Column = tuple[pa.DataType, str]

_SLOT: Final[Column] = (_WHOLE, "Number of the slot: its start in seconds since 1970 (UTC) over the slot's length.")
_MEMBER: Final[Column] = (_TEXT, "Pseudonym of the member.")
_REVISION: Final[Column] = (_WHOLE, "0 for the first settlement of the slot, r for its r-th correction.")

COLUMNS: Final[Mapping[str, Mapping[str, Column]]] = {
    "members": {
        "member": _MEMBER,
        "meter_key": (_TEXT, "Address that the meter's signatures recover to."),
        "wallet": (_TEXT, "Address that withdraws the member's money on the ledger."),
        "role": (_TEXT, "`prosumer` or `consumer`."),
        "connection_w": (_WHOLE, "What the connection carries."),
        "supplier": (_TEXT, "The member's own supplier in the tariff; empty: the tariff's prices."),
        "microgrid": (_TEXT, "Part of the community it belongs to; empty: nobody said."),
        "trust": (_TEXT, "Trust in it at the beginning, a number from 0 to 5; empty: nobody rates it."),
        "budget_nano": (_WHOLE, "Most that its purchases from neighbours may cost in a slot; 0: no budget."),
        "key_parts": (_WHOLE, "Parts of local production that a static allocation key gives it."),
        "bus": (_TEXT, "Where it is on the feeder; empty where no model of the grid looks at one."),
    },
    "enrolments": {
        "member": _MEMBER,
        "gateway": (_TEXT, "Address of the gateway that may sign for the member's meter."),
        "signature": (_TEXT, "The meter's signature that says so, 65 bytes."),
    },
    "instructions": {
        "instruction_id": (_TEXT, "`SLOT-iROW`: first slot, and row among those that were signed together."),
        "member": _MEMBER,
        "side": (_TEXT, "`sell` or `buy`."),
        "energy_wh": (_WHOLE, "The most that may be ordered in any one slot."),
        "limit_micro_per_kwh": (_WHOLE, "Worst price that is accepted: a buyer's with fees and taxes."),
        "first_slot": (_WHOLE, "First slot in which it is valid."),
        "last_slot": (_WHOLE, "Last slot in which it is valid."),
        "path": (_WHOLE, "How its orders may be settled: 0 within a batch of net positions, 1 trade by trade."),
        "salt": (_TEXT, "Tells it from every other, 32 bytes."),
        "signature": (_TEXT, "The wallet's signature over all of it (EIP-712), 65 bytes."),
        "wallet": (_TEXT, "Address of the member's wallet."),
    },
    "orders": {
        "slot": _SLOT,
        "order_id": (_TEXT, "`SLOT-oROW`, the row counted in the slot's book."),
        "member": _MEMBER,
        "side": (_TEXT, "`sell` or `buy`."),
        "energy_wh": (_WHOLE, "Energy wished for, above 0."),
        "limit_micro_per_kwh": (_WHOLE, "Worst price that is accepted, as signed: a buyer's with fees and taxes."),
        "sequence": (_WHOLE, "Order in which the sealed orders were drawn; ties break by it."),
        "source": (_TEXT, "Where a seller's energy comes from: a [source](#source)."),
        "preference": (_TEXT, "What a buyer wants first: a [preference](#preference)."),
        "filled_wh": (_WHOLE, "Energy that the clearing gave the order."),
        "reason": (_TEXT, "Why it was not filled whole: a [reason](#reason)."),
        "nonce": (_TEXT, "What sealed the order before the gate, 32 bytes; null for an order that was refused."),
        "instruction": (_TEXT, "What its member signed for it: an `instruction_id` of `instructions`."),
    },
    "events": {
        "slot": _SLOT,
        "sequence": (_WHOLE, "Order in which the events of a slot arrived, from 0."),
        "time_ms": (_WHOLE, "Milliseconds since the market of the slot opened."),
        "kind": (_TEXT, "What was sent: an [event kind](#event-kind)."),
        "member": (_TEXT, "Pseudonym of who sent it; null for `finalise`."),
        "order_id": (_TEXT, "The order that it is about; null for `finalise`."),
        "request": (_TEXT, "Of an answer: the buyer's order that it answers; else null."),
        "energy_wh": (_WHOLE, "Of an answer: the most that is offered; else 0."),
        "price_micro_per_kwh": (_WHOLE, "Of an answer: what is asked, fees and taxes apart; else 0."),
        "commitment": (_TEXT, "Of a commit: the seal, 32 bytes; else null."),
        "outcome": (_TEXT, "What became of it: an [outcome](#outcome)."),
    },
    "trades": {
        "slot": _SLOT,
        "trade_id": (_TEXT, "`SLOT-tROW`, in the order of the agreement."),
        "seller": (_TEXT, "Pseudonym; null where the pool sells."),
        "buyer": (_TEXT, "Pseudonym; null where the pool buys."),
        "sell_order": (_TEXT, "The seller's order; null for the pool."),
        "buy_order": (_TEXT, "The buyer's order; null for the pool."),
        "energy_wh": (_WHOLE, "Energy agreed."),
        "sell_price_micro_per_kwh": (_WHOLE, "What the seller gets."),
        "buy_price_micro_per_kwh": (_WHOLE, "What the buyer pays, fees and taxes apart."),
        "sell_amount_nano": (_WHOLE, "Delivered energy at the seller's price."),
        "buy_amount_nano": (_WHOLE, "Delivered energy at the buyer's price."),
        "delivered_wh": (_WHOLE, "Energy of the trade that was metered; 0 where the trade was void."),
        "round": (
            _WHOLE,
            "Round of the clearing in which it was made; -1: with other communities of the federation, through the pool.",
        ),
        "sell_fee_micro_per_kwh": (
            _WHOLE,
            "What the seller pays the grid for its part of the way; 0 without fees by location.",
        ),
        "buy_fee_micro_per_kwh": (_WHOLE, "What the buyer pays the grid for its part of the way."),
    },
    "readings": {
        "slot": _SLOT,
        "member": _MEMBER,
        "import_wh": (_WHOLE, "Register of what came in."),
        "export_wh": (_WHOLE, "Register of what went out."),
        "quality": (_TEXT, "How the reading came about: a [quality](#quality)."),
        "revision": (_WHOLE, "0, or r for the r-th correction; the row is the full value, not the difference."),
        "counter": (_WHOLE, "Number of the meter's packet, never used twice; -1 without a packet."),
        "packet_hash": (_TEXT, "Commitment to the packet, 32 bytes; null without a packet."),
        "opening": (_TEXT, "Blinding of the commitment, 32 bytes, at levels that reveal readings; else null."),
        "signature": (
            _TEXT,
            "Signature over the packets' root, by the meter or its gateway, 65 bytes; null without a packet.",
        ),
    },
    "statements": {
        "slot": _SLOT,
        "member": _MEMBER,
        "revision": _REVISION,
        "leg": (_TEXT, "Which line of the bill: a [leg](#leg)."),
        "energy_wh": (_WHOLE, "Energy that the line is charged on, at least 0; in a correction the difference."),
        "price_micro_per_kwh": (_WHOLE, "Price of the line; 0 where the amount is not energy at a price."),
        "amount_nano": (_WHOLE, "Positive: to the member."),
    },
    "postings": {
        "slot": _SLOT,
        "revision": _REVISION,
        "debit": (_TEXT, "Account that pays: `member:PSEUDONYM` or a system [account](#account)."),
        "credit": (_TEXT, "Account that receives."),
        "amount_nano": (_WHOLE, "From debit to credit, above 0 (0 only for energy that the pool passes on)."),
        "kind": (_TEXT, "What the money is for: a [kind](#kind)."),
        "energy_wh": (_WHOLE, "Energy behind the amount; 0 for an amount that is none times a price."),
        "price_micro_per_kwh": (_WHOLE, "Price behind it, for the side that gave the energy or charges the fee."),
    },
    "wires": {
        "slot": _SLOT,
        "verdict": (_TEXT, "What the grid model said of the trades: a [verdict](#verdict)."),
        "rounds": (_WHOLE, "How often the market was cleared again, within tighter limits, before it said so."),
        "lines_beyond": (
            _WHOLE,
            "Lines and transformers that the schedule fills beyond what they may carry, cuts aside.",
        ),
        "buses_beyond": (_WHOLE, "Buses whose voltage it brings out of its band, cuts aside."),
        "verdict_why": (_TEXT, "Which limits they pass, or why nothing was checked; empty where all is well."),
        "flowed": (_TEXT, "What it said of the energy that was metered: a [verdict](#verdict)."),
        "flowed_why": (_TEXT, "Which limits that passed."),
        "flowed_lines_beyond": (_WHOLE, "Lines and transformers that it filled beyond what they may carry."),
        "flowed_buses_beyond": (_WHOLE, "Buses whose voltage it brought out of its band."),
        "losses_wh": (_WHOLE, "Energy lost in the wires, by what was metered."),
        "fullest": (_TEXT, "Line or transformer that was fullest; empty without a feeder."),
        "loading_ppm": (_WHOLE, "How full that was, in millionths of its rating."),
        "lowest": (_TEXT, "Bus with the lowest voltage."),
        "low_ppm": (_WHOLE, "That voltage, in millionths of the nominal one."),
        "highest": (_TEXT, "Bus with the highest voltage."),
        "high_ppm": (_WHOLE, "That voltage, in millionths of the nominal one."),
    },
    "curtailments": {
        "slot": _SLOT,
        "sell_order": (_TEXT, "The seller's order of a trade that was cut; null where the pool sold."),
        "buy_order": (_TEXT, "The buyer's order; null where the pool bought."),
        "energy_wh": (_WHOLE, "What the grid took of the trade for this limit; what is left of it is in `trades`."),
        "sell_price_micro_per_kwh": (_WHOLE, "What the seller would have got."),
        "buy_price_micro_per_kwh": (_WHOLE, "What the buyer would have paid, fees and taxes apart."),
        "element": (
            _TEXT,
            "The line, transformer or bus whose limit asked for it; empty where the model does not say.",
        ),
        "rule": (
            _TEXT,
            "By which rule the trade was chosen (`[grid] curtailment`); empty where the model does not say.",
        ),
        "why": (_TEXT, "The same in words."),
    },
    "envelopes": {
        "slot": _SLOT,
        "member": _MEMBER,
        "export_wh": (_WHOLE, "The most that it may send out in the slot; its devices obey."),
        "import_wh": (_WHOLE, "The most that it may order and charge storage with; load is never switched off."),
        "counted_wh": (_WHOLE, "Load that the export caps count on to be there; 0 of who may export."),
    },
    "receipts": {
        "slot": _SLOT,
        "kind": (
            _TEXT,
            "`open` (root of the sealed book), `clear` (orders and trades), `trades` (one by one) or `settle` (postings).",
        ),
        "revision": _REVISION,
        "part": (_WHOLE, "Number of the part of a settlement too large for one transaction."),
        "parts": (_WHOLE, "How many parts it has."),
        "content_hash": (_TEXT, "Hash of what was posted, which the contract keeps under its key."),
        "transaction": (_TEXT, "Hash of the transaction."),
        "block": (_WHOLE, "Number of its block."),
        "status": (_WHOLE, "1 accepted, 0 reverted."),
    },
    # Private: the operator's.
    "flows": {
        "slot": _SLOT,
        "member": _MEMBER,
        "load_wh": (_WHOLE, "Used in the home."),
        "pv_wh": (_WHOLE, "Generated by the panels."),
        "charge_wh": (_WHOLE, "Taken in by the battery."),
        "discharge_wh": (_WHOLE, "Given by the battery."),
        "curtailed_pv_wh": (
            _WHOLE,
            "What the panels could have given besides and the inverter held back; not part of `pv_wh`.",
        ),
        "storage_wh": (_WHOLE, "What the battery holds after the slot."),
    },
    "wishes": {
        "slot": _SLOT,
        "member": _MEMBER,
        "net_wh": (_WHOLE, "Metered export less import."),
        "buy_limit_micro_per_kwh": (_WHOLE, "The most that a kWh is worth to the member, fees and taxes included."),
        "sell_limit_micro_per_kwh": (_WHOLE, "The least that it wants for a kWh."),
    },
    "slots": {
        "slot": _SLOT,
        "failed": (_FLAG, "Whether its trades were void and everything was settled with the supplier."),
        "reason": (_TEXT, "Why it failed; empty where it did not."),
        "losses_wh": (_WHOLE, "Energy lost in the wires."),
        "verdict": (_TEXT, "What the grid model said: a [verdict](#verdict)."),
    },
    "balances": {
        "account": (_TEXT, "Account, as in postings."),
        "free_nano": (_WHOLE, "Balance on the ledger at the end of the run; a debt is negative."),
        "pending_nano": (_WHOLE, "Credits that could still be voided."),
        "deposit_nano": (_WHOLE, "What was paid in, and what bonds of demands moved in or out."),
    },
}

PUBLIC_RECEIPTS: Final = ("open", "clear", "trades", "settle")
"""Kinds of receipt in the public table; anchors are made of the tables themselves."""

SCHEMAS: dict[str, pa.Schema] = {
    table: pa.schema([(name, kind) for name, (kind, _) in columns.items()]) for table, columns in COLUMNS.items()
}

_REPEATED: Final = frozenset(
    {
        *("member", "seller", "buyer", "debit", "credit", "instruction"),
        *("side", "source", "preference", "reason", "quality", "leg", "kind", "verdict", "flowed", "outcome"),
    }
)
HELD: Final[dict[str, pa.Schema]] = {
    table: pa.schema([(f.name, pa.dictionary(pa.int32(), _TEXT) if f.name in _REPEATED else f.type) for f in schema])
    for table, schema in SCHEMAS.items()
}
"""The same tables as a run holds them: texts that repeat as codes and a list of names, a tenth of the memory."""

PROOFS: Final = frozenset({"nonce", "commitment", "packet_hash", "opening", "signature", "salt"})
"""Columns that an auditor asks for and no report shows; most of what the tables weigh."""
