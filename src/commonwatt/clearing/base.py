"""Clearing: from an order book to an agreement; the promises every mechanism keeps or declares broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import numpy as np

from commonwatt.clearing._known import NO_BUDGET, NO_PARTS, NO_PLACE, Duals, Lines, OrderFacts
from commonwatt.clearing._tree import tree_flow
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Deviation
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.tariff import Rates, SupplyPrices
from commonwatt.core.units import Floats, Ints, midpoint_micro_per_kwh
from commonwatt.pricing import Pricing, PricingContext

__all__ = [
    "CLEARINGS",
    "NO_BUDGET",
    "NO_PARTS",
    "NO_PLACE",
    "PROMISES",
    "Begun",
    "Clearing",
    "ClearingContext",
    "ClearsTogether",
    "Duals",
    "HasDuals",
    "Lines",
    "OrderFacts",
    "TakesLines",
]

PROMISES = frozenset({"budget_balance", "limits", "efficiency", "order_independence", "one_price"})
"""What an answer may declare in `breaks`; energy balance, fills <= wishes and determinism cannot be broken."""


class Begun(NamedTuple):
    """What the orders of a book were before some of it was traded elsewhere: at places nearer to them (`_zones`)."""

    asked_wh: Ints
    """All that each order asked for."""
    traded_wh: Ints


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

    begun: Begun | None = None
    """What went before where the book is a later part of a market; None: it is the whole market."""

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

    The book is in sequence order, with energy-only limits (`core.tariff.clearing_book`). Lines of the context are kept by `clear_on_lines`, which is
    how others ask a mechanism; `clear` alone looks at them only where the answer is `TakesLines`.
    """

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """The trades of a book, and per order the reason for what was not filled."""
        ...


@runtime_checkable
class ClearsTogether(Protocol):
    """What an answer may have beside `clear`: a way to clear many markets that is faster than one after the other."""

    def clear_together(self, book: OrderBook, starts: Ints, contexts: Sequence[ClearingContext]) -> Agreement:
        """As clearing each alone (`clear_markets`), to the byte."""
        ...


@runtime_checkable
class TakesLines(Protocol):
    """What an answer may declare: its trades keep the lines of the context and pay their fees by themselves; it is asked once for all places."""

    takes_lines: ClassVar[bool]


@runtime_checkable
class HasDuals(Protocol):
    """What an answer may have beside `clear`: the duals of the programme that it solves."""

    def duals(self, book: OrderBook, context: ClearingContext) -> Duals:
        """Worked out anew; raises what `clear` raises."""
        ...


CLEARINGS = Registry[Clearing]("clearing", "clearing", section="market")
