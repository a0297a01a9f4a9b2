"""Whole Wh from a negotiation: rounded down, then handed out by handshakes of pairs."""

from __future__ import annotations

from typing import Final

import numpy as np

from commonwatt.clearing._negotiation import Negotiation, Settled, within_lines
from commonwatt.core.units import Floats, Ints

_NEARLY_WHOLE: Final = 1e-6
_LEVELS: Final = 50
"""Into which prices are put: within one of them distance decides, and many pairs shake hands at once."""
_MOST_ROUNDS: Final = 400
"""Of handshakes; each round every order whose best partner prefers it too, shakes hands with it."""


def shaken(deal: Negotiation, ended: Settled, reduced_micro_per_kwh: Floats) -> Ints:
    """Whole Wh of every pair, within every order's energy and every line's limit.

    Rounding down keeps every order; a line may lose a counterflow by it, so lines are held again. What orders have left goes to their pairs,
    first to those that trade already, then to those nearest to agreement at the last prices. Before others come pairs in which both
    gain much: whoever stands at the margin is the one to do without a Wh. Equal ones go by their distance in order of limits, so
    that not everybody asks the same partner.
    """
    whole = np.minimum(np.floor(ended.energy_wh + _NEARLY_WHOLE).astype(np.int64), deal.most_wh)
    if deal.use.shape[0]:
        held = within_lines(whole.astype(np.float64), deal.use, deal.line_wh.astype(np.float64), is_whole=True)
        whole = held.astype(np.int64)
    left, level = _Left(deal, whole), max(float(deal.weight.max()), 1.0) / _LEVELS
    distance = np.abs(deal.sell * len(deal.demand_wh) - deal.buy * len(deal.supply_wh))
    both_gain = np.minimum(ended.seller_micro_per_kwh[deal.sell], ended.buyer_micro_per_kwh[deal.buy])
    gains, apart = (np.round(price / level).astype(np.int64) for price in (both_gain, np.abs(reduced_micro_per_kwh)))
    for pairs in (np.flatnonzero(ended.energy_wh > _NEARLY_WHOLE), None):
        pairs = left.open_pairs() if pairs is None else pairs
        left.hand_out(pairs[np.lexsort((pairs, distance[pairs], -gains[pairs], apart[pairs]))])
    return left.whole


class _Left:
    """What the orders have left, and what their pairs trade."""

    def __init__(self, deal: Negotiation, whole: Ints) -> None:
        self.deal, self.whole = deal, whole
        self.supply = deal.supply_wh - np.bincount(deal.sell, whole, len(deal.supply_wh)).astype(np.int64)
        self.demand = deal.demand_wh - np.bincount(deal.buy, whole, len(deal.demand_wh)).astype(np.int64)
        self.of_pair = deal.use.T.tocsr()

    def open_pairs(self) -> Ints:
        """Pairs of which both sides have something left."""
        return np.flatnonzero((self.supply[self.deal.sell] > 0) & (self.demand[self.deal.buy] > 0))

    def hand_out(self, pairs: Ints) -> None:
        """To pairs in this order of preference: a pair shakes hands when it is the next one for its seller and for its buyer."""
        sell, buy = self.deal.sell, self.deal.buy
        first_sold, first_bought = np.empty(len(self.supply), np.int64), np.empty(len(self.demand), np.int64)
        for _ in range(_MOST_ROUNDS):
            pairs = pairs[(self.supply[sell[pairs]] > 0) & (self.demand[buy[pairs]] > 0)]
            if not len(pairs):
                return
            number = np.arange(len(pairs))
            first_sold[sell[pairs][::-1]] = number[::-1]
            first_bought[buy[pairs][::-1]] = number[::-1]
            agreed = pairs[(first_sold[sell[pairs]] == number) & (first_bought[buy[pairs]] == number)]
            energy_wh = np.minimum(self.supply[sell[agreed]], self.demand[buy[agreed]])
            if self.of_pair.shape[1]:
                energy_wh = self._carried(agreed, energy_wh)
            self.whole[agreed] += energy_wh
            self.supply[sell[agreed]] -= energy_wh
            self.demand[buy[agreed]] -= energy_wh
            if self.of_pair.shape[1]:
                # Who got less than both sides have left met a full line.
                pairs = np.setdiff1d(pairs, agreed, assume_unique=True) if not energy_wh.any() else pairs

    def _carried(self, pairs: Ints, energy_wh: Ints) -> Ints:
        """As much of it as every line has room for, as if nobody else relieved it: shared in proportion, rounded down."""
        use, flow = self.of_pair[pairs], self.deal.use @ self.whole
        share = np.ones(len(pairs))
        for sign in (1, -1):
            with_flow = (sign * use).maximum(0)
            asked, room = energy_wh @ with_flow, self.deal.line_wh - sign * flow
            part = np.minimum(1.0, room / np.maximum(asked, 1e-9))
            # Of each pair the fullest of its lines.
            tight = with_flow.multiply(1.0 - part[None, :]).max(axis=1).toarray().reshape(-1)
            share = np.minimum(share, 1.0 - tight)
        return np.floor(energy_wh * share + _NEARLY_WHOLE * (share >= 1)).astype(np.int64)
