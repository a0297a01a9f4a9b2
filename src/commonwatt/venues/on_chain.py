"""On chain: the phases of a reveal auction, commit, reveal and finalise; what was not revealed in time takes no part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from commonwatt.clearing import clear_on_lines
from commonwatt.core.events import NOBODY, EventKind, EventOutcome, Events, events_of, in_time, is_first
from commonwatt.core.records import Agreement, Reason
from commonwatt.core.registry import parameter
from commonwatt.core.tariff import clearing_book
from commonwatt.venues.base import Meeting, commitments, named, required_form

if TYPE_CHECKING:
    from commonwatt.core.orders import OrderBook
    from commonwatt.core.units import Bytes2D, Flags, Ints
    from commonwatt.venues.base import VenueContext


@dataclass(frozen=True)
class OnChain:
    """Members commit to sealed orders, then reveal them, then the auction is finalised: the mechanism clears what opened its seal.

    No seal counts after the first reveal could, so nobody orders knowing another's order. What was committed and not revealed is
    left out, what was revealed otherwise than it was sealed, too. The phases of Sachdeva et al. (2023), t1 and t2.

    In a run, orders are committed in their drawn sequence at instants drawn evenly over the first phase, revealed at instants drawn
    evenly over the second, all but `unrevealed_share` of them, and the auction is finalised as soon as the second phase is over.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()
    asks: ClassVar[frozenset[str]] = frozenset({"clearing"})
    kinds: ClassVar[frozenset[EventKind]] = frozenset({EventKind.COMMIT, EventKind.REVEAL, EventKind.FINALISE})

    commit_share: float = parameter(
        0.5, doc="share of the market's time in which orders are committed", low=0.01, high=0.99
    )
    reveal_share: float = parameter(
        0.5, doc="share of what is left of it then, in which they are revealed", low=0.01, high=0.99
    )
    unrevealed_share: float = parameter(
        0.0, doc="share of the orders that their members never reveal, in a run", low=0.0, high=1.0
    )

    def simulate(self, book: OrderBook, context: VenueContext) -> Events:
        """Every order committed, most of them revealed, then the end; nothing without orders."""
        if not len(book):
            return Events.empty()
        rows = np.arange(len(book))
        commit_ms, reveal_ms = self._phases_ms(context.window_ms)
        revealed = np.flatnonzero(context.rng.random(len(book)) >= self.unrevealed_share)
        return in_time(
            events_of(
                EventKind.COMMIT,
                np.sort(context.rng.integers(0, commit_ms, len(book))),
                book.member,
                rows,
                commitment=_seals(book, context),
            ),
            events_of(
                EventKind.REVEAL,
                context.rng.integers(commit_ms, reveal_ms, len(revealed)),
                book.member[revealed],
                revealed,
            ),
            events_of(EventKind.FINALISE, np.array([reveal_ms]), np.array([NOBODY]), np.array([NOBODY])),
        )

    def meet(self, book: OrderBook, events: Events, context: VenueContext) -> Meeting:
        """Open the seals, then clear what was revealed.

        Raises:
            ValueError: there are orders, and nobody finalised the auction between the last reveal and the close.

        """
        required_form(events, len(book), self.kinds)
        outcome = self._outcomes(book, events, context)
        taken = outcome == EventOutcome.TAKEN
        if len(book) and not (taken & events.are(EventKind.FINALISE)).any():
            raise ValueError("expected an auction that is finalised after its reveals, was none")
        committed, revealed = (
            named(book, events, taken & events.are(kind)) for kind in (EventKind.COMMIT, EventKind.REVEAL)
        )
        kept = np.flatnonzero(revealed)
        facts = context.market.facts
        market = replace(context.market, facts=facts.take(kept)) if facts is not None else context.market
        agreed = clear_on_lines(
            context.clearing, clearing_book(book.take(kept), market.rates, market.own_prices), market
        )
        reason = np.where(committed, int(Reason.UNREVEALED), int(Reason.CLOSED))
        reason[kept] = agreed.reason
        # The pool stays the pool.
        rows = np.append(kept, NOBODY)
        trades = agreed.trades
        renamed = trades.replaced(sell_order=rows[trades.sell_order], buy_order=rows[trades.buy_order])
        return Meeting(Agreement(renamed, reason), outcome)

    def _phases_ms(self, window_ms: int) -> tuple[int, int]:
        """When committing ends and revealing begins; when revealing ends."""
        commit_ms = max(int(window_ms * self.commit_share), 1)
        return commit_ms, commit_ms + max(int((window_ms - commit_ms) * self.reveal_share), 1)

    def _outcomes(self, book: OrderBook, events: Events, context: VenueContext) -> Ints:
        commit_ms, reveal_ms = self._phases_ms(context.window_ms)
        from_ms, until_ms = (np.zeros(len(events), np.int64) for _ in range(2))
        for kind, first, end in (
            (EventKind.COMMIT, 0, commit_ms),
            (EventKind.REVEAL, commit_ms, reveal_ms),
            (EventKind.FINALISE, reveal_ms, context.window_ms),
        ):
            from_ms[events.are(kind)], until_ms[events.are(kind)] = first, end
        outcome = np.full(len(events), int(EventOutcome.TAKEN))
        outcome[events.time_ms < from_ms] = EventOutcome.EARLY
        outcome[events.time_ms >= until_ms] = EventOutcome.LATE
        is_order = ~events.are(EventKind.FINALISE)
        owner = np.append(book.member, NOBODY)[events.order]
        outcome[is_order & (events.member != owner)] = EventOutcome.NOT_THEIRS
        for kind in (EventKind.COMMIT, EventKind.FINALISE):
            _only_first(events, outcome, events.are(kind))
        self._open(book, events, outcome, context)
        return outcome

    def _open(self, book: OrderBook, events: Events, outcome: Ints, context: VenueContext) -> None:
        """Hold what is revealed against its seal."""
        commits = np.flatnonzero((outcome == EventOutcome.TAKEN) & events.are(EventKind.COMMIT))
        reveals = np.flatnonzero((outcome == EventOutcome.TAKEN) & events.are(EventKind.REVEAL))
        sealed, is_sealed = np.zeros((len(book), 32), np.uint8), np.zeros(len(book), np.bool_)
        sealed[events.order[commits]], is_sealed[events.order[commits]] = events.commitment[commits], True
        order = events.order[reveals]
        opens = (sealed == _seals(book, context)).all(axis=1)
        outcome[reveals[~opens[order]]] = EventOutcome.MISMATCH
        outcome[reveals[~is_sealed[order]]] = EventOutcome.UNKNOWN
        _only_first(events, outcome, events.are(EventKind.REVEAL))


def _seals(book: OrderBook, context: VenueContext) -> Bytes2D:
    seals = b"".join(commitments(book, context.nonces, context.slot))
    return np.frombuffer(seals, np.uint8).reshape(len(book), 32)


def _only_first(events: Events, outcome: Ints, are: Flags) -> None:
    rows = np.flatnonzero(are & (outcome == EventOutcome.TAKEN))
    outcome[rows[~is_first(events.order[rows])]] = EventOutcome.REPEATED
