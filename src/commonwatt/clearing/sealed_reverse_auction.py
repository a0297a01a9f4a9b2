"""Sealed reverse auction: every buyer asks, sellers answer with sealed prices, the lowest wins (preset `sealed-auction`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.clearing._matching import kept_apart, large_first, matched, unserved
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, Trades, with_filled
from commonwatt.core.registry import parameter
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH, Flags, Ints


@dataclass(frozen=True)
class SealedReverseAuction:
    """An auction for each request, lowest price first, as in the sealed-bid reverse auction of Sachdeva et al. (2023).

    A buyer's order is a request `reqEng(E_a, P_m)`, a seller's an offer `(E_s, P_s)` to every request that it can still serve. The regulator's
    floor `P_k` refuses requests that do not pay more than it, and offers below it are raised to it. The filters of the paper:
    `E_s >= E_a` (how much must be left: `fulfilment`) and `P_k <= P_s <= P_m`; then `getBidL1` takes the lowest price.

    - `fulfilment`: "whole", one seller that covers the request (the paper's `E_s >= E_a`); "partial", one seller that gives what it has
      (`E_s > 0`); "multi_unit", as many of the cheapest as it takes.
    - `payment`: "first", each winner its own price (the paper's); "second", all winners of a request the lowest valid price of who wins
      nothing in it, and P_m where there is none. With one winner that is Vickrey's payment (1961), doi:10.1111/j.1540-6261.1961.tb02789.x,
      and a seller with one offer and one request gains nothing by another price than its own; several winners or requests weaken that.

    Unlike the paper, where requests are served as they come, a batch serves the highest P_m first, and equal prices the larger order before
    the earlier one: nothing depends on arrival. Commitments, reveals, deposits and identities are the venue's, not the mechanism's.

    Holds every promise as it stands. "whole" and "partial" give up welfare (energy nobody asks for whole stays unsold), and so does a floor
    above sellers' limits.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    fulfilment: str = parameter(
        "multi_unit",
        doc="who serves a request: one seller that covers it, one that gives what it has, or as many as it takes",
        choices=("whole", "partial", "multi_unit"),
        source="multi_unit: households rarely cover each other's whole demand; the paper has whole",
    )
    payment: str = parameter(
        "first",
        doc="what winners are paid: their own price, or the lowest one that does not win",
        choices=("first", "second"),
        source="first: Sachdeva et al. (2023), getBidL1",
    )
    floor_micro_per_kwh: int = parameter(
        -PRICE_LIMIT_MICRO_PER_KWH,
        doc="the regulator's floor price P_k; below every limit, as it stands: no floor but the feed-in price",
        unit="micro/kWh",
        low=-PRICE_LIMIT_MICRO_PER_KWH,
        high=PRICE_LIMIT_MICRO_PER_KWH - 1,
        source="Sachdeva et al. (2023), P_k",
    )

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:  # noqa: ARG002
        """Pairwise trades, request by request, the cheapest offer of each first."""
        floor = self.floor_micro_per_kwh
        refused = ~book.is_sell & (book.limit_micro_per_kwh <= floor)
        raised = np.maximum(book.limit_micro_per_kwh, np.where(book.is_sell, floor, -PRICE_LIMIT_MICRO_PER_KWH))
        # A request that the floor refuses is none.
        asked = book.replaced(limit_micro_per_kwh=raised, energy_wh=np.where(refused, 0, book.energy_wh))
        sell, buy, energy_wh, price = self._won(asked)
        trades = Trades.at_one_price(sell, buy, energy_wh, price, np.ones(len(sell), np.int8))
        return with_filled(book, trades, kept_apart(asked, trades, _rest(asked, refused)))

    def _won(self, book: OrderBook) -> tuple[Ints, Ints, Ints, Ints]:
        """Seller, buyer, Wh and price of each winning offer."""
        sells, buys = large_first(book)
        if self.fulfilment == "multi_unit":
            sell, buy, energy_wh = matched(book, book.energy_wh.copy(), sells, buys)
            beaten = _after_the_last_winner(book, sells, sell, buy)
        else:
            sell, buy, energy_wh, beaten = _one_winner_each(book, sells, buys, self.fulfilment == "whole")
        if self.payment == "first":
            return sell, buy, energy_wh, book.limit_micro_per_kwh[sell]
        most = book.limit_micro_per_kwh[buy]
        lowest_beaten = book.limit_micro_per_kwh[np.maximum(beaten, 0)]
        return sell, buy, energy_wh, np.where(beaten < 0, most, np.minimum(most, lowest_beaten))


def _rest(asked: OrderBook, refused: Flags) -> Ints:
    rest = unserved(asked)
    if (asked.is_sell & (asked.energy_wh > 0)).any():
        rest[refused] = int(Reason.PRICE)
    return rest


def _after_the_last_winner(book: OrderBook, sells: Ints, sell: Ints, buy: Ints) -> Ints:
    """For each trade the first offer that wins nothing in its request, -1 where every offer does."""
    if not len(sell):
        return sell
    place = np.zeros(len(book), np.int64)
    place[sells] = np.arange(len(sells))
    # Trades of a request stand together, its dearest winner last.
    last = np.flatnonzero(np.append(np.diff(buy) != 0, True))
    number = np.searchsorted(last, np.arange(len(buy)))
    return np.append(sells, -1)[place[sell[last[number]]] + 1]


def _one_winner_each(book: OrderBook, sells: Ints, buys: Ints, covers: bool) -> tuple[Ints, Ints, Ints, Ints]:
    """Seller, buyer, Wh and runner-up (-1 for none) of each request, one after the other: each takes from what is left of the offers."""
    offers = _Offers(book.energy_wh[sells].tolist())
    ask = book.limit_micro_per_kwh[sells].tolist()
    won: list[tuple[int, int, int, int]] = []
    requests = zip(buys.tolist(), book.energy_wh[buys].tolist(), book.limit_micro_per_kwh[buys].tolist(), strict=True)
    for buy, wanted_wh, most in requests:
        least_wh = wanted_wh if covers else 1
        winner = offers.first(least_wh, 0)
        if winner < 0 or ask[winner] > most:
            continue
        second = offers.first(least_wh, winner + 1)
        won.append((winner, buy, offers.take(winner, wanted_wh), second))
    columns = np.array(won, np.int64).reshape(-1, 4)
    return np.append(sells, -1)[columns[:, 0]], columns[:, 1], columns[:, 2], np.append(sells, -1)[columns[:, 3]]


class _Offers:
    """What is left of the offers, cheapest first: a tree of maxima, so that the first one with enough is found in log n steps."""

    def __init__(self, energy_wh: list[int]) -> None:
        self.size = 1 << max(len(energy_wh) - 1, 0).bit_length()
        self.most_wh = [0] * self.size + energy_wh + [0] * (self.size - len(energy_wh))
        for node in range(self.size - 1, 0, -1):
            self.most_wh[node] = max(self.most_wh[2 * node], self.most_wh[2 * node + 1])

    def first(self, least_wh: int, start: int) -> int:
        """The first place from `start` on with at least `least_wh` (> 0) left, -1 where there is none."""
        if start >= self.size:
            return -1
        node = start + self.size
        while self.most_wh[node] < least_wh:
            # Up from right children, then to the neighbour on the right.
            while node & 1:
                node >>= 1
            if not node:
                return -1
            node += 1
        while node < self.size:
            node *= 2
            node += self.most_wh[node] < least_wh
        return node - self.size

    def take(self, place: int, wanted_wh: int) -> int:
        """At most `wanted_wh` of what is left at a place; the Wh taken."""
        node = place + self.size
        taken = min(wanted_wh, self.most_wh[node])
        self.most_wh[node] -= taken
        while node > 1:
            node >>= 1
            self.most_wh[node] = max(self.most_wh[2 * node], self.most_wh[2 * node + 1])
        return taken
