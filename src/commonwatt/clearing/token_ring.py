"""Token ring: a buyer's demand travels both ways round its microgrid, and every holder answers with what it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.clearing._matching import unserved
from commonwatt.clearing.base import ClearingContext, OrderFacts
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades, with_filled
from commonwatt.core.units import Floats, Ints
from commonwatt.pricing import PricingContext

_CAPS_PERCENT: Final = np.array([50, 75, 90, 100])
"""What a holder of 1, 2, 3 or 4 trust rating points may give of the asked energy (Haider 2024)."""

_LOOK_AHEAD_HOPS: Final = 32
"""How often tokens are taken off the ring that nobody left in it would answer."""


@dataclass(frozen=True)
class TokenRing:
    """Peer-to-peer inside a microgrid without an auctioneer, as in Haider (2024), Figs. 3.4 and 3.8 (preset `layered-trust`).

    Members stand on a ring in the order of the community file, one ring a microgrid. Every buyer sends two tokens in opposite
    directions, all of them one place further at a time. A holder whose limit is not above the buyer's answers with what it has left, at
    most the share of the asked energy that its trust rating points allow (50, 75, 90, 100 % for trust below 2, from 2, 3 and 4; all of it
    where nobody rates). Full coverage ends a request, or both tokens met; without an answer there is no trade. Of two tokens that reach a
    holder at once, the one going up the ring comes first. The price of an answer comes from `pricing` between the two limits.

    Declares efficiency broken: whoever stands near is asked first, not whoever is cheapest.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency"})

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Pairwise trades in the order in which they are answered."""
        ring = _Ring(book, context.facts or OrderFacts.unknown(len(book)))
        answers = ring.answers()
        sell, buy, energy_wh = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        limit = book.limit_micro_per_kwh
        price = context.pricing.price(limit[sell], limit[buy], PricingContext(context.slot, context.rates))
        trades = Trades(sell, buy, energy_wh, price, price, np.ones(len(sell), np.int64))
        return with_filled(book, trades, unserved(book))


class _Ring:
    """All rings of a book, one after the other; the arrays below are by place."""

    def __init__(self, book: OrderBook, facts: OrderFacts) -> None:
        rows = np.arange(len(book))
        self.row = np.lexsort((rows, -book.energy_wh, book.limit_micro_per_kwh, book.member, facts.microgrid))
        self.is_sell = book.is_sell[self.row]
        self.limit = book.limit_micro_per_kwh[self.row]
        self.left_wh = book.energy_wh[self.row]
        self.asked_wh = self.left_wh.copy()
        self.cap_percent = _caps_percent(facts.trust[self.row])
        microgrid = facts.microgrid[self.row]
        self.first, self.ring, count = np.unique(microgrid, return_index=True, return_inverse=True, return_counts=True)[
            1:
        ]
        self.start, self.size = self.first[self.ring], count[self.ring]

    def answers(self) -> list[tuple[Ints, Ints, Ints]]:
        """Seller's row, buyer's row and Wh of every answer, hop by hop."""
        nothing = np.zeros(0, np.int64)
        found, hop = [(nothing, nothing, nothing)], 0
        buyers = np.flatnonzero(~self.is_sell & (self.left_wh > 0))
        while len(buyers):
            if hop % _LOOK_AHEAD_HOPS == 0:
                buyers = self._hopeful(buyers)
            hop += 1
            for ahead in (hop, -hop):
                # Where both tokens meet, one of them asks.
                asking = buyers[(2 * hop < self.size[buyers]) | ((2 * hop == self.size[buyers]) & (ahead > 0))]
                found.append(self._asked(asking, ahead))
            buyers = buyers[(self.left_wh[buyers] > 0) & (2 * hop < self.size[buyers])]
        return found

    def _asked(self, buyers: Ints, ahead: int) -> tuple[Ints, Ints, Ints]:
        """What the holders `ahead` places further give to each of these buyers; no two of them ask the same holder."""
        place = self.start[buyers] + (buyers - self.start[buyers] + ahead) % self.size[buyers]
        energy_wh = np.minimum(self.left_wh[place], self.left_wh[buyers])
        energy_wh = np.minimum(energy_wh, self.asked_wh[buyers] * self.cap_percent[place] // 100)
        agrees = self.is_sell[place] & (self.limit[place] <= self.limit[buyers]) & (energy_wh > 0)
        place, buyers, energy_wh = place[agrees], buyers[agrees], energy_wh[agrees]
        self.left_wh[place] -= energy_wh
        self.left_wh[buyers] -= energy_wh
        return self.row[place], self.row[buyers], energy_wh

    def _hopeful(self, buyers: Ints) -> Ints:
        """Buyers for whom somebody on their ring still has an offer within the limit."""
        offered = np.where(self.is_sell & (self.left_wh > 0), self.limit, np.iinfo(np.int64).max)
        cheapest = np.minimum.reduceat(offered, self.first)
        return buyers[cheapest[self.ring[buyers]] <= self.limit[buyers]]


def _caps_percent(trust: Floats) -> Ints:
    """The share of the asked energy that a holder of this trust may give, percent."""
    points = np.where(np.isnan(trust), len(_CAPS_PERCENT), np.digitize(trust, (2.0, 3.0, 4.0)) + 1)
    return _CAPS_PERCENT[points.astype(np.int64) - 1]
