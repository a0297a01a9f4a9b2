"""Why an order was not filled: every order that was not has a reason, and the reason is true, for every mechanism and venue in every form."""

from __future__ import annotations

import dataclasses
from itertools import product
from typing import Any

import numpy as np
import pytest
from tests.fakes.books import context, seeded_book
from tests.fakes.meetings import venue_context

from commonwatt.clearing import CLEARINGS
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import LEFT_OUT, Agreement, Reason
from commonwatt.venues import VENUES

BINDING: dict[str, list[dict[str, Any]]] = {
    "multi_criteria": [{"pair_capacity_wh": 3}, {"trade_cost_nano": 40}],
    "on_chain": [{"unrevealed_share": 0.3}],
    "continuous": [{"cancelled_share": 0.3}],
    "request": [{"winners": 1}],
}
"""Parameters that keep some apart, beside every combination of choices."""
BOOKS = [seeded_book(seed, *of) for seed in range(8) for of in ((12, -20, 20, 9), (7,), (2, -5, 5, 3), (25, 0, 9, 99))]
NOT_THERE = np.array([*LEFT_OUT, Reason.PRICE, Reason.TRUST, Reason.BUDGET])


def forms(registry: Any, name: str) -> list[Any]:
    """Every combination of an answer's choices, as it stands and with what binds."""
    fields = dataclasses.fields(registry.answer(name))
    choices = {f.name: f.metadata["choices"] for f in fields if f.metadata["choices"]}
    chosen = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    every = [{**choice, **more} for choice in chosen for more in ({}, *BINDING.get(name, []))]
    return [pytest.param(name, form, id="-".join([name, *map(str, form.values())])) for form in every]


def untrue(book: OrderBook, agreement: Agreement, fee: np.ndarray | None = None) -> list[str]:
    """Rows whose reason is missing or not so, told row by row from the book and the trades alone.

    `fee` is what the way between two orders costs, shape (orders, orders).
    """
    left = book.energy_wh - agreement.trades.filled_wh(len(book))
    limit, reason, found = book.limit_micro_per_kwh, agreement.reason, []
    for row in range(len(book)):
        why = Reason(int(reason[row]))
        others = (book.is_sell != book.is_sell[row]) & (book.energy_wh > 0)
        way = 0 if fee is None else fee[row]
        within = (limit - way >= limit[row]) if book.is_sell[row] else (limit + way <= limit[row])
        is_somebody_left = bool((others & within & (left > 0) & ~np.isin(reason, NOT_THERE)).any())
        wrong = {
            Reason.FILLED: left[row] > 0,
            Reason.NO_COUNTERPART: is_somebody_left,
            Reason.TERMS: not is_somebody_left,
            Reason.PRICE: left[row] < book.energy_wh[row] or not others.any(),
            Reason.RATIONED: not others.any(),
        }.get(why, False)
        if book.energy_wh[row] and (wrong or (why != Reason.FILLED and not left[row])):
            found.append(f"order {row}: {why.name}, {left[row]} Wh left")
    return found


@pytest.mark.parametrize(("name", "form"), [form for name in CLEARINGS.names() for form in forms(CLEARINGS, name)])
def test_every_reason_of_a_mechanism_is_true(name: str, form: dict[str, Any]) -> None:
    mechanism = CLEARINGS.make(name, **form)
    # A trade's cost makes each book a mixed-integer programme.
    books = BOOKS[::4] if "trade_cost_nano" in form else BOOKS
    assert [fault for book in books for fault in untrue(book, mechanism.clear(book, context()))] == []


@pytest.mark.parametrize(("name", "form"), [form for name in VENUES.names() for form in forms(VENUES, name)])
@pytest.mark.parametrize("clearing", CLEARINGS.names())
def test_every_reason_of_a_venue_is_true_with_every_mechanism(name: str, form: dict[str, Any], clearing: str) -> None:
    venue = VENUES.make(name, **form)
    if "clearing" not in venue.asks and clearing != CLEARINGS.names()[0]:
        return  # it asks none: once is enough
    for seed, book in enumerate(BOOKS[::4]):
        told = venue_context(len(book), clearing, seed)
        meeting = venue.meet(book, venue.simulate(book, told), venue_context(len(book), clearing, seed))
        assert untrue(book, meeting.agreement) == []


@pytest.mark.parametrize("name", ["mcafee", "sealed_reverse_auction", "multi_criteria"])
def test_mechanisms_that_keep_some_apart_say_so(name: str) -> None:
    """Where nobody is told of terms the tests above show nothing of it."""
    apart = {"fulfilment": "whole"} if name == "sealed_reverse_auction" else BINDING.get(name, [{}])[0]
    mechanism = CLEARINGS.make(name, **apart)
    reasons = np.concatenate([mechanism.clear(book, context()).reason for book in BOOKS])
    assert (reasons == Reason.TERMS).any()
