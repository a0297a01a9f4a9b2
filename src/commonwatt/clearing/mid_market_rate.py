"""Mid-market rate: half way between what the supplier pays and what the grid's energy costs, whatever the limits are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.clearing._pool import accepts, both_pro_rata, pool_agreement
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement
from commonwatt.core.units import midpoint_micro_per_kwh


@dataclass(frozen=True)
class MidMarketRate:
    """Local energy at the middle of feed-in and grid price, a shortage or surplus shared pro rata.

    Long, Wu, Zhang, Thomas, Cheng, Jenkins (2017), "Peer-to-peer energy trading in a community microgrid", IEEE Power & Energy Society
    General Meeting. The paper gives one average price for local and supplied energy together; sharing the local energy in proportion and leaving the rest
    to each member's own supplier comes to the same bill, and keeps what the supplier sold apart. The upper end is what a kWh from a
    neighbour may cost before local charges (`Rates.neighbour_ceiling_micro_per_kwh`): without fees it is the retail price.

    Whoever's limit the price breaks takes no part. Declares efficiency broken: the price is the tariff's, not the book's.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency"})

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Trades with the pool at one price, in sequence order; whole Wh by largest remainder."""
        rates = context.rates
        price = midpoint_micro_per_kwh(rates.feed_in_micro_per_kwh, rates.neighbour_ceiling_micro_per_kwh)
        takes_part = accepts(book, price)
        return pool_agreement(book, both_pro_rata(book, takes_part), price, takes_part)
