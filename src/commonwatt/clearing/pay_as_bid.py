"""Pay-as-bid: the cheapest offer meets the highest bid, and each trade is paid by what was written in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.clearing._matching import matched, merit_order, unserved
from commonwatt.clearing.base import ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades, with_filled
from commonwatt.core.registry import parameter


@dataclass(frozen=True)
class PayAsBid:
    """Discriminatory auction: offers ascending and bids descending trade while the offer is not above the bid, every trade at its own price.

    The price is the buyer's bid, the seller's offer, or each its own with the difference to the operator (`payment`). Pairing from the
    best limits on both sides reaches the largest welfare and volume; an auction that gives the dearest offer to the dearest bid (seen in
    a peer) loses up to half of it. Whoever pays what they bid has a reason to bid less than the energy is worth: efficient for the limits
    that were ordered, not strategy-proof.

    Holds every promise. Ties by sequence. Source: the baseline of `mechanisms`, section 6.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    payment: str = parameter(
        "bid",
        doc="whose limit is the price: the buyer's, the seller's, or each its own",
        choices=("bid", "ask", "own"),
        source="the buyer's: what most implementations mean by the name",
    )

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:  # noqa: ARG002
        """Pairwise trades in order of the offers' price."""
        sell, buy, energy_wh = matched(book, book.energy_wh.copy(), *merit_order(book))
        ask, bid = book.limit_micro_per_kwh[sell], book.limit_micro_per_kwh[buy]
        prices = {
            "sell_price_micro_per_kwh": bid if self.payment == "bid" else ask,
            "buy_price_micro_per_kwh": ask if self.payment == "ask" else bid,
        }
        trades = Trades.of(len(sell), sell_order=sell, buy_order=buy, energy_wh=energy_wh, round=1, **prices)
        return with_filled(book, trades, unserved(book))
