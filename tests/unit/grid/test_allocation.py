"""Capacity dealt out: what everybody at its cap does to the feeder, and that nothing below the caps does worse."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.wires import line, street, trees, wires

from commonwatt.core.members import Fleet
from commonwatt.core.records import Envelope
from commonwatt.core.units import Ints
from commonwatt.grid import GRIDS, Allotting, Expected, Feeder, GridContext, allotting, charging, flowing, power_flow
from commonwatt.wiring.timing import Stopwatch

Q = np.tan(np.arccos(0.95))


def context(feeder: Feeder, connection_w: int = 20_000, slot_s: int = 3600) -> GridContext:
    """A member at every bus."""
    members = len(feeder.buses)
    fleet = Fleet.of(members, connection_w=connection_w)
    return GridContext(467_376, slot_s, fleet, feeder=feeder, bus=np.arange(members))


def model(rule: str, **parameters: Any) -> Allotting:
    return cast("Allotting", GRIDS.make("radial", allocation=rule, **parameters))


def expected(export_wh: Ints, import_wh: Ints | int = 0, load_wh: Ints | int = 0, feeds: bool = True) -> Expected:
    members = len(export_wh)
    nothing = np.zeros(members, np.int64)
    return Expected(export_wh, nothing + import_wh, nothing + load_wh, np.full(members, feeds))


def passed(feeder: Feeder, net_wh: Ints, rating_share: float = 1.0) -> list[str]:
    """Which limits of export these positions (members, one an hour) pass, found without the code under test."""
    tree, net = feeder.tree, net_wh.astype(float)
    flow = power_flow(feeder, net[:, None], np.minimum(net, 0)[:, None] * Q)
    assert flow.is_solved[0]
    found = [f"voltage {node}" for node in np.flatnonzero(flow.voltage_share[1:, 0] > feeder.voltage_high_share + 1e-5)]
    for branch in range(1, len(tree.toward)):
        sends = net[tree.behind(branch)[tree.node]].sum() > 0
        if sends and flow.loading_share[branch, 0] > rating_share + 1e-5:
            found.append(tree.names[branch])
    return found


@settings(max_examples=60, deadline=None)
@given(trees(), st.integers(0, 2**31), st.sampled_from([0.05, 0.2, 1.0]), st.sampled_from([1.005, 1.03, 1.1]))
def test_whoever_keeps_its_cap_no_export_passes_a_limit_whatever_anybody_does_below_it(
    feeder: Feeder, seed: int, rating_share: float, high: float
) -> None:
    tight = Feeder(**{**feeder.__dict__, "voltage_high_share": high})
    tight.__dict__.pop("tree", None)
    rng, at = np.random.default_rng(seed), context(tight)
    members = len(tight.buses)
    for rule in ("fixed", "envelope"):
        allotted = model(rule, rating_share=rating_share).allot(expected(rng.integers(0, 20_000, members)), at)
        caps = allotted.export_wh
        # At the caps, in a corner of what is below them, and anywhere, with loads that keep the voltage where it must be.
        for share in (np.ones(members), rng.integers(0, 2, members), rng.random(members)):
            loads = (rng.random(members) < 0.3) * rng.integers(0, 3000, members)
            net = (caps * share).astype(np.int64)
            for positions in (net, np.where(share < 0.5, -loads, net)):
                flow = power_flow(tight, positions[:, None].astype(float), np.minimum(positions, 0)[:, None] * Q)
                if flow.is_solved[0] and flow.voltage_share[1:, 0].min() >= tight.voltage_low_share:
                    assert passed(tight, positions, rating_share) == [], rule


@settings(max_examples=30, deadline=None)
@given(trees(), st.integers(0, 2**31), st.sampled_from([0.05, 0.3]))
def test_nobody_could_have_more_without_somebody_who_has_no_more_losing_some(
    feeder: Feeder, seed: int, rating_share: float
) -> None:
    at, members = context(feeder), len(feeder.buses)
    radial = model("envelope", rating_share=rating_share)
    wanted = np.random.default_rng(seed).integers(0, 20_000, members)
    caps = radial.allot(expected(wanted), at).export_wh
    served = np.minimum(caps, wanted)
    for member in np.flatnonzero(served < wanted):
        poorer = served <= served[member]
        more = np.where(poorer, served, 0)
        more[member] = served[member] + 50
        asked = Envelope(more, np.zeros(members, np.int64), np.zeros(members, np.int64))
        # All the richer give up everything, and still there is no room for 50 Wh more: or a richer one stands in the way.
        richer = served > served[member] + 1
        everything = np.where(poorer | richer, np.minimum(served, served[member]), 0)
        everything[member] += 50
        blocked = radial.envelope_faults(Envelope(everything, asked.import_wh, asked.counted_wh), at)
        assert blocked, member


def test_in_a_wide_feeder_everybody_has_its_whole_connection() -> None:
    at = context(street(), 5000, 900)
    allotted = model("envelope").allot(expected(np.full(26, 100), 100), at)
    assert (allotted.export_wh == 1250).all()
    assert (allotted.import_wh == 1250).all()
    assert not allotted.counted_wh.any()


def test_fixed_caps_are_alike_and_one_watt_more_is_too_much() -> None:
    at = context(street())
    allotted = model("fixed", rating_share=0.3).allot(expected(np.zeros(26, np.int64)), at)
    for caps, sign in ((allotted.export_wh, 1), (allotted.import_wh, -1)):
        level = int(caps[0])
        assert (caps == level).all()
        assert 0 < level < 20_000
        lowest = street().voltage_low_share
        more = np.full(26, sign * (level + 1.0))
        if sign > 0:
            # By the written rule: what all send out together at the lowest voltage allowed.
            assert more.sum() / lowest > 0.3 * 160_000
            assert (more - 1).sum() / lowest <= 0.3 * 160_000
        else:
            flow = power_flow(street(), np.stack([more, more + 1], axis=1), np.stack([more, more + 1], axis=1) * Q)
            assert flow.loading_share.max(axis=0)[0] > 0.3 >= flow.loading_share.max(axis=0)[1]


def test_fixed_caps_do_not_depend_on_what_is_expected() -> None:
    at, radial = context(street()), model("fixed", rating_share=0.2)
    one, other = (radial.allot(expected(np.full(26, wh)), at) for wh in (0, 9000))
    assert all((one.arrays()[name] == other.arrays()[name]).all() for name in one.arrays())


def test_what_some_do_not_want_others_may_have() -> None:
    at, radial = context(street()), model("envelope", rating_share=0.2)
    few = np.zeros(26, np.int64)
    few[[4, 17]] = 9000
    caps = radial.allot(expected(few), at).export_wh
    everybody = model("fixed", rating_share=0.2).allot(expected(few), at).export_wh
    assert caps[4] > 2 * everybody[4]
    assert caps[4] >= 9000
    # What is left over beyond what is wanted is everybody's alike.
    assert len(set(np.delete(caps, [4, 17]).tolist())) <= 2


def test_a_full_line_stops_those_behind_it_and_nobody_else() -> None:
    feeder = wires(line("a", "b", rating_a=10), line("b", "c"), line("a", "d"))
    wanted = np.array([0, 5000, 9000, 9000])
    caps = model("envelope").allot(expected(wanted), context(feeder)).export_wh
    assert caps[1] + caps[2] <= 10 * 3**0.5 * 400 * 0.9
    assert caps[1] == pytest.approx(caps[2], abs=1)
    assert caps[3] >= 9000


def test_who_cannot_feed_in_has_no_share_of_the_room_and_its_load_may_count() -> None:
    feeder = wires(line("a", "b", rating_a=10), line("b", "c"))
    at = context(feeder)
    wish = Expected(
        np.array([0, 0, 9000]), np.zeros(3, np.int64), np.array([0, 2000, 300]), np.array([False, False, True])
    )
    alone = model("envelope").allot(wish, at)
    counted = model("envelope", counted_load_share=0.5).allot(wish, at)
    assert alone.export_wh[:2].tolist() == [0, 0]
    assert counted.counted_wh.tolist() == [0, 1000, 0]
    assert 850 < counted.export_wh[2] - alone.export_wh[2] <= 1000
    assert passed(feeder, np.array([0, -1000, int(counted.export_wh[2])])) == []


def test_a_source_that_is_too_high_already_leaves_no_export() -> None:
    feeder = wires(line("a", "b"), source_share=1.06, voltage_high_share=1.05)
    at, radial = context(feeder), model("envelope")
    allotted = radial.allot(expected(np.full(2, 500)), at)
    assert allotted.export_wh.tolist() == [0, 0]
    assert radial.envelope_faults(allotted, at) == []
    assert model("fixed").allot(expected(np.full(2, 500)), at).export_wh.tolist() == [0, 0]


@pytest.mark.parametrize("rule", ["fixed", "envelope"])
def test_caps_that_are_not_the_models_are_found(rule: str) -> None:
    at, radial = context(street()), model(rule, rating_share=0.2)
    allotted = radial.allot(expected(np.full(26, 9000), 500), at)
    assert radial.envelope_faults(allotted, at) == []
    for name in ("export_wh", "import_wh"):
        caps = allotted.arrays()[name]
        assert radial.envelope_faults(allotted.replaced(**{name: caps + 30_000}), at)
        assert radial.envelope_faults(allotted.replaced(**{name: caps + 200}), at)
    assert radial.envelope_faults(allotted.replaced(counted_wh=np.full(26, 100)), at)
    assert radial.envelope_faults(allotted.take(np.arange(25)), at)
    assert model("none").envelope_faults(allotted, at)


def test_without_allocation_there_are_no_caps() -> None:
    radial = model("none")
    assert len(radial.allot(expected(np.full(26, 9000)), context(street()))) == 0
    assert radial.envelope_faults(Envelope.empty(), context(street())) == []


def test_a_model_that_is_measured_through_a_stand_in_allots_and_flows_all_the_same() -> None:
    model, watch = GRIDS.make("radial", allocation="fixed"), Stopwatch()
    for asked in (model, watch.timed(model, "check grid")):
        beside: tuple[object, ...] = (allotting(asked), flowing(asked), charging(asked))
        assert all(own is asked for own in beside)
    assert allotting(watch.timed(GRIDS.make("radial"), "check grid")) is None
    unlimited = watch.timed(GRIDS.make("unlimited"), "check grid")
    assert (allotting(unlimited), flowing(unlimited), charging(unlimited)) == (None, None, None)


@pytest.mark.parametrize("rating_va", [3000, 11_000])
def test_caps_that_just_balance_the_load_counted_on_are_the_same_to_an_audit(rating_va: int) -> None:
    # Reactive power alone fills the transformer as soon as anything goes out: caps end where the sum is 0, in whole Wh.
    feeder = wires(line("a", "b", 150, 0.05, 20), line("b", "c", 20, 0.05, 20))
    small = replace(feeder, transformer=replace(feeder.transformer, rating_va=rating_va, load_loss_w=100))
    bus = np.array([2, 0, 2, 0, 0, 1, 2])
    fleet = Fleet.of(len(bus), connection_w=10_000)
    at = GridContext(467_376, 3600, fleet, feeder=small, bus=bus)
    feeds = np.array([False, True, True, False, False, False, False])
    grid = model("envelope", rating_share=0.1, power_factor=0.5, counted_load_share=0.5)
    for draw in range(20):
        load = np.where(feeds, 0, np.random.default_rng(draw).integers(0, 4000, len(bus)))
        caps = grid.allot(Expected(0 * load, load, load, feeds), at)
        assert grid.envelope_faults(caps, at) == []
