"""Every settlement rule keeps every promise of the room, in every one of its forms, in both timings."""

from __future__ import annotations

import dataclasses
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.settlement_worlds import World, seeded_world, worlds

from commonwatt.core.accounts import FIRST_MEMBER, Account, balances_nano
from commonwatt.core.encoding import encode
from commonwatt.core.registry import NEEDS
from commonwatt.settlement import SETTLEMENTS, Settlement, statement_findings


def forms(name: str) -> list[dict[str, Any]]:
    """Every combination of an answer's choices."""
    fields = dataclasses.fields(SETTLEMENTS.answer(name))  # type: ignore[arg-type]
    choices = {f.name: f.metadata["choices"] for f in fields if f.metadata["choices"]}
    return [dict(zip(choices, combination, strict=True)) for combination in product(*choices.values())]


RULES = [
    pytest.param(SETTLEMENTS.make(name, **form), id="-".join([name, *form.values()]))
    for name in SETTLEMENTS.names()
    for form in forms(name)
]
TIMINGS = st.sampled_from(["ex_post", "ex_ante"]).flatmap(worlds)


def test_both_rules_are_there() -> None:
    assert {"scheduled", "delivered"} <= set(SETTLEMENTS.names())


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_what_it_needs_and_breaks_nothing(rule: Settlement) -> None:
    assert rule.needs <= NEEDS
    assert rule.breaks == frozenset()


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None)
@given(world=TIMINGS)
def test_energy_and_money_balance_member_by_member(rule: Settlement, world: World) -> None:
    statement = rule.settle(world.book, world.agreement, world.readings, world.context)

    assert statement_findings(statement, world.book, world.agreement, world.readings, world.context) == []
    assert (statement.slot, statement.revision) == (world.context.slot, 0)


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=30, deadline=None)
@given(world=TIMINGS)
def test_in_the_order_of_its_postings_the_pool_of_rewards_is_never_below_zero(rule: Settlement, world: World) -> None:
    postings = rule.settle(world.book, world.agreement, world.readings, world.context).postings
    entering = (postings.credit == Account.REWARDS) * postings.amount_nano
    leaving = (postings.debit == Account.REWARDS) * postings.amount_nano

    assert (world.context.rewards_balance_nano + np.cumsum(entering - leaving) >= 0).all()


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_same_slot_gives_the_same_bytes(rule: Settlement, seed: int) -> None:
    first, second = (
        encode(rule.settle(w.book, w.agreement, w.readings, w.context))
        for w in (seeded_world(seed, 5, "ex_ante"), seeded_world(seed, 5, "ex_ante"))
    )

    assert first == second


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=60, deadline=None)
@given(world=worlds("ex_post", sensible=True))
def test_after_the_fact_nobody_pays_more_than_without_a_market(rule: Settlement, world: World) -> None:
    statement = rule.settle(world.book, world.agreement, world.readings, world.context)
    rates, members = world.context.rates, world.context.members
    alone = (
        world.readings.export_wh * rates.feed_in_micro_per_kwh - world.readings.import_wh * rates.all_in_micro_per_kwh
    )

    received = balances_nano(statement.postings, FIRST_MEMBER + members)[FIRST_MEMBER:]
    assert (received >= alone).all()
