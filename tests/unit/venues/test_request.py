"""Requests: the lowest answers within the bid win, in time; every answer and every order is told what became of it."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.books import book_of, seeded_book
from tests.fakes.meetings import WINDOW_MS, met, outcomes, pairs, reasons, said, sent, venue_context

from commonwatt.clearing import OrderFacts
from commonwatt.core.events import EventKind, Events
from commonwatt.venues import VENUES

REQUEST, ANSWER = EventKind.REQUEST, EventKind.ANSWER
BOOK = book_of(("buy", 100, 40), ("sell", 80, 10), ("sell", 80, 20), ("sell", 80, 45))
"""One who asks, two who can answer within the bid, one who cannot."""


def answer(
    seller: int, energy_wh: int, price: int, at_ms: int = 10, request: int = 0, member: int | None = None
) -> Events:
    return sent(ANSWER, seller, at_ms, member, request=request, energy_wh=energy_wh, price_micro_per_kwh=price)


ASKED = sent(REQUEST, 0)


def test_the_lowest_answer_wins_and_the_next_serves_the_rest() -> None:
    meeting = met("request", BOOK, said(ASKED, answer(2, 80, 20), answer(1, 80, 12)))
    assert pairs(meeting) == [(1, 0, 80, 12), (2, 0, 20, 20)]
    assert reasons(meeting) == ["filled", "filled", "no_counterpart", "price"]


def test_with_one_winner_the_rest_is_not_served() -> None:
    meeting = met("request", BOOK, said(ASKED, answer(2, 80, 20), answer(1, 80, 12)), winners=1)
    assert pairs(meeting) == [(1, 0, 80, 12)]
    assert reasons(meeting) == ["terms", "filled", "terms", "price"]


def test_a_price_by_policy_lies_between_answer_and_bid() -> None:
    meeting = met("request", BOOK, said(ASKED, answer(1, 80, 13)), trade_price="policy")
    assert pairs(meeting) == [(1, 0, 80, 26)]


def test_an_answer_above_the_bid_loses() -> None:
    meeting = met("request", BOOK, said(ASKED, answer(1, 80, 41), answer(3, 80, 45)))
    assert outcomes(meeting) == ["taken"] * 3
    assert not pairs(meeting)
    assert reasons(meeting) == ["price", "price", "unanswered", "price"]


def test_a_request_that_nobody_answers_is_told_so() -> None:
    meeting = met("request", BOOK, ASKED)
    assert reasons(meeting) == ["unanswered", "unanswered", "unanswered", "price"]


def test_without_a_request_nobody_trades() -> None:
    meeting = met("request", BOOK, answer(1, 80, 10))
    assert outcomes(meeting) == ["unknown"]
    assert reasons(meeting) == ["closed", "no_counterpart", "no_counterpart", "no_counterpart"]


def test_of_equal_prices_the_earlier_answer_wins_and_trust_comes_before_that() -> None:
    events, venue = said(ASKED, answer(2, 80, 20, 5), answer(1, 80, 20, 6)), VENUES.make("request")
    assert pairs(venue.meet(BOOK, events, venue_context(4)))[0] == (2, 0, 80, 20)
    context = venue_context(4)
    facts = OrderFacts.unknown(4).replaced(trust=np.array([np.nan, 0.9, 0.1, 0.5]))
    trusting = replace(context, market=replace(context.market, facts=facts))
    assert pairs(venue.meet(BOOK, events, trusting))[0] == (1, 0, 80, 20)


def test_requests_are_decided_in_the_order_in_which_they_were_sent() -> None:
    book = book_of(("buy", 100, 40), ("buy", 100, 50), ("sell", 100, 10))
    events = said(
        sent(REQUEST, 1, 1), sent(REQUEST, 0, 2), answer(2, 100, 10, 3, request=0), answer(2, 100, 10, 4, request=1)
    )
    assert pairs(met("request", book, events)) == [(2, 1, 100, 10)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((ASKED, answer(1, 81, 10)), "outside"),
        ((ASKED, answer(1, 80, 9)), "outside"),
        ((ASKED, answer(1, 80, 10, member=2)), "not_theirs"),
        ((ASKED, answer(1, 80, 10, 60_000)), "late"),
        ((ASKED, answer(1, 80, 10), answer(1, 80, 10)), "repeated"),
        ((ASKED, sent(REQUEST, 0)), "repeated"),
        ((sent(REQUEST, 0, WINDOW_MS),), "late"),
        ((sent(REQUEST, 1),), "not_theirs"),
        ((sent(REQUEST, 0, WINDOW_MS - 5), answer(1, 80, 10, WINDOW_MS)), "late"),
        ((ASKED, answer(0, 80, 10, request=0)), "not_theirs"),
    ],
    ids=["more than it has", "below its limit", "another's", "after the window", "twice", "asked twice", "asked after the close",
         "a seller asks", "answered after the close", "a buyer answers"],
)  # fmt: skip
def test_an_event_that_cannot_count_says_why(events: tuple[Events, ...], expected: str) -> None:
    assert outcomes(met("request", BOOK, said(*events)))[-1] == expected


def test_in_a_run_only_sellers_within_the_bid_answer_and_not_too_many() -> None:
    book = seeded_book(2, 300)
    events = VENUES.make("request", most_answers=5, answer_s=30).simulate(book, venue_context(300))
    answers = events.take(events.are(ANSWER))
    limit = book.limit_micro_per_kwh
    assert (limit[answers.order] <= limit[answers.request]).all()
    assert (answers.price_micro_per_kwh == limit[answers.order]).all()
    requests = events.take(events.are(REQUEST))
    assert requests.order.tolist() == np.flatnonzero(~book.is_sell).tolist()
    _, counts = np.unique(answers.request, return_counts=True)
    assert counts.max() == 5
    asked_ms = dict(zip(requests.order.tolist(), requests.time_ms.tolist(), strict=True))
    waited_ms = answers.time_ms - np.array([asked_ms[row] for row in answers.request.tolist()])
    assert 0 <= waited_ms.min() <= waited_ms.max() < 30_000
