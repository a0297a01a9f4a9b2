"""The reveal auction: only what was committed in time, revealed in time and opens its seal takes part."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.fakes.books import book_of, seeded_book
from tests.fakes.meetings import SLOT, WINDOW_MS, nonces, outcomes, pairs, reasons, said, sent, venue_context

from commonwatt.clearing import OrderFacts
from commonwatt.core.events import NOBODY, EventKind, Events
from commonwatt.core.orders import OrderBook
from commonwatt.venues import VENUES, Meeting, commitments

COMMIT, REVEAL = EventKind.COMMIT, EventKind.REVEAL
T1, T2 = WINDOW_MS // 2, WINDOW_MS * 3 // 4
BOOK = book_of(("sell", 500, 10), ("buy", 300, 40), ("buy", 200, 30))
END = sent(EventKind.FINALISE, NOBODY, T2, NOBODY)


def committed(row: int, at_ms: int = 0, book: OrderBook = BOOK, **of: Any) -> Events:
    seal = commitments(book, nonces(len(book)), of.pop("slot", SLOT))[row]
    return sent(COMMIT, row, at_ms, commitment=np.frombuffer(seal, np.uint8).reshape(1, 32), **of)


def revealed(row: int, at_ms: int = T1, **of: Any) -> Events:
    return sent(REVEAL, row, at_ms, **of)


def met(*events: Events, book: OrderBook = BOOK, clearing: str = "pay_as_bid") -> Meeting:
    return VENUES.make("on_chain").meet(book, said(*events), venue_context(len(book), clearing))


ALL = (committed(0), committed(1), committed(2), revealed(0), revealed(1), revealed(2))


def test_orders_revealed_as_they_were_sealed_all_take_part() -> None:
    meeting = met(*ALL, END)
    assert outcomes(meeting) == ["taken"] * 7
    assert pairs(meeting) == [(0, 1, 300, 40), (0, 2, 200, 30)]
    assert reasons(meeting) == ["filled"] * 3


def test_a_commit_without_a_reveal_is_left_out_with_its_reason() -> None:
    meeting = met(*ALL[:4], ALL[5], END)
    assert pairs(meeting) == [(0, 2, 200, 30)]
    assert reasons(meeting) == ["no_counterpart", "unrevealed", "filled"]


def test_a_reveal_without_a_commit_does_not_count() -> None:
    meeting = met(ALL[0], ALL[2], *ALL[3:], END)
    assert outcomes(meeting) == ["taken", "taken", "taken", "unknown", "taken", "taken"]
    assert reasons(meeting)[1] == "closed"
    assert pairs(meeting) == [(0, 2, 200, 30)]


@pytest.mark.parametrize(
    ("events", "row", "expected", "reason"),
    [
        ((*ALL[:5], revealed(2, T2), END), 5, "late", "unrevealed"),
        ((*ALL[:3], revealed(2, T1 - 1), *ALL[3:5], END), 3, "early", "unrevealed"),
        ((*ALL[:2], committed(2, T1), *ALL[3:], END), 2, "late", "closed"),
        ((*ALL[:2], committed(2, slot=SLOT - 1), *ALL[3:], END), 5, "mismatch", "unrevealed"),
        ((*ALL[:5], revealed(2, member=1), END), 5, "not_theirs", "unrevealed"),
        ((*ALL[:2], committed(2, member=1), *ALL[3:], END), 2, "not_theirs", "closed"),
        ((*ALL, revealed(2), END), 6, "repeated", "filled"),
        ((*ALL[:3], committed(2, 5), *ALL[3:], END), 3, "repeated", "filled"),
    ],
    ids=["late reveal", "early reveal", "late commit", "another slot's seal", "revealed by another", "committed by another",
         "revealed twice", "committed twice"],
)  # fmt: skip
def test_an_event_that_cannot_count_says_why(events: tuple[Events, ...], row: int, expected: str, reason: str) -> None:
    meeting = met(*events)
    assert outcomes(meeting)[row] == expected
    assert reasons(meeting)[2] == reason


@pytest.mark.parametrize("column", ["member", "energy_wh", "limit_micro_per_kwh", "source", "preference"])
def test_an_order_changed_after_sealing_is_left_out(column: str) -> None:
    by = np.array([0, 1, 0], getattr(BOOK, column).dtype)
    changed = BOOK.replaced(**{column: getattr(BOOK, column) + by})
    reveal = revealed(1, member=int(changed.member[1]))
    commit = committed(1, member=int(changed.member[1]))
    meeting = met(ALL[0], commit, ALL[2], ALL[3], reveal, ALL[5], END, book=changed)
    assert outcomes(meeting)[4] == "mismatch"
    assert reasons(meeting) == ["no_counterpart", "unrevealed", "filled"]


@pytest.mark.parametrize(
    "end", [(), (sent(EventKind.FINALISE, NOBODY, T2 - 1, NOBODY),), (sent(EventKind.FINALISE, NOBODY, WINDOW_MS, NOBODY),)],
    ids=["never", "too early", "too late"],
)  # fmt: skip
def test_an_auction_that_nobody_finalised_has_no_outcome(end: tuple[Events, ...]) -> None:
    with pytest.raises(ValueError, match="expected an auction that is finalised"):
        met(*ALL, *end)


def test_it_is_finalised_once() -> None:
    assert outcomes(met(*ALL, END, END))[-2:] == ["taken", "repeated"]


def test_nothing_revealed_is_a_correct_empty_market() -> None:
    meeting = met(*ALL[:3], END)
    assert not pairs(meeting)
    assert reasons(meeting) == ["unrevealed"] * 3
    assert not pairs(VENUES.make("on_chain").meet(book_of(), Events.empty(), venue_context(0)))


def test_trades_with_the_pool_name_the_orders_of_the_whole_book() -> None:
    meeting = met(ALL[0], ALL[2], ALL[3], ALL[5], END, clearing="uniform_price")
    trades = meeting.agreement.trades
    assert sorted(zip(trades.sell_order.tolist(), trades.buy_order.tolist(), strict=True)) == [(-1, 2), (0, -1)]


def test_what_is_known_of_orders_stays_with_them() -> None:
    context = venue_context(3, "sealed_reverse_auction")
    facts = OrderFacts.unknown(3).replaced(bus=np.array([5, 6, 7]))
    venue = VENUES.make("on_chain")
    seen = replace(context, market=replace(context.market, facts=facts), clearing=(kept := Noting()))  # type: ignore[arg-type]
    venue.meet(BOOK, said(ALL[0], ALL[2], ALL[3], ALL[5], END), seen)
    assert kept.bus == [5, 7]


class Noting:
    """A mechanism that notes where the orders it sees are."""

    bus: list[int]

    def clear(self, book: OrderBook, context: Any) -> Any:
        self.bus = context.facts.bus.tolist()
        return venue_context(0).clearing.clear(book, context)


def test_in_a_run_phases_follow_each_other_and_some_never_reveal() -> None:
    book = seeded_book(2, 400)
    context = venue_context(400)
    events = VENUES.make("on_chain", commit_share=0.2, reveal_share=0.5, unrevealed_share=0.25).simulate(book, context)
    times = {kind: events.time_ms[events.are(kind)] for kind in (COMMIT, REVEAL, EventKind.FINALISE)}
    assert events.take(events.are(COMMIT)).order.tolist() == list(range(400))
    assert times[COMMIT].max() < WINDOW_MS // 5 <= times[REVEAL].min()
    assert times[REVEAL].max() < WINDOW_MS * 3 // 5 == times[EventKind.FINALISE].item()
    assert 260 < len(times[REVEAL]) < 340
