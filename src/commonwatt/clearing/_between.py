"""Level 2: communities trade what their own orders leave over, at one price by the ratio of supply to demand; quotes back into level 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from commonwatt.clearing._pool import pool_trades, pro_rata
from commonwatt.core.errors import BrokenPromise
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import LEFT_OUT, NO_EXCHANGE, WITH_OTHERS, Agreement, Exchange, Reason, Trades, with_filled
from commonwatt.core.splits import largest_remainder
from commonwatt.core.supply_demand import bought_price_micro_per_kwh, supply_demand_price_micro_per_kwh
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Flags, Ints


@dataclass(frozen=True)
class Position:
    """What a community brings to level 2 in a slot: its accepted orders with energy-only limits, and its own utility's prices."""

    is_sell: Flags
    energy_wh: Ints
    limit_micro_per_kwh: Ints
    floor_micro_per_kwh: int
    """Feed-in price: what its sellers have anyway."""
    ceiling_micro_per_kwh: int
    """The price at which a neighbour's kWh, with local charges, costs its buyers as much as the grid's."""

    @classmethod
    def of(cls, seen: OrderBook, rates: Rates) -> Position:
        """Of a book as a mechanism sees it (`core.tariff.clearing_book`)."""
        return cls(
            np.array(seen.is_sell),
            np.array(seen.energy_wh),
            np.array(seen.limit_micro_per_kwh),
            rates.feed_in_micro_per_kwh,
            rates.neighbour_ceiling_micro_per_kwh,
        )

    def without_orders(self) -> Position:
        """The same community when none of its orders was accepted."""
        none = slice(0, 0)
        return replace(
            self,
            is_sell=self.is_sell[none],
            energy_wh=self.energy_wh[none],
            limit_micro_per_kwh=self.limit_micro_per_kwh[none],
        )


@dataclass(frozen=True)
class LevelTwo:
    """What the communities of one area agreed in a slot; one entry a community, in the order of their positions."""

    price_micro_per_kwh: int
    """0 where nothing crosses."""
    long_wh: Ints
    short_wh: Ints
    exchanges: tuple[Exchange, ...]


def meet_between(positions: Sequence[Position]) -> LevelTwo:
    """The trades between communities on their net positions (Haider 2024, Eqs. 3.1 and 3.2), as in `sdr_two_level`.

    A community is long by what its sellers offer beyond all that its own members ask for, short by what its buyers ask for beyond all that its own
    members offer: so whatever its own mechanism does inside, that much is left. The price follows the ratio of long to short
    between the lowest feed-in of the long and the highest ceiling of the short (`core.supply_demand`); orders whose limit it
    breaks leave together and for good, and positions and price are worked out again until nobody leaves. The short side trades
    all it has, the long side in proportion to its positions (largest remainder, ties in order).

    Promises: what leaves the communities enters them; the price is within the limit of every order that was counted, and between the two
    utility prices of every community that trades; the result does not depend on who was heard first.
    """
    count = len(positions)
    place = np.repeat(np.arange(count), [len(p.energy_wh) for p in positions])
    joined = [np.concatenate([getattr(p, name) for p in positions] or [[]]) for name in ("is_sell", "energy_wh", "limit_micro_per_kwh")]  # fmt: skip
    is_sell, energy, limit = joined[0].astype(bool), joined[1].astype(np.int64), joined[2].astype(np.int64)
    floors, ceilings = (
        np.array([getattr(p, f"{name}_micro_per_kwh") for p in positions], np.int64) for name in ("floor", "ceiling")
    )
    stays: Flags = energy > 0
    all_sold, all_bought = _sums(place, energy, is_sell, count), _sums(place, energy, ~is_sell, count)
    while True:
        long_wh = np.maximum(_sums(place, energy, stays & is_sell, count) - all_bought, 0)
        short_wh = np.maximum(_sums(place, energy, stays & ~is_sell, count) - all_sold, 0)
        if not long_wh.any() or not short_wh.any():
            return LevelTwo(0, long_wh, short_wh, (NO_EXCHANGE,) * count)
        price = supply_demand_price_micro_per_kwh(
            int(long_wh.sum()), int(short_wh.sum()), int(floors[long_wh > 0].min()), int(ceilings[short_wh > 0].max())
        )
        leaves = stays & np.where(is_sell, limit > price, limit < price)
        if not leaves.any():
            break
        stays &= ~leaves
    crossing_wh = min(int(long_wh.sum()), int(short_wh.sum()))
    out_wh = largest_remainder(crossing_wh, long_wh) - largest_remainder(crossing_wh, short_wh)
    exchanges = tuple(Exchange(wh, price) if wh else NO_EXCHANGE for wh in out_wh.tolist())
    return LevelTwo(price, long_wh, short_wh, exchanges)


def quoted(rates: Rates, seen: OrderBook, exchange: Exchange) -> Rates:
    """The rates between which level 1 clears: feed-in := level 2's price (Haider 2024, two-level pricing).

    Where energy comes in, a neighbour's kWh costs at most what level 2 and the grid together cost a buyer on average, rounded up. Without an exchange the community's own. Only the mechanism sees them: the supplier's bills stay those of the tariff.
    """
    if not exchange.energy_wh:
        return rates
    price, ceiling = exchange.price_micro_per_kwh, rates.neighbour_ceiling_micro_per_kwh
    high = ceiling
    if exchange.energy_wh < 0:
        wants = ~seen.is_sell & (seen.limit_micro_per_kwh >= price)
        short_wh = int(seen.energy_wh[wants].sum()) - int(seen.energy_wh[seen.is_sell].sum())
        comes_wh = -exchange.energy_wh
        short_wh = max(short_wh, comes_wh)
        high = bought_price_micro_per_kwh(price, ceiling, comes_wh, short_wh)
    return replace(
        rates,
        feed_in_micro_per_kwh=max(price, rates.feed_in_micro_per_kwh),
        retail_micro_per_kwh=rates.retail_micro_per_kwh - ceiling + high,
    )


def with_exchange(seen: OrderBook, agreement: Agreement, exchange: Exchange) -> Agreement:
    """Level 1's agreement, and who of the community trades what crosses.

    These are the orders that level 1 left unfilled and whose limit allows the price, in proportion to what is left of them.

    Raises:
        BrokenPromise: they do not come to what was agreed with the other communities.

    """
    if not exchange.energy_wh:
        return agreement
    price, total_wh = exchange.price_micro_per_kwh, abs(exchange.energy_wh)
    left = seen.replaced(energy_wh=seen.energy_wh - agreement.trades.filled_wh(len(seen)))
    sells = exchange.energy_wh > 0
    allows = (seen.limit_micro_per_kwh <= price) if sells else (seen.limit_micro_per_kwh >= price)
    takes_part = ~np.isin(agreement.reason, LEFT_OUT)
    rows = np.flatnonzero((seen.is_sell == sells) & allows & (left.energy_wh > 0) & takes_part)
    if int(left.energy_wh[rows].sum()) < total_wh:
        raise BrokenPromise(
            f"expected orders for {total_wh} Wh at {price} micro/kWh with other communities, was {left.energy_wh[rows].sum()} Wh"
        )
    fills = np.zeros(len(seen), np.int64)
    fills[rows] = pro_rata(left, rows, total_wh)
    crossing = pool_trades(seen, fills, price, price)
    trades = Trades.joined([agreement.trades, crossing.replaced(round=np.full(len(crossing), WITH_OTHERS, np.int8))])
    rest = agreement.reason.copy()
    rest[rows] = int(Reason.RATIONED)
    return with_filled(seen, trades, rest)


def _sums(place: Ints, energy_wh: Ints, rows: Flags, count: int) -> Ints:
    total = np.zeros(count, np.int64)
    np.add.at(total, place[rows], energy_wh[rows])
    return total
