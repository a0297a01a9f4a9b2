"""The tariff of one slot: what the supplier, the grid and the state charge, all per kWh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from commonwatt.core.columns import Columns
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Ints

SUPPLY = (
    "retail_micro_per_kwh",
    "feed_in_micro_per_kwh",
    "imbalance_buy_micro_per_kwh",
    "imbalance_sell_micro_per_kwh",
)
"""What a supplier sets."""


@dataclass(frozen=True)
class Rates:
    """Micro-currency per kWh. Retail and feed-in are energy only; fees and taxes come on top of what is bought."""

    retail_micro_per_kwh: int
    """What a member pays the supplier for energy."""
    feed_in_micro_per_kwh: int
    """What the supplier pays a member for energy."""
    imbalance_buy_micro_per_kwh: int
    """What a member pays for energy it sold and did not deliver (`sbp`)."""
    imbalance_sell_micro_per_kwh: int
    """What a member gets for energy it bought and did not use (`ssp`)."""
    grid_fee_micro_per_kwh: int
    """Per kWh bought from the supplier or short."""
    local_fee_micro_per_kwh: int
    """Per kWh bought from peers."""
    tax_micro_per_kwh: int
    """Per kWh bought from the supplier or short."""
    local_tax_micro_per_kwh: int
    """Per kWh bought from peers."""
    balancing_micro_per_kwh: int
    """At which the supplier's net energy is closed against the wholesale account."""
    levy_micro_per_kwh: int = 0
    """Per kWh bought from the supplier or short: what the law adds beside the tax."""
    local_levy_micro_per_kwh: int = 0
    """Per kWh bought from peers."""
    local_relief_micro_per_kwh: int = 0
    """What a kWh bought from peers is given back of the local fee."""
    losses_micro_per_kwh: int = 0
    """At which the grid buys what is lost in the wires from the supplier."""

    @property
    def energy_prices(self) -> tuple[int, ...]:
        """Every price between a member and its supplier, fees and taxes apart."""
        balancing = (self.imbalance_buy_micro_per_kwh, self.imbalance_sell_micro_per_kwh)
        return self.retail_micro_per_kwh, self.feed_in_micro_per_kwh, *balancing

    @property
    def grid_charges_micro_per_kwh(self) -> int:
        """Fees, taxes and levies on a kWh bought from the supplier."""
        return self.grid_fee_micro_per_kwh + self.tax_micro_per_kwh + self.levy_micro_per_kwh

    @property
    def local_charges_micro_per_kwh(self) -> int:
        """Fees, taxes and levies on a kWh bought from a peer, less what is given back."""
        charged = self.local_fee_micro_per_kwh + self.local_tax_micro_per_kwh + self.local_levy_micro_per_kwh
        return charged - self.local_relief_micro_per_kwh

    @property
    def all_in_micro_per_kwh(self) -> int:
        """What a kWh from the supplier costs in the end."""
        return self.retail_micro_per_kwh + self.grid_charges_micro_per_kwh

    @property
    def charges_micro_per_kwh(self) -> int:
        """The most that is charged on a kWh, whoever it comes from, before anything is given back."""
        return max(self.grid_charges_micro_per_kwh, self.local_charges_micro_per_kwh + self.local_relief_micro_per_kwh)

    @property
    def neighbour_ceiling_micro_per_kwh(self) -> int:
        """The price at which a neighbour's kWh, with local charges, costs a buyer as much as the grid's."""
        return self.all_in_micro_per_kwh - self.local_charges_micro_per_kwh

    def of_supplier(self, own: Mapping[str, int | None]) -> Rates:
        """The rates of a member whose own supplier has these prices of energy, by name; fees, taxes and levies stay.

        Imbalance that the supplier names no price for is at its own retail and feed-in.
        """
        retail, feed_in, buy, sell = (own.get(name) for name in SUPPLY)
        if retail is None or feed_in is None:
            raise ValueError(f"expected a retail and a feed-in price of a supplier, was {retail} and {feed_in}")
        return replace(
            self,
            retail_micro_per_kwh=retail,
            feed_in_micro_per_kwh=feed_in,
            imbalance_buy_micro_per_kwh=retail if buy is None else buy,
            imbalance_sell_micro_per_kwh=feed_in if sell is None else sell,
        )

    def to_line(self) -> tuple[int, ...]:
        """The rates in declared order, for storage."""
        return tuple(int(getattr(self, f.name)) for f in fields(self))


@dataclass(frozen=True)
class SupplyPrices(Columns):
    """What energy costs each member with its own supplier, micro-currency per kWh, one row a member; as in `Rates`."""

    retail_micro_per_kwh: Ints
    feed_in_micro_per_kwh: Ints
    imbalance_buy_micro_per_kwh: Ints
    imbalance_sell_micro_per_kwh: Ints

    @classmethod
    def same(cls, rates: Rates, members: int) -> SupplyPrices:
        """One supplier for all."""
        return cls.of(members, **{name: getattr(rates, name) for name in SUPPLY})

    @classmethod
    def each(cls, rates: Sequence[Rates]) -> SupplyPrices:
        """Of members with these rates, in order of index."""
        return cls(*(np.array([getattr(own, name) for own in rates], np.int64) for name in SUPPLY))

    def within(self, quotes: Rates) -> SupplyPrices:
        """Retail at most and feed-in at least what is quoted."""
        return self.replaced(
            retail_micro_per_kwh=np.minimum(self.retail_micro_per_kwh, quotes.retail_micro_per_kwh),
            feed_in_micro_per_kwh=np.maximum(self.feed_in_micro_per_kwh, quotes.feed_in_micro_per_kwh),
        )


def clearing_book(book: OrderBook, rates: Rates, own: SupplyPrices | None = None) -> OrderBook:
    """The book as a mechanism sees it: energy-only limits, so that local energy is never dearer than the grid's.

    A buyer's all-in limit becomes min(limit, what a kWh from the supplier costs all-in) less the local charges, a seller's
    max(limit, feed-in) (`mechanisms`, section 0). `own`: the prices of members with suppliers of their own.
    """
    all_in: int | Ints = rates.all_in_micro_per_kwh
    feed_in: int | Ints = rates.feed_in_micro_per_kwh
    if own is not None:
        all_in = own.retail_micro_per_kwh[book.member] + rates.grid_charges_micro_per_kwh
        feed_in = own.feed_in_micro_per_kwh[book.member]
    bought = np.minimum(book.limit_micro_per_kwh, all_in) - rates.local_charges_micro_per_kwh
    sold = np.maximum(book.limit_micro_per_kwh, feed_in)
    return book.replaced(limit_micro_per_kwh=np.where(book.is_sell, sold, bought))
