"""The sealed batch: all orders meet at once, and the mechanism sees them without fees."""

from dataclasses import replace

import pytest
from tests.fakes.books import NO_FEES, book_of
from tests.fakes.meetings import pairs, sent, venue_context

from commonwatt.core.events import EventKind, Events
from commonwatt.venues.sealed_batch import SealedBatch

BOOK = book_of(("sell", 500, 10), ("buy", 300, 40), ("buy", 200, 30))


def test_the_mechanism_sees_limits_without_fees() -> None:
    rates = replace(NO_FEES, local_fee_micro_per_kwh=4, local_tax_micro_per_kwh=2)
    meeting = SealedBatch().meet(BOOK, Events.empty(), venue_context(3, "pay_as_bid", rates=rates))
    assert pairs(meeting) == [(0, 1, 300, 34), (0, 2, 200, 24)]


def test_it_has_no_events_and_takes_none() -> None:
    assert not len(SealedBatch().simulate(BOOK, venue_context(3)))
    with pytest.raises(ValueError, match="events row 0 kind: expected none at all, found place"):
        SealedBatch().meet(BOOK, sent(EventKind.PLACE, 0), venue_context(3))
