"""The sections of a community file as typed, frozen models; every key carries its unit, range and meaning."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from commonwatt.core.findings import one_of, whole
from commonwatt.core.time_of_use import DAYS, minute_of
from commonwatt.core.units import PRICE_LIMIT_MICRO_PER_KWH

MAX_NANO: Final = 2**62
_PRICE_TOP: Final = PRICE_LIMIT_MICRO_PER_KWH - 1
DAY_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {"weekdays": DAYS[:5], "weekends": DAYS[5:], "all": DAYS}


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))  # walks folders: once is enough


def _zone(name: str) -> str:
    if name not in _zones():
        near = difflib.get_close_matches(name, _zones(), n=1, cutoff=0.6)
        raise ValueError("an IANA time zone" + (f" (did you mean {near[0]}?)" if near else " such as Europe/Zurich"))
    return name


def _slot_s(value: int) -> int:
    if value <= 0 or 3600 % value:
        raise ValueError("a divisor of 3600 s, such as 900 or 3600")
    return value


def _time_of_day(text: str) -> str:
    minute_of(text)
    return text


def _days(value: Any) -> Any:
    if isinstance(value, str):
        if value not in DAY_GROUPS:
            raise ValueError(f"a list of days or {one_of(value, DAY_GROUPS)}")
        return DAY_GROUPS[value]
    if not isinstance(value, list | tuple) or not value:
        raise ValueError('a list of days such as ["mon", "tue"], or weekdays, weekends or all')
    for day in value:
        if day not in DAYS:
            raise ValueError(one_of(str(day), DAYS))
    return tuple(day for day in DAYS if day in value)


def _names(value: Any) -> Any:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(v, str) and v for v in value):
        raise ValueError("a list of names, at least one")
    if len(set(value)) != len(value):
        raise ValueError("a list of names, each once")
    return tuple(value)


def _day(value: Any) -> Any:
    # A TOML date is a date, a `--set` of one may be text.
    if type(value) is dt.date:
        return value.isoformat()
    try:
        return value if value == "" else dt.date.fromisoformat(value).isoformat()
    except (ValueError, TypeError):
        raise ValueError("a local day such as 2017-05-08") from None


_Whole: Final = BeforeValidator(whole)
_Micro: Final = BeforeValidator(lambda value: whole(value, "_micro_per_kwh"))
Price = Annotated[int, Field(ge=-_PRICE_TOP, le=_PRICE_TOP), _Micro]
Charge = Annotated[int, Field(ge=0, le=_PRICE_TOP), _Micro]
Amount = Annotated[int, Field(ge=0, le=MAX_NANO), _Whole]
Count = Annotated[int, _Whole]
Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
OptionalText = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Day = Annotated[str, BeforeValidator(_day)]
Zone = Annotated[str, AfterValidator(_zone)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]


class Section(BaseModel):
    """A section without an answer of a room: its keys are all here."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class RoomSection(Section):
    """A section that names an answer of a room; its other keys are that answer's parameters."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class Community(Section):
    """Who trades, in which money and time."""

    name: Text = Field("Community", description="Name of the community, shown in the report and part of every packet.")
    currency: Text = Field("EUR", description="Currency of every price and amount, for display.")
    slot_s: Annotated[Count, AfterValidator(_slot_s)] = Field(
        3600, description="Length of a slot, s; a divisor of 3600 (900 or 3600)."
    )
    time_zone: Zone = Field("UTC", description="IANA time zone: days of the report, --from and --to, tariff windows.")
    design: Text = Field("community", description="Preset that fills every section; the file's own keys override it.")
    seed: Count = Field(
        1, ge=0, le=2**63 - 1, description="Seed of every draw of a run; published, never used for secrets."
    )


class Prices(Section):
    """Prices that a tariff sets and a window may override, micro-currency per kWh."""

    retail_micro_per_kwh: Price | None = Field(None, description="What a member pays the supplier for energy.")
    feed_in_micro_per_kwh: Price | None = Field(None, description="What the supplier pays a member for energy.")
    imbalance_buy_micro_per_kwh: Price | None = Field(
        None,
        description="What a member pays for energy sold and not delivered; left out: the retail price of the slot.",
    )
    imbalance_sell_micro_per_kwh: Price | None = Field(
        None, description="What a member gets for energy bought and not used; left out: the feed-in price of the slot."
    )
    grid_fee_micro_per_kwh: Charge | None = Field(None, description="On energy from the supplier; left out: 0.")
    local_fee_micro_per_kwh: Charge | None = Field(None, description="On energy from neighbours; left out: 0.")
    tax_micro_per_kwh: Charge | None = Field(None, description="On energy from the supplier; left out: 0.")
    local_tax_micro_per_kwh: Charge | None = Field(None, description="On energy from neighbours; left out: 0.")
    levy_micro_per_kwh: Charge | None = Field(
        None, description="On energy from the supplier, a line of its own beside the tax; left out: 0."
    )
    local_levy_micro_per_kwh: Charge | None = Field(None, description="On energy from neighbours; left out: 0.")
    balancing_micro_per_kwh: Price | None = Field(
        None,
        description="At which the supplier closes its net energy wholesale; left out: the feed-in price of the slot.",
    )
    losses_micro_per_kwh: Price | None = Field(
        None,
        description="At which the grid buys what is lost in the wires from the supplier; left out: the balancing price of the slot.",
    )


_CHARGES: Final = ("fee", "tax", "levy")
PRICE_KEYS: Final = tuple(Prices.model_fields)
SIGNED_PRICES: Final = tuple(key for key in PRICE_KEYS if not key.removesuffix("_micro_per_kwh").endswith(_CHARGES))
"""Prices that may be negative where the tariff allows it; fees, taxes and levies never are."""


class Window(Prices):
    """Hours of the week, on the local wall clock, with prices of their own. Where windows overlap, the later in the list wins."""

    name: OptionalText = Field("", description="Name of the window, for the report.")
    days: Annotated[tuple[str, ...], BeforeValidator(_days)] = Field(
        DAYS, description='Days on which it begins: a list such as ["mon", "tue"], or "weekdays", "weekends", "all".'
    )
    from_: TimeOfDay = Field(alias="from", description="Local time it begins, HH:MM.")
    to: TimeOfDay = Field(description="Local time it ends, HH:MM, exclusive; not after `from`: on the next day.")


class Supplier(Section):
    """A supplier that some members have a contract of their own with; its prices hold at every hour."""

    name: Text = Field(description="Name, as members.csv has it.")
    retail_micro_per_kwh: Price = Field(description="What its customers pay for energy; required.")
    feed_in_micro_per_kwh: Price = Field(description="What it pays its customers for energy; required.")
    imbalance_buy_micro_per_kwh: Price | None = Field(
        None, description="For energy sold and not delivered; left out: its retail price."
    )
    imbalance_sell_micro_per_kwh: Price | None = Field(
        None, description="For energy bought and not used; left out: its feed-in price."
    )


def _windows(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError("a list of windows")  # noqa: TRY004 - pydantic turns ValueError into a finding
    return tuple(value)


def _suppliers(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError("a list of suppliers")  # noqa: TRY004 - pydantic turns ValueError into a finding
    names = [table.get("name") for table in value if isinstance(table, dict)]
    if len(set(map(str, names))) != len(names):
        raise ValueError("each supplier once")
    return tuple(value)


class Tariff(Prices):
    """What the supplier, the grid and the state charge, micro-currency per kWh; taxes and fees come on top of energy."""

    retail_micro_per_kwh: Price = Field(description="What a member pays the supplier for energy; required.")
    feed_in_micro_per_kwh: Price = Field(description="What the supplier pays a member for energy; required.")
    local_relief_share: Share | None = Field(
        None,
        description="Part of the local fee that is given back, as an own line of the bill: what the law lets a local trade save of the grid fee (the local fee is then the grid fee unless set); left out: 0.",
    )
    allow_negative: bool = Field(False, description="Whether a price (never a fee or tax) or a limit may be below 0.")
    windows: Annotated[tuple[Window, ...], BeforeValidator(_windows)] = Field(
        (), description="Time-of-use windows; later ones override earlier ones."
    )
    suppliers: Annotated[tuple[Supplier, ...], BeforeValidator(_suppliers)] = Field(
        (), description="Members' own suppliers: what a member that names one in members.csv pays and gets for energy."
    )


class Market(RoomSection):
    """When and how orders meet; other keys are parameters of the mechanism or the venue."""

    timing: Literal["ex_post", "ex_ante"] = Field(
        "ex_post", description="`ex_post`: orders from metered energy; `ex_ante`: orders at a gate, from forecasts."
    )
    venue: str = Field("sealed_batch", description="How orders meet (room `venues`).")
    clearing: str = Field("uniform_price", description="Clearing mechanism (room `clearing`).")
    renewable_storage: bool = Field(False, description="Whether energy out of batteries and EVs counts as renewable.")


class Pricing(RoomSection):
    """The price between two limits; other keys are parameters of the policy."""

    policy: str = Field("midpoint", description="Pricing policy (room `pricing`).")
    imbalance_alpha_micro_per_kwh: Price = Field(
        0,
        description="Added to what the policy says per kWh that seller and buyer together were short of their orders in the newest settled slot (He 2025, Eq. 25), within their limits; 0: nothing.",
    )
    secure_lambda_micro_per_kwh: Price = Field(
        0,
        description="Added likewise where all meters were silent, in proportion where they stand for a part of the energy (He 2025, Eq. 31); 0: nothing.",
    )


class Settlement(RoomSection):
    """What is owed after delivery; other keys are parameters of the rule."""

    rule: str = Field("scheduled", description="Settlement rule (room `settlement`).")


class Forecasting(RoomSection):
    """What is expected at the gate; other keys are parameters of the model."""

    model: str = Field("persistence", description="Forecasting model (room `forecasting`).")


class Bidding(RoomSection):
    """How members bid; other keys are parameters of the strategies that take them."""

    strategy: str = Field(
        "", description="Strategy of every member (room `bidding`); empty: what each member's own `strategy` says."
    )
    signing: Literal["standing", "order"] = Field(
        "standing",
        description="What members sign: an instruction a side for the whole run, within which their agents order, or every order.",
    )


class Assets(RoomSection):
    """What batteries do; other keys are parameters of the rule."""

    storage: str = Field("battery", description="Rule of every battery (room `assets`).")


class Grid(RoomSection):
    """What the wires carry; other keys are parameters of the model, such as limits, fees by location and envelopes: `commonwatt list grid`."""

    model: str = Field("unlimited", description="Grid model (room `grid`).")
    feeder: str = Field(
        "",
        description="Feeder of the grid model: a TOML file beside this one, a pandapower network (`net.json`), a SimBench code, or a bundled one (`street`, `ieee34`, `ieee34_loaded`); empty: none. Only looked at where the model needs one.",
    )


class Metering(RoomSection):
    """What a meter's packets reveal; other keys are parameters of the level."""

    level: str = Field("plain", description="Metering level (room `metering`).")
    signing: Literal["meter", "gateway"] = Field(
        "meter",
        description="Who signs packets: every meter its own, or one gateway those of a slot, enrolled by each meter once.",
    )


class Trust(RoomSection):
    """Scores of members; other keys are parameters of the model."""

    model: str = Field("none", description="Trust model (room `trust`).")


class Validators(RoomSection):
    """Who makes blocks; other keys are parameters of the policy."""

    policy: str = Field("authority", description="Validator policy (room `validators`).")
    authorities: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        ("operator",), description="Approved candidates, by name."
    )


class Ledger(Section):
    """Where it is settled, and what covers it."""

    chain: Literal["embedded", "memory"] = Field(
        "embedded", description="The ledger: contracts in process, or books only."
    )
    path: Literal["net", "trades"] = Field(
        "net",
        description="How slots are settled: net positions under the operator's bond, or trade by trade, each signed order checked by the contract.",
    )
    executor: Literal["auto", "pyrevm", "py-evm"] = Field(
        "auto", description="What executes contracts; auto: pyrevm if installed."
    )
    key_file: Text = Field("keys.json", description="Secrets, beside the community file; made once, never shared.")
    audit_period: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}[hd]$")] = Field(
        "1d", description="How often a root is anchored: hours or days, such as 6h or 1d."
    )
    member_deposit_nano: Amount = Field(
        0,
        description="What each member pays in at the start, nano-currency; 0: its mean load of 14 days, or of a longer run, at the highest all-in price.",
    )
    supplier_deposit_nano: Amount = Field(
        0, description="What the supplier pays in, nano-currency; 0: what keeps the gate open for every slot in flight."
    )
    window_slots: Count = Field(
        4,
        ge=1,
        le=10_000,
        description="Challenge window: credits are free one to two windows later. At least 2 where orders are placed at a gate.",
    )
    price_cap_micro_per_kwh: Charge = Field(
        0,
        description="No member pays or gets more than this per kWh of its connection; 0: twice the highest all-in price.",
    )
    operator_bond_nano: Amount = Field(
        0,
        description="What the operator pays in as its bond, nano-currency; 0: the most that can ever be locked at once.",
    )
    bond_nano: Amount = Field(
        100_000_000,
        description="What every batch locks of the bond, nano-currency, besides a tenth of what it debits members.",
    )
    demand_bond_nano: int = Field(
        10_000_000,
        ge=1,
        lt=2**63,
        description="What a member parks to demand what stands behind a line, nano-currency; lost when it is answered.",
    )
    answer_s: int = Field(
        0,
        ge=0,
        lt=2**31,
        description="Time to answer a demand, s, below half a window; 0: a slot, or a quarter of the window.",
    )


class Data(Section):
    """The metered data of a run."""

    profiles: Text = Field("profiles.parquet", description="CSV or Parquet: start, member, load_wh, pv_wh.")
    corrections: OptionalText = Field("", description="Late readings: the same columns and `received`; empty: none.")
    from_: Day = Field(
        "", alias="from", description="First local day of a run; empty: the first of the data. --from wins."
    )
    to: Day = Field("", description="Local day after the last of a run; empty: all of the data. --to wins.")
    max_gap_h: Count = Field(
        24, ge=0, le=8784, description="Longest gap of a meter that is substituted, h; a longer one is refused."
    )
    substitute: Literal["earlier_day", "latest_slot", "zero"] = Field(
        "earlier_day", description="What stands in for a missing reading; only earlier readings are used."
    )
    time_zone: Annotated[str, AfterValidator(lambda name: name and _zone(name))] = Field(
        "", description="IANA zone of timestamps that carry none; empty: such timestamps are refused."
    )


SECTIONS: Final[Mapping[str, type[Section]]] = {
    "community": Community,
    "tariff": Tariff,
    "market": Market,
    "pricing": Pricing,
    "settlement": Settlement,
    "forecasting": Forecasting,
    "bidding": Bidding,
    "assets": Assets,
    "grid": Grid,
    "metering": Metering,
    "trust": Trust,
    "validators": Validators,
    "ledger": Ledger,
    "data": Data,
}
"""Sections by name, in the order in which they are written."""
