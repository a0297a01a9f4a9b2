"""Lines inside every market: the one way in which a mechanism is asked, on a feeder zone by zone from the leaves to the root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from commonwatt.clearing._known import Lines
from commonwatt.clearing._linking import linked
from commonwatt.clearing._matching import Places, kept_apart, unserved
from commonwatt.clearing._pool import pro_rata
from commonwatt.clearing.base import Begun, Clearing, ClearingContext, ClearsTogether, TakesLines
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Reason, Trades, with_filled
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH, Ints

_WEAK = (int(Reason.FILLED), int(Reason.NO_COUNTERPART))
"""What a place says of an order that says nothing of the whole feeder: that its part was served there, or that nobody was there."""
_IS_WEAK: Final = np.isin(np.arange(max(Reason) + 1), _WEAK)


def clear_on_lines(mechanism: Clearing, book: OrderBook, context: ClearingContext) -> Agreement:
    """The agreement of a mechanism that no line is overloaded by, each trade with the fees of its way.

    Lines that cost nothing and cannot bind are as if they were not there: where no other is left, it is `mechanism.clear` of the whole book, to
    the byte. A mechanism that takes lines (`TakesLines`) is asked once. For every other the feeder is cleared place by place, the farthest
    first: the mechanism clears the orders that are there, and what is left of them climbs towards the root, as far as the line carries it, best
    limits first and equal ones pro rata. Every line that is climbed moves a limit by its fee. What a place's pool takes and gives is linked there, seller by
    seller to buyer by buyer, since there is a pool at every place. So neighbours meet first, and no line is ever asked for more than it carries, because neither what is offered nor
    what is wanted beyond it is more.

    Raises:
        SlotFailed: what the mechanism raises.

    """
    if context.lines is None:
        return mechanism.clear(book, context)
    zones = zones_of(book, context)
    if isinstance(mechanism, TakesLines):
        is_free = zones is None and not context.lines.loss_share.any()
        return mechanism.clear(book, replace(context, lines=None) if is_free else context)
    if zones is None:
        return mechanism.clear(book, replace(context, lines=None))
    return _Climb(mechanism, book, context, zones).agreement()


def clear_markets(mechanism: Clearing, book: OrderBook, starts: Ints, contexts: Sequence[ClearingContext]) -> Agreement:
    """Clear many markets that know nothing of each other: the slots of a year, the designs of a comparison.

    `book` holds their orders one market after the other, each in sequence order: market m has the rows `starts[m]` to before
    `starts[m + 1]`, so `starts` has shape (markets + 1,). `contexts` is one a market; markets may share one. The trades name rows of `book`
    and stand in order of market; they are those of `clear_on_lines`, market by market.

    Raises:
        ValueError: `starts` that do not cover the book in order, or another number of contexts.

    """
    if len(starts) != len(contexts) + 1 or starts[0] != 0 or starts[-1] != len(book) or (np.diff(starts) < 0).any():
        raise ValueError(
            f"expected starts 0..{len(book)} in order, one more than {len(contexts)} contexts, was {len(starts)} starts"
        )
    if isinstance(mechanism, ClearsTogether) and all(context.lines is None for context in contexts):
        return mechanism.clear_together(book, starts, contexts)
    trades, reasons = [Trades.empty()], [np.zeros(0, np.int64)]
    for context, begin, end in zip(contexts, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        agreement = clear_on_lines(mechanism, book.take(np.arange(begin, end)), context)
        own = agreement.trades
        sides = (np.where(side < 0, side, side + begin) for side in (own.sell_order, own.buy_order))
        trades.append(own.replaced(**dict(zip(("sell_order", "buy_order"), sides, strict=True))))
        reasons.append(agreement.reason)
    return Agreement(Trades.joined(trades), np.concatenate(reasons))


def zones_of(book: OrderBook, context: ClearingContext) -> Places | None:
    """The feeder without the lines that say nothing for this book, a row a zone, and the zone of each order; None where none is left.

    A line says nothing that nothing could cross, or that costs nothing and carries whatever could: at most what is offered on one side of it,
    and wanted on the other. Row 0 is the root's zone, where orders without a place are, too.
    """
    lines = context.lines or Lines.none()
    feeder, bus = lines.rooted, context.buses_of(context.facts_of(book))
    at = feeder.number[bus]
    behind = np.zeros((2, len(lines) + 1), np.int64)
    np.add.at(behind, (np.where(book.is_sell, 0, 1), at), book.energy_wh)
    parent = np.array(feeder.parent)
    for begin, end in reversed(feeder.levels[1:]):
        for row in behind:
            np.add.at(row, parent[begin:end], row[begin:end])
    (sold_wh, bought_wh), (beyond_sold_wh, beyond_bought_wh) = behind, behind[:, :1] - behind
    crossing_wh = np.maximum(np.minimum(sold_wh, beyond_bought_wh), np.minimum(bought_wh, beyond_sold_wh))
    number = feeder.number[:-1]
    crossing_wh = np.where(lines.toward >= 0, crossing_wh[number], 0)
    kept = np.flatnonzero((crossing_wh > lines.limit_wh) | (crossing_wh > 0) & (lines.fee_micro_per_kwh > 0))
    if not len(kept):
        return None
    zone = np.zeros(len(lines) + 1, np.int64)
    zone[number[kept]] = np.arange(1, len(kept) + 1)
    for begin, end in feeder.levels[1:]:
        own = zone[begin:end]
        zone[begin:end] = np.where(own > 0, own, zone[parent[begin:end]])
    toward = np.append(-1, zone[parent[number[kept]]])
    columns = (np.append(0, getattr(lines, name)[kept]) for name in ("limit_wh", "loss_share", "fee_micro_per_kwh"))
    return Places(Lines(toward, *columns), zone[at])


@dataclass(frozen=True)
class _Climb:
    """One market on its way to the root."""

    mechanism: Clearing
    book: OrderBook
    context: ClearingContext
    zones: Places

    def agreement(self) -> Agreement:
        lines, book = self.zones.lines, self.book
        state = _State.of(book)
        by_zone = np.argsort(self.zones.bus, kind="stable")
        by_zone = by_zone[book.energy_wh[by_zone] > 0]
        ends = np.searchsorted(self.zones.bus[by_zone], np.arange(1, len(lines)))
        waiting = [[rows] for rows in np.split(by_zone, ends)]
        toward, limit_wh, fee = (c.tolist() for c in (lines.toward, lines.limit_wh, lines.fee_micro_per_kwh))
        trades, notes = [], []
        # Numbered from the root outwards: the farthest first.
        for zone in np.argsort(lines.rooted.number[:-1])[::-1].tolist():
            rows = np.concatenate(waiting[zone])
            if len(rows):
                rows.sort()
                agreed = self._cleared(rows, state)
                trades.append(agreed.trades)
                notes.append(agreed.note)
                if toward[zone] >= 0:
                    waiting[toward[zone]].append(state.climbing(rows, fee[zone], limit_wh[zone]))
        every = Trades.joined(trades)
        # Who climbed together meets farther out than where the mechanism saw them.
        every = every.with_fees(*self.zones.fees(every.sell_order, every.buy_order))
        note = "; ".join(dict.fromkeys(filter(None, notes)))
        return with_filled(book, every, self._reasons(every, state), note)

    def _cleared(self, rows: Ints, state: _State) -> Agreement:
        """What the mechanism agrees of the orders that are at one place, named as the book's, without the fees of ways."""
        here = state.book.take(rows)
        facts = self.context.facts
        known = replace(
            self.context,
            lines=None,
            facts=None if facts is None else facts.take(rows),
            begun=Begun(self.book.energy_wh[rows], state.traded_wh[rows]),
        )
        agreed = self.mechanism.clear(here, known)
        if len(agreed.trades):
            filled_wh = agreed.trades.filled_wh(len(rows))
            state.left_wh[rows] -= filled_wh
            state.traded_wh[rows] += filled_wh
        state.hear(rows, agreed.reason, here)
        own = linked(agreed.trades, here)
        named = own.replaced(sell_order=rows[own.sell_order], buy_order=rows[own.buy_order]) if len(own) else own
        return Agreement(named, agreed.reason, agreed.note)

    def _reasons(self, trades: Trades, state: _State) -> Ints:
        """Why who got less got less: what the mechanism said last, where that says something of the whole feeder; TERMS where a line did it."""
        # Who traded was not refused for its limit, whatever a later place says.
        was_refused = (state.reason == Reason.PRICE) & (state.traded_wh > 0)
        rest = np.where(_IS_WEAK[state.reason] | was_refused, unserved(self.book, self.zones), state.reason)
        rest = np.where((rest == Reason.PRICE) & (state.traded_wh > 0), int(Reason.NO_COUNTERPART), rest)
        shared = rest == Reason.RATIONED
        asked = np.where(shared, int(Reason.NO_COUNTERPART), rest)
        apart = kept_apart(self.book, trades, asked, self.zones)
        return np.where(shared & (apart != Reason.TERMS), int(Reason.RATIONED), apart)


@dataclass(frozen=True)
class _State:
    """Where every order of the book stands, written as the market climbs."""

    left_wh: Ints
    """What it brings to the place where it is."""
    limit: Ints
    """What it asks or bids there: its own with the fees climbed."""
    book: OrderBook
    """The orders as they stand: a view of both columns above, which changes with them."""
    traded_wh: Ints
    reason: Ints
    """What a place said of it last that says something of the whole feeder."""

    @classmethod
    def of(cls, book: OrderBook) -> _State:
        left_wh, limit = book.energy_wh.copy(), book.limit_micro_per_kwh.copy()
        now = book.replaced(energy_wh=left_wh, limit_micro_per_kwh=limit)
        return cls(left_wh, limit, now, np.zeros(len(book), np.int64), np.full(len(book), int(Reason.NO_COUNTERPART)))

    def hear(self, rows: Ints, reason: Ints, here: OrderBook) -> None:
        """Keep what a place says of its orders; refused for a limit that nobody there accepts, an order may still find somebody farther on."""
        is_new = ~_IS_WEAK[reason]
        if not is_new.any():
            return
        is_refused = reason == Reason.PRICE
        if is_refused.any():
            is_new &= ~is_refused | (unserved(here) != Reason.PRICE)
        self.reason[rows[is_new]] = reason[is_new]

    def climbing(self, rows: Ints, fee_micro_per_kwh: int, most_wh: int) -> Ints:
        """Who goes on over a line to the next place with how much; limits and energy are those of there."""
        rows = rows[self.left_wh[rows] > 0]
        is_sell = self.book.is_sell[rows]
        limit = self.limit[rows] + np.where(is_sell, fee_micro_per_kwh, -fee_micro_per_kwh)
        # Beyond every limit nobody accepts it, on either side.
        is_near = np.abs(limit) < PRICE_LIMIT_MICRO_PER_KWH
        if not is_near.all():
            rows, limit, is_sell = rows[is_near], limit[is_near], is_sell[is_near]
        self.limit[rows] = limit
        energy_wh = self.left_wh[rows]
        for side in (is_sell, ~is_sell):
            if int((energy_wh * side).sum()) > most_wh:
                own = rows[side]
                self.left_wh[own] = _carried_wh(self.book.take(own), most_wh)
        return rows[self.left_wh[rows] > 0]


def _carried_wh(book: OrderBook, most_wh: int) -> Ints:
    """What a line carries of the orders of one side that are too much for it: the best limits first, those of the last one pro rata."""
    energy_wh = book.energy_wh
    cost = np.where(book.is_sell, book.limit_micro_per_kwh, -book.limit_micro_per_kwh)
    order = cost.argsort(kind="stable")
    last = cost[order[energy_wh[order].cumsum().searchsorted(most_wh, side="right")]]
    carried_wh: Ints = energy_wh * (cost < last)
    marginal = np.flatnonzero(cost == last)
    carried_wh[marginal] = pro_rata(book, marginal, most_wh - int(carried_wh.sum()))
    return carried_wh
