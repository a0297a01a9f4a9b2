"""Our sweep beside power-grid-model, which shares no code with it: voltages to 1e-6 of the nominal one, losses to whole Wh."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.wires import line, regulated, street, trees, wires

from commonwatt.adapters.feeder_file import read_feeder
from commonwatt.core.units import Floats
from commonwatt.grid import Feeder, Load, power_flow
from commonwatt.grid._pgm import matrix_flow


def assert_agree(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> None:
    ours, theirs = power_flow(feeder, injected_w, injected_var), matrix_flow(feeder, injected_w, injected_var)
    np.testing.assert_array_equal(ours.is_solved, theirs.is_solved)
    np.testing.assert_allclose(ours.voltage_share[feeder.tree.node], theirs.voltage_share, rtol=0, atol=1e-6)
    at = [feeder.tree.names.index(name) for name in ("transformer", *(each.id for each in feeder.branches))]
    np.testing.assert_allclose(ours.loading_share[at], theirs.loading_share, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours.losses_w, theirs.losses_w, rtol=1e-5, atol=1e-3)


def test_the_bundled_street_agrees_with_power_grid_model() -> None:
    rng = np.random.default_rng(1)
    injected = (rng.random((26, 500)) * 2 - 1) * 8000
    assert_agree(street(), injected, np.minimum(injected, 0) * 0.33)


def test_the_balanced_ieee_34_bus_feeder_agrees_with_power_grid_model() -> None:
    for name in ("ieee34", "ieee34_loaded"):
        file, _ = read_feeder(name, Path(), "test")
        assert file is not None
        rng = np.random.default_rng(4)
        injected = (rng.random((len(file.feeder.buses), 50)) * 2 - 1) * 8000
        assert_agree(file.feeder, injected, np.minimum(injected, 0) * 0.33)


@settings(max_examples=40, deadline=None)
@given(trees(), st.integers(0, 2**31))
def test_any_tree_agrees_with_power_grid_model(feeder: Feeder, seed: int) -> None:
    rng = np.random.default_rng(seed)
    injected = (rng.random((len(feeder.buses), 5)) * 2 - 1) * 40_000 / len(feeder.buses)
    assert_agree(feeder, injected, np.minimum(injected, 0) * rng.random(injected.shape) * 0.5)


def test_regulators_transformers_on_the_way_and_own_loads_agree_with_power_grid_model() -> None:
    feeder = replace(regulated(), loads=(Load("c", 4000, 1500), Load("e", 1000, 0)))
    rng = np.random.default_rng(2)
    injected = (rng.random((6, 50)) * 2 - 1) * 6000
    assert_agree(feeder, injected, injected * 0.2)


def test_a_slot_beyond_the_feeder_has_no_solution_in_either() -> None:
    feeder = wires(line("a", "b", 1000, 1.0))
    assert_agree(feeder, np.array([[0.0, 0.0], [-1e6, -10_000.0]]), np.zeros((2, 2)))


def test_a_loop_has_no_tree_and_power_grid_model_carries_half_on_either_way() -> None:
    ring = wires(line("a", "b", 100), line("b", "c", 100), line("a", "d", 100), line("d", "c", 100))
    flow = matrix_flow(ring, np.array([[0.0], [0.0], [-20_000.0], [0.0]]), np.zeros((4, 1)))
    # 20 kW over two equal ways: 10 kW each at 400 V and a little less is 14.4 A, of 200.
    assert flow.loading_share[1:, 0] == pytest.approx(np.full(4, 14.43 / 200), rel=0.02)
    assert flow.voltage_share[1, 0] == pytest.approx(flow.voltage_share[3, 0], abs=1e-12)
    with pytest.raises(ValueError, match="a loop over"):
        _ = ring.tree
