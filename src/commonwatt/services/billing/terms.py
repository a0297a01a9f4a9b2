"""The terms of a bill, read from the run's public settings: money, clock, tariff and settlement rule."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from commonwatt.core.foreign import parsed_toml
from commonwatt.core.imbalance import BY_DIRECTION
from commonwatt.core.smoothing import NOT_SMOOTHED
from commonwatt.core.tariff import Rates
from commonwatt.core.time_of_use import is_open, minute_of, resolved
from commonwatt.core.units import parts_per_million


@dataclass(frozen=True)
class Terms:
    """What every line of a bill follows from, besides readings and trades."""

    community: str
    currency: str
    slot_s: int
    zone: ZoneInfo
    zone_name: str
    timing: str
    """`ex_post` or `ex_ante`."""
    rule: str
    """`scheduled` or `delivered`."""
    residual: str
    imbalance: str
    """One of `core.imbalance.IMBALANCES`."""
    reward_form: str
    reward_beta_micro_per_kwh: int
    penalty_gamma_micro_per_kwh: int
    tolerance_ppm: int
    error_weight_ppm: int
    """Of the newest slot in the member's forecast error; `NOT_SMOOTHED`: rewards and penalties hang on no slot before."""
    penalty_to: str
    """`rewards` or `buyers`: whose penalties of the rule `delivered` are."""
    has_caps: bool
    """Whether export and import were capped before delivery (`[grid] allocation`)."""
    metering: str
    chain: str
    path: str
    """`net` or `trades`: whether trades were settled within the batch or posted by themselves."""
    rates: Callable[[int], Rates]
    """By slot."""

    def start(self, slot: int) -> dt.datetime:
        """When a slot begins, on the community's wall clock."""
        return dt.datetime.fromtimestamp(slot * self.slot_s, dt.UTC).astimezone(self.zone)


def terms_of(settings: str, supplier: str = "") -> Terms:
    """The terms that a run's `settings.toml` says to a member, whose own supplier may have this name.

    Raises:
        ValueError: no TOML, a key that is missing or of another type, or no supplier of this name.

    """
    table = parsed_toml(settings)
    tariff, slot_s = _asked(table, "tariff", dict), _asked(table, "community slot_s", int)
    if slot_s <= 0 or 3600 % slot_s:
        raise ValueError(f"settings community slot_s: expected a divisor of 3600, found {slot_s}")
    name = _asked(table, "community time_zone", str)
    zone = ZoneInfo(name)
    return Terms(
        community=_asked(table, "community name", str),
        currency=_asked(table, "community currency", str),
        slot_s=slot_s,
        zone=zone,
        zone_name=name,
        timing=_asked(table, "market timing", str),
        rule=_asked(table, "settlement rule", str),
        residual=_asked(table, "settlement residual", str, "metered"),
        imbalance=_asked(table, "settlement imbalance", str, BY_DIRECTION),
        reward_form=_asked(table, "settlement reward_form", str, "none"),
        reward_beta_micro_per_kwh=_asked(table, "settlement reward_beta_micro_per_kwh", int, 0),
        penalty_gamma_micro_per_kwh=_asked(table, "settlement penalty_gamma_micro_per_kwh", int, 0),
        tolerance_ppm=parts_per_million(_asked(table, "settlement tolerance_share", float, 0.0)),
        error_weight_ppm=_error_weight_ppm(table),
        penalty_to=_asked(table, "settlement penalty_to", str, "rewards"),
        has_caps=_asked(table, "grid allocation", str, "none") != "none",
        metering=_asked(table, "metering level", str),
        chain=_asked(table, "ledger chain", str),
        path=_asked(table, "ledger path", str),
        rates=_Tariff(tariff, slot_s, zone, supplier).rates,
    )


def _error_weight_ppm(table: dict[str, Any]) -> int:
    rule, form = _asked(table, "settlement rule", str), _asked(table, "settlement reward_form", str, "none")
    if (_asked(table, "market timing", str), rule) != ("ex_ante", "scheduled") or form == "none":
        return NOT_SMOOTHED
    return parts_per_million(_asked(table, "settlement smoothing_share", float, 1.0))


class _Tariff:
    """The prices of a tariff table by slot: those of the instant at which it begins, on the wall clock."""

    def __init__(self, tariff: dict[str, Any], slot_s: int, zone: ZoneInfo, supplier: str) -> None:
        self._base, self._slot_s, self._zone = _prices(tariff), slot_s, zone
        self._relief_share = _asked(tariff, "local_relief_share", float, 0.0)
        self._windows = [
            (
                [str(day) for day in _asked(window, "days", list)],
                minute_of(_asked(window, "from", str)),
                minute_of(_asked(window, "to", str)),
                _prices(window),
            )
            for window in _asked(tariff, "windows", list, [])
        ]
        self._own = _supplier(tariff, supplier) if supplier else None
        self._known: dict[tuple[int, int], Rates] = {}

    def rates(self, slot: int) -> Rates:
        """Micro-currency per kWh."""
        start = dt.datetime.fromtimestamp(slot * self._slot_s, dt.UTC).astimezone(self._zone)
        at = start.weekday(), start.hour * 60 + start.minute
        if at not in self._known:
            layers = [prices for days, begin, end, prices in self._windows if is_open(days, begin, end, *at)]
            rates = resolved([self._base, *layers], self._relief_share)
            self._known[at] = rates if self._own is None else rates.of_supplier(self._own)
        return self._known[at]


def _supplier(tariff: dict[str, Any], name: str) -> dict[str, int | None]:
    for own in _asked(tariff, "suppliers", list, []):
        if _asked(own, "name", str) == name:
            return _prices(own)
    raise ValueError(f"settings tariff suppliers: expected one named {name!r:.80}, found none")


def _prices(table: Any) -> dict[str, int | None]:
    return {key: _asked(table, key, int) for key in table if str(key).endswith("_micro_per_kwh")}


def _asked(table: Any, keys: str, kind: type, default: Any = None) -> Any:
    value = table
    for key in keys.split():
        value = value.get(key) if isinstance(value, dict) else None
    if value is None and default is not None:
        return default
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"settings {keys}: expected {kind.__name__}, found {value!r:.80}")
    return value
