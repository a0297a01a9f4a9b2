"""The checks of a settled slot: a right statement has no finding, and each way of being wrong has its own."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
from tests.fakes.settlement_slots import agreement, book, context, readings

from commonwatt.core.accounts import Account, Kind, amount_postings
from commonwatt.core.columns import Columns
from commonwatt.core.records import Leg, Statement
from commonwatt.settlement import correction, correction_findings, statement_findings
from commonwatt.settlement.scheduled import Scheduled

ORDERS = book((0, "sell", 600), (1, "buy", 500), (2, "buy", 300))
AGREED = agreement(
    ORDERS,
    (0, 1, 400, 190_000, 200_000),
    (0, -1, 100, 180_000, 0),
    (-1, 2, 100, 0, 180_000),
    (0, 2, 100, 180_000, 180_000),
)
METERED = readings((500, 20), (0, 700), (10, 150))
CONTEXT = context(3, rewards_balance_nano=10**9)
RIGHT = Scheduled(reward_form="proportional").settle(ORDERS, AGREED, METERED, CONTEXT)


Table = TypeVar("Table", bound=Columns)


def where(statement: Statement) -> set[str]:
    found = statement_findings(statement, ORDERS, AGREED, METERED, CONTEXT)
    assert all(f.expected != f.found for f in found)
    return {f.where for f in found}


def edited(table: Table, column: str, row: int, change: int) -> Table:
    values = getattr(table, column).copy()
    values[row] += change
    return table.replaced(**{column: values})


def leg_row(leg: Leg) -> int:
    return int(np.flatnonzero(RIGHT.legs.leg == leg)[0])


def posting_row(kind: Kind) -> int:
    return int(np.flatnonzero(RIGHT.postings.kind == kind)[0])


def test_a_right_statement_has_no_findings() -> None:
    assert where(RIGHT) == set()
    assert set(RIGHT.legs.leg.tolist()) >= {0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12}


@pytest.mark.parametrize("leg", sorted(set(RIGHT.legs.leg.tolist())))
def test_a_nano_more_on_any_leg_is_found(leg: int) -> None:
    row = leg_row(Leg(leg))
    legs = edited(RIGHT.legs, "amount_nano", row, 1)

    assert any(f"of member {int(RIGHT.legs.member[row])}" in name for name in where(replace(RIGHT, legs=legs)))


@pytest.mark.parametrize(
    "leg", [Leg.PEER_SELL, Leg.PEER_BUY, Leg.SUPPLIER_SELL, Leg.SUPPLIER_BUY, Leg.IMBALANCE_SHORT, Leg.IMBALANCE_LONG]
)
def test_a_watt_hour_more_on_an_energy_leg_is_found(leg: Leg) -> None:
    row = leg_row(leg)
    found = where(replace(RIGHT, legs=edited(RIGHT.legs, "energy_wh", row, 1)))

    assert f"statement energy (export - import) of member {int(RIGHT.legs.member[row])}" in found


@pytest.mark.parametrize("kind", sorted(set(RIGHT.postings.kind.tolist()) - {int(Kind.WHOLESALE)}))
def test_a_nano_more_on_any_posting_of_a_member_is_found(kind: int) -> None:
    postings = edited(RIGHT.postings, "amount_nano", posting_row(Kind(kind)), 1)

    assert any(
        name.startswith(f"postings {Kind(kind).name.lower()}") for name in where(replace(RIGHT, postings=postings))
    )


def moved(statement: Statement, debit: Account, credit: Account, amount_nano: int) -> Statement:
    extra = amount_postings(np.array([debit]), np.array([credit]), np.array([amount_nano]), Kind.FEE)
    return replace(statement, postings=type(extra).joined([statement.postings, extra]))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda s: moved(s, Account.POOL, Account.GRID, 1), "postings pool amount_nano"),
        (lambda s: moved(s, Account.REWARDS, Account.GRID, 2 * 10**9), "postings rewards balance"),
        (lambda s: moved(s, Account.SUPPLIER, Account.WHOLESALE, 1), "postings wholesale"),
        (lambda s: moved(s, Account.GRID, Account.GRID, 1), "postings"),
        (lambda s: replace(s, delivered_wh=s.delivered_wh + 1), "statement delivered_wh"),
        (lambda s: replace(s, delivered_wh=s.delivered_wh[1:]), "statement delivered_wh"),
        (lambda s: replace(s, delivered_wh=s.delivered_wh - 1), "statement peer_buy Wh of member 1"),
        (lambda s: replace(s, postings=edited(s.postings, "energy_wh", 1, 1)), "postings pool energy_wh"),
        (lambda s: replace(s, postings=edited(s.postings, "energy_wh", 1, -1000)), "postings energy_wh"),
        (lambda s: replace(s, legs=edited(s.legs, "energy_wh", 0, -1000)), "statement energy_wh"),
        (lambda s: replace(s, legs=edited(s.legs, "energy_wh", leg_row(Leg.SUPPLIER_BUY), 1)), "statement supplier Wh"),
        (lambda s: replace(s, legs=edited(s.legs, "amount_nano", leg_row(Leg.REWARD), 10**9)), "statement amount_nano"),
        (lambda s: replace(s, postings=s.postings.take(s.postings.kind != Kind.WHOLESALE)), "postings wholesale amount_nano"),
    ],
)  # fmt: skip
def test_what_does_not_balance_is_found(spoil: Callable[[Statement], Statement], expected: str) -> None:
    assert expected in where(spoil(RIGHT))


def test_a_correction_of_a_stranger_or_of_another_amount_is_found() -> None:
    before, after = METERED.take(np.array([1])), METERED.take(np.array([1])).replaced(import_wh=np.array([650]))
    revision = correction(RIGHT, 1, before, after, CONTEXT)
    stranger = replace(revision, legs=revision.legs.replaced(member=np.zeros(len(revision.legs), np.int64)))
    turned = replace(revision, legs=edited(revision.legs, "amount_nano", 0, 1))

    assert correction_findings(revision, before, after, CONTEXT) == []
    assert "correction members" in {f.where for f in correction_findings(stranger, before, after, CONTEXT)}
    assert "statement amount_nano" in {f.where for f in correction_findings(turned, before, after, CONTEXT)}
