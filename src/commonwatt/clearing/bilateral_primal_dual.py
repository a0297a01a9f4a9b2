"""Bilateral trades agreed by prices and quantities alone, pair by pair, without anybody who sees the whole book (preset `layered-trust`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

import numpy as np

from commonwatt.clearing._handshakes import shaken
from commonwatt.clearing._matching import Places, kept_apart, unserved
from commonwatt.clearing._negotiation import Negotiation, Settled
from commonwatt.clearing.base import ClearingContext, Duals, Lines, OrderFacts
from commonwatt.core.determinism import stream
from commonwatt.core.orders import OrderBook, Preference, Source
from commonwatt.core.records import Agreement, Trades, with_filled
from commonwatt.core.registry import parameter
from commonwatt.core.units import Floats, Ints

_MOST_PAIRS: Final = 250_000
"""Of sellers and buyers who could agree; where there are more, every buyer talks to some of the sellers only."""

_FEWEST_PARTNERS: Final = 8


@dataclass(frozen=True)
class BilateralPrimalDual:
    """Decentralised bilateral clearing with product differentiation and line limits, as Haider (2024), section 5, asks for.

    Every seller talks to the buyers whose limit is not below its own. A round: sellers say prices, lines say what using them costs, buyers
    say quantities; then each moves its own price by what was asked of it beyond what it has (`_negotiation`). What is maximised is
    `sum (bid - ask + d) x`, d what this buyer would pay more for this seller's energy: because it is renewable, or the seller trusted.
    The prices are a proof: they bound what is still missing, and the rounds end when that is at most `tolerance_share` of the welfare.

    Then whole Wh: rounded down, and handed out by handshakes of pairs, nearest to agreement first. A pair trades half way between what
    the seller asks and what the buyer offers at the end, within both limits. Using a line
    costs its fee, which the pair pays, each side on its way to where both meet; and while it is full its own price, which is a signal: the
    pair shares it, no account takes it.

    Where more than 250 000 pairs could agree, every buyer calls some sellers only (8 or more, drawn alike in every run), the optimum is that of
    those who talk, and who has something left calls others. Declares efficiency broken: it ends near the optimum, not in it.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset({"efficiency"})
    takes_lines: ClassVar[bool] = True
    package: ClassVar[tuple[str, str]] = ("scipy", "optimum")

    tolerance_share: float = parameter(
        0.002,
        doc="part of the welfare that may be missing when the rounds end",
        low=1e-6,
        high=0.1,
        source="0.5 % is asked for; less, as whole Wh cost something too",
    )
    most_rounds: int = parameter(
        5_000,
        doc="rounds after which it ends anyway",
        unit="rounds",
        low=20,
        high=1_000_000,
        source="random books need 100 to 2000",
    )
    renewable_micro_per_kwh: int = parameter(
        0,
        doc="what a buyer who prefers renewables would pay more for them",
        unit="micro/kWh",
        low=0,
        high=10**9,
    )
    trust_micro_per_kwh: float = parameter(
        0.0, doc="what a seller's trust of 1 is worth to a buyer", unit="micro/kWh", low=0.0, high=1e9
    )

    def clear(self, book: OrderBook, context: ClearingContext) -> Agreement:
        """Pairwise trades, sellers ascending by limit; the note says how many rounds and messages it took and how near it came."""
        lines, bus = context.lines or Lines.none(), context.buses_of(context.facts_of(book))
        places = None if context.lines is None else Places(lines, bus)
        left, reached_nano = book, 0.0
        calls: list[_Call] = []
        while True:
            talks = self._talks(left, context)
            if not len(talks.sell):
                break
            ended = talks.deal.settled(self.tolerance_share, self.most_rounds, reached_nano)
            calls.append(_Call(talks, ended, shaken(talks.deal, ended, talks.reduced(ended))))
            reached_nano += float(np.sum(talks.deal.weight * calls[-1].energy_wh))
            left = calls[-1].left_of(left)
            # Who talked to some of the others only, and has something left, calls others.
            if talks.is_complete or not calls[-1].energy_wh.any():
                break
        if not calls:
            return with_filled(book, Trades.empty(), unserved(book, places))
        trades = Trades.joined([call.trades() for call in calls])
        trades = trades.with_fees(*lines.fees(bus[trades.sell_order], bus[trades.buy_order]))
        return with_filled(book, trades, kept_apart(book, trades, unserved(book, places), places), _told(calls))

    def duals(self, book: OrderBook, context: ClearingContext) -> Duals:
        """What sellers ask beyond, and buyers hold back from, their limits at the end, and the prices of lines."""
        talks, energy = self._talks(book, context), np.zeros(len(book))
        if not len(talks.sell):
            return Duals(energy)
        ended = talks.deal.settled(self.tolerance_share, self.most_rounds)
        energy[talks.sellers], energy[talks.buyers] = ended.seller_micro_per_kwh, ended.buyer_micro_per_kwh
        return Duals(energy, line_micro_per_kwh=None if context.lines is None else np.abs(ended.line_micro_per_kwh))

    def _talks(self, book: OrderBook, context: ClearingContext) -> _Talks:
        """Who talks to whom, in an order that arrival has no part in."""
        facts = context.facts_of(book)
        rows = _by_content(book, facts)
        sellers, buyers = rows[book.is_sell[rows]], rows[~book.is_sell[rows]]
        limit = book.limit_micro_per_kwh
        # Sellers ascend: a buyer can agree with the first so many of them.
        reach = np.searchsorted(limit[sellers], limit[buyers], side="right")
        is_complete = int(reach.sum()) <= _MOST_PAIRS
        sell, buy = _everybody(reach) if is_complete else _some(reach, context.slot)
        lines, bus = context.lines or Lines.none(), context.buses_of(facts)
        fees = lines.fees(bus[sellers[sell]], bus[buyers[buy]])
        agree = limit[sellers[sell]] + fees[0] <= limit[buyers[buy]] - fees[1]
        sell, buy, sell_fee, buy_fee = (column[agree] for column in (sell, buy, *fees))
        ask, bid = limit[sellers[sell]] + sell_fee, limit[buyers[buy]] - buy_fee
        extra = self._extra(book, facts, context, sellers[sell], buyers[buy])
        deal = Negotiation(
            sell=sell,
            buy=buy,
            weight=(bid - ask) + extra,
            supply_wh=book.energy_wh[sellers],
            demand_wh=book.energy_wh[buyers],
            use=lines.use(bus[sellers[sell]], bus[buyers[buy]]),
            line_wh=lines.limit_wh,
        )
        return _Talks(sellers, buyers, sellers[sell], buyers[buy], ask, bid, extra, deal, is_complete)

    def _extra(self, book: OrderBook, facts: OrderFacts, context: ClearingContext, sell: Ints, buy: Ints) -> Floats:
        """What this buyer would pay more for this seller's energy, micro per kWh (>= 0)."""
        extra = self.trust_micro_per_kwh * np.nan_to_num(facts.trust[sell])
        if self.renewable_micro_per_kwh:
            sources = [Source.PV, Source.WIND, *((Source.BATTERY, Source.EV) if context.renewable_storage else ())]
            is_wanted = (book.preference[buy] == int(Preference.RENEWABLE)) & np.isin(book.source[sell], sources)
            extra = extra + self.renewable_micro_per_kwh * is_wanted
        return np.asarray(extra, np.float64)


class _Talks(NamedTuple):
    """Sellers and buyers of a negotiation, and of each pair both rows of the book."""

    sellers: Ints
    buyers: Ints
    sell: Ints
    buy: Ints
    ask: Ints
    """The seller's limit where both meet: with the fee of its way."""
    bid: Ints
    extra: Floats
    deal: Negotiation
    is_complete: bool
    """Whether everybody talks to everybody it could agree with."""

    def reduced(self, ended: Settled) -> Floats:
        """What each pair would still gain at the prices of the end."""
        gain = self.deal.weight - ended.seller_micro_per_kwh[self.deal.sell] - ended.buyer_micro_per_kwh[self.deal.buy]
        return np.asarray(gain - self.deal.use.T @ ended.line_micro_per_kwh, np.float64)

    def price(self, ended: Settled) -> Ints:
        """Half way between what the seller asks and what the buyer offers, rounded down, within both limits."""
        asked = self.ask + ended.seller_micro_per_kwh[self.deal.sell]
        offered = self.bid + self.extra - ended.buyer_micro_per_kwh[self.deal.buy]
        return np.clip(np.floor((asked + offered) / 2).astype(np.int64), self.ask, self.bid)


class _Call(NamedTuple):
    """One negotiation and what was handed out after it."""

    talks: _Talks
    ended: Settled
    energy_wh: Ints
    """Whole Wh of every pair."""

    def left_of(self, book: OrderBook) -> OrderBook:
        """The book without it."""
        left_wh = book.energy_wh.copy()
        for rows in (self.talks.sell, self.talks.buy):
            np.subtract.at(left_wh, rows, self.energy_wh)
        return book.replaced(energy_wh=left_wh)

    def trades(self) -> Trades:
        traded = np.flatnonzero(self.energy_wh)
        columns = (self.talks.sell, self.talks.buy, self.energy_wh, self.talks.price(self.ended))
        sell, buy, energy_wh, price = (column[traded] for column in columns)
        return Trades.at_one_price(sell, buy, energy_wh, price, np.ones(len(traded), np.int8))


def _told(calls: list[_Call]) -> str:
    rounds, pairs = sum(call.ended.rounds for call in calls), sum(len(call.talks.sell) for call in calls)
    # Both ways in every round.
    messages = sum(2 * len(call.talks.sell) * call.ended.rounds for call in calls)
    gap = max(call.ended.gap_share for call in calls)
    return f"{rounds} rounds, {messages} messages between {pairs} pairs, at most {100 * gap:.3f} % below their optimum"


def _by_content(book: OrderBook, facts: OrderFacts) -> Ints:
    """Rows with energy, offers ascending, bids descending, then by all that the negotiation knows of them: arrival decides nothing."""
    cost = np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh)
    known = (book.member, facts.bus, book.preference, book.source, np.nan_to_num(facts.trust))
    rows = np.lexsort((*known, -book.energy_wh, cost))
    return rows[book.energy_wh[rows] > 0]


def _everybody(reach: Ints) -> tuple[Ints, Ints]:
    buy = np.repeat(np.arange(len(reach)), reach)
    return np.arange(len(buy)) - np.repeat(np.cumsum(reach) - reach, reach), buy


def _some(reach: Ints, slot: int) -> tuple[Ints, Ints]:
    """Some of those whom each buyer can agree with, drawn alike."""
    partners = max(_MOST_PAIRS // len(reach), _FEWEST_PARTNERS)
    drawn = stream(0, "bilateral_primal_dual", slot).random((len(reach), partners)) * reach[:, None]
    buy = np.repeat(np.arange(len(reach)), partners)
    pair = buy * (int(reach.max()) + 1) + drawn.astype(np.int64).reshape(-1)
    pair = np.unique(pair[np.repeat(reach > 0, partners)])
    buy, sell = np.divmod(pair, int(reach.max()) + 1)
    return sell, buy
