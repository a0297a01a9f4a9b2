"""Numbers as people read them: rounded, with unit and currency; the exact ones are in the tables and in summary.json."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from commonwatt.core.slots import SlotGrid
from commonwatt.core.units import MICRO_PER_UNIT, NANO_PER_UNIT
from commonwatt.services.reporting.facts import RunFacts

MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def money(amount_nano: int, currency: str) -> str:
    """`12.34 USD`; a minus sign that lines up and does not break."""
    return f"{_signed(_to_cents(amount_nano) / NANO_PER_UNIT, 2)}\u00a0{currency}"


def shown_saving_nano(baseline_nano: int, cost_nano: int) -> int:
    """Saving as a reader of the two rounded amounts works it out, so that no page says 10.00 - 5.67 = 4.34."""
    return _to_cents(baseline_nano) - _to_cents(cost_nano)


def _to_cents(amount_nano: int) -> int:
    cent = NANO_PER_UNIT // 100
    return (2 * amount_nano + cent) // (2 * cent) * cent


def price(price_micro_per_kwh: int) -> str:
    """`0.176`: currency per kWh, three decimals."""
    return _signed(price_micro_per_kwh / MICRO_PER_UNIT, 3)


def exact_price(price_micro_per_kwh: int) -> str:
    """`0.176`, `0.000012`: three decimals, and as many more as the price has."""
    text = f"{abs(price_micro_per_kwh) / MICRO_PER_UNIT:,.6f}"
    return _signed(price_micro_per_kwh / MICRO_PER_UNIT, max(3, 6 - len(text) + len(text.rstrip("0"))))


def energy(energy_wh: int) -> str:
    """`285.6 kWh`, or `12.3 MWh` where that is easier to read."""
    if abs(energy_wh) >= 100_000_000:
        return f"{_signed(energy_wh / 1_000_000, 1)}\u00a0MWh"
    return f"{kwh(energy_wh)}\u00a0kWh"


def kwh(energy_wh: int) -> str:
    """`285.6`, in kWh."""
    return _signed(energy_wh / 1000, 1)


def percent(share: float) -> str:
    """`12 %`; one decimal below ten."""
    value = 100 * share
    return f"{_signed(value, 0 if abs(value) >= 10 or value == int(value) else 1)}\u00a0%"


def count(number: float) -> str:
    """`52,416`."""
    return _signed(number, 0)


def several(number: int, one: str, many: str | None = None) -> str:
    """`1 member`, `2 members`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def counted(number: int, many: str) -> str:
    """`1 slot`, `0 hashes`, `2 kinds of file`: of a word that is given in the plural."""
    first, space, rest = many.partition(" ")
    one = first.removesuffix("es") if first.endswith("shes") else first.removesuffix("s")
    return f"{number} {one if number == 1 else first}{space}{rest}"


def listed(names: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def day(date: dt.date) -> str:
    """`1 July 2025`, whatever the locale."""
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


def period(facts: RunFacts) -> str:
    """The days of the run on the community's wall clock, both ends included."""
    if not facts.slots:
        return "no day"
    first, last = local_start(facts, 0).date(), local_start(facts, facts.slots - 1).date()
    return day(first) if first == last else f"{day(first)} to {day(last)}"


def local_start(facts: RunFacts, at: int) -> dt.datetime:
    """When the slot number `at` of the run begins, on the community's wall clock."""
    return SlotGrid(facts.slot_s).local_start(facts.first_slot + at, ZoneInfo(facts.time_zone))


def start_words(facts: RunFacts, at: int) -> str:
    """`2017-05-08 05:00`, when the slot number `at` of the run begins."""
    return f"{local_start(facts, at):%Y-%m-%d %H:%M}"


def slot_word(facts: RunFacts) -> str:
    """What a neighbour calls a slot."""
    return "hour" if facts.slot_s == 3600 else f"{facts.slot_s // 60}-minute slot"


def _signed(value: float, decimals: int) -> str:
    text = f"{abs(value):,.{decimals}f}"
    return f"\u2212{text}" if value < 0 and float(text.replace(",", "")) else text
