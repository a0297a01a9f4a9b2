"""What is lost in the wires: bought by the grid, brought from outside by the supplier, and on no member's bill."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.settlement_slots import agreement, bill, book, context, lines, rates, readings, system_balances

from commonwatt.core.accounts import Account, Kind
from commonwatt.core.records import Statement
from commonwatt.settlement import statement_findings
from commonwatt.settlement.scheduled import Scheduled

ORDERS = book((0, "sell", 600), (1, "buy", 500))
AGREED = agreement(ORDERS, (0, 1, 400, 190_000, 190_000))
METERED = readings((500, 0), (0, 700))
# The community draws 200 Wh more than it gives.
LOST = replace(context(2, rates=rates(losses=90_000, balancing=50_000)), losses_wh=30)
RULE = Scheduled(reward_form="none")


def settled(losses_wh: int = 30, **changed: int) -> Statement:
    own = replace(LOST, losses_wh=losses_wh, rates=rates(**{"losses": 90_000, "balancing": 50_000} | changed))
    return RULE.settle(ORDERS, AGREED, METERED, own)


def test_the_grid_buys_what_is_lost_from_the_supplier_who_brings_it_from_outside() -> None:
    statement = settled()
    assert lines(statement.postings, Kind.LOSSES) == [(Account.GRID, Account.SUPPLIER, 30 * 90_000)]
    assert lines(statement.postings, Kind.WHOLESALE) == [(Account.SUPPLIER, Account.WHOLESALE, 230 * 50_000)]
    assert statement_findings(statement, ORDERS, AGREED, METERED, LOST) == []


def test_losses_are_on_no_members_bill() -> None:
    with_losses, without = settled(), settled(losses_wh=0)
    assert [bill(with_losses, m) for m in (0, 1)] == [bill(without, m) for m in (0, 1)]
    paid = system_balances(with_losses, 2)[Account.GRID] - system_balances(without, 2)[Account.GRID]
    assert paid == -30 * 90_000
    assert lines(without.postings, Kind.LOSSES) == []


def test_below_zero_the_grid_is_paid_for_what_is_lost() -> None:
    assert lines(settled(losses=-10_000).postings, Kind.LOSSES) == [(Account.SUPPLIER, Account.GRID, 30 * 10_000)]


def test_a_community_that_gives_more_than_it_draws_sends_out_so_much_less() -> None:
    sunny = RULE.settle(ORDERS, AGREED, readings((900, 0), (0, 700)), LOST)
    assert lines(sunny.postings, Kind.WHOLESALE) == [(Account.WHOLESALE, Account.SUPPLIER, 170 * 50_000)]


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        (Kind.LOSSES, {"postings losses energy_wh"}),
        (Kind.WHOLESALE, {"postings wholesale energy_wh", "postings wholesale amount_nano"}),
    ],
)
def test_losses_that_are_not_bought_or_not_brought_are_found(kind: Kind, where: set[str]) -> None:
    statement = settled()
    energy, amount = statement.postings.energy_wh.copy(), statement.postings.amount_nano.copy()
    (row,) = np.flatnonzero(statement.postings.kind == kind)
    energy[row] -= 10
    amount[row] -= 10 * statement.postings.price_micro_per_kwh[row]
    wrong = replace(statement, postings=statement.postings.replaced(energy_wh=energy, amount_nano=amount))
    assert {f.where for f in statement_findings(wrong, ORDERS, AGREED, METERED, LOST)} == where


def test_a_statement_without_what_was_lost_is_found() -> None:
    found = statement_findings(settled(losses_wh=0), ORDERS, AGREED, METERED, LOST)
    assert {f.where for f in found} == {
        "postings losses energy_wh",
        "postings wholesale energy_wh",
        "postings wholesale amount_nano",
    }
