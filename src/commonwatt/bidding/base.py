"""Bidding: from a member's expected or metered position and limits to an order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from commonwatt.core.columns import Columns
from commonwatt.core.orders import OrderBook
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints


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


class Bidding(Answer, Protocol):
    """What every answer of this room keeps.

    Promises: orders only for members in `wishes`, on the side of their net position and up to it; never worse than the member's limit;
    no order for a net of 0; deterministic for the same stream.
    """

    def bid(self, wishes: Wishes, context: BiddingContext) -> OrderBook:
        """The members' orders, limits as signed (a buyer's all-in); `sequence` is the row and is drawn anew afterwards."""
        ...


BIDDINGS = Registry[Bidding]("bidding", "strategy")
