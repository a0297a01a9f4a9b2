"""A battery makes no energy, whatever it is asked to do."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.asset_contexts import at

from commonwatt.assets import ASSETS, Flows
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState

SHARES = st.floats(0.01, 1.0)
SLOTS = st.sampled_from((300, 900, 1800, 3600))
ENERGY = st.integers(0, 20_000) | st.integers(0, 12) | st.integers(0, 2**31 - 1)
DAY = st.lists(st.tuples(ENERGY, ENERGY), min_size=1, max_size=30)


@st.composite
def batteries(draw: st.DrawFn) -> tuple[Fleet, AssetState]:
    capacity = draw(st.integers(0, 20_000) | st.integers(0, 10))
    fleet = Fleet.of(
        1,
        battery_wh=capacity,
        battery_min_wh=draw(st.integers(0, capacity)),
        battery_w=draw(st.integers(0, 10_000) | st.integers(0, 10)),
        inverter_w=draw(st.just(0) | st.integers(1, 10_000)),
    )
    return fleet, AssetState.of(1, storage_wh=draw(st.integers(0, capacity)))


@given(batteries(), DAY, SHARES, SLOTS)
@settings(max_examples=150, deadline=None)
def test_what_went_in_is_what_came_out_and_what_is_left_and_what_was_lost(
    made: tuple[Fleet, AssetState], day: list[tuple[int, int]], share: float, slot_s: int
) -> None:
    fleet, state = made
    first = int(state.storage_wh[0])
    battery = ASSETS.make("battery", one_way_efficiency_share=share)
    taken = given_back = 0
    for load_wh, pv_wh in day:
        before = int(state.storage_wh[0])
        flows, state = battery.dispatch(fleet, state, Flows.of(1, load_wh=load_wh, pv_wh=pv_wh), at(slot_s))
        charge, discharge, after = (
            int(column[0]) for column in (flows.charge_wh, flows.discharge_wh, state.storage_wh)
        )
        assert charge >= 0
        assert discharge >= 0
        assert charge == 0 or discharge == 0
        if charge == discharge == 0:
            assert after == before
        # Each slot loses, and no more than the efficiency says and one Wh of rounding.
        lost = charge - discharge - (after - before)
        assert lost >= 0
        kept = round(share * 10**6)
        assert discharge == 0 or (before - after) * kept >= discharge * 10**6
        assert charge == 0 or (after - before) * 10**6 <= charge * kept
        assert lost <= charge * (1 - share) + discharge * (1 / share - 1) + 1 + 1e-4 * (charge + discharge) / share
        assert after <= max(int(fleet.battery_wh[0]), before)
        assert after >= min(int(fleet.battery_min_wh[0]), before)
        assert charge <= int(fleet.battery_w[0]) * slot_s // 3600
        assert discharge <= int(fleet.battery_w[0]) * slot_s // 3600
        # Never across the meter: it takes from the surplus and gives to the deficit, no more.
        assert charge <= max(pv_wh - load_wh, 0)
        assert discharge <= max(load_wh - pv_wh, 0)
        taken, given_back = taken + charge, given_back + discharge
    left = int(state.storage_wh[0]) - first
    assert given_back + left <= taken
    if left >= 0:
        assert given_back <= taken


@given(st.integers(0, 20_000), SHARES)
@settings(max_examples=150, deadline=None)
def test_a_round_trip_gives_back_no_more_than_the_efficiency_twice(surplus_wh: int, share: float) -> None:
    fleet = Fleet.of(1, battery_wh=100_000, battery_w=100_000)
    battery = ASSETS.make("battery", one_way_efficiency_share=share)
    charged, full = battery.dispatch(fleet, AssetState.of(1), Flows.of(1, pv_wh=surplus_wh), at())
    drawn, empty = battery.dispatch(fleet, full, Flows.of(1, load_wh=100_000), at())
    kept = round(share * 10**6)
    assert int(drawn.discharge_wh[0]) * 10**12 <= int(charged.charge_wh[0]) * kept**2
    # Nothing worth a Wh outside stays behind.
    assert int(empty.storage_wh[0]) * kept < 10**6 + kept


@given(batteries(), ENERGY, ENERGY)
@settings(max_examples=100, deadline=None)
def test_a_member_with_a_battery_is_never_further_from_zero(
    made: tuple[Fleet, AssetState], load_wh: int, pv_wh: int
) -> None:
    fleet, state = made
    flows, _ = ASSETS.make("battery").dispatch(fleet, state, Flows.of(1, load_wh=load_wh, pv_wh=pv_wh), at())
    bare = pv_wh - load_wh
    assert abs(int(flows.net_wh[0])) <= abs(bare)
    assert np.sign(flows.net_wh[0]) in (0, np.sign(bare))
