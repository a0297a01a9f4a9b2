"""A battery that follows the tariff."""

from typing import Any

import numpy as np
import pytest
from tests.fakes.asset_contexts import at

from commonwatt.assets import ASSETS, Flows
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState

CHEAP, BETWEEN, DEAR = 150_000, 200_000, 250_000


def moved(
    retail: int, *, load_wh: int = 0, pv_wh: int = 0, storage_wh: int = 3000, connection_w: int = 10_000, **more: Any
) -> tuple[int, int, int]:
    """One battery of 6 kWh and 3 kW in one hour at efficiency 0.9: charge, discharge (Wh at the meter), storage after."""
    fleet = Fleet.of(1, battery_wh=6000, battery_w=3000, battery_min_wh=600, connection_w=connection_w)
    battery = ASSETS.make("price_threshold", **{"one_way_efficiency_share": 0.9, **more})
    flows, state = Flows.of(1, load_wh=load_wh, pv_wh=pv_wh), AssetState.of(1, storage_wh=storage_wh)
    after, left = battery.dispatch(fleet, state, flows, at(3600, retail))
    planned, expected = battery.plan(fleet, state, flows, at(3600, retail))
    assert (planned.charge_wh, planned.discharge_wh) == (after.charge_wh, after.discharge_wh)
    assert expected.storage_wh == left.storage_wh
    return int(after.charge_wh[0]), int(after.discharge_wh[0]), int(left.storage_wh[0])


def test_cheap_electricity_is_stored_from_the_grid() -> None:
    assert moved(CHEAP, load_wh=500) == (3000, 0, 5700)


def test_a_full_battery_takes_nothing_however_cheap() -> None:
    assert moved(CHEAP, storage_wh=6000) == (0, 0, 6000)


def test_the_connection_limits_what_is_stored_from_the_grid() -> None:
    assert moved(CHEAP, load_wh=500, connection_w=2000) == (1500, 0, 4350)
    assert moved(CHEAP, load_wh=2500, connection_w=2000) == (0, 0, 3000)
    assert moved(CHEAP, pv_wh=800, connection_w=2000) == (2800, 0, 5520)


def test_dear_electricity_is_not_bought_while_there_is_charge() -> None:
    assert moved(DEAR, load_wh=900) == (0, 900, 2000)


def test_charge_does_not_go_out_to_the_grid() -> None:
    assert moved(DEAR) == (0, 0, 3000)


def test_between_the_thresholds_nothing_is_given() -> None:
    assert moved(BETWEEN, load_wh=900) == (0, 0, 3000)


@pytest.mark.parametrize("retail", [BETWEEN, DEAR])
def test_a_surplus_is_stored_at_any_price(retail: int) -> None:
    assert moved(retail, pv_wh=1400, load_wh=400) == (1000, 0, 3900)


def test_one_micro_beside_a_threshold_nothing_moves() -> None:
    assert moved(CHEAP + 1, load_wh=500) == moved(DEAR - 1, load_wh=500) == (0, 0, 3000)


def test_where_the_thresholds_overlap_cheap_wins() -> None:
    more = {"charge_below_micro_per_kwh": 300_000, "discharge_above_micro_per_kwh": 100_000}
    assert moved(200_000, load_wh=900, **more) == (3000, 0, 5700)


def test_a_day_of_two_tariffs_shifts_load_into_the_night() -> None:
    fleet = Fleet.of(1, battery_wh=6000, battery_w=3000, connection_w=10_000)
    battery, state = ASSETS.make("price_threshold"), AssetState.of(1)
    bought = []
    for hour in range(24):
        retail = CHEAP if hour < 6 else DEAR
        flows, state = battery.dispatch(fleet, state, Flows.of(1, load_wh=400), at(3600, retail))
        bought.append(-int(flows.net_wh[0]))
    assert sum(bought[6:]) < 18 * 400 - 5000
    assert sum(bought) > np.int64(24 * 400)
