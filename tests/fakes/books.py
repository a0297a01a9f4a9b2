"""Order books and contexts for tests: by hand, by seed, and as hypothesis strategies."""

import numpy as np
from hypothesis import strategies as st

from commonwatt.clearing import ClearingContext
from commonwatt.core.determinism import stream
from commonwatt.core.orders import OrderBook, Preference, Source
from commonwatt.core.tariff import Rates
from commonwatt.pricing import PRICINGS

NO_FEES = Rates(
    retail_micro_per_kwh=2_000_000_000,
    feed_in_micro_per_kwh=-2_000_000_000,
    imbalance_buy_micro_per_kwh=0,
    imbalance_sell_micro_per_kwh=0,
    grid_fee_micro_per_kwh=0,
    local_fee_micro_per_kwh=0,
    tax_micro_per_kwh=0,
    local_tax_micro_per_kwh=0,
    balancing_micro_per_kwh=0,
)
"""So wide that no limit is capped and none changes."""

Row = tuple[str, int, int] | tuple[str, int, int, int, int]
"""Side, Wh, limit in micro per kWh, then source and preference."""


def context(renewable_storage: bool = False, rates: Rates = NO_FEES, slot: int = 7) -> ClearingContext:
    """A context whose price policy is the midpoint."""
    return ClearingContext(slot, rates, PRICINGS.make("midpoint"), renewable_storage, stream(1, "draw"))


def book_of(*rows: Row, members: list[int] | None = None) -> OrderBook:
    """A book from rows in sequence order; one member an order unless `members` says otherwise."""
    full = [(*row, int(Source.UNKNOWN), int(Preference.ANY)) if len(row) == 3 else row for row in rows]
    side, energy, limit, source, preference = zip(*full, strict=True) if full else ([], [], [], [], [])
    return OrderBook(
        member=np.array(members if members is not None else range(len(full)), np.int64),
        is_sell=np.array([s == "sell" for s in side], np.bool_),
        energy_wh=np.array(energy, np.int64),
        limit_micro_per_kwh=np.array(limit, np.int64),
        sequence=np.arange(len(full)),
        source=np.array(source, np.int8),
        preference=np.array(preference, np.int8),
    )


def seeded_book(seed: int, orders: int, low: int = 0, high: int = 300_000, most_wh: int = 5000) -> OrderBook:
    """A random book: limits in [low, high], energy in [1, most_wh], all sources and preferences."""
    draw = stream(seed, "book", orders)
    return OrderBook(
        member=np.arange(orders),
        is_sell=draw.random(orders) < 0.5,
        energy_wh=draw.integers(1, most_wh + 1, orders),
        limit_micro_per_kwh=draw.integers(low, high + 1, orders),
        sequence=np.arange(orders),
        source=draw.integers(0, len(Source), orders),
        preference=draw.integers(0, len(Preference), orders),
    )


def books(most_orders: int = 14) -> st.SearchStrategy[OrderBook]:
    """Small books that meet every corner: empty, one side only, ties, negative and extreme limits, orders without energy."""
    near = st.integers(-3, 3)
    limit = near | near | st.integers(-(2**31) + 1, 2**31 - 1)
    energy = st.integers(0, 6) | st.integers(1, 2000) | st.just(2**31 - 1)
    row = st.tuples(
        st.sampled_from(["buy", "sell"]),
        energy,
        limit,
        st.sampled_from([int(s) for s in Source]),
        st.sampled_from([int(p) for p in Preference]),
    )
    return st.lists(row, max_size=most_orders).map(lambda rows: book_of(*rows))


def arrived_otherwise(book: OrderBook, seed: int) -> tuple[OrderBook, np.ndarray]:
    """The same orders in another sequence, and the row each of them had before."""
    rows = stream(seed, "arrival").permutation(len(book))
    return book.take(rows).replaced(sequence=np.arange(len(book))), rows
