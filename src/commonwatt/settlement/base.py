"""Settlement: from what was agreed and metered to every member's legs and the postings that pay them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from commonwatt.core.orders import OrderBook
from commonwatt.core.records import NO_EXCHANGE, Agreement, Exchange, Readings, Statement
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.tariff import Rates, SupplyPrices
from commonwatt.core.units import Ints


@dataclass(frozen=True)
class SettlementContext:
    """What a rule may look at."""

    slot: int
    members: int
    rates: Rates
    timing: str
    """`ex_post` or `ex_ante`."""
    rewards_balance_nano: int
    """What the `rewards` account holds before this slot, at least 0."""
    own_prices: SupplyPrices | None = None
    """Where members have suppliers of their own; None: `rates` are everybody's."""
    exchange: Exchange = NO_EXCHANGE
    """What crosses to other communities; in a correction nothing more does."""
    errors_mwh: Ints | None = None
    """How far off each member's orders were before this slot, smoothed (`core.smoothing`), shape (members,); None: nothing to remember."""
    losses_wh: int = 0
    """Lost in the wires in this slot by what was metered at first; in a correction nothing more is."""

    @cached_property
    def prices(self) -> SupplyPrices:
        """What energy costs each member with its supplier."""
        return self.own_prices or SupplyPrices.same(self.rates, self.members)


class Settlement(Answer, Protocol):
    """What every answer of this room keeps.

    Promises: postings sum to zero and equal the legs member by member; per member export - import = the signed sum of the legs' energy;
    delivered <= agreed; the `rewards` account never goes below zero; deterministic.
    """

    def settle(
        self, book: OrderBook, agreement: Agreement, readings: Readings, context: SettlementContext
    ) -> Statement:
        """The statement of a slot, revision 0. `book` has limits as signed; `readings` has one row a member in order of index."""
        ...


SETTLEMENTS = Registry[Settlement]("settlement", "rule")
