"""Load and PV."""

import numpy as np
from tests.fakes.asset_contexts import at

from commonwatt.assets import ASSETS, Flows
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState


def flows(pv_wh: list[int]) -> Flows:
    return Flows.of(len(pv_wh), pv_wh=np.array(pv_wh), load_wh=400)


def clipped(inverter_w: int, pv_wh: int, slot_s: int) -> int:
    fleet = Fleet.of(1, pv_w=9000, inverter_w=inverter_w)
    planned, _ = ASSETS.make("pv").plan(fleet, AssetState.of(1), flows([pv_wh]), at(slot_s))
    dispatched, _ = ASSETS.make("pv").dispatch(fleet, AssetState.of(1), flows([pv_wh]), at(slot_s))
    assert planned.pv_wh.tolist() == dispatched.pv_wh.tolist()
    return int(dispatched.pv_wh[0])


def test_load_is_as_it_comes() -> None:
    given, state = flows([100]), AssetState.of(1, storage_wh=7)
    for step in (ASSETS.make("load").plan, ASSETS.make("load").dispatch):
        after, left = step(Fleet.of(1), state, given, at())
        assert after.load_wh.tolist() == [400]
        assert left.storage_wh.tolist() == [7]


def test_pv_above_the_inverter_does_not_come_out() -> None:
    assert clipped(5000, 6200, 3600) == 5000
    assert clipped(5000, 4200, 3600) == 4200
    assert clipped(5000, 1300, 900) == 1250


def test_pv_without_an_inverter_size_comes_out_whole() -> None:
    assert clipped(0, 6200, 3600) == 6200
