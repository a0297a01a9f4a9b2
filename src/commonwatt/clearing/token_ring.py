"""Token ring: a buyer's demand travels both ways round its microgrid, and every holder answers with what it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from commonwatt.clearing._matching import unserved
from commonwatt.clearing._rating import caps_percent
from commonwatt.clearing.base import ClearingContext, OrderFacts
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades, with_filled
from commonwatt.core.units import Ints

_LOOK_AHEAD_HOPS: Final = 32
"""How often tokens are taken off the ring that nobody left on it would answer."""

_FEW_PAIRS: Final = 1 << 20
"""Buyers times sellers from which on pairs are looked at instead of hops."""


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
        ring = _Ring(book, context.facts_of(book))
        answers = ring.answers()
        sell, buy, energy_wh = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        limit = book.limit_micro_per_kwh
        price = context.priced(book, limit[sell], limit[buy], sell, buy)
        trades = Trades.at_one_price(sell, buy, energy_wh, price, np.ones(len(sell), np.int64))
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
        self.cap_percent = caps_percent(facts.trust[self.row])
        microgrid = facts.microgrid[self.row]
        first, self.ring, count = np.unique(microgrid, return_index=True, return_inverse=True, return_counts=True)[1:]
        self.start, self.size = first[self.ring], count[self.ring]

    def answers(self) -> list[tuple[Ints, Ints, Ints]]:
        """Seller's row, buyer's row and Wh of every answer, hop by hop while there are many tokens, then pair by pair."""
        nothing = np.zeros(0, np.int64)
        found, hop = [(nothing, nothing, nothing)], 0
        buyers, sellers = (np.flatnonzero((self.is_sell == side) & (self.left_wh > 0)) for side in (False, True))
        while True:
            if hop % _LOOK_AHEAD_HOPS == 0:
                buyers, sellers = self._hopeful(buyers, sellers, hop)
                if len(buyers) * len(sellers) <= _FEW_PAIRS:
                    return [*found, *self._paired(buyers, sellers, hop)]
            hop += 1
            for ahead in (hop, -hop):
                found.append(self._asked(buyers, sellers, ahead))
            buyers = buyers[self.left_wh[buyers] > 0]
            sellers = sellers[self.left_wh[sellers] > 0]

    def _asked(self, buyers: Ints, sellers: Ints, ahead: int) -> tuple[Ints, Ints, Ints]:
        """What the holders `ahead` places further give to these buyers; no two of them ask the same holder."""
        if len(buyers) <= len(sellers):
            seller, buyer = self._moved(buyers, ahead), buyers
        else:
            seller, buyer = sellers, self._moved(sellers, -ahead)
            in_order = np.argsort(buyer)
            seller, buyer = seller[in_order], buyer[in_order]
        # Where both tokens meet, one of them asks.
        far = 2 * abs(ahead) - (ahead > 0)
        agrees = (far < self.size[buyer]) & self.is_sell[seller] & ~self.is_sell[buyer]
        agrees &= self.limit[seller] <= self.limit[buyer]
        return self._answered(seller[agrees], buyer[agrees])

    def _paired(self, buyers: Ints, sellers: Ints, hop: int) -> list[tuple[Ints, Ints, Ints]]:
        """The answers after `hop`: each pair that could agree meets once, the nearest first.

        A pair answers as soon as it is the next one for its buyer and for its seller; nothing that comes later can change that.
        """
        buyer, seller = (grid.ravel() for grid in np.meshgrid(buyers, sellers, indexing="ij"))
        able = (self.ring[buyer] == self.ring[seller]) & (self.limit[seller] <= self.limit[buyer])
        buyer, seller = buyer[able], seller[able]
        up = (seller - buyer) % self.size[buyer]
        # Twice the hops, and one more where the token that goes down the ring is there first.
        meets = np.where(2 * up <= self.size[buyer], 2 * up, 2 * (self.size[buyer] - up) + 1)
        order = np.lexsort((buyer, meets))
        order = order[meets[order] >= 2 * (hop + 1)]
        found: list[tuple[Ints, Ints, Ints, Ints]] = []
        first = np.empty(len(self.row), np.int64)
        while len(order):
            number = np.arange(len(order))
            is_next = np.ones(len(order), np.bool_)
            for side in (buyer[order], seller[order]):
                first[side[::-1]] = number[::-1]
                is_next &= first[side] == number
            found.append(
                (order[is_next], *self._answered(seller[order[is_next]], buyer[order[is_next]], keep_all=True))
            )
            order = order[~is_next]
            order = order[(self.left_wh[buyer[order]] > 0) & (self.left_wh[seller[order]] > 0)]
        if not found:
            return []
        pair, sold, bought, energy_wh = (np.concatenate(parts) for parts in zip(*found, strict=True))
        told = np.lexsort((buyer[pair], meets[pair]))
        told = told[energy_wh[told] > 0]
        return [(sold[told], bought[told], energy_wh[told])]

    def _answered(self, seller: Ints, buyer: Ints, keep_all: bool = False) -> tuple[Ints, Ints, Ints]:
        """Each seller gives its buyer what it has left, within its cap; rows and Wh, those that give nothing only where asked for."""
        energy_wh = np.minimum(self.left_wh[seller], self.left_wh[buyer])
        energy_wh = np.minimum(energy_wh, self.asked_wh[buyer] * self.cap_percent[seller] // 100)
        if not keep_all:
            gives = energy_wh > 0
            seller, buyer, energy_wh = seller[gives], buyer[gives], energy_wh[gives]
        self.left_wh[seller] -= energy_wh
        self.left_wh[buyer] -= energy_wh
        return self.row[seller], self.row[buyer], energy_wh

    def _moved(self, place: Ints, ahead: int) -> Ints:
        return self.start[place] + (place - self.start[place] + ahead) % self.size[place]

    def _hopeful(self, buyers: Ints, sellers: Ints, hop: int) -> tuple[Ints, Ints]:
        """Who could still agree with somebody of its ring, where tokens are still under way after `hop`."""
        buyers, sellers = (rows[2 * (hop + 1) - 1 < self.size[rows]] for rows in (buyers, sellers))
        cheapest = np.full(len(self.size), np.iinfo(np.int64).max)
        dearest = np.full(len(self.size), np.iinfo(np.int64).min)
        np.minimum.at(cheapest, self.ring[sellers], self.limit[sellers])
        np.maximum.at(dearest, self.ring[buyers], self.limit[buyers])
        return (
            buyers[cheapest[self.ring[buyers]] <= self.limit[buyers]],
            sellers[self.limit[sellers] <= dearest[self.ring[sellers]]],
        )
