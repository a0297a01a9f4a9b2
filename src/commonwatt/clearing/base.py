"""Clearing: from an order book to an agreement; the promises every mechanism keeps or declares broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np

from commonwatt.clearing._known import NO_BUDGET, NO_PARTS, NO_PLACE, Duals, Lines, OrderFacts
from commonwatt.clearing._tree import tree_flow
from commonwatt.core.findings import Finding
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Deviation, Trades
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.tariff import Rates, SupplyPrices
from commonwatt.core.units import Floats, Ints, exact_sum, midpoint_micro_per_kwh
from commonwatt.pricing import Pricing, PricingContext

__all__ = [
    "CLEARINGS",
    "NO_BUDGET",
    "NO_PARTS",
    "NO_PLACE",
    "PROMISES",
    "Clearing",
    "ClearingContext",
    "ClearsTogether",
    "Duals",
    "HasDuals",
    "Lines",
    "OrderFacts",
    "clear_markets",
    "promise_findings",
]

PROMISES = frozenset({"budget_balance", "limits", "efficiency", "order_independence", "one_price"})
"""What an answer may declare in `breaks`; energy balance, fills <= wishes and determinism cannot be broken."""


@dataclass(frozen=True)
class ClearingContext:
    """What a mechanism may look at beside the book."""

    slot: int
    rates: Rates
    pricing: Pricing
    renewable_storage: bool = False
    """Energy from battery and EV counts as renewable."""
    rng: np.random.Generator | None = None
    """Seeded per slot; only for mechanisms that draw."""
    facts: OrderFacts | None = None
    """One row an order of the book; None where `members` says it."""
    members: OrderFacts | None = None
    """One row a member in order of index; None where nothing is known of them."""
    lines: Lines | None = None
    """Between the buses of the facts; None: nothing is between anybody."""
    deviation: Deviation | None = None
    """How far the newest settled slot was from its orders; None where no price asks for it."""

    own_prices: SupplyPrices | None = None
    """What energy costs members with suppliers of their own, by member index; None: `rates` are everybody's."""

    def __post_init__(self) -> None:
        known = self.facts if self.facts is not None else self.members
        if self.lines is not None and known is not None and int(known.bus.max(initial=-1)) >= len(self.lines):
            raise ValueError(f"expected buses below {len(self.lines)}, was {known.bus.max()}")

    def facts_of(self, book: OrderBook) -> OrderFacts:
        """What is known of each order of a book."""
        if self.facts is not None:
            return self.facts
        return OrderFacts.unknown(len(book)) if self.members is None else self.members.take(book.member)

    def buses_of(self, facts: OrderFacts) -> Ints:
        """Where each order is; without lines all are at one place."""
        return facts.bus if self.lines is not None else np.full(len(facts), NO_PLACE)

    def priced(
        self,
        book: OrderBook,
        low_micro_per_kwh: Ints,
        high_micro_per_kwh: Ints,
        sell: Ints | None = None,
        buy: Ints | None = None,
    ) -> Ints:
        """What `pricing` says between both ends of each row, knowing the whole book.

        `sell` and `buy` are the rows of the orders of each trade, where a trade has two: the seller's trust moves the price, and what both
        were short of lately, if the policy says so.
        """
        supply_wh = int(book.energy_wh[book.is_sell].sum())
        trust: Floats | float = 0.0
        if sell is not None and (self.facts is not None or self.members is not None):
            trust = np.nan_to_num(self.facts_of(book).trust[sell])
        demand_wh, lately = int(book.energy_wh.sum()) - supply_wh, self.lately(book, sell, buy)
        places = None if sell is None or buy is None else partial(self._at_places, book, sell, buy)
        known = PricingContext(self.slot, self.rates, supply_wh, demand_wh, trust, 0.0, *lately, places)
        return self.pricing.price(low_micro_per_kwh, high_micro_per_kwh, known)

    def _at_places(self, book: OrderBook, sell: Ints, buy: Ints) -> Ints:
        lines = self.lines or Lines.none()
        bus = self.buses_of(self.facts_of(book))
        rows = np.flatnonzero(book.energy_wh > 0)
        flow = tree_flow(book.take(rows), bus[rows], lines, np.zeros(len(lines), np.int64))
        return midpoint_micro_per_kwh(*(flow.price_micro_per_kwh[bus[side]] for side in (sell, buy)))

    def lately(self, book: OrderBook, sell: Ints | None = None, buy: Ints | None = None) -> tuple[Ints | int, float]:
        """What both sides of each trade (or, for one price for all, the members of the book) were short, and what silent meters hid."""
        if self.deviation is None:
            return 0, 0.0
        short_wh = self.deviation.short_wh
        if sell is not None and buy is not None:
            return short_wh[book.member[sell]] + short_wh[book.member[buy]], self.deviation.flagged_share
        return int(short_wh[np.unique(book.member)].sum()), self.deviation.flagged_share


class Clearing(Answer, Protocol):
    """What every answer of this room keeps.

    Promises: fills <= wishes; nobody trades outside their limit; sold = bought; the budget balances; both sides of a trade, and all of the
    pool, have one price (which only the settlement path `trades` relies on); every order is matched or returned with a reason; the result does not depend on the order of arrival (ties aside); deterministic.

    The book is in sequence order, with energy-only limits (`core.tariff.clearing_book`).
    """

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """The trades of a book, and per order the reason for what was not filled."""
        ...


@runtime_checkable
class ClearsTogether(Protocol):
    """What an answer may have beside `clear`: a way to clear many markets that is faster than one after the other."""

    def clear_together(self, book: OrderBook, starts: Ints, contexts: Sequence[ClearingContext]) -> Agreement:
        """As `clear_markets`, to the byte."""
        ...


@runtime_checkable
class HasDuals(Protocol):
    """What an answer may have beside `clear`: the duals of the programme that it solves."""

    def duals(self, book: OrderBook, context: ClearingContext) -> Duals:
        """Worked out anew; raises what `clear` raises."""
        ...


CLEARINGS = Registry[Clearing]("clearing", "clearing", section="market")


def clear_markets(mechanism: Clearing, book: OrderBook, starts: Ints, contexts: Sequence[ClearingContext]) -> Agreement:
    """Clear many markets that know nothing of each other: the slots of a year, the designs of a comparison.

    `book` holds their orders one market after the other, each in sequence order: market m has the rows `starts[m]` to before
    `starts[m + 1]`, so `starts` has shape (markets + 1,). `contexts` is one a market; markets may share one. The trades name rows of `book`
    and stand in order of market; they are those of `clear`, market by market.

    Raises:
        ValueError: `starts` that do not cover the book in order, or another number of contexts.

    """
    if len(starts) != len(contexts) + 1 or starts[0] != 0 or starts[-1] != len(book) or (np.diff(starts) < 0).any():
        raise ValueError(
            f"expected starts 0..{len(book)} in order, one more than {len(contexts)} contexts, was {len(starts)} starts"
        )
    if isinstance(mechanism, ClearsTogether):
        return mechanism.clear_together(book, starts, contexts)
    trades, reasons = [Trades.empty()], [np.zeros(0, np.int64)]
    for context, begin, end in zip(contexts, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        agreement = mechanism.clear(book.take(np.arange(begin, end)), context)
        own = agreement.trades
        sides = (np.where(side < 0, side, side + begin) for side in (own.sell_order, own.buy_order))
        trades.append(own.replaced(**dict(zip(("sell_order", "buy_order"), sides, strict=True))))
        reasons.append(agreement.reason)
    return Agreement(Trades.joined(trades), np.concatenate(reasons))


def promise_findings(book: OrderBook, agreement: Agreement, breaks: frozenset[str] = frozenset()) -> list[Finding]:
    """Which promises an agreement breaks; run on every slot of every run, and by the conformance tests."""
    trades, found = agreement.trades, []
    if len(agreement.reason) != len(book):
        return [Finding("agreement reason", f"one per order ({len(book)})", str(len(agreement.reason)))]
    for name, orders, selling in (("sell", trades.sell_order, True), ("buy", trades.buy_order, False)):
        if len(orders) and (int(orders.min()) < -1 or int(orders.max()) >= len(book)):
            return [Finding(f"agreement {name}_order", f"rows -1..{len(book) - 1}", f"{orders.min()}..{orders.max()}")]
        real = orders >= 0
        if (book.is_sell[orders[real]] != selling).any():
            found.append(Finding(f"agreement {name}_order", f"{name} orders", "an order of the other side"))
        price = (trades.sell_price_micro_per_kwh if selling else trades.buy_price_micro_per_kwh)[real]
        limit = book.limit_micro_per_kwh[orders[real]]
        if "limits" not in breaks and ((price < limit) if selling else (price > limit)).any():
            found.append(Finding(f"agreement {name}_price", "prices within every limit", "a price outside one"))
    if len(trades) and int(trades.energy_wh.min()) <= 0:
        found.append(Finding("agreement energy_wh", "more than 0", str(trades.energy_wh.min())))
    over = np.flatnonzero(trades.filled_wh(len(book)) > book.energy_wh)
    if len(over):
        found.append(
            Finding("agreement fills", "at most the order's energy", f"more for order rows {over[:5].tolist()}")
        )
    if ((trades.sell_order < 0) & (trades.buy_order < 0)).any():
        found.append(Finding("agreement trades", "at least one order a trade", "the pool with itself"))
    return found + _balance_findings(agreement, breaks)


def _balance_findings(agreement: Agreement, breaks: frozenset[str]) -> list[Finding]:
    trades, found = agreement.trades, []
    sold = int(trades.energy_wh[trades.sell_order >= 0].sum())
    bought = int(trades.energy_wh[trades.buy_order >= 0].sum())
    if sold != bought:
        found.append(Finding("agreement energy", "sold = bought", f"{sold} sold, {bought} bought"))
    paid = exact_sum((trades.energy_wh * trades.buy_price_micro_per_kwh)[trades.buy_order >= 0])
    received = exact_sum((trades.energy_wh * trades.sell_price_micro_per_kwh)[trades.sell_order >= 0])
    if "budget_balance" not in breaks and paid < received:
        found.append(
            Finding("agreement money", "buyers pay at least what sellers receive", f"{paid} paid, {received} received")
        )
    return found
