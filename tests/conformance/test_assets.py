"""Every asset keeps the promises of its room."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.asset_contexts import at

from commonwatt.assets import ASSETS, AssetContext, Flows, curtailed
from commonwatt.core.members import Fleet
from commonwatt.core.records import AssetState, Envelope
from commonwatt.core.units import Ints

NAMES = pytest.mark.parametrize("name", ASSETS.names())
SLOTS = pytest.mark.parametrize("slot_s", [900, 3600])
PRICES = pytest.mark.parametrize("retail", [100_000, 200_000, 300_000])
MEMBERS = 200


def drawn(high: int, seed: int) -> Ints:
    return np.random.Generator(np.random.PCG64(seed)).integers(0, high, MEMBERS, dtype=np.int64)


def fleet() -> Fleet:
    capacity = drawn(10_000, 1) * (drawn(2, 2))
    return Fleet(
        pv_w=drawn(8000, 3),
        battery_wh=capacity,
        battery_w=drawn(5000, 4),
        battery_min_wh=capacity // 10,
        inverter_w=drawn(8000, 5) * drawn(2, 6),
        connection_w=np.full(MEMBERS, 10_000),
    )


def state() -> AssetState:
    homes = fleet()
    span = homes.battery_wh - homes.battery_min_wh
    return AssetState.of(MEMBERS, storage_wh=homes.battery_min_wh + drawn(1000, 7) * span // 999)


def flows(load_wh: Ints | int, pv_wh: Ints | int) -> Flows:
    return Flows.of(MEMBERS, load_wh=load_wh, pv_wh=pv_wh)


def same(one: tuple[Flows, AssetState], other: tuple[Flows, AssetState]) -> bool:
    return all(
        (a.arrays()[column] == b.arrays()[column]).all()
        for a, b in zip(one, other, strict=True)
        for column in a.arrays()
    )


def test_the_room_has_answers() -> None:
    assert {"battery", "load", "price_threshold", "pv"} <= set(ASSETS.names())


@NAMES
@SLOTS
@PRICES
def test_an_asset_never_charges_and_discharges_at_once(name: str, slot_s: int, retail: int) -> None:
    after, _ = ASSETS.make(name).dispatch(fleet(), state(), flows(drawn(4000, 8), drawn(4000, 9)), at(slot_s, retail))
    assert (np.minimum(after.charge_wh, after.discharge_wh) == 0).all()
    assert all((column >= 0).all() for column in (after.load_wh, after.pv_wh, after.charge_wh, after.discharge_wh))


@NAMES
@SLOTS
@PRICES
def test_state_stays_within_its_bounds(name: str, slot_s: int, retail: int) -> None:
    homes, charge = fleet(), state()
    for seed in range(20, 40):
        _, charge = ASSETS.make(name).dispatch(
            homes, charge, flows(drawn(6000, seed), drawn(6000, -seed % 99)), at(slot_s, retail)
        )
        assert (charge.storage_wh >= homes.battery_min_wh).all()
        assert (charge.storage_wh <= homes.battery_wh).all()


@NAMES
@SLOTS
@PRICES
def test_state_is_unchanged_where_the_asset_is_idle(name: str, slot_s: int, retail: int) -> None:
    before = state()
    after, left = ASSETS.make(name).dispatch(fleet(), before, flows(drawn(300, 8), drawn(300, 9)), at(slot_s, retail))
    idle = (after.charge_wh == 0) & (after.discharge_wh == 0)
    assert idle.any()
    assert (left.storage_wh == before.storage_wh)[idle].all()


@NAMES
@SLOTS
@PRICES
def test_plan_and_dispatch_of_the_same_flows_are_the_same(name: str, slot_s: int, retail: int) -> None:
    arguments = (fleet(), state(), flows(drawn(4000, 8), drawn(4000, 9)), at(slot_s, retail))
    answer = ASSETS.make(name)
    assert same(answer.plan(*arguments), answer.dispatch(*arguments))
    assert same(answer.dispatch(*arguments), ASSETS.make(name).dispatch(*arguments))


@NAMES
def test_an_asset_leaves_its_inputs_alone(name: str) -> None:
    homes, before, given = fleet(), state(), flows(drawn(4000, 8), drawn(4000, 9))
    ASSETS.make(name).dispatch(homes, before, given, at())
    assert same((given, before), (flows(drawn(4000, 8), drawn(4000, 9)), state()))


@NAMES
@PRICES
def test_an_asset_takes_no_more_through_the_meter_than_the_connection_carries(name: str, retail: int) -> None:
    homes = fleet().replaced(connection_w=np.full(MEMBERS, 4000))
    after, _ = ASSETS.make(name).dispatch(homes, state(), flows(drawn(4000, 8), drawn(4000, 9)), at(3600, retail))
    assert (after.net_wh >= -4000).all()


@NAMES
def test_an_asset_breaks_no_promise(name: str) -> None:
    assert not ASSETS.answer(name).breaks


def capped(slot_s: int, retail: int) -> AssetContext:
    """Caps from nothing to more than anybody wants."""
    caps = Envelope(drawn(3000, 30) * drawn(2, 31), drawn(3000, 32) * drawn(2, 33), np.zeros(MEMBERS, np.int64))
    return replace(at(slot_s, retail), envelope=caps)


@NAMES
@SLOTS
@PRICES
def test_with_an_envelope_an_asset_takes_in_and_gives_out_nothing_beyond_the_caps(
    name: str, slot_s: int, retail: int
) -> None:
    context, given = capped(slot_s, retail), flows(drawn(4000, 8), drawn(4000, 9))
    after, _ = ASSETS.make(name).dispatch(fleet(), state(), given, context)
    caps = context.envelope
    grid_charge = np.where(after.charge_wh > 0, np.maximum(-after.net_wh, 0), 0)
    assert (grid_charge <= np.maximum(caps.import_wh, 0)).all()
    beyond = after.discharge_wh > 0
    assert (np.maximum(after.net_wh, 0) <= np.maximum(caps.export_wh, np.maximum(given.net_wh, 0)))[beyond].all()


@pytest.mark.parametrize("name", sorted({"battery", "price_threshold"}))
@SLOTS
@PRICES
def test_inverters_hold_back_only_what_storage_could_not_take(name: str, slot_s: int, retail: int) -> None:
    context, homes, before = capped(slot_s, retail), fleet(), state()
    given, _ = ASSETS.make("pv").dispatch(homes, before, flows(drawn(4000, 8), drawn(4000, 9)), context)
    stored, left = ASSETS.make(name).dispatch(homes, before, given, context)
    after = curtailed(stored, context.envelope)
    assert (np.maximum(after.net_wh, 0) <= context.envelope.export_wh).all()
    assert (after.pv_wh + after.curtailed_pv_wh == stored.pv_wh).all()
    assert (after.load_wh == given.load_wh).all()
    # Storage moves whole Wh behind its efficiency: up to 2 Wh at the meter are too few to be stored.
    held = after.curtailed_pv_wh > 2
    assert held.any()
    # The cap is used to the last Wh, and the battery is full, or at its power.
    assert (after.net_wh == context.envelope.export_wh)[held].all()
    most = (
        np.minimum(homes.battery_w, np.where(homes.inverter_w > 0, homes.inverter_w, homes.battery_w)) * slot_s // 3600
    )
    assert ((left.storage_wh == homes.battery_wh) | (after.charge_wh >= most - 2))[held].all()
    assert (after.discharge_wh == 0)[held].all()


def test_without_an_envelope_nothing_is_held_back() -> None:
    given = flows(drawn(4000, 8), drawn(4000, 9))
    assert curtailed(given, Envelope.empty()) is given
