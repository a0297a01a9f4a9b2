"""Bill sharing: the community is billed as one customer, and what that saves is shared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.clearing._pool import both_pro_rata, pool_agreement, settled_price
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement
from commonwatt.core.registry import parameter


@dataclass(frozen=True)
class BillSharing:
    """One bill for all: every kWh at a member's meter, bought or sold, saves the same (`form = "saving"`), or local energy is free (`"printed"`).

    With S and D the energy offered and wanted, f and c the feed-in price and the grid's price for a neighbour's kWh, the common bill is
    min(S, D) x (c - f) below the single ones. Shared over the S + D kWh at the meters, that is one price between neighbours,
    c - (c - f) x min(S, D) / (S + D), rounded down; the long side shares what is traded in proportion.

    Long et al. (2017, see `mid_market_rate`) share the cost of imports over all consumption and the income of exports over all
    generation. Between neighbours that is a price of zero: whoever generates gives it away. The form "printed" does so, and sellers whose
    limit is above zero take no part in it; in a run limits are never below feed-in, so with a feed-in price nobody sells.

    Members whose limit the price breaks leave together and for good, and the price is worked out again until nobody leaves. Declares
    efficiency broken: the price follows from volumes and tariff.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency"})

    form: str = parameter(
        "saving",
        doc="how the common bill is shared",
        choices=("saving", "printed"),
        source="saving: the printed form leaves sellers nothing",
    )

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Trades with the pool at one price, in sequence order; whole Wh by largest remainder."""
        floor, ceiling = context.rates.feed_in_micro_per_kwh, context.rates.neighbour_ceiling_micro_per_kwh

        def price_of(supply_wh: int, demand_wh: int) -> int:
            every_wh = supply_wh + demand_wh
            if self.form == "printed" or not every_wh:
                return 0
            return (ceiling * every_wh - (ceiling - floor) * min(supply_wh, demand_wh)) // every_wh

        price, takes_part = settled_price(book, price_of)
        return pool_agreement(book, both_pro_rata(book, takes_part), price, takes_part)
