"""What was delivered of each trade: shared pro rata or in an order, such that no two partners could still exchange a Wh."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import WITH_OTHERS, Trades
from commonwatt.core.splits import ration
from commonwatt.core.units import Flags, Ints
from commonwatt.settlement._trades import NOBODY, Peers, energy_by_member

ALLOCATIONS: Final = ("pro_rata", "first_in_first_out", "priority")
"""Who gets delivered energy that does not suffice: everybody a part, or one trade after the other."""

_FIRST: Final = -(2**62)
_BEHIND_ALL: Final = 2**15


def queue(allocation: str, book: OrderBook, trades: Trades) -> Ints:
    """The rows of the trades in the one order in which they are served.

    `first_in_first_out`: when the later of a trade's two orders came, then the earlier. `priority`: by round of the clearing, what crosses to
    other communities behind all of them, then the buyer who bid most, then the seller who asked least. Ties by trade. A trade with the
    pool or with other communities counts by the order it has.
    """
    sequence, limit = np.append(book.sequence, _FIRST), np.append(book.limit_micro_per_kwh, _FIRST)
    sell, buy = trades.sell_order, trades.buy_order
    if allocation == "first_in_first_out":
        later, earlier = np.maximum(sequence[sell], sequence[buy]), np.minimum(sequence[sell], sequence[buy])
        return np.lexsort((earlier, later))
    bid = np.where(buy < 0, -_FIRST, limit[buy])
    rounds = np.where(trades.round == WITH_OTHERS, _BEHIND_ALL, trades.round.astype(np.int64))
    return np.lexsort((limit[sell], -bid, rounds))


def served_wh(peers: Peers, export_wh: Ints, import_wh: Ints, order: Ints) -> Ints:
    """As `delivered_wh`, but one trade after the other in `order` (rows of the trades), each as much as both registers still have.

    A sale to the pool meets the purchases from it that stand before it, the first of them first, and a purchase the sales; so a pair
    across the pool has the place of the later of the two.
    """
    work = _Work(peers, export_wh, import_wh)
    work.serve(order)
    return peers.energy_wh - work.left_wh


def delivered_wh(peers: Peers, export_wh: Ints, import_wh: Ints) -> Ints:
    """Of the agreed energy of each trade (`peers.energy_wh`), what the registers of both sides cover; shape (trades,).

    In a round each side's remaining metered energy is shared over its open trades in proportion to what is left of them (largest
    remainder, ties by trade), and each trade takes the smaller share; rounds repeat while one moves energy. What rounding left then moves
    greedily by trade id. The pool stands between all its sellers and all its buyers: it takes as much as it passes on, shared pro rata.
    Promises: 0 <= delivered <= agreed; per member sold <= export and bought <= import; the pool takes what it passes on; afterwards no
    trade (and no pair across the pool) has energy left on both sides.
    """
    work = _Work(peers, export_wh, import_wh)
    while work.shares_moved():
        pass
    work.finish_pairs()
    work.finish_pool()
    return peers.energy_wh - work.left_wh


class _Work:
    """What is left of trades and registers while energy is being allocated."""

    def __init__(self, peers: Peers, export_wh: Ints, import_wh: Ints) -> None:
        self.seller, self.buyer = peers.seller, peers.buyer
        self.left_wh = peers.energy_wh.copy()
        # The extra last elements stand for other communities (-2) and the pool (-1), whose own energy is no limit.
        self.give_wh = np.append(export_wh, np.full(2, 2**62, np.int64))
        self.take_wh = np.append(import_wh, np.full(2, 2**62, np.int64))
        self.into_pool, self.from_pool = self.buyer == NOBODY, self.seller == NOBODY

    def open_trades(self) -> Flags:
        """Trades that could still move energy."""
        is_open = (self.left_wh > 0) & (self.give_wh[self.seller] > 0) & (self.take_wh[self.buyer] > 0)
        if not ((is_open & self.into_pool).any() and (is_open & self.from_pool).any()):
            is_open &= ~(self.into_pool | self.from_pool)
        return is_open

    def shares_moved(self) -> bool:
        """One round; whether it moved energy."""
        rows = np.flatnonzero(self.open_trades())
        if not len(rows):
            return False
        offered = shares_by_member(self.give_wh, self.left_wh[rows], self.seller[rows])
        wanted = shares_by_member(self.take_wh, self.left_wh[rows], self.buyer[rows])
        moved = np.minimum(offered, wanted)
        into, out = self.into_pool[rows], self.from_pool[rows]
        passed = min(int(moved[into].sum()), int(moved[out].sum()))
        moved[into] = ration(moved[into], passed)
        moved[out] = ration(moved[out], passed)
        self._move(rows, moved)
        return bool(moved.any())

    def finish_pairs(self) -> None:
        """The greedy pass over trades between two members, by trade id: only those are visited that rounding left open."""
        for row in np.flatnonzero(self.open_trades() & ~self.into_pool & ~self.from_pool).tolist():
            self._exchange(row, row)

    def finish_pool(self) -> None:
        """The same across the pool: every sale to it that is still open with every purchase from it, by trade id."""
        is_open = self.open_trades()
        bought = np.flatnonzero(is_open & self.from_pool).tolist()
        for sale in np.flatnonzero(is_open & self.into_pool).tolist():
            for purchase in bought:
                self._exchange(sale, purchase)

    def serve(self, order: Ints) -> None:
        """Every trade in turn; each step ends a trade or a register, so this takes as many steps as there are trades."""
        sales: deque[int] = deque()
        purchases: deque[int] = deque()
        for row in order.tolist():
            if not (self.into_pool[row] or self.from_pool[row]):
                self._exchange(row, row)
                continue
            is_sale = bool(self.into_pool[row])
            waiting = purchases if is_sale else sales
            while waiting and self._is_open(row):
                if self._is_open(waiting[0]):
                    self._exchange(*((row, waiting[0]) if is_sale else (waiting[0], row)))
                else:
                    waiting.popleft()
            (sales if is_sale else purchases).append(row)

    def _is_open(self, row: int) -> bool:
        has_register = self.give_wh[self.seller[row]] > 0 and self.take_wh[self.buyer[row]] > 0
        return bool(self.left_wh[row] > 0 and has_register)

    def _exchange(self, sale: int, purchase: int) -> None:
        """Move what two rows (one and the same between two members) and both registers still have."""
        seller, buyer = self.seller[sale], self.buyer[purchase]
        energy = min(self.left_wh[sale], self.left_wh[purchase], self.give_wh[seller], self.take_wh[buyer])
        for row in {sale, purchase}:
            self.left_wh[row] -= energy
        self.give_wh[seller] -= energy
        self.take_wh[buyer] -= energy

    def _move(self, rows: Ints, energy_wh: Ints) -> None:
        self.left_wh[rows] -= energy_wh
        members = len(self.give_wh) - 2
        self.give_wh[:-2] -= energy_by_member(self.seller[rows], energy_wh, members)
        self.take_wh[:-2] -= energy_by_member(self.buyer[rows], energy_wh, members)


def shares_by_member(available_wh: Ints, wanted_wh: Ints, member: Ints) -> Ints:
    """`core.splits.ration` for every member at once: what each row gets of its member's energy, never above its wish."""
    total = np.zeros(len(available_wh), np.int64)
    np.add.at(total, member, wanted_wh)
    scarce = np.flatnonzero(total[member] > available_wh[member])
    shares = wanted_wh.copy()
    if not len(scarce):
        return shares
    owner = member[scarce]
    quotient, remainder = np.divmod(wanted_wh[scarce] * available_wh[owner], total[owner])
    spare = available_wh.copy()
    np.subtract.at(spare, owner, quotient)
    by_remainder = np.lexsort((-remainder, owner))
    ranked = owner[by_remainder]
    rank = np.arange(len(ranked)) - np.searchsorted(ranked, ranked)
    quotient[by_remainder[rank < spare[ranked]]] += 1
    shares[scarce] = quotient
    return shares
