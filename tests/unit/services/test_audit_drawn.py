"""What the seed draws is drawn again: events that nobody sent, or that are left out, are findings and excuse no failed slot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.fakes import markets
from tests.fakes.markets import FIRST, Ran, rows

from commonwatt.clearing import Position
from commonwatt.core.events import EventKind, Events, events_of, in_time
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Exchange
from commonwatt.services import trading
from commonwatt.services.audit import CHECKS, Audited, Claimed
from commonwatt.services.audit.drawn import check_drawn
from commonwatt.services.audit.excuses import check_failures
from commonwatt.services.audit.links import check_links
from commonwatt.services.market import Market
from commonwatt.services.rules import EX_ANTE
from commonwatt.venues import VENUES

HOURS, VICTIM = 2, 1
Forgery = Callable[[Events, OrderBook], Events]


class Forging:
    """A venue whose events the operator makes up; everything that follows from them is done as honestly as can be."""

    def __init__(self, venue: Any, forge: Forgery) -> None:
        self._venue, self._forge = venue, forge

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    def simulate(self, book: OrderBook, context: Any) -> Events:
        return self._forge(self._venue.simulate(book, context), book)


def ran(venue: str, forge: Forgery, **parameters: Any) -> tuple[Ran, Audited]:
    """A run with forged events, and what an auditor has of it, who knows the published rules only."""
    honest = markets.rules(EX_ANTE, venue=VENUES.make(venue, **parameters))
    forging: Any = Forging(honest.venue, forge)
    design = replace(honest, venue=forging)
    done = markets.run(markets.market(EX_ANTE, hours=HOURS, design=design), HOURS)
    return done, replace(done.audited(), rules=honest)


def one_placed(events: Events, book: OrderBook) -> Events:
    placed = events_of(EventKind.PLACE, np.zeros(1, np.int64), book.member[:1], np.zeros(1, np.int64))
    return in_time(events, placed)


def never_finalised(events: Events, _: OrderBook) -> Events:
    return events.take(np.flatnonzero(~events.are(EventKind.FINALISE)))


def without(kind: EventKind) -> Forgery:
    """What one member sends of a kind is left out."""
    return lambda events, _: events.take(np.flatnonzero(~events.are(kind) | (events.member != VICTIM)))


def cancelled(events: Events, book: OrderBook) -> Events:
    own = np.flatnonzero(book.member == VICTIM)
    late = np.full(len(own), int(events.time_ms.max()))
    return in_time(events, events_of(EventKind.CANCEL, late, book.member[own], own))


def dearer(events: Events, _: OrderBook) -> Events:
    is_rival = events.are(EventKind.ANSWER) & (events.member == VICTIM)
    return events.replaced(price_micro_per_kwh=events.price_micro_per_kwh + is_rival)


def found_by_all(audited: Audited) -> set[str]:
    return {check.__name__ for check in CHECKS if check(audited).findings}


@pytest.mark.parametrize(("venue", "forge"), [("sealed_batch", one_placed), ("on_chain", never_finalised)])
def test_events_that_the_venue_cannot_take_excuse_no_failed_slot(venue: str, forge: Forgery) -> None:
    done, audited = ran(venue, forge)
    assert {row["slot"] for row in rows(done.tables["slots"], failed=True)} == set(range(FIRST, FIRST + HOURS))
    check = check_failures(Claimed(audited, done.market.terms, done.slots))
    assert [finding.where for finding in check.findings] == [f"orders slot {FIRST + h} reason" for h in range(HOURS)]
    assert len(check_drawn(audited).findings) == HOURS


def test_a_kind_of_event_that_the_venue_does_not_take_is_found() -> None:
    _, audited = ran("sealed_batch", one_placed)
    assert {(finding.expected, finding.found) for finding in check_links(audited).findings} == {
        ("none at all", "place")
    }


@pytest.mark.parametrize(
    ("venue", "forge"),
    [
        ("continuous", without(EventKind.PLACE)),
        ("continuous", cancelled),
        ("on_chain", without(EventKind.REVEAL)),
        ("request", without(EventKind.ANSWER)),
        ("request", dearer),
    ],
)
def test_events_that_are_left_out_or_made_up_are_found_although_all_that_follows_is_consistent(
    venue: str, forge: Forgery
) -> None:
    done, audited = ran(venue, forge)
    assert not rows(done.tables["slots"], failed=True)
    assert found_by_all(audited) == {"check_drawn"}
    assert all(finding.where.startswith("events slot") for finding in check_drawn(audited).findings)


@pytest.mark.parametrize("venue", VENUES.names())
def test_events_as_they_were_drawn_are_no_finding(venue: str) -> None:
    done, audited = ran(venue, lambda events, _: events)
    assert found_by_all(audited) == set()
    assert not check_failures(Claimed(audited, done.market.terms, done.slots)).findings


def test_a_friends_order_in_front_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ties break by sequence, so whoever chooses it chooses who trades."""

    def chosen(_: int, __: int, orders: OrderBook) -> OrderBook:
        return orders.take(np.argsort(orders.member)).replaced(sequence=np.arange(len(orders)))

    monkeypatch.setattr(trading, "in_drawn_sequence", chosen)
    done = markets.run(markets.market(EX_ANTE, hours=HOURS), HOURS)
    monkeypatch.undo()
    assert found_by_all(done.audited()) == {"check_drawn"}
    assert {finding.expected for finding in check_drawn(done.audited()).findings} == {"as its seed draws it"}


class TooMuch:
    """Other communities that buy what nobody here can give."""

    def exchange(self, slot: int, position: Position) -> Exchange:  # noqa: ARG002
        return Exchange(10**6, 100_000)


@pytest.mark.parametrize(("federation", "findings"), [("", HOURS), ("the valley", 0)])
def test_an_exchange_is_an_excuse_only_in_a_federation(federation: str, findings: int) -> None:
    market: Market = markets.market(EX_ANTE, hours=HOURS, others=TooMuch())
    done = markets.run(market, HOURS)
    assert len(rows(done.tables["slots"], failed=True)) == HOURS
    check = check_failures(Claimed(done.audited(), market.terms, done.slots, federation=federation))
    assert len(check.findings) == findings
    assert all("by an exchange" in finding.expected for finding in check.findings)
