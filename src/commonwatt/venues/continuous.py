"""Continuous: orders come one after the other and trade at once with the best that stand, first by price, then by time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from commonwatt.clearing import kept_apart, unserved, zones_of
from commonwatt.core.events import EventKind, EventOutcome, Events, events_of, in_time, is_first
from commonwatt.core.records import Agreement, Reason, Trades, with_filled
from commonwatt.core.registry import parameter
from commonwatt.core.tariff import clearing_book
from commonwatt.venues._on_lines import Ways, matched_on_lines
from commonwatt.venues._price_time import Matched, matched
from commonwatt.venues.base import Meeting, named, required_form

if TYPE_CHECKING:
    from commonwatt.clearing import Places
    from commonwatt.core.orders import OrderBook
    from commonwatt.core.units import Ints
    from commonwatt.venues.base import VenueContext


@dataclass(frozen=True)
class Continuous:
    """Continuous double auction: an order that comes takes the best orders that stand while limits agree, and stands with what is left.

    Members place and withdraw orders while the market of the slot is open. Of orders that stand the best limit is served first, of equal
    limits the earlier. On a feeder a limit counts with the fees of the way, and nobody meets over a line that is full. It gives up welfare: who comes early may take what another would have needed more.

    In a run, orders arrive in their drawn sequence at instants drawn evenly over the time in which the market is open;
    `cancelled_share` of them are withdrawn at an instant between their arrival and the close. Source: the baseline of `mechanisms`, section 6.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency", "order_independence"})
    asks: ClassVar[frozenset[str]] = frozenset({"pricing"})
    kinds: ClassVar[frozenset[EventKind]] = frozenset({EventKind.PLACE, EventKind.CANCEL})

    trade_price: str = parameter(
        "standing",
        doc="price of a trade: the limit of the order that stood, or by the pricing policy between both limits",
        choices=("standing", "policy"),
        source="the rule of continuous exchanges",
    )
    cancelled_share: float = parameter(
        0.0, doc="share of the orders that their members withdraw before the close, in a run", low=0.0, high=1.0
    )

    def simulate(self, book: OrderBook, context: VenueContext) -> Events:
        """Every order placed once, some of them withdrawn later."""
        rows = np.arange(len(book))
        placed_ms = np.sort(context.rng.integers(0, context.window_ms, len(book)))
        withdrawn = np.flatnonzero(context.rng.random(len(book)) < self.cancelled_share)
        later_ms = context.rng.integers(placed_ms[withdrawn], context.window_ms)
        return in_time(
            events_of(EventKind.PLACE, placed_ms, book.member, rows),
            events_of(EventKind.CANCEL, later_ms, book.member[withdrawn], withdrawn),
        )

    def meet(self, book: OrderBook, events: Events, context: VenueContext) -> Meeting:
        """Match by price and time."""
        required_form(events, len(book), self.kinds)
        outcome = _outcomes(book, events, context.window_ms)
        is_cancel = events.are(EventKind.CANCEL)
        taken = outcome == EventOutcome.TAKEN
        seen = clearing_book(book, context.market.rates, context.market.own_prices)
        places = zones_of(seen, context.market)
        told = (seen, events.order[taken], is_cancel[taken])
        result = matched(*told) if places is None else matched_on_lines(*told, Ways(places))
        outcome[np.flatnonzero(taken & is_cancel)[result.was_filled]] = EventOutcome.FILLED
        sell, buy = result.sell, result.buy
        no_fees = np.zeros(len(sell), np.int64), np.zeros(len(sell), np.int64)
        fees = no_fees if places is None else places.fees(sell, buy)
        price = self._price(seen, result, fees, context)
        trades = Trades.at_one_price(sell, buy, result.energy_wh, price, np.ones(len(sell), np.int8)).with_fees(*fees)
        return Meeting(_agreement(seen, events, outcome, trades, places), outcome)

    def _price(self, seen: OrderBook, result: Matched, fees: tuple[Ints, Ints], context: VenueContext) -> Ints:
        """Where both meet: the seller's limit with its fee and the buyer's less its own are the limits there."""
        ask, bid = (seen.limit_micro_per_kwh[side] for side in (result.sell, result.buy))
        ask, bid = ask + fees[0], bid - fees[1]
        if self.trade_price == "policy":
            return context.market.priced(seen, ask, bid, result.sell, result.buy)
        return np.where(result.came == result.sell, bid, ask)


def _outcomes(book: OrderBook, events: Events, window_ms: int) -> Ints:
    """What each event comes to as far as its form says; of a withdrawal that counts, the book knows whether anything was left."""
    is_cancel, order = events.are(EventKind.CANCEL), events.order
    outcome = np.where(events.time_ms < window_ms, int(EventOutcome.TAKEN), int(EventOutcome.LATE))
    outcome[events.member != book.member[order]] = EventOutcome.NOT_THEIRS
    places = np.flatnonzero(~is_cancel & (outcome == EventOutcome.TAKEN))
    again = ~is_first(order[places])
    outcome[places[again]] = EventOutcome.REPEATED
    placed_at = np.full(len(book), len(events))
    placed_at[order[places[~again]]] = places[~again]
    cancels = np.flatnonzero(is_cancel & (outcome == EventOutcome.TAKEN))
    known = placed_at[order[cancels]] < cancels
    outcome[cancels[~known]] = EventOutcome.UNKNOWN
    cancels = cancels[known]
    outcome[cancels[~is_first(order[cancels])]] = EventOutcome.REPEATED
    return outcome


def _agreement(seen: OrderBook, events: Events, outcome: Ints, trades: Trades, places: Places | None) -> Agreement:
    taken = outcome == EventOutcome.TAKEN
    came = named(seen, events, taken & events.are(EventKind.PLACE))
    withdrawn = named(seen, events, taken & events.are(EventKind.CANCEL))
    rest = unserved(seen.replaced(energy_wh=seen.energy_wh * came), places)
    rest[withdrawn] = Reason.CANCELLED
    rest[~came] = Reason.CLOSED
    # Without lines nobody is left who would have accepted.
    return with_filled(seen, trades, rest if places is None else kept_apart(seen, trades, rest, places))
