"""Derivatives of the power flow, against differences of the power flow; capacities and zones against walks over the tree."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.wires import line, regulated, street, trees, wires

from commonwatt.core.units import Floats
from commonwatt.grid import Feeder, Load, PowerFlow, loss_shares, pair_capacity_w, power_flow, sensitivities, zones

STEP_W = 300.0


def drawn(feeder: Feeder, seed: int, most_w: float) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    injected = (rng.random(len(feeder.buses)) * 2 - 1) * most_w
    return injected, np.minimum(injected, 0) * rng.random(len(feeder.buses)) * 0.5


def moved(feeder: Feeder, at: tuple[Floats, Floats], by_w: float, by_var: float) -> tuple[PowerFlow, PowerFlow]:
    """The power flow with a little more, and with as much less, at one bus after the other (columns)."""
    eye = np.eye(len(feeder.buses))
    more = power_flow(feeder, at[0][:, None] + by_w * eye, at[1][:, None] + by_var * eye)
    less = power_flow(feeder, at[0][:, None] - by_w * eye, at[1][:, None] - by_var * eye)
    return more, less


@settings(max_examples=40, deadline=None)
@given(trees(), st.integers(0, 2**31))
def test_derivatives_are_those_of_the_power_flow(feeder: Feeder, seed: int) -> None:
    agree_with_differences(feeder, seed, 60_000)


@pytest.mark.parametrize("seed", range(5))
def test_so_they_are_behind_a_regulator_and_beside_the_feeders_own_loads(seed: int) -> None:
    agree_with_differences(
        replace(regulated(), loads=(Load("c", 15_000, 4_000), Load("e", 5_000, -1_000))), seed, 30_000
    )


def agree_with_differences(feeder: Feeder, seed: int, most_w: float) -> None:
    at = drawn(feeder, seed, most_w / len(feeder.buses))
    near = sensitivities(feeder, *at)
    flow = power_flow(feeder, at[0][:, None], at[1][:, None])
    np.testing.assert_allclose(near.voltage_share, flow.voltage_share[:, 0], atol=1e-6)
    np.testing.assert_allclose(near.loading_share, flow.loading_share[:, 0], atol=1e-6)
    flowing = near.loading_share[1:] > 0.02
    for by_w, by_var, loss, voltage, loading in (
        (STEP_W, 0.0, near.loss_factor, near.voltage_per_w, near.loading_per_w),
        (0.0, STEP_W, near.reactive_loss_factor, near.voltage_per_var, near.loading_per_var),
    ):
        more, less = moved(feeder, at, by_w, by_var)
        step = 2 * STEP_W
        np.testing.assert_allclose(loss, (more.losses_w - less.losses_w) / step, rtol=5e-3, atol=2e-5)
        differences = (more.voltage_share - less.voltage_share) / step
        np.testing.assert_allclose(voltage * 1e6, differences * 1e6, rtol=5e-3, atol=2e-3)
        # The size of a current that turns round within the step has no derivative there.
        differences = ((more.loading_share - less.loading_share) / step)[1:][flowing]
        np.testing.assert_allclose(loading[1:][flowing] * 1e6, differences * 1e6, rtol=2e-2, atol=0.05)


def test_a_small_trade_on_the_street_is_foretold_within_a_hundredth_and_a_large_one_within_a_tenth() -> None:
    feeder = street()
    at = drawn(feeder, 3, 3000)
    near = sensitivities(feeder, *at)
    before = power_flow(feeder, at[0][:, None], at[1][:, None]).losses_w[0]
    for trade_w, bound in ((200.0, 0.01), (5000.0, 0.1)):
        change = np.zeros(len(feeder.buses))
        change[3], change[20] = trade_w, -trade_w
        after = power_flow(feeder, (at[0] + change)[:, None], at[1][:, None])
        foretold = near.losses_after_w(before, change, np.zeros_like(change))
        assert foretold == pytest.approx(after.losses_w[0], rel=bound)
        expected = near.voltage_after(change, np.zeros_like(change))
        np.testing.assert_allclose(expected[1:], after.voltage_share[1:, 0], atol=1e-3 * bound / 0.01)


def test_sending_against_the_flow_saves_losses_and_with_it_costs_them() -> None:
    feeder = wires(line("a", "b"), line("b", "c"))
    near = sensitivities(feeder, np.array([0.0, 0.0, -20_000.0]), np.zeros(3))
    pairs = near.pair_losses()
    assert pairs[0, 2] > pairs[0, 1] > 0
    assert pairs[2, 0] == -pairs[0, 2]
    assert (np.diag(pairs) == 0).all()
    assert near.towards_root_w[2] < -19_000
    assert near.loading_share[3] == pytest.approx(20_000 / (3**0.5 * 400) / 200, rel=0.05)


def test_a_line_that_nothing_crosses_is_loaded_by_what_comes() -> None:
    feeder = wires(line("a", "b"), line("b", "c"))
    near = sensitivities(feeder, np.zeros(3), np.zeros(3))
    assert (near.loss_factor == 0).all()
    # 1 W is 1 / (sqrt(3) 400 V) of a conductor's current, of the 200 A that it carries.
    expected = 1 / (3**0.5 * 400) / 200
    np.testing.assert_allclose(near.loading_per_w[2], [0, expected, expected], rtol=1e-6)
    np.testing.assert_allclose(near.loading_per_w[3], [0, 0, expected], rtol=1e-6)


def test_an_operating_point_without_a_power_flow_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an operating point with a power flow"):
        sensitivities(wires(line("a", "b", 2000)), np.array([0.0, -500_000.0]), np.zeros(2))


@settings(max_examples=40, deadline=None)
@given(trees(), st.integers(0, 2**31))
def test_what_a_pair_can_still_trade_is_the_least_room_on_its_way(feeder: Feeder, seed: int) -> None:
    tree, rng = feeder.tree, np.random.default_rng(seed)
    flow, most = rng.normal(0, 10_000, len(tree.toward)), rng.random(len(tree.toward)) * 20_000
    room = pair_capacity_w(tree, flow, most)
    buses = len(feeder.buses)
    for i in range(buses):
        for j in range(buses):
            here, there = way(tree.toward, int(tree.node[i])), way(tree.toward, int(tree.node[j]))
            ups = [max(most[k] - flow[k], 0) for k in here if k not in there]
            downs = [max(most[k] + flow[k], 0) for k in there if k not in here]
            assert room[i, j] == min([*ups, *downs], default=np.inf)


def way(toward: tuple[int, ...], node: int) -> list[int]:
    """The branches from a node to the source."""
    return [node, *way(toward, toward[node])] if node else []


def test_a_pair_can_trade_no_more_than_fills_a_line() -> None:
    feeder = wires(line("a", "b", rating_a=20), line("b", "c"), line("b", "d"))
    near = sensitivities(feeder, np.array([0.0, 4000.0, 0.0, 0.0]), np.zeros(4))
    room = pair_capacity_w(feeder.tree, near.towards_root_w, near.carried_w)
    full = power_flow(feeder, np.array([-room[2, 0], 4000.0, room[2, 0], 0.0])[:, None], np.zeros((4, 1)))
    assert full.loading_share[2, 0] == pytest.approx(1, abs=0.01)
    assert room[2, 3] > room[2, 0]
    assert room[0, 2] > room[2, 0]


def test_full_lines_part_a_feeder_into_zones() -> None:
    feeder = wires(line("a", "b"), line("b", "c"), line("a", "d"), line("c", "e"))
    full = np.array([name == "b-c" for name in feeder.tree.names])
    zone = dict(zip((bus.id for bus in feeder.buses), zones(feeder.tree, full).tolist(), strict=True))
    assert zone == {"a": 0, "b": 0, "d": 0, "c": 1, "e": 1}
    assert zones(feeder.tree, np.zeros(len(feeder.tree.toward), np.bool_)).tolist() == [0] * 5


def test_the_share_a_line_loses_is_what_one_more_watt_loses_at_half_its_rating() -> None:
    feeder = wires(line("a", "b", rating_a=50))
    watts = 25 * 3**0.5 * 400
    near = sensitivities(feeder, np.array([-watts, watts]), np.zeros(2))
    assert loss_shares(feeder)[2] == pytest.approx(near.loss_factor[1] - near.loss_factor[0], rel=0.05)
    assert loss_shares(feeder)[0] == 0
    assert (loss_shares(street()) >= 0).all()
