"""Postings: money moves from debit to credit, is positive, and sums to zero."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwatt.core.accounts import (
    FIRST_MEMBER,
    Account,
    Kind,
    account_names,
    amount_postings,
    balances_nano,
    energy_postings,
    kind_names,
    member_account,
)


def test_the_payer_is_debited_and_a_negative_price_turns_it_round() -> None:
    receiver, payer = np.array([8, 8, 8]), np.array([9, 9, 9])
    table = energy_postings(receiver, payer, np.array([5, 5, 5]), np.array([3, -2, 0]), Kind.TRADE)
    assert table.debit.tolist() == [9, 8, 9]
    assert table.credit.tolist() == [8, 9, 8]
    assert table.amount_nano.tolist() == [15, 10, 0]
    assert (table.energy_wh * np.abs(table.price_micro_per_kwh) == table.amount_nano).all()


def test_a_plain_amount_has_no_energy() -> None:
    table = amount_postings(np.array([8, 8]), np.array([9, 9]), np.array([-4, 0]), Kind.REWARD)
    assert (table.debit.tolist(), table.credit.tolist(), table.amount_nano.tolist()) == ([9], [8], [4])
    assert (table.energy_wh.tolist(), table.kind.tolist()) == ([0], [Kind.REWARD])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.integers(-(10**15), 10**15)), max_size=20))
def test_balances_sum_to_zero_whatever_was_posted(rows: list[tuple[int, int, int]]) -> None:
    debit, credit, amount = np.array(rows, np.int64).reshape(-1, 3).T
    table = amount_postings(debit, credit, amount, Kind.TRADE)
    assert int(balances_nano(table, 12).sum()) == 0
    assert (table.amount_nano > 0).all()


def test_names_follow_the_numbers() -> None:
    names = account_names(["ab", "cd"])
    assert names[Account.SUPPLIER] == "supplier"
    assert [names[int(a)] for a in member_account(np.array([0, 1]))] == ["member:ab", "member:cd"]
    assert len(names) == FIRST_MEMBER + 2
    assert kind_names()[Kind.WHOLESALE] == "wholesale"
