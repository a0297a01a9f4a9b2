"""The tariff of one slot: what the supplier, the grid and the state charge, all per kWh."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from commonwatt.core.columns import Columns
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Ints


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

    @property
    def energy_prices(self) -> tuple[int, ...]:
        """Every price between a member and its supplier, fees and taxes apart."""
        balancing = (self.imbalance_buy_micro_per_kwh, self.imbalance_sell_micro_per_kwh)
        return self.retail_micro_per_kwh, self.feed_in_micro_per_kwh, *balancing

    @property
    def charges_micro_per_kwh(self) -> int:
        """The most that fees and taxes come to on a kWh, whoever it comes from."""
        grid = self.grid_fee_micro_per_kwh + self.tax_micro_per_kwh
        return max(grid, self.local_fee_micro_per_kwh + self.local_tax_micro_per_kwh)

    @property
    def neighbour_ceiling_micro_per_kwh(self) -> int:
        """The price at which a neighbour's kWh, with local charges, costs a buyer as much as the grid's."""
        local = self.local_fee_micro_per_kwh + self.local_tax_micro_per_kwh
        return self.retail_micro_per_kwh + self.grid_fee_micro_per_kwh + self.tax_micro_per_kwh - local

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
        return cls.of(
            members,
            retail_micro_per_kwh=rates.retail_micro_per_kwh,
            feed_in_micro_per_kwh=rates.feed_in_micro_per_kwh,
            imbalance_buy_micro_per_kwh=rates.imbalance_buy_micro_per_kwh,
            imbalance_sell_micro_per_kwh=rates.imbalance_sell_micro_per_kwh,
        )


def clearing_book(book: OrderBook, rates: Rates) -> OrderBook:
    """The book as a mechanism sees it: energy-only limits, so that local energy is never dearer than the grid's.

    A buyer's all-in limit becomes min(limit, retail + grid fee + tax) - local fee - local tax, a seller's max(limit, feed-in)
    (`mechanisms`, section 0).
    """
    ceiling = rates.retail_micro_per_kwh + rates.grid_fee_micro_per_kwh + rates.tax_micro_per_kwh
    bought = (
        np.minimum(book.limit_micro_per_kwh, ceiling) - rates.local_fee_micro_per_kwh - rates.local_tax_micro_per_kwh
    )
    sold = np.maximum(book.limit_micro_per_kwh, rates.feed_in_micro_per_kwh)
    return book.replaced(limit_micro_per_kwh=np.where(book.is_sell, sold, bought))
