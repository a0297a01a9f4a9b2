"""Corrections: a late reading settles between its member and the supplier, as a revision that holds only the difference."""

from __future__ import annotations

import numpy as np

from commonwatt.core.accounts import Postings
from commonwatt.core.records import Leg, Legs, Readings, Statement
from commonwatt.core.units import Ints
from commonwatt.settlement._legs import (
    Line,
    Supply,
    charges,
    in_order,
    line_tables,
    supplier_surplus_wh,
    wholesale_postings,
)
from commonwatt.settlement._trades import energy_by_member
from commonwatt.settlement.base import SettlementContext


def correction(
    settled: Statement, revision: int, before: Readings, after: Readings, context: SettlementContext
) -> Statement:
    """The revision that turns what `before` was settled on into what `after` says.

    Trades stand as `settled` (revision 0 of the slot) has them; nobody but the corrected members is touched. With their peer energies
    held fast, what each member has with its supplier is worked out on both readings, and the difference is charged at the tariff: more
    energy from the supplier is `correction_short` at retail with grid fee and tax, less is `correction_long` at retail with fee and tax
    given back; more fed in is `correction_long` at feed-in, less `correction_short` at feed-in. So an estimate that was too high is paid
    back at the price it was charged at, and several corrections of one slot sum to a single one.

    Args:
        settled: revision 0, whose peer legs stand.
        revision: the number of this revision, at least 1.
        before: the readings of the revision before, for the corrected members or more.
        after: the full new values, the same members in the same order.
        context: of the slot, with the slot's own rates.

    Raises:
        ValueError: readings of different members, or a revision below 1.

    """
    if revision < 1:
        raise ValueError(f"expected a revision of at least 1, was {revision}")
    if not np.array_equal(before.member, after.member):
        raise ValueError(
            f"expected readings of the same members, was {before.member.tolist()} and {after.member.tolist()}"
        )
    sold, bought = (_peer_wh(settled.legs, leg, context.members) for leg in (Leg.PEER_SELL, Leg.PEER_BUY))
    member = before.member
    old, new = (Supply.by_meter(sold[member], bought[member], r.export_wh, r.import_wh) for r in (before, after))
    supplied, fed_in = np.zeros((2, context.members), np.int64)
    # Sold to peers and not there is bought from the supplier; bought from peers and not used is fed in.
    supplied[member] = (new.buy_wh + new.short_wh) - (old.buy_wh + old.short_wh)
    fed_in[member] = (new.sell_wh + new.long_wh) - (old.sell_wh + old.long_wh)
    legs, postings = line_tables(_lines(supplied, fed_in, context))
    wholesale = wholesale_postings(supplier_surplus_wh(legs), context.rates.balancing_micro_per_kwh)
    return Statement(
        context.slot,
        revision,
        in_order(legs),
        Postings.joined((postings, wholesale)),
        np.zeros(0, np.int64),
    )


def _lines(supplied_wh: Ints, fed_in_wh: Ints, context: SettlementContext) -> list[Line]:
    rates, prices, nothing = context.rates, context.prices, np.zeros_like(supplied_wh)
    more, less = np.maximum(supplied_wh, 0), np.maximum(-supplied_wh, 0)
    return [
        Line(Leg.CORRECTION_SHORT, more, prices.retail_micro_per_kwh, -1),
        Line(Leg.CORRECTION_LONG, less, prices.retail_micro_per_kwh, 1),
        Line(Leg.CORRECTION_LONG, np.maximum(fed_in_wh, 0), prices.feed_in_micro_per_kwh, 1),
        Line(Leg.CORRECTION_SHORT, np.maximum(-fed_in_wh, 0), prices.feed_in_micro_per_kwh, -1),
        *charges(more, nothing, rates),
        *charges(less, nothing, rates, sign=1),
    ]


def _peer_wh(legs: Legs, leg: Leg, members: int) -> Ints:
    rows = legs.leg == leg
    return energy_by_member(legs.member[rows], legs.energy_wh[rows], members)
