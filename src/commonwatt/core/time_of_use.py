"""Prices by the clock: which windows of a week are open at an instant, and what a base and its open windows come to."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from typing import Final

from commonwatt.core.tariff import Rates
from commonwatt.core.units import parts_per_million

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

FALLBACKS: Final = {
    "imbalance_buy_micro_per_kwh": "retail_micro_per_kwh",
    "imbalance_sell_micro_per_kwh": "feed_in_micro_per_kwh",
    "balancing_micro_per_kwh": "feed_in_micro_per_kwh",
    "losses_micro_per_kwh": "balancing_micro_per_kwh",
}
"""A price that is not set is the other price of the same slot."""


def minute_of(text: str) -> int:
    """Minutes since local midnight of `HH:MM`; `24:00` is the end of the day.

    Raises:
        ValueError: not a time of day.

    """
    hours, colon, minutes = text.partition(":")
    well_formed = colon and hours.isdecimal() and minutes.isdecimal() and len(hours) == len(minutes) == 2
    if not well_formed or not text.isascii() or int(minutes) > 59 or int(hours) * 60 + int(minutes) > 1440:
        raise ValueError("a time of day from 00:00 to 24:00")
    return int(hours) * 60 + int(minutes)


def is_open(days: Collection[str], begin: int, end: int, weekday: int, minute: int) -> bool:
    """Whether a window that begins on `days` at minute `begin` and ends at `end` holds at a minute of a weekday (0: Monday).

    One that does not end after it begins goes on past midnight; it belongs to the day on which it begins.
    """
    today, yesterday = DAYS[weekday] in days, DAYS[weekday - 1] in days
    if begin < end:
        return today and begin <= minute < end
    return (today and minute >= begin) or (yesterday and minute < end)


def resolved(layers: Iterable[Mapping[str, int | None]], relief_share: float = 0.0) -> Rates:
    """Rates of a base and the windows over it, each by name of the price; a later layer's price wins, None is no price.

    `relief_share` of the local fee is given back, rounded down to whole micro; the local fee is then the grid fee unless it is set.
    """
    names = [field.name for field in fields(Rates)]
    prices: dict[str, int] = {}
    for layer in layers:
        prices |= {name: price for name in names if (price := layer.get(name)) is not None}
    if relief_share:
        fee = prices.setdefault("local_fee_micro_per_kwh", prices.get("grid_fee_micro_per_kwh", 0))
        prices["local_relief_micro_per_kwh"] = parts_per_million(relief_share) * fee // 1_000_000
    for name in names:
        prices.setdefault(name, prices[FALLBACKS[name]] if name in FALLBACKS else 0)
    return Rates(**prices)
