"""What holds between the settlement rules, and of allocation and corrections, on random communities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.settlement_worlds import World, worlds

from commonwatt.core.accounts import FIRST_MEMBER, balances_nano
from commonwatt.core.determinism import stream
from commonwatt.core.encoding import encode
from commonwatt.core.records import LEG_ENERGY_SIGN, Leg, Readings, Statement
from commonwatt.settlement import correction, correction_findings
from commonwatt.settlement._delivery import ALLOCATIONS
from commonwatt.settlement.delivered import Delivered
from commonwatt.settlement.scheduled import Scheduled


def settled(rule: Scheduled | Delivered, world: World) -> Statement:
    return rule.settle(world.book, world.agreement, world.readings, world.context)


@settings(max_examples=150, deadline=None)
@given(world=worlds("ex_post"))
def test_after_the_fact_both_rules_give_the_same_statement_without_imbalance(world: World) -> None:
    statement = settled(Delivered(), world)

    for residual in ("metered", "gate"):
        assert encode(settled(Scheduled(residual=residual), world)) == encode(statement)
    assert statement.delivered_wh.tolist() == world.agreement.trades.energy_wh.tolist()
    assert not np.isin(statement.legs.leg, (Leg.IMBALANCE_SHORT, Leg.IMBALANCE_LONG, Leg.REWARD, Leg.PENALTY)).any()


@settings(max_examples=300, deadline=None)
@given(world=worlds("ex_ante"), allocation=st.sampled_from(ALLOCATIONS))
def test_delivered_leaves_no_partners_who_could_still_exchange_energy(world: World, allocation: str) -> None:
    statement, trades = settled(Delivered(allocation=allocation), world), world.agreement.trades
    moved = statement.delivered_wh
    owner = np.append(world.book.member, -1)
    seller, buyer = owner[trades.sell_order], owner[trades.buy_order]
    give, take = world.readings.export_wh.copy(), world.readings.import_wh.copy()
    np.subtract.at(give, seller[seller >= 0], moved[seller >= 0])
    np.subtract.at(take, buyer[buyer >= 0], moved[buyer >= 0])
    assert (give >= 0).all()
    assert (take >= 0).all()
    open_wh = trades.energy_wh - moved
    could_give = (seller >= 0) & (open_wh > 0) & (np.append(give, 0)[seller] > 0)
    could_take = (buyer >= 0) & (open_wh > 0) & (np.append(take, 0)[buyer] > 0)

    assert not (could_give & could_take).any()
    assert not ((could_give & (buyer < 0)).any() and (could_take & (seller < 0)).any())


@settings(max_examples=150, deadline=None)
@given(world=worlds("ex_ante"))
def test_trades_are_firm_when_scheduled(world: World) -> None:
    statement = settled(Scheduled(), world)

    assert statement.delivered_wh.tolist() == world.agreement.trades.energy_wh.tolist()


@settings(max_examples=150, deadline=None)
@given(world=worlds("ex_ante"))
def test_imbalance_is_the_rule_of_schedule_less_net_where_one_register_is_zero(world: World) -> None:
    """`d = p - net`, written as the specification has it and not as the code has it."""
    members = world.context.members
    net = world.readings.export_wh - world.readings.import_wh
    one = world.readings.replaced(export_wh=np.maximum(net, 0), import_wh=np.maximum(-net, 0))
    legs = settled(Scheduled(), replace(world, readings=one)).legs
    energy = {leg: np.zeros(members, np.int64) for leg in Leg}
    for member, leg, wh in zip(legs.member, legs.leg, legs.energy_wh, strict=True):
        energy[Leg(int(leg))][member] += wh
    for member in range(members):
        p = int(energy[Leg.PEER_SELL][member] - energy[Leg.PEER_BUY][member])
        d = p - int(net[member])
        short, long = min(max(d, 0), max(p, 0)), min(max(-d, 0), max(-p, 0))
        assert energy[Leg.IMBALANCE_SHORT][member] == short
        assert energy[Leg.IMBALANCE_LONG][member] == long
        assert energy[Leg.SUPPLIER_BUY][member] == max(d, 0) - short
        assert energy[Leg.SUPPLIER_SELL][member] == max(-d, 0) - long


def corrected(world: World, seed: int) -> Readings:
    """Other values for some members."""
    rng = stream(seed, "late")
    rows = np.flatnonzero(rng.integers(0, 2, world.context.members))
    changed = world.readings.take(rows)
    registers = rng.integers(0, 3000, (2, len(rows))) * rng.integers(0, 2, (2, len(rows)))
    return changed.replaced(export_wh=registers[0], import_wh=registers[1])


@settings(max_examples=200, deadline=None)
@given(world=st.sampled_from(["ex_post", "ex_ante"]).flatmap(worlds), seed=st.integers(0, 2**32))
def test_a_correction_holds_the_difference_and_touches_nobody_else(world: World, seed: int) -> None:
    settlement, after = settled(Delivered(), world), corrected(world, seed)
    before = world.readings.take(after.member)
    # What was lost was bought with the first settlement, and stands.
    context = replace(world.context, losses_wh=0)
    revision = correction(settlement, 1, before, after, context)

    assert correction_findings(revision, before, after, context) == []
    net = balances_nano(revision.postings, FIRST_MEMBER + world.context.members)[FIRST_MEMBER:]
    assert not np.delete(net, after.member).any()


@settings(max_examples=150, deadline=None)
@given(world=worlds("ex_post"), seed=st.integers(0, 2**32))
def test_corrections_come_to_what_the_right_reading_would_have_cost(world: World, seed: int) -> None:
    """With trades as they stand, substitute + corrections = the bill on the metered value (imbalance at the tariff)."""
    tariff = world.context.rates
    rates = replace(
        tariff,
        imbalance_buy_micro_per_kwh=tariff.retail_micro_per_kwh,
        imbalance_sell_micro_per_kwh=tariff.feed_in_micro_per_kwh,
    )
    world = replace(world, context=replace(world.context, rates=rates))
    rule, after = Scheduled(reward_form="none"), corrected(world, seed)
    before = world.readings.take(after.member)
    between = after.replaced(export_wh=after.import_wh, import_wh=after.export_wh)
    settlement = settled(rule, world)
    steps = [
        settlement,
        correction(settlement, 1, before, between, world.context),
        correction(settlement, 2, between, after, world.context),
    ]
    export_wh, import_wh = world.readings.export_wh.copy(), world.readings.import_wh.copy()
    export_wh[after.member], import_wh[after.member] = after.export_wh, after.import_wh
    metered = world.readings.replaced(export_wh=export_wh, import_wh=import_wh)
    right = settled(rule, replace(world, readings=metered, context=replace(world.context, timing="ex_ante")))

    accounts = FIRST_MEMBER + world.context.members
    together = sum((balances_nano(step.postings, accounts) for step in steps), np.zeros(accounts, np.int64))
    assert together.tolist() == balances_nano(right.postings, accounts).tolist()


@settings(max_examples=100, deadline=None)
@given(world=worlds("ex_ante"))
def test_the_supplier_is_left_with_the_communitys_net_energy(world: World) -> None:
    legs = settled(Scheduled(residual="gate"), world).legs
    own = ~np.isin(legs.leg, (Leg.PEER_SELL, Leg.PEER_BUY))
    supplier = int((LEG_ENERGY_SIGN[legs.leg] * legs.energy_wh)[own].sum())

    assert supplier == int((world.readings.export_wh - world.readings.import_wh).sum())
