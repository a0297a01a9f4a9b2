"""What trades on a feeder whose lines cost nothing: what every bus would export at every price, added up from the leaves and cut by each line."""

from __future__ import annotations

import numpy as np

from commonwatt.clearing._rooted import NO_PRICE, Rooted, between
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Ints


def served_by_table(book: OrderBook, at: Ints, feeder: Rooted, limit_wh: Ints) -> tuple[Ints, Ints, Ints]:
    """What every order trades (Wh), every bus's price, and what it sends over its line towards the root (Wh); buses by number.

    `at` is the number of each order's bus, `limit_wh` one a number. Without a cost of lines a price means the same everywhere, so that
    one axis of prices serves all buses: a row a bus, a column the exports once all orders of limits up to a price have sold or given way.
    Cutting to what a line carries leaves columns where they are, and every step is one addition of rows.
    """
    price, rank = _ranked(book.limit_micro_per_kwh)
    exports = _exports(book, at, rank, len(feeder.parent), len(price))
    rows = list(exports)
    _gather(rows, exports, feeder, limit_wh)
    column, bus_price, out_wh = _handed_out(rows, price.tolist(), feeder, limit_wh.tolist())
    executed_wh = _executed(book, at, rank, exports, np.array(column), np.array(out_wh))
    filled_wh = np.where(book.is_sell, executed_wh, book.energy_wh - executed_wh)
    return filled_wh, np.array(bus_price), np.array(out_wh)


def _ranked(limit: Ints) -> tuple[Ints, Ints]:
    """The different limits, ascending, and which of them each one is."""
    ordered = np.sort(limit)
    is_new = np.ones(len(ordered), np.bool_)
    is_new[1:] = ordered[1:] != ordered[:-1]
    different = ordered[is_new]
    return different, different.searchsorted(limit)


def _exports(book: OrderBook, at: Ints, rank: Ints, buses: int, prices: int) -> Ints:
    """What the orders of each bus alone export; in the first column everybody buys and nobody sells. Shape (buses, prices + 1)."""
    exports = np.zeros((buses, prices + 1), np.int64)
    cells, first = exports.reshape(-1), at * (prices + 1)
    np.add.at(cells, first + rank + 1, book.energy_wh)
    buys = np.flatnonzero(~book.is_sell)
    np.subtract.at(cells, first[buys], book.energy_wh[buys])
    exports.cumsum(axis=1, out=exports)
    return exports


def _gather(rows: list[Ints], exports: Ints, feeder: Rooted, limit_wh: Ints) -> None:
    """Add to every bus what gets to it over the lines behind it, the farthest first."""
    most, least = limit_wh[:, None], -limit_wh[:, None]
    cut = np.empty((max(end - begin for begin, end in feeder.levels), exports.shape[1]), np.int64)
    cut_rows, add = list(cut), np.add
    for begin, end in reversed(feeder.levels[1:]):
        level = cut[: end - begin]
        np.maximum(exports[begin:end], least[begin:end], out=level)
        np.minimum(level, most[begin:end], out=level)
        for above, row in zip(feeder.parent[begin:end], cut_rows, strict=False):
            sums = rows[above]
            add(sums, row, out=sums)


def _handed_out(
    rows: list[Ints], price: list[int], feeder: Rooted, limit_wh: list[int]
) -> tuple[list[int], list[int], list[int]]:
    """From the root outwards: the column of each bus whose orders are the last to trade (0: none does), its price, what it exports.

    A bus behind a line with room has its neighbour's price; at the end of a full one its own orders say it.
    """
    column, bus_price, out_wh, certain_wh = ([0] * len(rows) for _ in range(4))
    cell = [row.item for row in rows]
    for at, (above, kids) in enumerate(zip(feeder.parent, feeder.kids, strict=True)):
        sent_wh, most_wh = out_wh[at], limit_wh[at]
        if above >= 0 and -most_wh < sent_wh < most_wh:
            here, rest_wh = column[above], sent_wh - certain_wh[at]
            bus_price[at] = bus_price[above]
        else:
            row = rows[at]
            here, following = int(row.searchsorted(sent_wh)), int(row.searchsorted(sent_wh, "right"))
            low = price[here - 1] if here else -NO_PRICE
            high = price[following - 1] if following < len(row) else NO_PRICE
            bus_price[at] = min(max(bus_price[above], low), high) if above >= 0 else between(low, high)
            rest_wh = sent_wh - cell[at](here - 1) if here else 0
        column[at] = here
        before = here - 1 if here else 0
        for kid in kids:
            most_wh = limit_wh[kid]
            certain_wh[kid] = wh = cell[kid](before)
            out_wh[kid] = wh if -most_wh < wh < most_wh else most_wh if wh > 0 else -most_wh
        if rest_wh and kids:
            step_wh = cell[at](here) - cell[at](before)
            _share(rest_wh, step_wh, kids, [cell[kid](here) for kid in kids], limit_wh, out_wh)
    return column, bus_price, out_wh


def _share(
    rest_wh: int, step_wh: int, kids: tuple[int, ...], up_to_wh: list[int], limit_wh: list[int], out_wh: list[int]
) -> None:
    """The rest of a step goes to the bus's own orders first, then to the branches in order."""
    rooms = [
        min(max(most, -limit_wh[kid]), limit_wh[kid]) - out_wh[kid] for kid, most in zip(kids, up_to_wh, strict=True)
    ]
    rest_wh -= step_wh - sum(rooms)
    for kid, room_wh in zip(kids, rooms, strict=True):
        if rest_wh <= 0:
            return
        out_wh[kid] += min(rest_wh, room_wh)
        rest_wh -= room_wh


def _executed(book: OrderBook, at: Ints, rank: Ints, exports: Ints, column: Ints, out_wh: Ints) -> Ints:
    """What every order sells or gives way: all up to its bus's last step, and of that step what is left, offers first."""
    step = column[at] - 1
    done_wh = np.where(rank < step, book.energy_wh, 0)
    last = np.flatnonzero(rank == step)
    if len(last):
        last = last[np.lexsort((~book.is_sell[last], at[last]))]
        bus, energy_wh = at[last], book.energy_wh[last]
        before_wh = energy_wh.cumsum() - energy_wh
        before_wh -= before_wh[bus.searchsorted(bus)]
        left_wh = out_wh[bus] - exports[bus, step[last]]
        done_wh[last] = np.minimum(np.maximum(left_wh - before_wh, 0), energy_wh)
    return done_wh
