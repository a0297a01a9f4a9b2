"""Units: exact products, one rounding rule each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonwatt.core.units import amount_nano, midpoint_micro_per_kwh, slot_energy_wh, whole_wh


def test_a_watt_hour_at_a_micro_per_kwh_is_a_nano() -> None:
    # 1.5 kWh at 0.30 per kWh are 0.45.
    assert amount_nano(1500, 300_000) == 450_000_000


@given(low=st.integers(-(2**31) + 1, 2**31 - 1), high=st.integers(-(2**31) + 1, 2**31 - 1))
def test_a_midpoint_is_rounded_down_at_any_sign(low: int, high: int) -> None:
    middle = midpoint_micro_per_kwh(low, high)
    assert 0 <= (low + high) - 2 * middle <= 1
    assert min(low, high) <= middle <= max(low, high)


def test_energy_becomes_whole_once_halves_up() -> None:
    assert whole_wh(np.array([0.0, 0.49, 0.5, 1.5, 2.5, -0.5])).tolist() == [0, 0, 1, 2, 3, 0]


@pytest.mark.parametrize(("power_w", "slot_s", "energy_wh"), [(1000, 3600, 1000), (1000, 900, 250), (999, 900, 249)])
def test_a_slot_s_energy_is_rounded_down(power_w: int, slot_s: int, energy_wh: int) -> None:
    assert slot_energy_wh(power_w, slot_s) == energy_wh
