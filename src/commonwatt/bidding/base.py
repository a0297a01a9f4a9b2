"""Bidding: from a member's expected or metered position and limits to an order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from commonwatt.core.columns import Columns
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import NOTHING_TRADED, PriceHistory
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.tariff import Rates
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH, Ints


@dataclass(frozen=True)
class Wishes(Columns):
    """Positions and limits of members that use one strategy, one row a member."""

    member: Ints
    net_wh: Ints
    """Expected (ex_ante) or metered (ex_post) export minus import."""
    buy_limit_micro_per_kwh: Ints
    sell_limit_micro_per_kwh: Ints
    source: Ints
    preference: Ints

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {"source": ("int8", 0), "preference": ("int8", 0)}


@dataclass(frozen=True)
class BiddingContext:
    """What a strategy may look at."""

    slot: int
    rates: Rates
    rng: np.random.Generator
    prices: PriceHistory = NOTHING_TRADED
    """What was traded in the slots that are settled when orders are made: up to slot - 2 at a gate (ex_ante), up to slot - 1 after
    delivery (ex_post). Nothing of `slot` itself: what the other members metered or will order is no member's knowledge."""


class Bidding(Answer, Protocol):
    """What every answer of this room keeps.

    Promises: orders only for members in `wishes`, on the side of their net position and up to it; never worse than the member's limit;
    no order for a net of 0; deterministic for the same stream.
    """

    def bid(self, wishes: Wishes, context: BiddingContext) -> OrderBook:
        """The members' orders, limits as signed (a buyer's all-in); `sequence` is the row and is drawn anew afterwards."""
        ...


def orders_at(wishes: Wishes, limit_micro_per_kwh: Ints) -> OrderBook:
    """One order for every wish with a net position, on its side and for all of it, at the limit of its row; `sequence` is the row."""
    is_sell = wishes.net_wh > 0
    book = OrderBook(
        member=wishes.member,
        is_sell=is_sell,
        energy_wh=np.abs(wishes.net_wh),
        limit_micro_per_kwh=limit_micro_per_kwh,
        sequence=np.zeros(len(wishes), np.int64),
        source=np.where(is_sell, wishes.source, 0),
        preference=np.where(is_sell, 0, wishes.preference),
    ).take(wishes.net_wh != 0)
    return book.replaced(sequence=np.arange(len(book)))


def in_price_range(limit_micro_per_kwh: Ints) -> Ints:
    """Limits cut to what an order may carry, micro per kWh."""
    most = PRICE_LIMIT_MICRO_PER_KWH - 1
    return np.clip(limit_micro_per_kwh, -most, most)


def own_limits(wishes: Wishes) -> Ints:
    """Each member's own limit on the side of its net position, micro per kWh; a buyer's is all-in."""
    return np.where(wishes.net_wh > 0, wishes.sell_limit_micro_per_kwh, wishes.buy_limit_micro_per_kwh)


BIDDINGS = Registry[Bidding]("bidding", "strategy")
