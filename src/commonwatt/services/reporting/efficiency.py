"""How much of the attainable gain the market reached: against the submitted orders, and against the members' true values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import WITH_OTHERS, Trades
from commonwatt.core.tariff import Rates, SupplyPrices, clearing_book
from commonwatt.core.units import Flags, Ints, exact_sum
from commonwatt.core.welfare import optimum_welfare_nano
from commonwatt.services.reporting.books import Books, codes, numbers, summed


def clearing_efficiency_share(books: Books) -> float:
    """Welfare of the fills over the optimum of the submitted orders (energy-only limits); an optimum of 0 gives 1.0.

    Orders of failed slots count: they could have traded.
    """
    return _share(*clearing_welfare_nano(books))


def efficiency_share(books: Books) -> float:
    """Welfare, at the members' true limits, of what was traded and metered, over the optimum of their metered positions.

    An optimum of 0 gives 1.0.
    """
    return _share(*true_welfare_nano(books))


def clearing_welfare_nano(books: Books) -> tuple[Ints, Ints]:
    """By slot the welfare of the fills and the optimum of the submitted orders, at energy-only limits."""
    orders, trades = books.tables["orders"], books.tables["trades"]
    slot = books.slot_rows("orders")
    order = np.lexsort((numbers(orders, "sequence"), slot))
    slot = slot[order]
    book = _energy_only(books, slot, _submitted(books).take(order))
    ids = orders.column("order_id").take(order)
    fills = _trades(
        codes(trades, "sell_order", ids.to_pylist()),
        codes(trades, "buy_order", ids.to_pylist()),
        np.where(_inside(books), books.agreed_wh, 0),
    )
    return _by_slot(books, book, fills), _optimum(books, slot, book)


def _inside(books: Books) -> Flags:
    """Trades whose both sides are the community's own: the optimum knows no other orders."""
    return np.not_equal(numbers(books.tables["trades"], "round"), WITH_OTHERS)


def true_welfare_nano(books: Books) -> tuple[Ints, Ints]:
    """By slot the welfare of what was traded and metered and the optimum of the metered positions, at the members' true limits."""
    wishes = books.tables["wishes"]
    seller, buyer = books.cell_rows("trades", "seller"), books.cell_rows("trades", "buyer")
    cell = books.cell_rows("wishes")
    rows = np.arange(len(seller))
    sides = []
    for side, column in ((seller, "sell_limit_micro_per_kwh"), (buyer, "buy_limit_micro_per_kwh")):
        limit = books.per_cell(cell, numbers(wishes, column))
        sides.append(np.where(side >= 0, limit[np.maximum(side, 0)], 0) if books.cells else side)
    traded = OrderBook.of(
        2 * len(rows),
        member=np.concatenate([np.maximum(side, 0) % max(books.members, 1) for side in (seller, buyer)]),
        is_sell=np.repeat([True, False], len(rows)),
        limit_micro_per_kwh=np.concatenate(sides),
    )
    book = _energy_only(books, np.tile(books.slot_rows("trades"), 2), traded)
    fills = _trades(
        np.where(seller >= 0, rows, -1),
        np.where(buyer >= 0, rows + len(rows), -1),
        np.where(_inside(books), books.backed_wh, 0),
    )
    return _by_slot(books, book, fills), _optimum(books, *true_positions(books))


def true_positions(books: Books) -> tuple[Ints, OrderBook]:
    """Slot of each row (ascending), and the book of metered positions with true limits, energy only: what perfect orders would say."""
    wishes = books.tables["wishes"]
    net, slot = numbers(wishes, "net_wh"), books.slot_rows("wishes")
    order = np.lexsort((books.member_rows("wishes"), slot))
    order = order[net[order] != 0]
    net, slot = net[order], slot[order]
    limits = [numbers(wishes, f"{side}_limit_micro_per_kwh")[order] for side in ("sell", "buy")]
    book = OrderBook.of(
        len(order),
        member=books.member_rows("wishes")[order],
        is_sell=net > 0,
        energy_wh=np.abs(net),
        limit_micro_per_kwh=np.where(net > 0, *limits),
        sequence=np.arange(len(order)),
    )
    return slot, _energy_only(books, slot, book)


def slot_books(slot: Ints, book: OrderBook) -> Iterator[tuple[int, OrderBook]]:
    """The slots in which both sides are present, each with its rows; `slot` ascends."""
    starts = np.flatnonzero(np.diff(slot, prepend=slot[:1] - 1)) if len(slot) else slot
    ends = np.append(starts[1:], len(slot))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=False):
        sells = int(book.is_sell[start:end].sum())
        if 0 < sells < end - start:
            yield int(slot[start]), book.take(np.arange(start, end))


def _submitted(books: Books) -> OrderBook:
    orders = books.tables["orders"]
    return OrderBook.of(
        orders.num_rows,
        member=books.member_rows("orders"),
        is_sell=codes(orders, "side", ["sell"]) == 0,
        energy_wh=numbers(orders, "energy_wh"),
        limit_micro_per_kwh=numbers(orders, "limit_micro_per_kwh"),
        sequence=numbers(orders, "sequence"),
    )


def _energy_only(books: Books, slot: Ints, book: OrderBook) -> OrderBook:
    """Limits without fees and taxes, by the rates of each row's slot; there are few distinct rates, however long the run."""
    by_rates: dict[Rates, list[int]] = {}
    for at in range(books.slots):
        by_rates.setdefault(books.facts.rates[books.facts.first_slot + at], []).append(at)
    limits = book.limit_micro_per_kwh.copy()
    for rates, slots in by_rates.items():
        rows = np.isin(slot, slots)
        limits[rows] = clearing_book(book.take(rows), rates, _own_prices(books, rates, slots[0])).limit_micro_per_kwh
    return book.replaced(limit_micro_per_kwh=limits)


def _own_prices(books: Books, rates: Rates, at: int) -> SupplyPrices | None:
    """What energy costs each member with its own supplier in the slot of a row; None where all pay the tariff's prices."""
    own, slot = books.facts.own_rates, books.facts.first_slot + at
    if not own:
        return None
    return SupplyPrices.each([own[name][slot] if name in own else rates for name in books.suppliers])


def _trades(sell_order: Ints, buy_order: Ints, energy_wh: Ints) -> Trades:
    return Trades.of(len(energy_wh), sell_order=sell_order, buy_order=buy_order, energy_wh=energy_wh)


def _by_slot(books: Books, book: OrderBook, fills: Trades) -> Ints:
    """Welfare of the rows of `trades` by slot: what the buyer's limit says the energy is worth, less what the seller's says it costs."""
    gain = np.zeros(len(fills), np.int64)
    for side, sign in ((fills.buy_order, 1), (fills.sell_order, -1)):
        real = side >= 0
        gain[real] += sign * book.limit_micro_per_kwh[side[real]] * fills.energy_wh[real]
    slot = books.slot_rows("trades")
    within = (slot >= 0) & (slot < books.slots)
    return summed(slot[within], gain[within], books.slots)


def _optimum(books: Books, slot: Ints, book: OrderBook) -> Ints:
    optimum = np.zeros(books.slots, np.int64)
    for at, rows in slot_books(slot, book):
        optimum[at] = optimum_welfare_nano(rows)
    return optimum


def _share(reached: Ints, optimum: Ints) -> float:
    attainable = exact_sum(optimum)
    return exact_sum(reached) / attainable if attainable else 1.0
