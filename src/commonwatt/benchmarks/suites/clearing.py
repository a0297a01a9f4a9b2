"""Clearing: large books through every registered mechanism, a year of markets at once, and a book by price and time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from commonwatt.benchmarks.base import Figure, Job, Trial, count_name
from commonwatt.benchmarks.gates import clearing_findings, market_findings
from commonwatt.benchmarks.sorted_book import trades_of
from commonwatt.clearing import CLEARINGS, ClearingContext, clear_markets, clear_on_lines
from commonwatt.core.determinism import stream
from commonwatt.core.findings import Finding
from commonwatt.core.orders import OrderBook, Preference, Source
from commonwatt.core.tariff import Rates, clearing_book
from commonwatt.pricing import PRICINGS
from commonwatt.venues import VENUES, Meeting, VenueContext

if TYPE_CHECKING:
    from commonwatt.core.records import Agreement

PEERS: Final = "CPU-s of peers for correct answers: lemlab 0.64 for 1e5 orders, gsy-e 6.9 for 1e4, ASSUME 154 for 1e5"
SEED: Final = 4
MOST_MICRO_PER_KWH: Final = 300_000
MOST_WH: Final = 5_000
HALF_HOUR_MS: Final = 1_800_000
YEAR_MARKETS: Final = 35_040
MARKET_ORDERS: Final = 110
TOGETHER: Final = "uniform_price"
"""The mechanism that clears many markets together."""


@dataclass(frozen=True)
class Size:
    """How large a mechanism's job is, and what it is held against."""

    word: str
    orders: int = 100_000
    limit: float | None = None
    sort: Literal["stable"] | None = None
    """`kind` of the argsort that is the reference."""


SIZES: Final = {
    "uniform_price": Size("uniform", 1_000_000, 1.0),
    "two_round_double_auction": Size("two-round", 100_000, 4.0, "stable"),
}
"""Mechanisms with a limit; every other registered one is measured at 10^5 orders and reported."""


class ClearingTrial(Trial):
    """One book through one mechanism, beside an argsort of its limits."""

    def __init__(self, mechanism: str, sort: Literal["stable"] | None, orders: int) -> None:
        self.name, self.sort = mechanism, sort
        self.reference_name = "np.argsort(prices)" if sort is None else f'np.argsort(prices, kind="{sort}")'
        self.mechanism, self.book, self.context = CLEARINGS.make(mechanism), random_book(orders), context()

    def run(self, ready: Any) -> Agreement:  # noqa: ARG002
        """Clear, with the whole allocation."""
        return clear_on_lines(self.mechanism, self.book, self.context)

    def reference(self) -> object:
        """Sort the limits, which a naive auction would begin with."""
        return np.argsort(self.book.limit_micro_per_kwh, kind=self.sort)

    def findings(self, ready: Any, result: Agreement) -> list[Finding]:  # noqa: ARG002
        """Volume, welfare, fills, limits and balance against queues in plain Python."""
        return clearing_findings(self.name, self.mechanism.breaks, self.book, result)


class MarketsTrial(Trial):
    """A year of quarter-hour markets of one community, cleared together."""

    def __init__(self, markets: int) -> None:
        self.mechanism = CLEARINGS.make(TOGETHER)
        self.book = random_book(markets * MARKET_ORDERS)
        self.starts = np.arange(markets + 1) * MARKET_ORDERS
        self.contexts = [context()] * markets

    def run(self, ready: Any) -> Agreement:  # noqa: ARG002
        """Clear, with the whole allocation."""
        return clear_markets(self.mechanism, self.book, self.starts, self.contexts)

    def findings(self, ready: Any, result: Agreement) -> list[Finding]:  # noqa: ARG002
        """Volume, welfare, fills, limits and balance of every market against queues in plain Python."""
        return market_findings(TOGETHER, self.mechanism.breaks, self.book, self.starts, result)


class ContinuousTrial(Trial):
    """Orders placed one after the other, a tenth of them withdrawn, beside a book in sorted lists."""

    reference_name = "a book in two sorted lists, plain Python"

    def __init__(self, orders: int) -> None:
        self.venue = VENUES.make("continuous", cancelled_share=0.1)
        self.book = random_book(orders)
        clearing, rng = CLEARINGS.make("no_market"), stream(SEED, "bench", "venue")
        self.context = VenueContext(clearing, context(), HALF_HOUR_MS, np.zeros((orders, 32), np.uint8), rng)
        self.events = self.venue.simulate(self.book, self.context)

    def run(self, ready: Any) -> Meeting:  # noqa: ARG002
        """Let the orders meet, with the outcome of every event."""
        return self.venue.meet(self.book, self.events, self.context)

    def reference(self) -> object:
        """The same trades."""
        return trades_of(clearing_book(self.book, self.context.market.rates), self.events)

    def findings(self, ready: Any, result: Meeting) -> list[Finding]:  # noqa: ARG002
        """Every trade, in order, with its price."""
        trades = result.agreement.trades
        columns = (trades.sell_order, trades.buy_order, trades.energy_wh, trades.buy_price_micro_per_kwh)
        made = list(zip(*(column.tolist() for column in columns), strict=True))
        right = trades_of(clearing_book(self.book, self.context.market.rates), self.events)
        return (
            [] if made == right else [Finding("trades", f"the {len(right)} of sorted lists", f"{len(made)}, or others")]
        )


@dataclass(frozen=True)
class Clearing:
    """Every registered mechanism on a large book of whole prices; many small markets at once; a continuous book."""

    def jobs(self, scale: float) -> list[Job]:
        """One job a mechanism, the markets, and the continuous book."""
        jobs = [self._job(name, SIZES.get(name, Size(name.replace("_", "-"))), scale) for name in CLEARINGS.names()]
        markets = max(2, round(YEAR_MARKETS * scale))
        limit = 0.2 if markets == YEAR_MARKETS else None
        figure = Figure(f"markets-{count_name(markets)}", "CPU-s", limit, note=f"{MARKET_ORDERS} orders a market")
        smaller = tuple(n for n in (markets // 100, markets // 10) if n >= 100)
        jobs.append(Job((figure,), markets, MarketsTrial, runs=9, growth_sizes=smaller))
        orders = max(2, round(100_000 * scale))
        figure = Figure(
            f"continuous-{count_name(orders)}", "ratio", None, note="orders by price and time, a tenth withdrawn"
        )
        smaller = tuple(n for n in (orders // 100, orders // 10) if n >= 1000)
        return [*jobs, Job((figure,), orders, ContinuousTrial, runs=9, growth_sizes=smaller)]

    def _job(self, name: str, size: Size, scale: float) -> Job:
        orders = max(2, round(size.orders * scale))
        limit = size.limit if orders == size.orders else None
        figure = Figure(f"{size.word}-{count_name(orders)}", "ratio", limit, quoted=PEERS)
        smaller = tuple(n for n in (orders // 100, orders // 10) if n >= 1000)
        return Job((figure,), orders, partial(ClearingTrial, name, size.sort), runs=9, growth_sizes=smaller)


def random_book(orders: int) -> OrderBook:
    """As many buyers as sellers, limits of 0 to 0.30 in whole micro per kWh, 1 Wh to 5 kWh, every source and preference."""
    draw = stream(SEED, "bench", "book", orders)
    return OrderBook(
        member=np.arange(orders),
        is_sell=draw.random(orders) < 0.5,
        energy_wh=draw.integers(1, MOST_WH + 1, orders),
        limit_micro_per_kwh=draw.integers(0, MOST_MICRO_PER_KWH + 1, orders),
        sequence=np.arange(orders),
        source=draw.integers(0, len(Source), orders),
        preference=draw.integers(0, len(Preference), orders),
    )


def context() -> ClearingContext:
    """The midpoint, the rates of a plain tariff, and a stream for mechanisms that draw."""
    rates = Rates(300_000, 80_000, 300_000, 80_000, 40_000, 15_000, 20_000, 5_000, 80_000)
    return ClearingContext(slot=0, rates=rates, pricing=PRICINGS.make("midpoint"), rng=stream(SEED, "bench", "draw"))
