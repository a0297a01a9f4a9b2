"""Every forecast keeps the promises of its room."""

import numpy as np
import pytest

from commonwatt.core.records import Forecasts, History, Observed
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints
from commonwatt.forecasting import FORECASTINGS

RATES = Rates(300_000, 80_000, 300_000, 80_000, 90_000, 30_000, 20_000, 10_000, 80_000)
FIRST, MEMBERS = 480_000, 5
NAMES = pytest.mark.parametrize("name", FORECASTINGS.names())
ROWS = pytest.mark.parametrize("rows", [0, 1, 5, 30, 400])


def energy(rows: int, seed: int) -> Ints:
    generator = np.random.Generator(np.random.PCG64(seed))
    return generator.integers(0, 5000, (rows, MEMBERS), dtype=np.int64)


def seen(rows: int, extra: Ints | None = None, seed: int = 1) -> Observed:
    """`rows` settled slots; `extra` rows after them are what nobody can know yet."""
    load, pv = energy(rows, seed), energy(rows, seed + 1)
    if extra is not None:
        load, pv = np.concatenate([load, extra]), np.concatenate([pv, extra])
    return Observed(FIRST + rows + 1, 3600, History(FIRST, load, pv), RATES)


def equal(one: Forecasts, other: Forecasts) -> bool:
    return bool((one.load_wh == other.load_wh).all() and (one.pv_wh == other.pv_wh).all())


def test_the_room_has_answers() -> None:
    assert {"median_14d", "persistence", "same_hour_yesterday", "seasonal"} <= set(FORECASTINGS.names())


@NAMES
@ROWS
@pytest.mark.parametrize("behind", [0, 1])
def test_a_forecast_has_one_row_a_member_and_is_never_negative(name: str, rows: int, behind: int) -> None:
    observed = seen(rows)
    forecast = FORECASTINGS.make(name).forecast(observed, observed.slot - behind)
    assert len(forecast) == MEMBERS
    assert (forecast.load_wh >= 0).all()
    assert (forecast.pv_wh >= 0).all()


@NAMES
@ROWS
def test_the_future_changes_no_forecast(name: str, rows: int) -> None:
    answer = FORECASTINGS.make(name)
    known = seen(rows)
    for seed in (7, 8):  # the slot being delivered, the slot itself, and two days more
        later = seen(rows, extra=energy(50, seed))
        for slot in (known.slot - 1, known.slot):
            assert equal(answer.forecast(known, slot), answer.forecast(later, slot))


@NAMES
def test_a_forecast_follows_what_was_settled(name: str) -> None:
    answer = FORECASTINGS.make(name)
    one, other = seen(400, seed=1), seen(400, seed=9)
    assert not equal(answer.forecast(one, one.slot), answer.forecast(other, other.slot))


@NAMES
def test_a_forecast_is_the_same_every_time(name: str) -> None:
    observed = seen(400)
    one, other = (FORECASTINGS.make(name).forecast(observed, observed.slot) for _ in range(2))
    assert equal(one, other)


@NAMES
def test_a_forecast_breaks_no_promise(name: str) -> None:
    assert not FORECASTINGS.answer(name).breaks
