"""Forecasts from what was settled."""

import numpy as np
import pytest

from commonwatt.core.records import History, Observed
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints
from commonwatt.forecasting import FORECASTINGS

RATES = Rates(300_000, 80_000, 300_000, 80_000, 90_000, 30_000, 20_000, 10_000, 80_000)
FIRST = 480_000
PERSISTENCE = FORECASTINGS.make("persistence")
MEDIAN = FORECASTINGS.make("median_14d")


def observed(load_wh: Ints, pv_wh: Ints | None = None, *, slot_s: int = 3600, slot: int | None = None) -> Observed:
    """The gate two slots after the last row, unless said otherwise."""
    gate = FIRST + len(load_wh) + 1 if slot is None else slot
    return Observed(gate, slot_s, History(FIRST, load_wh, np.zeros_like(load_wh) if pv_wh is None else pv_wh), RATES)


def days(*values: int, slot_s: int = 3600, hour: int = 12) -> Ints:
    """One member that uses something at one hour of each day only; the last day ends with that slot's eve."""
    per_day = 86_400 // slot_s
    load = np.zeros((per_day * len(values), 1), np.int64)
    load[hour * 3600 // slot_s :: per_day, 0] = values
    return load


def at_noon(load_wh: Ints, slot_s: int = 3600) -> int:
    """The median forecast of the next day's noon, with everything up to two slots before it settled."""
    slot = FIRST + len(load_wh) + 12 * 3600 // slot_s
    rest = np.zeros((slot - 1 - FIRST - len(load_wh), load_wh.shape[1]), np.int64)
    seen = observed(np.concatenate([load_wh, rest]), slot_s=slot_s, slot=slot)
    return int(MEDIAN.forecast(seen, slot).load_wh[0])


def test_persistence_is_the_newest_settled_reading() -> None:
    load = np.array([[1, 2], [3, 4], [5, 6]], np.int64)
    seen = observed(load, load * 10)
    forecast = PERSISTENCE.forecast(seen, seen.slot)
    assert forecast.load_wh.tolist() == [5, 6]
    assert forecast.pv_wh.tolist() == [50, 60]


def test_persistence_reads_the_slot_two_before_the_gate() -> None:
    load = np.arange(10, dtype=np.int64).reshape(10, 1)
    assert PERSISTENCE.forecast(observed(load, slot=FIRST + 6), FIRST + 6).load_wh.tolist() == [4]


def test_the_median_is_that_of_the_same_hour() -> None:
    assert at_noon(days(100, 900, 300)) == 300


@pytest.mark.parametrize(("values", "expected"), [((2, 5), 4), ((2, 4), 3), ((0, 1), 1), ((7,), 7), ((1, 2, 3, 5), 3)])
def test_a_median_between_two_whole_wh_is_rounded_half_up(values: tuple[int, ...], expected: int) -> None:
    assert at_noon(days(*values)) == expected


def test_the_median_looks_back_14_days_and_no_further() -> None:
    # All 15 days would say 0, the last 13 would say 10.
    assert at_noon(days(*[0] * 8, *[10] * 7)) == 5
    assert at_noon(days(*[9999] * 20, *[0] * 14)) == 0


def test_the_median_knows_quarter_hours() -> None:
    assert at_noon(days(100, 900, 300, slot_s=900), slot_s=900) == 300


def test_the_median_of_the_slot_being_delivered_is_that_of_its_own_hour() -> None:
    load = np.tile(np.arange(24, dtype=np.int64), 3).reshape(72, 1)
    seen = observed(load, slot=FIRST + 72)
    assert MEDIAN.forecast(seen, seen.slot).load_wh.tolist() == [0]
    assert MEDIAN.forecast(seen, seen.slot - 1).load_wh.tolist() == [23]


def test_without_a_day_on_record_the_median_is_zero() -> None:
    assert MEDIAN.forecast(observed(np.full((5, 2), 7, np.int64)), FIRST + 6).load_wh.tolist() == [0, 0]
