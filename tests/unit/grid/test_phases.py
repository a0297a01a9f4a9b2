"""Three phases: what is kept by any solution, taps that rest, and what the balanced equivalent is equal to."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.phases import crooked, even

from commonwatt.adapters.phase_feeder import bundled_phase_feeder
from commonwatt.grid import PhaseLoad, balanced, controlled_flow, feeder_findings, phase_flow, power_flow, relay_v


def test_a_phase_that_is_not_there_has_no_voltage_and_no_load_of_another_reaches_it() -> None:
    flow = phase_flow(crooked("wye", "PQ"))
    assert (flow.at("g") > 0).tolist() == [False, True, False]
    at = flow.nodes.index("g")
    assert (np.abs(flow.current_a[at]) > 0).tolist() == [False, True, False]


@pytest.mark.parametrize(("model", "power"), [("PQ", 0.0), ("I", 1.0), ("Z", 2.0)])
def test_a_load_draws_by_its_model(model: str, power: float) -> None:
    feeder = replace(crooked("wye", model), loads=(PhaseLoad("d", "A", "wye", model, 60_000, 0),))
    without = replace(feeder, capacitors=(), configurations=tuple(replace(each, c_nf_per_kft=tuple(0.0 for _ in each.c_nf_per_kft)) for each in feeder.configurations))  # fmt: skip
    flow = phase_flow(without)
    at = flow.nodes.index("d")
    assert flow.at("d")[0] != pytest.approx(1, abs=0.005)
    assert flow.drawn_va[at] == pytest.approx(60_000 * flow.at("d")[0] ** power, rel=1e-6)
    assert flow.source_va.real - flow.losses_va.real == pytest.approx(flow.drawn_va[at].real, rel=1e-6)


def test_more_than_the_feeder_can_bring_has_no_solution_and_no_nan() -> None:
    feeder = replace(crooked("wye", "PQ"), loads=(PhaseLoad("f", "ABC", "wye", "PQ", 9e7, 0),))
    flow = phase_flow(feeder)
    assert not flow.is_solved
    assert not flow.voltage.any()
    assert flow.source_va == 0
    assert not controlled_flow(feeder)[2]


def test_the_controls_leave_every_phase_in_its_band() -> None:
    feeder = bundled_phase_feeder("ieee34")
    flow, taps, rests = controlled_flow(feeder)
    assert rests
    assert taps == {"814r": (13, 5, 5), "852r": (12, 12, 12)}
    for each in feeder.regulators:
        assert (np.abs(relay_v(feeder, flow, each) - each.hold_v) <= each.band_v / 2).all()


def test_a_control_at_its_last_step_rests() -> None:
    feeder = even()
    high = replace(feeder, regulators=(replace(feeder.regulators[0], hold_v=90),))
    _, taps, rests = controlled_flow(high)
    assert rests
    assert taps == {"c": (16, 16, 16)}


def test_the_balanced_equivalent_of_three_phases_alike_is_the_same() -> None:
    feeder = even()
    given, flow = balanced(feeder, with_loads=True), phase_flow(feeder)
    assert feeder_findings(given) == []
    one = power_flow(given, np.zeros((5, 1)), np.zeros((5, 1)))
    for bus, at in given.places.items():
        np.testing.assert_allclose(flow.at(bus), one.voltage_share[given.tree.node[at], 0], atol=2e-6)
    assert one.losses_w[0] == pytest.approx(flow.losses_va.real, rel=1e-3)
    assert one.losses_wh(3600).tolist() == [0]


def test_a_line_of_one_phase_drops_and_loses_in_the_equivalent_what_it_does_alone() -> None:
    lone = replace(even(), loads=(), regulators=(), transformers=(), buses=even().buses[:2], lines=even().lines[:1])
    single = replace(crooked("wye", "PQ").configurations[1], c_nf_per_kft=(0.0,))
    feeder = replace(lone, configurations=(single,), lines=(replace(lone.lines[0], phases="A", configuration="single"),), loads=(PhaseLoad("b", "A", "wye", "PQ", 50_000, 10_000),))  # fmt: skip
    given, flow = balanced(feeder, with_loads=True), phase_flow(feeder)
    one = power_flow(given, np.zeros((2, 1)), np.zeros((2, 1)))
    assert one.voltage_share[given.tree.node[1], 0] == pytest.approx(flow.at("b")[0], abs=1e-6)
    assert one.losses_w[0] == pytest.approx(flow.losses_va.real, rel=1e-4)
    assert one.loading_share[given.tree.node[1], 0] == pytest.approx(abs(flow.current_a[1, 0]) / 90, rel=1e-5)


def test_the_equivalent_without_loads_is_quiet() -> None:
    given = balanced(bundled_phase_feeder("ieee34"), with_loads=False)
    assert given.loads == ()
    assert {each.ratio for each in given.regulators} == {1.0}
