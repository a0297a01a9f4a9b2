"""Rates of a slot: windows on the local wall clock, days of 23 and 25 hours, fallbacks of the same slot."""

import datetime as dt
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from commonwatt.core.slots import SlotGrid
from commonwatt.settings.rate_book import RateBook
from commonwatt.settings.sections import Tariff

ZURICH = ZoneInfo("Europe/Zurich")
HOURLY = SlotGrid(3600)


def book(*windows: dict[str, object], grid: SlotGrid = HOURLY, **prices: float) -> RateBook:
    tariff = {"retail_micro_per_kwh": 300, "feed_in_micro_per_kwh": 80, **prices, "windows": list(windows)}
    return RateBook(Tariff.model_validate(tariff), grid, ZURICH)


def slot_at(year: int, month: int, day: int, hour: int) -> int:
    return HOURLY.slot_of(int(dt.datetime(year, month, day, hour, tzinfo=dt.UTC).timestamp()))


def retail_of_day(rates: RateBook, day: dt.date) -> list[int]:
    slots = HOURLY.slots_of_days(day, day + dt.timedelta(days=1), ZURICH)
    return [rates.rates(slot).retail_micro_per_kwh for slot in slots]


NIGHT = {"from": "02:00", "to": "03:00", "retail_micro_per_kwh": 100}


def test_a_tariff_without_windows_is_the_same_all_year() -> None:
    rates = book().rates(0)
    assert rates.to_line() == (300, 80, 300, 80, 0, 0, 0, 0, 80, 0, 0, 0, 80)


def test_a_local_trade_saves_a_share_of_the_grid_fee_rounded_down() -> None:
    rates = book(grid_fee_micro_per_kwh=101, local_relief_share=0.4).rates(0)
    assert (rates.local_fee_micro_per_kwh, rates.local_relief_micro_per_kwh) == (101, 40)
    assert rates.local_charges_micro_per_kwh == 61


def test_a_local_trade_saves_a_share_of_the_local_fee_where_there_is_one() -> None:
    window = {"from": "00:00", "to": "24:00", "local_fee_micro_per_kwh": 30}
    rates = book(window, grid_fee_micro_per_kwh=100, local_fee_micro_per_kwh=50, local_relief_share=0.5).rates(0)
    assert (rates.local_fee_micro_per_kwh, rates.local_relief_micro_per_kwh) == (30, 15)


def test_a_window_holds_on_the_local_clock_in_winter_and_in_summer() -> None:
    evening = book({"from": "17:00", "to": "21:00", "retail_micro_per_kwh": 500})
    winter = [evening.rates(slot_at(2024, 1, 10, hour)).retail_micro_per_kwh for hour in range(24)]
    summer = [evening.rates(slot_at(2024, 7, 10, hour)).retail_micro_per_kwh for hour in range(24)]
    assert [h for h in range(24) if winter[h] == 500] == [16, 17, 18, 19]
    assert [h for h in range(24) if summer[h] == 500] == [15, 16, 17, 18]


def test_the_hour_that_is_skipped_in_spring_has_no_window_price() -> None:
    day = retail_of_day(book(NIGHT), dt.date(2024, 3, 31))
    assert (len(day), day.count(100)) == (23, 0)


def test_the_hour_that_comes_twice_in_autumn_has_it_twice() -> None:
    day = retail_of_day(book(NIGHT), dt.date(2024, 10, 27))
    assert (len(day), [i for i, price in enumerate(day) if price == 100]) == (25, [2, 3])


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    friday_night = book({"days": ["fri"], "from": "22:00", "to": "06:00", "retail_micro_per_kwh": 100})
    friday = [i for i, price in enumerate(retail_of_day(friday_night, dt.date(2024, 5, 10))) if price == 100]
    saturday = [i for i, price in enumerate(retail_of_day(friday_night, dt.date(2024, 5, 11))) if price == 100]
    thursday = [i for i, price in enumerate(retail_of_day(friday_night, dt.date(2024, 5, 9))) if price == 100]
    assert (friday, saturday, thursday) == ([22, 23], [0, 1, 2, 3, 4, 5], [])


def test_a_whole_day_is_written_to_24() -> None:
    weekend = book({"days": "weekends", "from": "00:00", "to": "24:00", "retail_micro_per_kwh": 100})
    assert set(retail_of_day(weekend, dt.date(2024, 5, 12))) == {100}
    assert set(retail_of_day(weekend, dt.date(2024, 5, 13))) == {300}


def test_a_later_window_wins_key_by_key() -> None:
    both = book(
        {"from": "00:00", "to": "24:00", "retail_micro_per_kwh": 200, "feed_in_micro_per_kwh": 50},
        {"from": "12:00", "to": "13:00", "feed_in_micro_per_kwh": 10},
    )
    noon = both.rates(slot_at(2024, 7, 10, 10))
    assert (noon.retail_micro_per_kwh, noon.feed_in_micro_per_kwh) == (200, 10)


def test_imbalance_and_balancing_follow_the_prices_of_their_slot() -> None:
    evening = book({"from": "17:00", "to": "21:00", "retail_micro_per_kwh": 500, "feed_in_micro_per_kwh": 90})
    rates = evening.rates(slot_at(2024, 7, 10, 16))
    assert (rates.imbalance_buy_micro_per_kwh, rates.imbalance_sell_micro_per_kwh, rates.balancing_micro_per_kwh) == (
        500,
        90,
        90,
    )


def test_every_lists_each_rate_of_the_week_once() -> None:
    windows = book(
        {"days": "weekdays", "from": "17:00", "to": "21:00", "retail_micro_per_kwh": 500},
        {"days": ["sun"], "from": "00:00", "to": "24:00", "retail_micro_per_kwh": 100},
    )
    assert sorted(rates.retail_micro_per_kwh for rates in windows.every()) == [100, 300, 500]


TIMES = st.integers(0, 95).map(lambda q: f"{q // 4:02d}:{q % 4 * 15:02d}")
WINDOWS = st.builds(
    lambda days, begin, end, price: {"days": days, "from": begin, "to": end, "retail_micro_per_kwh": price},
    st.sampled_from(["weekdays", "weekends", "all"]),
    TIMES,
    TIMES,
    st.integers(0, 9),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(WINDOWS, max_size=3), st.integers(1_900_000, 1_990_000))
def test_a_remembered_rate_is_the_one_a_fresh_book_gives(windows: list[dict[str, object]], slot: int) -> None:
    quarter = SlotGrid(900)
    old = book(*windows, grid=quarter)
    for near in range(slot - 100, slot):
        old.rates(near)
    assert old.rates(slot) == book(*windows, grid=quarter).rates(slot)
    assert old.rates(slot) in old.every()


def test_a_slot_of_a_year_costs_next_to_nothing() -> None:
    rates = book(NIGHT)
    assert len({id(rates.rates(slot)) for slot in range(400_000, 408_760)}) <= 7 * 24
