"""Slots and the community's local days."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from commonwatt.core.slots import SlotGrid

ROME, FONTANA = ZoneInfo("Europe/Rome"), ZoneInfo("America/Los_Angeles")


def test_a_slot_covers_its_first_second_and_not_the_next_slot_s() -> None:
    grid = SlotGrid(900)
    start = grid.start_s(1_900_000)
    assert [grid.slot_of(start + offset) for offset in (-1, 0, 899, 900)] == [
        1_899_999,
        1_900_000,
        1_900_000,
        1_900_001,
    ]


@pytest.mark.parametrize("slot_s", [0, -900, 7, 1000, 7200])
def test_a_slot_length_that_does_not_divide_the_hour_is_refused(slot_s: int) -> None:
    with pytest.raises(ValueError, match=f"was {slot_s}"):
        SlotGrid(slot_s)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (dt.date(2025, 3, 30), ROME, 23),
        (dt.date(2025, 10, 26), ROME, 25),
        (dt.date(2025, 6, 1), ROME, 24),
        (dt.date(2025, 3, 9), FONTANA, 23),
        (dt.date(2025, 11, 2), FONTANA, 25),
    ],
)
@pytest.mark.parametrize("slot_s", [900, 3600])
def test_a_local_day_has_its_true_length(day: dt.date, zone: ZoneInfo, hours: int, slot_s: int) -> None:
    grid = SlotGrid(slot_s)
    slots = grid.slots_of_days(day, day + dt.timedelta(1), zone)
    assert len(slots) == hours * 3600 // slot_s
    assert grid.local_start(slots[0], zone).isoformat()[:16] == f"{day}T00:00"
    assert grid.local_start(slots[-1], zone).date() == day
    assert grid.local_start(slots.stop, zone).isoformat()[:16] == f"{day + dt.timedelta(1)}T00:00"


def test_days_follow_each_other_without_gap_or_overlap() -> None:
    grid, first = SlotGrid(900), dt.date(2025, 10, 20)
    days = [grid.slots_of_days(first + dt.timedelta(i), first + dt.timedelta(i + 1), ROME) for i in range(10)]
    assert [day.stop for day in days[:-1]] == [day.start for day in days[1:]]
    assert grid.slots_of_days(first, first + dt.timedelta(10), ROME) == range(days[0].start, days[-1].stop)


def test_an_end_before_the_beginning_is_refused() -> None:
    with pytest.raises(ValueError, match="2025-03-30"):
        SlotGrid(900).slots_of_days(dt.date(2025, 3, 30), dt.date(2025, 3, 29), ROME)


def test_no_days_have_no_slots() -> None:
    assert len(SlotGrid(900).slots_of_days(dt.date(2025, 3, 30), dt.date(2025, 3, 30), ROME)) == 0
