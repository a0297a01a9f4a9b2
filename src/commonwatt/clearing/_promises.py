"""What every agreement is held against: the promises of the room, and with lines what they carry and what their use costs."""

from __future__ import annotations

import numpy as np

from commonwatt.clearing._known import Lines
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.findings import Finding
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades
from commonwatt.core.units import Flags, Ints, exact_sum


def promise_findings(
    book: OrderBook,
    agreement: Agreement,
    breaks: frozenset[str] = frozenset(),
    context: ClearingContext | None = None,
) -> list[Finding]:
    """Which promises an agreement breaks; run on every slot of every run, and by the conformance tests.

    `context` says where orders are and what lies between them; None: nothing is known of that, and no line or fee is checked.
    """
    trades, found = agreement.trades, []
    if len(agreement.reason) != len(book):
        return [Finding("agreement reason", f"one per order ({len(book)})", str(len(agreement.reason)))]
    for name, orders, selling in (("sell", trades.sell_order, True), ("buy", trades.buy_order, False)):
        if len(orders) and (int(orders.min()) < -1 or int(orders.max()) >= len(book)):
            return [Finding(f"agreement {name}_order", f"rows -1..{len(book) - 1}", f"{orders.min()}..{orders.max()}")]
        real = orders >= 0
        if (book.is_sell[orders[real]] != selling).any():
            found.append(Finding(f"agreement {name}_order", f"{name} orders", "an order of the other side"))
        # What the seller keeps, and what the buyer pays in all.
        price = (
            trades.sell_price_micro_per_kwh - trades.sell_fee_micro_per_kwh
            if selling
            else trades.buy_price_micro_per_kwh + trades.buy_fee_micro_per_kwh
        )[real]
        limit = book.limit_micro_per_kwh[orders[real]]
        if "limits" not in breaks and ((price < limit) if selling else (price > limit)).any():
            found.append(Finding(f"agreement {name}_price", "prices within every limit", "a price outside one"))
    if len(trades) and int(trades.energy_wh.min()) <= 0:
        found.append(Finding("agreement energy_wh", "more than 0", str(trades.energy_wh.min())))
    over = np.flatnonzero(trades.filled_wh(len(book)) > book.energy_wh)
    if len(over):
        found.append(
            Finding("agreement fills", "at most the order's energy", f"more for order rows {over[:5].tolist()}")
        )
    if ((trades.sell_order < 0) & (trades.buy_order < 0)).any():
        found.append(Finding("agreement trades", "at least one order a trade", "the pool with itself"))
    found += _balance_findings(agreement, breaks)
    return found if context is None else found + _way_findings(book, trades, context)


def _balance_findings(agreement: Agreement, breaks: frozenset[str]) -> list[Finding]:
    trades, found = agreement.trades, []
    sold = int(trades.energy_wh[trades.sell_order >= 0].sum())
    bought = int(trades.energy_wh[trades.buy_order >= 0].sum())
    if sold != bought:
        found.append(Finding("agreement energy", "sold = bought", f"{sold} sold, {bought} bought"))
    paid = exact_sum((trades.energy_wh * trades.buy_price_micro_per_kwh)[trades.buy_order >= 0])
    received = exact_sum((trades.energy_wh * trades.sell_price_micro_per_kwh)[trades.sell_order >= 0])
    if "budget_balance" not in breaks and paid < received:
        found.append(
            Finding("agreement money", "buyers pay at least what sellers receive", f"{paid} paid, {received} received")
        )
    return found


def _way_findings(book: OrderBook, trades: Trades, context: ClearingContext) -> list[Finding]:
    """Fees that are not those of the way, and lines that are asked for more than they carry."""
    lines = context.lines or Lines.none()
    found: list[Finding] = []
    if not len(lines) and not trades.sell_fee_micro_per_kwh.any() and not trades.buy_fee_micro_per_kwh.any():
        return found
    bus = context.buses_of(context.facts_of(book))
    wrong = _wrong_fees(trades, bus, lines)
    if wrong.any():
        rows = np.flatnonzero(wrong)[:5].tolist()
        found.append(Finding("agreement fees", "of each side the fees of its own way", f"others in trades {rows}"))
    over = np.flatnonzero((lines.toward >= 0) & (np.abs(_flow_wh(trades, bus, lines)) > lines.limit_wh))
    if len(over):
        found.append(
            Finding("agreement lines", "at most what each line carries", f"more over lines {over[:5].tolist()}")
        )
    return found


def _wrong_fees(trades: Trades, bus: Ints, lines: Lines) -> Flags:
    fees = (trades.sell_fee_micro_per_kwh, trades.buy_fee_micro_per_kwh)
    sell, buy = trades.sell_order, trades.buy_order
    is_pair = (sell >= 0) & (buy >= 0)
    due = lines.fees(bus[sell[is_pair]], bus[buy[is_pair]])
    wrong: Flags = np.zeros(len(trades), np.bool_)
    wrong[is_pair] = (fees[0][is_pair] != due[0]) | (fees[1][is_pair] != due[1])
    # A pool is somewhere on the way to the root.
    alone = np.flatnonzero(~is_pair)
    at, paid = bus[np.maximum(sell, buy)[alone]], (fees[0] + fees[1])[alone]
    climbed, is_due = np.zeros(len(alone), np.int64), paid == 0
    while (on_way := at >= 0).any():
        is_line = on_way & (lines.toward[at] >= 0)
        climbed[is_line] += lines.fee_micro_per_kwh[at[is_line]]
        at = np.where(on_way, lines.toward[at], -1)
        is_due |= paid == climbed
    wrong[alone] = ~is_due
    return wrong


def _flow_wh(trades: Trades, bus: Ints, lines: Lines) -> Ints:
    """What goes over the line of each bus towards its root: what is sold behind it, less what is bought there, whoever trades with whom."""
    feeder = lines.rooted
    net_wh = np.zeros(len(lines) + 1, np.int64)
    for side, sign in ((trades.sell_order, 1), (trades.buy_order, -1)):
        np.add.at(net_wh, feeder.number[bus[side[side >= 0]]], sign * trades.energy_wh[side >= 0])
    parent = np.array(feeder.parent)
    for begin, end in reversed(feeder.levels[1:]):
        np.add.at(net_wh, parent[begin:end], net_wh[begin:end])
    flow_wh: Ints = net_wh[feeder.number[:-1]]
    return flow_wh
