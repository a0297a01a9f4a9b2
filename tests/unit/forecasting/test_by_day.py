"""Forecasts that know days: yesterday's hour, and the season of weekdays and weekends."""

from typing import Any

import numpy as np
from tests.fakes.asset_contexts import at

from commonwatt.core.records import Forecasts, History, Observed
from commonwatt.core.units import Ints
from commonwatt.forecasting import FORECASTINGS

MONDAY = 4
"""The first Monday of the epoch, day 4; slots count hours."""


def at_noon(name: str, days: list[int], pv: list[int] | None = None, **parameters: Any) -> Forecasts:
    """The forecast of noon after days that began on a Monday and used something at noon only."""
    load = noons(days)
    history = History(MONDAY * 24, load, noons(pv or days))
    slot = (MONDAY + len(days)) * 24 + 12
    rest = np.zeros((11, 1), np.int64)
    history = History(history.first_slot, np.concatenate([load, rest]), np.concatenate([history.pv_wh, rest]))
    return FORECASTINGS.make(name, **parameters).forecast(Observed(slot, 3600, history, at().rates), slot)


def noons(values: list[int]) -> Ints:
    energy = np.zeros((24 * len(values), 1), np.int64)
    energy[12::24, 0] = values
    return energy


def test_the_same_hour_of_yesterday_comes_again() -> None:
    forecast = at_noon("same_hour_yesterday", [100, 900, 300], pv=[1, 2, 3])
    assert (forecast.load_wh.tolist(), forecast.pv_wh.tolist()) == ([300], [3])


def test_the_slot_being_delivered_has_its_own_hour() -> None:
    load = np.arange(72, dtype=np.int64).reshape(72, 1)
    seen = Observed(MONDAY * 24 + 73, 3600, History(MONDAY * 24, load, load), at().rates)
    model = FORECASTINGS.make("same_hour_yesterday")
    assert model.forecast(seen, seen.slot).load_wh.tolist() == [73 - 24]
    assert model.forecast(seen, seen.slot - 1).load_wh.tolist() == [72 - 24]


def test_without_a_day_on_record_there_is_nothing_to_repeat() -> None:
    for name in ("same_hour_yesterday", "seasonal"):
        assert at_noon(name, []).load_wh.tolist() == [0]


def test_a_weekday_is_like_weekdays_and_a_saturday_like_weekends() -> None:
    week = [100, 100, 100, 100, 100, 900, 900]
    assert at_noon("seasonal", week).load_wh.tolist() == [100]
    assert at_noon("seasonal", week + week[:5]).load_wh.tolist() == [900]


def test_the_sun_knows_no_weekend() -> None:
    assert at_noon("seasonal", [100] * 5, pv=[500] * 5).pv_wh.tolist() == [500]
    forecast = at_noon("seasonal", [0] * 7 + [0] * 5, pv=[0] * 11 + [1000], half_life_days=365.0)
    assert 50 < int(forecast.pv_wh[0]) < 110


def test_before_the_first_weekend_all_days_count() -> None:
    assert at_noon("seasonal", [100] * 5).load_wh.tolist() == [100]


def test_a_day_a_half_life_older_counts_half() -> None:
    # Tuesday's noon, one day after the 300 and eight after the 600 of the Monday before.
    days = [600, 0, 0, 0, 0, 0, 0, 300]
    weights = [2.0 ** (-d / 7) for d in (1, 4, 5, 6, 7, 8)]
    expected = (300 * weights[0] + 600 * weights[5]) / sum(weights)
    assert abs(int(at_noon("seasonal", days).load_wh[0]) - expected) <= 0.51


def test_what_lies_too_many_weeks_back_does_not_count() -> None:
    days = [9999] * 7 + [10] * 7
    assert at_noon("seasonal", days, weeks=1).load_wh.tolist() == [10]
    assert int(at_noon("seasonal", days, weeks=2).load_wh[0]) > 10


def test_a_mean_between_two_whole_wh_is_rounded_half_up() -> None:
    # So long a half life that both days weigh the same.
    assert at_noon("seasonal", [2, 5], half_life_days=365.0).load_wh.tolist() == [4]
