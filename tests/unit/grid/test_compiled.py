"""The sweep as machine code against the sweep in NumPy: the same slots solved, the same voltages, the same whole Wh."""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.wires import line, regulated, street, trees, wires

from commonwatt.core.units import Floats
from commonwatt.grid import Feeder, Load, PowerFlow, power_flow
from commonwatt.grid._compiled import compiled, sweep_slots
from commonwatt.grid._sweep import solved_flow


@pytest.fixture(autouse=True)
def _found_anew() -> Iterator[None]:
    yield
    compiled.cache_clear()


def both(feeder: Feeder, injected_w: Floats, injected_var: Floats) -> tuple[PowerFlow, PowerFlow]:
    kernel = compiled()
    assert kernel is not None
    return solved_flow(feeder, injected_w, injected_var, kernel), solved_flow(feeder, injected_w, injected_var, None)


def assert_same(one: PowerFlow, other: PowerFlow) -> None:
    np.testing.assert_array_equal(one.is_solved, other.is_solved)
    np.testing.assert_allclose(one.voltage_share, other.voltage_share, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.loading_share, other.loading_share, rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.losses_w, other.losses_w, rtol=1e-9)
    for slot_s in (900, 3600):
        assert one.losses_wh(slot_s).tolist() == other.losses_wh(slot_s).tolist()


@settings(max_examples=60, deadline=None)
@given(trees(), st.integers(0, 2**31), st.sampled_from([1, 3, 20]), st.sampled_from([0.2, 1.0, 3.0, 30.0]))
def test_any_tree_gives_the_same_in_machine_code_and_in_numpy_also_where_slots_collapse(
    feeder: Feeder, seed: int, slots: int, strength: float
) -> None:
    rng = np.random.default_rng(seed)
    injected = (rng.random((len(feeder.buses), slots)) * 2 - 1) * 40_000 * strength / len(feeder.buses)
    assert_same(*both(feeder, injected, np.minimum(injected, 0) * rng.random(injected.shape) * 0.5))


def test_the_bundled_street_gives_the_same_over_many_slots() -> None:
    rng = np.random.default_rng(1)
    injected = (rng.random((26, 2500)) * 2 - 1) * 8000
    assert_same(*both(street(), injected, np.minimum(injected, 0) * 0.33))


def test_a_feeder_with_regulator_transformer_and_loads_of_its_own_gives_the_same() -> None:
    feeder = replace(regulated(), loads=(Load("c", 4000, 1500), Load("e", 1000, 0)))
    rng = np.random.default_rng(2)
    injected = (rng.random((6, 12)) * 2 - 1) * 6000
    assert_same(*both(feeder, injected, injected * 0.2))
    assert power_flow(feeder, injected, injected * 0.2).spared_w > 0


@pytest.mark.parametrize("power_w", [0.0, 1e15, 1e30, -1e15, -1e30, -1e300])
def test_no_flow_and_absurd_flows_give_the_same(power_w: float) -> None:
    injected = np.array([[0.0, 0.0], [power_w, -1000.0]])
    assert_same(*both(wires(line("a", "b")), injected, np.zeros((2, 2))))


def test_a_slot_among_others_is_to_the_bit_what_it_is_alone() -> None:
    rng = np.random.default_rng(3)
    injected = (rng.random((26, 40)) * 2 - 1) * 8000
    injected[:, 7] *= 1000
    kernel = compiled()
    assert kernel is not None
    together = solved_flow(street(), injected, np.zeros_like(injected), kernel)
    alone = [solved_flow(street(), injected[:, [slot]], np.zeros((26, 1)), kernel) for slot in range(40)]
    assert not together.is_solved[7]
    assert together.losses_w.tolist() == [flow.losses_w[0] for flow in alone]


def test_columns_of_any_layout_and_whole_watts_are_taken() -> None:
    injected = np.array([[0, 0, 0], [-5000, 4000, 0]])
    feeder = wires(line("a", "b"))
    plain = power_flow(feeder, injected, np.zeros((2, 3)))
    assert (
        power_flow(feeder, np.asfortranarray(injected), np.zeros((2, 3))).losses_w.tolist() == plain.losses_w.tolist()
    )
    assert power_flow(feeder, injected[:, ::-1], np.zeros((2, 3))).losses_w.tolist() == plain.losses_w[::-1].tolist()


def test_what_is_compiled_is_what_reads_as_python() -> None:
    injected = np.array([[0.0, 0.0], [-50_000.0, -1e9]])
    feeder = wires(line("a", "b"))
    kernel = compiled()
    assert kernel is not None
    with np.errstate(all="ignore"):
        read = solved_flow(feeder, injected, injected * 0.3, sweep_slots)
    assert_same(solved_flow(feeder, injected, injected * 0.3, kernel), read)
    assert read.is_solved.tolist() == [True, False]


def test_without_numba_numpy_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    feeder, injected = street(), np.full((26, 3), -1000.0)
    fast = power_flow(feeder, injected, np.zeros((26, 3)))
    compiled.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert compiled() is None
    assert_same(power_flow(feeder, injected, np.zeros((26, 3))), fast)


def test_where_no_folder_can_be_written_the_kernel_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = numba.njit, []

    def refusing(signature: str, **options: object) -> object:
        asked.append(options.get("cache", False))
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'sweep_slots': no locator available")
        return real(signature, **options)

    monkeypatch.setattr(numba, "njit", refusing)
    compiled.cache_clear()
    injected = np.full((26, 1), -1000.0)
    assert_same(*both(street(), injected, np.zeros((26, 1))))
    assert asked == [True, False]
