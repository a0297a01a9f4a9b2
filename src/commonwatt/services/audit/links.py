"""How the public tables hang together: ids, names, amounts and sums that follow from other columns."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from commonwatt.core.events import EventKind, event_findings
from commonwatt.core.findings import Finding
from commonwatt.core.orders import order_ids, trade_ids
from commonwatt.core.records import Reason
from commonwatt.services.audit.base import Audited, Check, recomputed
from commonwatt.services.public import PublicTables

_REFUSED = (int(Reason.BALANCE), int(Reason.GATE_SHUT), int(Reason.INSTRUCTION))


def check_links(audited: Audited) -> Check:
    """Every slot has a reading of every member; orders are numbered as they stand, trades name their orders, fills add up."""
    public, found = audited.public, []
    slots = audited.slots
    for slot in slots:
        for part, *given in (
            (_order_findings,),
            (_event_findings, audited.rules.venue.kinds),
            (_trade_findings,),
            (_reading_findings, audited.rules.metering.reveals),
        ):
            more, faults = recomputed(f"slot {slot}", part, public, slot, *given)
            found += [*(more or ()), *faults]
    if audited.only is None and slots and len(slots) != slots[-1] - slots[0] + 1:
        found.append(Finding("slots", f"every slot from {slots[0]} to {slots[-1]}", f"{len(slots)} of them"))
    return Check("ids, names and sums of the public tables hang together", len(slots), "slots", tuple(found))


def _order_findings(public: PublicTables, slot: int) -> list[Finding]:
    rows = public.rows("orders", slot).sort_by("sequence")
    book, accepted, _, reason = public.orders(slot)
    agreement, _ = public.agreement(slot)
    where, count = f"orders slot {slot}", len(book)
    found = _unequal(f"{where} order_id", order_ids(slot, count), rows["order_id"])
    found += _unequal(f"{where} sequence", list(range(count)), rows["sequence"])
    found += _unequal(f"{where} filled_wh", agreement.trades.filled_wh(count).tolist(), rows["filled_wh"])
    refused = np.isin(reason, _REFUSED)
    has_nonce = [text is not None for text in rows["nonce"].to_pylist()]
    if has_nonce != [row < accepted for row in range(count)] or refused.tolist() != [not has for has in has_nonce]:
        found.append(Finding(f"{where} nonce", "one for each order that was accepted, and those first", "otherwise"))
    shut = reason == Reason.GATE_SHUT
    if shut.any() and not shut.all():
        found.append(Finding(f"{where} reason", "gate_shut for every order of a slot or none", "some"))
    return found


def _event_findings(public: PublicTables, slot: int, kinds: frozenset[EventKind]) -> list[Finding]:
    """The events of a slot are numbered as they stand, in a form that the venue takes, and name orders that were accepted."""
    rows = public.rows("events", slot).sort_by("sequence")
    events, _ = public.events(slot)
    where, count = f"events slot {slot}", len(events)
    found = _unequal(f"{where} sequence", list(range(count)), rows["sequence"])
    found += event_findings(events, public.orders(slot)[1], kinds, where)
    for column, are in (("commitment", EventKind.COMMIT), ("request", EventKind.ANSWER)):
        has = pc.is_valid(rows[column]).to_numpy()
        if (has != events.are(are)).any():
            name = are.name.lower()
            found.append(Finding(f"{where} {column}", f"one for each {name}, none elsewhere", "otherwise"))
    ids = [f"{slot}-o{row}" if row >= 0 else None for row in events.order.tolist()]
    found += _unequal(f"{where} order_id", ids, rows["order_id"])
    return found


def _trade_findings(public: PublicTables, slot: int) -> list[Finding]:
    rows = public.rows("trades", slot)
    book, _, _, _ = public.orders(slot)
    agreement, delivered = public.agreement(slot)
    trades, where = agreement.trades, f"trades slot {slot}"
    names = np.array([*(public.pseudonyms[m] for m in book.member.tolist()), None], dtype=object)
    found = _unequal(f"{where} trade_id", trade_ids(slot, len(trades)), rows["trade_id"])
    sides = (
        ("sell", "seller", trades.sell_order, trades.sell_price_micro_per_kwh),
        ("buy", "buyer", trades.buy_order, trades.buy_price_micro_per_kwh),
    )
    for side, who, orders, price in sides:
        ids = [None if row < 0 else f"{slot}-o{row}" for row in orders.tolist()]
        found += _unequal(f"{where} {side}_order", ids, rows[f"{side}_order"])
        if (orders >= len(book)).any():
            found.append(Finding(f"{where} {side}_order", "an order of the slot", "another"))
            continue
        found += _unequal(f"{where} {who}", names[orders].tolist(), rows[who])
        found += _unequal(f"{where} {side}_amount_nano", (delivered * price).tolist(), rows[f"{side}_amount_nano"])
    return found


def _reading_findings(public: PublicTables, slot: int, reveals: frozenset[str]) -> list[Finding]:
    found = []
    first = public.readings(slot, 0)
    if first.member.tolist() != list(range(len(public.pseudonyms))):
        found.append(Finding(f"readings slot {slot}", "one of every member at revision 0", "others"))
    rows = public.rows("readings", slot)
    bare = np.asarray(rows["counter"].to_numpy()) < 0
    for name in ("packet_hash", "opening", "signature"):
        is_null = pc.is_null(rows[name]).to_numpy()
        if (is_null != (bare | (name == "opening" and "readings" not in reveals))).any():
            found.append(
                Finding(f"readings slot {slot} {name}", "one where there is a packet, none elsewhere", "otherwise")
            )
    usual = np.where(
        np.asarray(rows["revision"].to_numpy()) > 0, "corrected", np.where(bare, "substituted", "measured")
    )
    found += _unequal(f"readings slot {slot} quality", usual.tolist(), rows["quality"])
    return found


def _unequal(where: str, expected: Sequence[object], column: pa.ChunkedArray) -> list[Finding]:
    return [
        Finding(f"{where} (row {row})", str(is_), str(says))
        for row, (is_, says) in enumerate(zip(expected, column.to_pylist(), strict=True))
        if is_ != says
    ]
