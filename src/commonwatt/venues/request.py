"""Request: a buyer asks, sellers answer within a window, and the lowest answers within the buyer's bid win."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from commonwatt.clearing import kept_apart, unserved, zones_of
from commonwatt.core.events import EventKind, EventOutcome, Events, events_of, in_time, is_first
from commonwatt.core.records import Agreement, Reason, Trades, with_filled
from commonwatt.core.registry import parameter
from commonwatt.core.tariff import clearing_book
from commonwatt.venues._on_lines import Ways
from commonwatt.venues.base import Meeting, named, required_form

if TYPE_CHECKING:
    from commonwatt.clearing import Places
    from commonwatt.core.orders import OrderBook
    from commonwatt.core.units import Floats, Ints
    from commonwatt.venues._on_lines import Ways
from commonwatt.venues.base import VenueContext

_PAIRS_AT_ONCE: Final = 4_000_000
"""Buyers times sellers that are drawn over at a time."""


@dataclass(frozen=True)
class Request:
    """A broker passes a buyer's request on; sellers answer with energy and price, and the lowest answers within the bid win.

    Of equal prices the seller of higher trust wins, then the earlier answer. Requests are decided in the order in which their windows
    end; a seller may answer many, and gives what it has left. It gives up welfare: an early request may take what a later one needed more. On a feeder an
    answer counts with the fees of its way, and gives what the lines on it still carry.

    In a run, buyers ask in their drawn sequence, at instants drawn evenly over the time in which answers can still come; of the sellers whose
    limit the bid meets, at most `most_answers`, drawn anew for each request, answer at their own limit, at an instant within the window. The
    protocol of Zulfiqar et al., steps (a) to (c), without its encryption, anonymous signatures and deposits.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency", "order_independence"})
    asks: ClassVar[frozenset[str]] = frozenset({"pricing"})
    kinds: ClassVar[frozenset[EventKind]] = frozenset({EventKind.REQUEST, EventKind.ANSWER})

    answer_s: int = parameter(60, doc="how long sellers may answer a request", unit="s", low=1, high=3600)
    winners: int = parameter(0, doc="sellers that may share one request; 0: as many as it takes", low=0, high=10_000)
    most_answers: int = parameter(16, doc="sellers that answer one request, in a run", low=1, high=10_000)
    trade_price: str = parameter(
        "answer",
        doc="price of a trade: what the seller answered, or by the pricing policy between answer and bid",
        choices=("answer", "policy"),
    )

    def simulate(self, book: OrderBook, context: VenueContext) -> Events:
        """A request of every buyer, and answers of sellers drawn for it."""
        seen = clearing_book(book, context.market.rates, context.market.own_prices)
        buys = np.flatnonzero(~seen.is_sell & (seen.energy_wh > 0))
        asked_ms = np.sort(context.rng.integers(0, max(context.window_ms - self._answer_ms, 1), len(buys)))
        places = zones_of(seen, context.market)
        buyer, sell = self._answering(seen, buys, None if places is None else Ways(places), context.rng)
        asked = buys[buyer]
        answered_ms = asked_ms[buyer] + context.rng.integers(0, self._answer_ms, len(buyer))
        # Where the market is open for less than a window, nobody answers after its close.
        answered_ms = np.minimum(answered_ms, context.window_ms - 1)
        return in_time(
            events_of(EventKind.REQUEST, asked_ms, book.member[buys], buys),
            events_of(
                EventKind.ANSWER,
                answered_ms,
                book.member[sell],
                sell,
                request=asked,
                energy_wh=np.minimum(book.energy_wh[sell], book.energy_wh[asked]),
                price_micro_per_kwh=seen.limit_micro_per_kwh[sell],
            ),
        )

    def meet(self, book: OrderBook, events: Events, context: VenueContext) -> Meeting:
        """Decide request after request."""
        required_form(events, len(book), self.kinds)
        seen = clearing_book(book, context.market.rates, context.market.own_prices)
        outcome, due_ms = self._outcomes(seen, events, context.window_ms)
        places = zones_of(seen, context.market)
        ways = None if places is None else Ways(places)
        sell, buy, energy_wh, answer = self._won(seen, events, outcome, due_ms, _trust(context, len(book)), ways)
        no_fees = np.zeros(len(sell), np.int64), np.zeros(len(sell), np.int64)
        fees = no_fees if places is None else places.fees(sell, buy)
        price = events.price_micro_per_kwh[answer] + fees[0]
        if self.trade_price == "policy":
            # Never below what was answered, which may be above the seller's limit.
            price = context.market.priced(seen, price, seen.limit_micro_per_kwh[buy] - fees[1], sell, buy)
        trades = Trades.at_one_price(sell, buy, energy_wh, price, np.ones(len(sell), np.int8)).with_fees(*fees)
        return Meeting(_agreement(seen, events, outcome, trades, places), outcome)

    @property
    def _answer_ms(self) -> int:
        return self.answer_s * 1000

    def _answering(self, seen: OrderBook, buys: Ints, ways: Ways | None, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Place among the buyers and row of the seller of each answer."""
        sells = np.flatnonzero(seen.is_sell & (seen.energy_wh > 0))
        buyers, sellers = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        limit, most = seen.limit_micro_per_kwh, min(self.most_answers, len(sells))
        step = max(1, _PAIRS_AT_ONCE // max(len(sells), 1))
        for start in range(0, len(buys) if len(sells) else 0, step):
            own = buys[start : start + step]
            drawn = rng.random((len(own), len(sells)))
            # Whose limit is above the bid is drawn last.
            way = 0 if ways is None else ways.between(sells[None, :], own[:, None])
            drawn[limit[sells] + way > limit[own][:, None]] = 2.0
            chosen = np.argpartition(drawn, most - 1, axis=1)[:, :most]
            chosen.sort(axis=1)
            at, column = np.nonzero(np.take_along_axis(drawn, chosen, axis=1) < 1.0)
            buyers.append(at + start)
            sellers.append(sells[chosen[at, column]])
        return np.concatenate(buyers), np.concatenate(sellers)

    def _outcomes(self, seen: OrderBook, events: Events, window_ms: int) -> tuple[Ints, Ints]:
        """What each event comes to, and until when each order's request can be answered (0 without a request)."""
        is_answer, order = events.are(EventKind.ANSWER), events.order
        outcome = np.where(events.time_ms < window_ms, int(EventOutcome.TAKEN), int(EventOutcome.LATE))
        is_theirs = (events.member == seen.member[order]) & (seen.is_sell[order] == is_answer)
        outcome[~is_theirs] = EventOutcome.NOT_THEIRS
        requests = np.flatnonzero(~is_answer & (outcome == EventOutcome.TAKEN))
        again = ~is_first(order[requests])
        outcome[requests[again]] = EventOutcome.REPEATED
        requests = requests[~again]
        asked_at = np.full(len(seen), len(events))
        asked_at[order[requests]] = requests
        due_ms = np.zeros(len(seen), np.int64)
        due_ms[order[requests]] = np.minimum(events.time_ms[requests] + self._answer_ms, window_ms)
        answers = np.flatnonzero(is_answer & (outcome == EventOutcome.TAKEN))
        request, offer = events.request[answers], order[answers]
        outside = (events.energy_wh[answers] > seen.energy_wh[offer]) | (
            events.price_micro_per_kwh[answers] < seen.limit_micro_per_kwh[offer]
        )
        outcome[answers[outside]] = EventOutcome.OUTSIDE
        outcome[answers[events.time_ms[answers] >= due_ms[request]]] = EventOutcome.LATE
        outcome[answers[asked_at[request] > answers]] = EventOutcome.UNKNOWN
        answers = answers[outcome[answers] == EventOutcome.TAKEN]
        pair = events.request[answers] * len(seen) + order[answers]
        outcome[answers[~is_first(pair)]] = EventOutcome.REPEATED
        return outcome, due_ms

    def _won(
        self, seen: OrderBook, events: Events, outcome: Ints, due_ms: Ints, trust: Floats, ways: Ways | None
    ) -> tuple[Ints, Ints, Ints, Ints]:
        """Seller's and buyer's order, Wh and row of the answer of each trade, in the order of decision."""
        answers = np.flatnonzero((outcome == EventOutcome.TAKEN) & events.are(EventKind.ANSWER))
        price, request = events.price_micro_per_kwh[answers], events.request[answers]
        if ways is not None:
            price = price + ways.between(events.order[answers], request)
        accepted = price <= seen.limit_micro_per_kwh[request]
        answers, price, request = answers[accepted], price[accepted], request[accepted]
        asked_at = np.zeros(len(seen), np.int64)
        asked = np.flatnonzero((outcome == EventOutcome.TAKEN) & events.are(EventKind.REQUEST))
        asked_at[events.order[asked]] = asked
        queue = np.lexsort((answers, -trust[events.order[answers]], price, asked_at[request], due_ms[request]))
        left, won = seen.energy_wh.tolist(), [0] * len(seen)
        trades: list[tuple[int, int, int, int]] = []
        columns = (events.order[answers][queue], request[queue], events.energy_wh[answers][queue], answers[queue])
        for sell, buy, offered, answer in zip(*(column.tolist() for column in columns), strict=True):
            energy = min(left[sell], left[buy], offered)
            if not energy or (self.winners and won[buy] == self.winners):
                continue
            if ways is not None and not (energy := ways.carried_wh(sell, buy, energy)):
                continue
            left[sell] -= energy
            left[buy] -= energy
            won[buy] += 1
            trades.append((sell, buy, energy, answer))
        sell_rows, buy_rows, energy_wh, answer_rows = np.array(trades, np.int64).reshape(-1, 4).T
        return sell_rows, buy_rows, energy_wh, answer_rows


def _trust(context: VenueContext, orders: int) -> Floats:
    """Of each order its member's trust; nobody's where nothing is said."""
    facts = context.market.facts
    return np.nan_to_num(facts.trust) if facts is not None else np.zeros(orders)


def _agreement(seen: OrderBook, events: Events, outcome: Ints, trades: Trades, places: Places | None) -> Agreement:
    taken = outcome == EventOutcome.TAKEN
    asked = named(seen, events, taken & events.are(EventKind.REQUEST))
    answers = taken & events.are(EventKind.ANSWER)
    answered = named(seen, events, answers)
    answered[events.request[answers]] = True
    # Who met nobody although somebody's limit would have accepted it.
    rest = unserved(seen.replaced(energy_wh=seen.energy_wh * (seen.is_sell | asked)), places)
    rest[~answered & (rest == Reason.NO_COUNTERPART) & asked.any()] = Reason.UNANSWERED
    fee = 0 if places is None else np.add(*places.fees(events.order, events.request))
    within = answers & (events.price_micro_per_kwh + fee <= seen.limit_micro_per_kwh[events.request])
    met = named(seen, events, within)
    met[events.request[within]] = True
    rest[answered & ~met] = Reason.PRICE
    rest[~asked & ~seen.is_sell] = Reason.CLOSED
    return with_filled(seen, trades, kept_apart(seen, trades, rest, places))
