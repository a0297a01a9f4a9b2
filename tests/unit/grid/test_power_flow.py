"""Voltages, loadings and losses of a radial feeder, against Newton's method and what can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.wires import line, newton, regulated, street, trees, wires

from commonwatt.core.units import Floats
from commonwatt.grid import Feeder, Load, power_flow


def column(*figures: float) -> Floats:
    return np.array(figures, float)[:, None]


def drawn(feeder: Feeder, seed: int, slots: int, most_w: float) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    shape = (len(feeder.buses), slots)
    injected = (rng.random(shape) * 2 - 1) * most_w
    return injected, np.minimum(injected, 0) * rng.random(shape) * 0.5


@settings(max_examples=60, deadline=None)
@given(trees(), st.integers(0, 2**31), st.sampled_from([1, 9]))
def test_any_tree_agrees_with_newtons_method(feeder: Feeder, seed: int, slots: int) -> None:
    injected_w, injected_var = drawn(feeder, seed, slots, 40_000 / len(feeder.buses))
    flow = power_flow(feeder, injected_w, injected_var)
    assert flow.is_solved.all()
    for slot in range(slots):
        voltage, lost = newton(feeder, injected_w[:, slot], injected_var[:, slot])
        np.testing.assert_allclose(flow.voltage_share[feeder.tree.node, slot], voltage, atol=2e-7)
        assert flow.losses_w[slot] == pytest.approx(lost, rel=1e-5, abs=1e-3)


def test_the_bundled_street_agrees_with_newtons_method() -> None:
    feeder = street()
    injected_w, injected_var = drawn(feeder, 1, 20, 8000)
    flow = power_flow(feeder, injected_w, injected_var)
    for slot in range(20):
        voltage, lost = newton(feeder, injected_w[:, slot], injected_var[:, slot])
        np.testing.assert_allclose(flow.voltage_share[feeder.tree.node, slot], voltage, atol=2e-7)
        assert flow.losses_w[slot] == pytest.approx(lost + 189, rel=1e-5)


def test_a_slot_alone_is_what_it_is_among_others() -> None:
    feeder = street()
    injected_w, injected_var = drawn(feeder, 2, 30, 8000)
    together = power_flow(feeder, injected_w, injected_var)
    for slot in range(30):
        alone = power_flow(feeder, injected_w[:, [slot]], injected_var[:, [slot]])
        np.testing.assert_allclose(alone.voltage_share[:, 0], together.voltage_share[:, slot], atol=2e-7)
        np.testing.assert_allclose(alone.losses_w[0], together.losses_w[slot], rtol=1e-5)
        assert alone.losses_wh(3600)[0] == together.losses_wh(3600)[slot]


def test_without_flows_there_are_no_losses_but_the_transformers_own() -> None:
    feeder = street()
    flow = power_flow(feeder, np.zeros((26, 2)), np.zeros((26, 2)))
    assert flow.losses_w.tolist() == [189.0, 189.0]
    assert (flow.voltage_share == 1).all()
    assert not flow.loading_share.any()
    assert flow.losses_wh(3600).tolist() == [189, 189]
    # 47.25 Wh in a quarter of an hour.
    assert flow.losses_wh(900).tolist() == [47, 47]


def test_what_goes_in_and_what_comes_out_differ_by_the_losses() -> None:
    # All of 10 kW over 100 m of 0.3 ohm/km: I = 10 kW / (sqrt(3) 400 V) = 14.43 A, 3 I^2 R = 18.75 W and a little more, as the voltage sags.
    feeder = wires(line("a", "b"))
    iron = newton(feeder, np.array([0.0, -10_000.0]), np.zeros(2))[1]
    flow = power_flow(feeder, column(0, -10_000), column(0, 0))
    transformer_w = 1500 * 0.1**2
    assert flow.losses_w[0] == pytest.approx(iron, rel=1e-6)
    assert 18.75 + transformer_w < flow.losses_w[0] < 1.03 * (18.75 + transformer_w)
    assert flow.loading_share[2, 0] == pytest.approx(14.43 / 200, rel=0.02)
    assert flow.loading_share[1, 0] == pytest.approx(0.1, rel=0.02)


def test_a_branch_that_feeds_itself_loads_nothing_else() -> None:
    feeder = wires(line("a", "b"), line("b", "c"), line("a", "d"))
    flow = power_flow(feeder, column(0, 5000, -5000, 0), column(0, 0, 0, 0))
    loading = dict(zip(feeder.tree.names, flow.loading_share[:, 0].tolist(), strict=True))
    assert loading["b-c"] > 0.03
    assert loading["a-b"] < 0.001
    assert loading["a-d"] == 0


def test_sun_raises_the_voltage_and_load_lowers_it() -> None:
    feeder = wires(line("a", "b", 300))
    sunny, dark = (power_flow(feeder, column(0, w), column(0, 0)).voltage_share[2, 0] for w in (20_000, -20_000))
    assert dark < 1 < sunny


@pytest.mark.parametrize("slots", [1, 20])
def test_more_than_the_feeder_can_bring_has_no_solution_and_disturbs_no_other_slot(slots: int) -> None:
    feeder = wires(line("a", "b", 1000, 1.0))
    # Of a source of 1 behind z the most that arrives at unity power factor is 1 / (2 (r + |z|)).
    z = feeder.tree.impedance[1:].sum()
    most_w = 100_000 / (2 * (z.real + abs(z)))
    wanted = np.zeros((2, slots))
    wanted[1] = -0.5 * most_w
    wanted[1, 0] = -1.02 * most_w
    flow = power_flow(feeder, wanted, np.zeros((2, slots)))
    assert flow.is_solved.tolist() == [False] + [True] * (slots - 1)
    for figures in (flow.voltage_share, flow.loading_share, flow.losses_w):
        assert np.isfinite(figures).all()
    assert flow.losses_w[0] == 0
    wanted[1, 0] = -0.9 * most_w
    assert power_flow(feeder, wanted, np.zeros((2, slots))).is_solved.all()


@pytest.mark.parametrize("power_w", [1e15, 1e30, -1e15, -1e30, -1e300])
def test_absurd_powers_end_without_a_solution_and_never_hang(power_w: float) -> None:
    flow = power_flow(wires(line("a", "b")), column(0, power_w), column(0, 0))
    assert not flow.is_solved[0]
    assert flow.losses_wh(3600).tolist() == [0]


def test_the_direction_in_which_a_line_is_named_does_not_matter() -> None:
    one, other = wires(line("a", "b"), line("b", "c")), wires(line("a", "b"), line("c", "b"))
    flows = [power_flow(f, column(0, -3000, -4000), column(0, -900, 0)).losses_w[0] for f in (one, other)]
    assert flows[0] == flows[1]


def test_a_regulator_and_a_second_transformer_agree_with_newtons_method() -> None:
    feeder = regulated()
    injected_w, injected_var = drawn(feeder, 3, 20, 6000)
    flow = power_flow(feeder, injected_w, injected_var)
    for slot in range(20):
        voltage, lost = newton(feeder, injected_w[:, slot], injected_var[:, slot])
        np.testing.assert_allclose(flow.voltage_share[feeder.tree.node, slot], voltage, atol=1e-6)
        assert flow.losses_w[slot] == pytest.approx(lost + 50, rel=1e-5)


def test_a_regulator_lifts_the_voltage_behind_it_and_a_current_behind_a_transformer_is_of_its_own_voltage() -> None:
    feeder = regulated()
    nothing = power_flow(feeder, np.zeros((6, 1)), np.zeros((6, 1)))
    shares = dict(zip(feeder.tree.bus_names, nothing.voltage_share[:, 0].tolist(), strict=True))
    assert (shares["b"], shares["r"], shares["e"]) == (1.0, pytest.approx(1.08), pytest.approx(1.08))
    # 1 kW at 230 V is 1000 / (sqrt(3) 230 1.08) A at the end, 400 / 230 less of it ahead of the transformer, 1.08 times more ahead of the regulator.
    drawing = power_flow(feeder, column(0, 0, 0, 0, 0, -1000), np.zeros((6, 1)))
    loading = dict(zip(feeder.tree.names, drawing.loading_share[:, 0].tolist(), strict=True))
    end_a = 1000 / (3**0.5 * 230 * 1.08)
    assert loading["d-e"] == pytest.approx(end_a / 200, rel=0.01)
    assert loading["step"] == pytest.approx(end_a / (50_000 / (3**0.5 * 230)), rel=0.01)
    assert loading["r-c"] == pytest.approx(end_a * 230 / 400 / 200, rel=0.01)
    assert loading["a-b"] == pytest.approx(1.08 * loading["r-c"], rel=1e-6)


def test_a_feeders_own_loads_flow_but_their_losses_are_not_the_communitys() -> None:
    bare = wires(line("a", "b"), line("b", "c"))
    feeder = replace(bare, loads=(Load("b", 8000, 2000), Load("c", 1000, -500)))
    own = power_flow(bare, column(0, -8000, -1000), column(0, -2000, 500))
    alone = power_flow(feeder, np.zeros((3, 1)), np.zeros((3, 1)))
    assert alone.losses_w[0] == alone.spared_w == pytest.approx(own.losses_w[0], rel=1e-6)
    assert alone.losses_wh(3600).tolist() == [0]
    more = power_flow(feeder, column(0, 0, -4000), np.zeros((3, 1)))
    both = power_flow(bare, column(0, -8000, -5000), column(0, -2000, 500))
    assert more.losses_w[0] == pytest.approx(both.losses_w[0], rel=1e-6)
    assert more.losses_wh(3600)[0] == round(both.losses_w[0] - own.losses_w[0]) > 0
    # Sun at the end spares losses of others: nobody is paid for that.
    sunny = power_flow(feeder, column(0, 0, 4000), np.zeros((3, 1)))
    assert sunny.losses_w[0] < sunny.spared_w
    assert sunny.losses_wh(3600).tolist() == [0]
