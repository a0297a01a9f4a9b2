"""Lines between orders that meet one by one: what a way costs, what it still carries, and a book by price and time that looks at both."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np

from commonwatt.venues._price_time import Matched

if TYPE_CHECKING:
    from commonwatt.clearing import Places
    from commonwatt.core.orders import OrderBook
    from commonwatt.core.units import Flags, Ints


class Ways:
    """The ways between the places of some orders, while trades fill the lines on them."""

    def __init__(self, places: Places) -> None:
        self.lines, self.bus, self.place = places.lines, places.bus, places.bus.tolist()
        self.limit_wh, self.flow_wh = self.lines.limit_wh.tolist(), [0] * len(self.lines)
        every = np.arange(len(self.lines))
        begin, end = (grid.ravel() for grid in np.meshgrid(every, every, indexing="ij"))
        fees = np.add(*self.lines.fees(begin, end)).reshape(len(every), len(every))
        self.fee_micro_per_kwh = fees
        """Of the way between each two places."""
        self._used: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def between(self, one: Ints, other: Ints) -> Ints:
        """What a kWh pays between each two orders, micro per kWh."""
        fees: Ints = self.fee_micro_per_kwh[self.bus[one], self.bus[other]]
        return fees

    def left_wh(self, begin: int, end: int) -> int | None:
        """The most that can still go from one place to another; None: as much as anybody likes."""
        room = [self.limit_wh[line] - sign * self.flow_wh[line] for line, sign in self._way(begin, end)]
        return min(room, default=None)

    def carried_wh(self, sell: int, buy: int, wanted_wh: int) -> int:
        """Let so much go from one order's place to another's, or what the lines between still carry of it."""
        begin, end = self.place[sell], self.place[buy]
        room_wh = self.left_wh(begin, end)
        energy_wh = wanted_wh if room_wh is None else max(min(wanted_wh, room_wh), 0)
        for line, sign in self._way(begin, end):
            self.flow_wh[line] += sign * energy_wh
        return energy_wh

    def _way(self, begin: int, end: int) -> list[tuple[int, int]]:
        if (begin, end) not in self._used:
            climbs = [self._climbed(place) for place in (begin, end)]
            shared = set(climbs[0]) & set(climbs[1])
            parts = zip(climbs, (1, -1), strict=True)
            self._used[begin, end] = [(line, sign) for climb, sign in parts for line in climb if line not in shared]
        return self._used[begin, end]

    def _climbed(self, place: int) -> list[int]:
        climbed = []
        while self.lines.toward[place] >= 0:
            climbed.append(place)
            place = int(self.lines.toward[place])
        return climbed


def matched_on_lines(book: OrderBook, order: Ints, is_cancel: Flags, ways: Ways) -> Matched:
    """As `matched`, where a price counts with the fees of the way, and nothing goes where a line is full.

    An order that comes looks at the best of every place; of equal ones it takes the earlier.
    """
    standing = _Standing(book, ways)
    trades: list[int] = []
    was_filled = []
    for arrival, (row, withdraws) in enumerate(zip(order.tolist(), is_cancel.tolist(), strict=True)):
        if withdraws:
            was_filled.append(not standing.left_wh[row])
            standing.left_wh[row] = 0
            continue
        while standing.left_wh[row] and (found := standing.best(row)):
            other, most_wh = found
            trades += (row, other, standing.traded_wh(row, other, most_wh))
        standing.add(row, arrival)
    came, stood, energy = np.array(trades, np.int64).reshape(-1, 3).T
    came_sells = book.is_sell[came]
    sides = np.where(came_sells, came, stood), np.where(came_sells, stood, came)
    return Matched(*sides, energy, came, np.array(was_filled, np.bool_))


class _Standing:
    """The orders that stand, a heap a side and place, the best limit first, of equal ones the earlier."""

    def __init__(self, book: OrderBook, ways: Ways) -> None:
        self.ways, self.place = ways, ways.place
        self.left_wh, self.sells = book.energy_wh.tolist(), book.is_sell.tolist()
        self.cost = np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh).tolist()
        self.fee = ways.fee_micro_per_kwh.tolist()
        self.heaps: dict[bool, dict[int, list[tuple[int, int, int]]]] = {True: {}, False: {}}

    def add(self, row: int, arrival: int) -> None:
        """Let an order stand with what it has left."""
        if self.left_wh[row]:
            heap = self.heaps[self.sells[row]].setdefault(self.place[row], [])
            heappush(heap, (self.cost[row], arrival, row))

    def best(self, row: int) -> tuple[int, int] | None:
        """The best order for one that comes, and the most that the way lets through; None where nobody accepts or every way is full."""
        found: tuple[int, int, int, int] | None = None
        here, most = self.place[row], -self.cost[row]
        for there, heap in self.heaps[not self.sells[row]].items():
            while heap and not self.left_wh[heap[0][2]]:
                heappop(heap)
            if not heap:
                continue
            asked, arrival, other = heap[0]
            asked += self.fee[here][there]
            if asked > most or (found is not None and (asked, arrival) >= found[:2]):
                continue
            way = (here, there) if self.sells[row] else (there, here)
            room_wh = self.ways.left_wh(*way)
            if room_wh is None or room_wh > 0:
                found = (asked, arrival, other, self.left_wh[row] if room_wh is None else room_wh)
        return None if found is None else found[2:]

    def traded_wh(self, row: int, other: int, most_wh: int) -> int:
        """What both trade, taken out of what they have left and of the way."""
        energy_wh = min(self.left_wh[row], self.left_wh[other], most_wh)
        for side in (row, other):
            self.left_wh[side] -= energy_wh
        return self.ways.carried_wh(*((row, other) if self.sells[row] else (other, row)), energy_wh)
