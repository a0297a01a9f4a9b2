"""Pricing: what a kWh costs between the lowest and highest price both sides accept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from commonwatt.core.registry import Answer, Registry
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Floats, Ints


@dataclass(frozen=True)
class PricingContext:
    """What a policy may look at. An array has one value for every row that is priced, or one for all of them."""

    slot: int
    rates: Rates
    supply_wh: Ints | int = 0
    """Energy of all offers of the book, whether they trade or not."""
    demand_wh: Ints | int = 0
    """Energy of all bids of the book."""
    trust: Floats | float = 0.0
    """Of the seller, 0 to 1; 0 where no trust model says."""
    congestion_share: Floats | float = 0.0
    """How full the wires are between the two, 0 to 1; 0 without a model of the grid."""
    short_wh: Ints | int = 0
    """What seller and buyer together were short of what they had ordered, in the newest settled slot; for one price for all, all of the book's members."""
    flagged_share: float = 0.0
    """Of the energy of that slot (in `ex_post`: of this one), what stands for silent meters."""
    at_places: Callable[[], Ints] | None = None
    """Works out the price of energy half way between the nodal prices of seller and buyer, one a row, micro per kWh; None where rows are no pairs."""


class Pricing(Answer, Protocol):
    """Promises: low <= price <= high for every row; deterministic; whole micro per kWh."""

    def price(self, low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, context: PricingContext) -> Ints:
        """One price per row, within [low, high] (seller's and buyer's limit, or the ends of a clearing interval)."""
        ...


PRICINGS = Registry[Pricing]("pricing", "policy")


def moved_into(low_micro_per_kwh: Ints, high_micro_per_kwh: Ints, wanted_micro_per_kwh: Ints | int) -> Ints:
    """The wanted price, moved as little as both ends of its row require: nobody is pushed past a limit."""
    return np.minimum(np.maximum(low_micro_per_kwh, wanted_micro_per_kwh), high_micro_per_kwh)


def by_book(context: PricingContext, rows: int, price: Callable[[int, int], int]) -> Ints:
    """`price(supply_wh, demand_wh)` for every row; each book is asked once, in whole numbers of any size."""
    supply, demand = (np.broadcast_to(np.asarray(wh), (rows,)) for wh in (context.supply_wh, context.demand_wh))
    books, own = np.unique(np.stack([supply, demand], axis=1), axis=0, return_inverse=True)
    return np.array([price(int(s), int(d)) for s, d in books], np.int64)[own.reshape(-1)]
