"""Truthful: everybody orders at their own limit."""

from dataclasses import dataclass
from typing import ClassVar

from commonwatt.bidding.base import BiddingContext, Wishes, orders_at, own_limits
from commonwatt.core.orders import OrderBook


@dataclass(frozen=True)
class Truthful:
    """The whole net position at the member's own limit, whatever the market looks like."""

    needs: ClassVar[frozenset[str]] = frozenset()
    breaks: ClassVar[frozenset[str]] = frozenset()

    def bid(self, wishes: Wishes, context: BiddingContext) -> OrderBook:  # noqa: ARG002 - the truth needs no context
        """The members' orders, limits as signed (a buyer's all-in)."""
        return orders_at(wishes, own_limits(wishes))
