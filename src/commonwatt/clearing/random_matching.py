"""Random matching: whoever meets and can agree, trades; what a market without a mechanism comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from commonwatt.clearing._matching import facing, large_first, matched, unserved
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.determinism import stream
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades, with_filled
from commonwatt.core.registry import parameter
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class RandomMatching:
    """Offers and bids meet in drawn order, round by round; a pair trades when the offer is not above the bid.

    Each round draws both queues anew from those who still could trade with somebody, lays them side by side and lets every pair trade
    that agrees; the price comes from `pricing` between the two limits. After the last round whoever could still trade does so by the
    best limits, so that nobody is left who would have found a partner. The draw is the slot's own (`context.rng`, published seed) over
    orders sorted by limit and energy, so that it does not depend on arrival.

    The baseline of `mechanisms`, section 6. Declares efficiency broken: energy goes to who is met, not to who values it most.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency"})

    rounds: int = parameter(
        8, doc="rounds of meetings", unit="rounds", low=1, high=100, source="few are left after eight"
    )

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Pairwise trades, round by round; the last round is the one by the best limits."""
        rng = context.rng or stream(0, "random_matching", context.slot)
        left_wh, limit = book.energy_wh.copy(), book.limit_micro_per_kwh
        met: list[tuple[Ints, Ints, Ints]] = []
        sells, buys = large_first(book)
        for _ in range(self.rounds):
            sells, buys = _able(limit, left_wh, sells, buys)
            sell, buy, energy_wh = facing(left_wh, rng.permutation(sells), rng.permutation(buys))
            agree = limit[sell] <= limit[buy]
            met.append((sell[agree], buy[agree], energy_wh[agree]))
            for rows in met[-1][:2]:
                np.subtract.at(left_wh, rows, met[-1][2])
        met.append(matched(book, left_wh, *_able(limit, left_wh, sells, buys)))
        sell, buy, energy_wh = (np.concatenate(parts) for parts in zip(*met, strict=True))
        price = context.priced(book, limit[sell], limit[buy], sell, buy)
        number = np.repeat(np.arange(1, len(met) + 1), [len(part[0]) for part in met])
        return with_filled(book, Trades.at_one_price(sell, buy, energy_wh, price, number), unserved(book))


def _able(limit: Ints, left_wh: Ints, sells: Ints, buys: Ints) -> tuple[Ints, Ints]:
    """Who still has energy and could agree with somebody who has."""
    sells, buys = sells[left_wh[sells] > 0], buys[left_wh[buys] > 0]
    if not len(sells) or not len(buys):
        return sells[:0], buys[:0]
    able = limit[sells] <= limit[buys].max(), limit[buys] >= limit[sells].min()
    return sells[able[0]], buys[able[1]]
