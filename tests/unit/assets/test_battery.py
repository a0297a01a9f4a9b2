"""The rule of the battery: surplus in, deficit out, whole Wh."""

import numpy as np
import pytest
from tests.fakes.asset_contexts import at

from commonwatt.assets import ASSETS, Flows
from commonwatt.core.errors import InvalidInput
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState


def moved(
    *,
    load_wh: int = 0,
    pv_wh: int = 0,
    storage_wh: int = 0,
    slot_s: int = 3600,
    efficiency: float = 0.9,
    capacity_wh: int = 6000,
    power_w: int = 3000,
    min_wh: int = 600,
    inverter_w: int = 0,
) -> tuple[int, int, int]:
    """One battery in one slot: charge, discharge (Wh at the meter), storage after."""
    fleet = Fleet.of(1, battery_wh=capacity_wh, battery_w=power_w, battery_min_wh=min_wh, inverter_w=inverter_w)
    battery = ASSETS.make("battery", one_way_efficiency_share=efficiency)
    state = AssetState.of(1, storage_wh=storage_wh, temperature_mk=293_000)
    flows, after = battery.dispatch(fleet, state, Flows.of(1, load_wh=load_wh, pv_wh=pv_wh), at(slot_s))
    planned, expected = battery.plan(fleet, state, Flows.of(1, load_wh=load_wh, pv_wh=pv_wh), at(slot_s))
    assert (planned.charge_wh, planned.discharge_wh) == (flows.charge_wh, flows.discharge_wh)
    assert expected.storage_wh == after.storage_wh
    assert after.temperature_mk.tolist() == [293_000]
    return int(flows.charge_wh[0]), int(flows.discharge_wh[0]), int(after.storage_wh[0])


def test_a_surplus_is_stored_less_the_loss() -> None:
    assert moved(pv_wh=1400, load_wh=400, storage_wh=1000) == (1000, 0, 1900)


def test_a_deficit_is_drawn_with_the_loss() -> None:
    assert moved(load_wh=900, storage_wh=3000) == (0, 900, 2000)


def test_a_single_wh_draws_its_loss_too() -> None:
    assert moved(load_wh=1, storage_wh=3000) == (0, 1, 2998)


def test_a_balanced_home_leaves_the_battery_idle() -> None:
    assert moved(load_wh=500, pv_wh=500, storage_wh=3000) == (0, 0, 3000)


@pytest.mark.parametrize(("slot_s", "most"), [(3600, 3000), (900, 750)])
def test_power_limits_both_ways(slot_s: int, most: int) -> None:
    assert moved(pv_wh=9000, slot_s=slot_s)[0] == most
    assert moved(load_wh=9000, storage_wh=6000, slot_s=slot_s)[1] == most


def test_a_full_battery_takes_nothing() -> None:
    assert moved(pv_wh=2000, storage_wh=6000) == (0, 0, 6000)
    assert moved(pv_wh=2000, storage_wh=5910) == (100, 0, 6000)


def test_the_minimum_is_never_drawn() -> None:
    assert moved(load_wh=2000, storage_wh=600) == (0, 0, 600)
    assert moved(load_wh=2000, storage_wh=700) == (0, 90, 600)


def test_a_battery_below_its_minimum_is_only_charged() -> None:
    assert moved(load_wh=2000, storage_wh=100) == (0, 0, 100)
    assert moved(pv_wh=1000, storage_wh=100) == (1000, 0, 1000)


def test_a_trickle_is_not_burnt_in_rounding() -> None:
    assert moved(pv_wh=1, storage_wh=1000) == (0, 0, 1000)
    # 10 Wh would store no more than 9 do: 8 (0.89 x 10 = 8.9, 0.89 x 9 = 8.01).
    assert moved(pv_wh=10, storage_wh=1000, efficiency=0.89) == (9, 0, 1008)


def test_the_inverter_is_shared_with_pv() -> None:
    assert moved(pv_wh=9000, inverter_w=2000)[0] == 2000
    assert moved(load_wh=5000, pv_wh=1500, storage_wh=6000, inverter_w=2000)[1] == 500
    assert moved(load_wh=5000, pv_wh=2000, storage_wh=6000, inverter_w=2000)[1] == 0


def test_a_member_without_a_battery_stores_nothing() -> None:
    assert moved(pv_wh=1000, capacity_wh=0, power_w=0, min_wh=0) == (0, 0, 0)
    assert moved(load_wh=1000, capacity_wh=0, power_w=0, min_wh=0) == (0, 0, 0)


def test_the_default_loses_a_tenth_there_and_back() -> None:
    share = ASSETS.make("battery").one_way_efficiency_share  # type: ignore[attr-defined]
    assert share**2 == pytest.approx(0.9, abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 1.1, float("nan"), "much"])
def test_an_impossible_efficiency_is_refused(share: object) -> None:
    with pytest.raises(InvalidInput, match="one_way_efficiency_share"):
        ASSETS.make("battery", one_way_efficiency_share=share)


def test_members_do_not_touch_each_others_storage() -> None:
    fleet = Fleet.of(2, battery_wh=6000, battery_w=3000)
    flows = Flows.of(2, load_wh=np.array([0, 800]), pv_wh=np.array([1000, 0]))
    after, state = ASSETS.make("battery", one_way_efficiency_share=1.0).dispatch(
        fleet, AssetState.of(2, storage_wh=np.array([0, 500])), flows, at()
    )
    assert state.storage_wh.tolist() == [1000, 0]
    assert after.net_wh.tolist() == [0, -300]
