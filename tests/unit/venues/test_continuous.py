"""The continuous market: who comes takes the best that stand, by price and then by time; every event has its outcome."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.books import NO_FEES, book_of, seeded_book
from tests.fakes.meetings import WINDOW_MS, met, outcomes, pairs, reasons, said, sent, venue_context

from commonwatt.core.events import NOBODY, EventKind, Events
from commonwatt.core.orders import OrderBook
from commonwatt.venues import VENUES, Meeting

PLACE, CANCEL = EventKind.PLACE, EventKind.CANCEL


def placed(book: OrderBook, *later: Events, **parameters: object) -> Meeting:
    """All orders placed at once in sequence, then later events."""
    return met("continuous", book, said(*(sent(PLACE, row) for row in range(len(book))), *later), **parameters)


def test_who_comes_takes_the_best_price_first_and_pays_the_limit_that_stood() -> None:
    book = book_of(("sell", 100, 30), ("sell", 100, 20), ("buy", 150, 40))
    assert pairs(placed(book)) == [(1, 2, 100, 20), (0, 2, 50, 30)]


def test_of_equal_limits_the_earlier_is_served_first() -> None:
    book = book_of(("buy", 100, 30), ("buy", 100, 30), ("sell", 150, 30))
    meeting = placed(book)
    assert pairs(meeting) == [(2, 0, 100, 30), (2, 1, 50, 30)]
    assert reasons(meeting) == ["filled", "no_counterpart", "filled"]


def test_earlier_is_who_was_placed_earlier_not_who_has_the_lower_row() -> None:
    book = book_of(("buy", 100, 30), ("buy", 100, 30), ("sell", 100, 30))
    events = said(sent(PLACE, 1, 1), sent(PLACE, 0, 2), sent(PLACE, 2, 3))
    assert pairs(met("continuous", book, events)) == [(2, 1, 100, 30)]


def test_what_is_left_of_an_order_stands_for_the_next() -> None:
    book = book_of(("sell", 150, 10), ("buy", 100, 40), ("buy", 100, 20))
    meeting = placed(book)
    assert pairs(meeting) == [(0, 1, 100, 10), (0, 2, 50, 10)]
    assert reasons(meeting) == ["filled", "filled", "no_counterpart"]


def test_orders_that_do_not_agree_both_stand_and_price_is_the_reason() -> None:
    meeting = placed(book_of(("sell", 100, 41), ("buy", 100, 40)))
    assert not pairs(meeting)
    assert reasons(meeting) == ["price", "price"]


def test_a_price_by_policy_lies_between_both_limits() -> None:
    book = book_of(("sell", 100, 10), ("buy", 100, 41))
    assert pairs(placed(book, trade_price="policy")) == [(0, 1, 100, 25)]


def test_limits_meet_without_fees() -> None:
    rates = replace(NO_FEES, local_fee_micro_per_kwh=5)
    book = book_of(("buy", 100, 30), ("sell", 100, 26))
    events = said(sent(PLACE, 0), sent(PLACE, 1))
    assert not pairs(VENUES.make("continuous").meet(book, events, venue_context(2, rates=rates)))


def test_a_withdrawn_order_trades_no_more() -> None:
    book = book_of(("sell", 100, 10), ("buy", 60, 40), ("buy", 60, 40))
    events = said(sent(PLACE, 0, 1), sent(PLACE, 1, 2), sent(CANCEL, 0, 3), sent(PLACE, 2, 4))
    meeting = met("continuous", book, events)
    assert pairs(meeting) == [(0, 1, 60, 10)]
    assert outcomes(meeting) == ["taken"] * 4
    assert reasons(meeting) == ["cancelled", "filled", "no_counterpart"]


def test_behind_a_withdrawn_order_the_next_is_served() -> None:
    book = book_of(("sell", 100, 10), ("sell", 100, 20), ("buy", 100, 40))
    events = said(sent(PLACE, 0, 1), sent(PLACE, 1, 2), sent(CANCEL, 0, 3), sent(PLACE, 2, 4))
    assert pairs(met("continuous", book, events)) == [(1, 2, 100, 20)]


BOTH = book_of(("sell", 100, 10), ("buy", 100, 40))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((sent(PLACE, 0), sent(PLACE, 1), sent(CANCEL, 0)), ["taken", "taken", "filled"]),
        ((sent(PLACE, 0), sent(CANCEL, 0), sent(CANCEL, 0)), ["taken", "taken", "repeated"]),
        ((sent(PLACE, 0), sent(CANCEL, 0, member=1)), ["taken", "not_theirs"]),
        ((sent(PLACE, 0, member=1), sent(CANCEL, 0)), ["not_theirs", "unknown"]),
        ((sent(CANCEL, 0), sent(PLACE, 0), sent(PLACE, 1)), ["unknown", "taken", "taken"]),
        ((sent(PLACE, 0), sent(PLACE, 0)), ["taken", "repeated"]),
        ((sent(PLACE, 0), sent(CANCEL, 0), sent(PLACE, 0)), ["taken", "taken", "repeated"]),
        ((sent(PLACE, 0, WINDOW_MS - 1), sent(PLACE, 1, WINDOW_MS)), ["taken", "late"]),
        ((sent(PLACE, 0), sent(CANCEL, 0, WINDOW_MS)), ["taken", "late"]),
    ],
    ids=["cancel after fill", "cancel twice", "cancel another's", "place another's", "cancel before place", "place twice",
         "place again after cancel", "place after the close", "cancel after the close"],
)  # fmt: skip
def test_an_event_that_cannot_count_says_why(events: tuple[Events, ...], expected: list[str]) -> None:
    assert outcomes(met("continuous", BOTH, said(*events))) == expected


def test_an_order_for_a_closed_slot_takes_no_part_and_is_told_so() -> None:
    meeting = met("continuous", BOTH, said(sent(PLACE, 0), sent(PLACE, 1, WINDOW_MS)))
    assert not pairs(meeting)
    assert reasons(meeting) == ["no_counterpart", "closed"]


def test_a_withdrawal_after_the_fill_changes_nothing() -> None:
    meeting = placed(BOTH, sent(CANCEL, 0), sent(CANCEL, 1))
    assert pairs(meeting) == [(0, 1, 100, 10)]
    assert reasons(meeting) == ["filled", "filled"]


def test_a_tie_of_everything_is_served_in_sequence_alone() -> None:
    book = book_of(*[("sell", 7, 20)] * 50, *[("buy", 7, 20)] * 50)
    assert pairs(placed(book)) == [(row, 50 + row, 7, 20) for row in range(50)]


def test_one_side_alone_makes_a_correct_empty_market() -> None:
    for side in ("sell", "buy"):
        meeting = placed(book_of((side, 5, 1), (side, 6, 2)))
        assert not pairs(meeting)
        assert reasons(meeting) == ["no_counterpart"] * 2


@pytest.mark.parametrize(
    ("events", "finding"),
    [
        (said(sent(PLACE, 0, 5), sent(PLACE, 1, 4)), "events row 1 time_ms: expected at least 5, found 4"),
        (sent(PLACE, 2), r"events row 0 order: expected a row of the book, 0\.\.1, found 2"),
        (sent(PLACE, 0, -1), "events row 0 time_ms: expected at least 0, found -1"),
        (sent(PLACE, 0, request=1), "events row 0 request: expected none, found 1"),
        (sent(PLACE, 0, energy_wh=1), "events row 0 energy_wh: expected 0 but for an answer, found 1"),
        (sent(EventKind.FINALISE, NOBODY, member=NOBODY), "events row 0 kind: expected place, cancel, found finalise"),
    ],
)
def test_events_of_another_form_are_findings(events: Events, finding: str) -> None:
    with pytest.raises(ValueError, match=finding):
        met("continuous", BOTH, events)


def test_in_a_run_orders_come_in_sequence_and_the_share_that_was_asked_for_is_withdrawn() -> None:
    book = seeded_book(2, 400)
    events = VENUES.make("continuous", cancelled_share=0.25).simulate(book, venue_context(400))
    places, cancels = (events.take(events.are(kind)) for kind in (PLACE, CANCEL))
    assert places.order.tolist() == list(range(400))
    assert 60 < len(cancels) < 140
    placed_ms = places.time_ms[cancels.order]
    assert (placed_ms <= cancels.time_ms).all()
    assert len(np.unique(cancels.order)) == len(cancels)
    assert cancels.member.tolist() == book.member[cancels.order].tolist()
