"""The frozen settings of a community, and what follows from them: slots, rates, choices, deposits."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import tomli_w

from commonwatt.adapters.feeder_file import FEEDER, FeederFile
from commonwatt.bidding import BIDDINGS
from commonwatt.core.members import Member, MemberFacts
from commonwatt.core.slots import SlotGrid
from commonwatt.core.tariff import Rates
from commonwatt.core.units import (
    PRICE_LIMIT_MICRO_PER_KWH,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
    Ints,
    amount_nano,
    slot_energy_wh,
)
from commonwatt.settings import sections as s
from commonwatt.settings.layers import not_built
from commonwatt.settings.rate_book import RateBook
from commonwatt.settings.rooms import SECTION_ROOMS, Choice, choice, parameters_of

DEPOSIT_DAYS: Final = 14
CONNECTION_USE_PERCENT: Final = 10
"""Share of its connection that a member is taken to use on average, where no profile says better."""
_QUIET: Final = ("bidding", "assets")
"""Sections that are written only where they say something else than their defaults: runs from before them keep their settings, byte for byte."""
_HIDDEN: Final = {"ledger": {"key_file"}}
"""Where secrets lie is nobody's business but the operator's."""


@dataclass(frozen=True)
class Settings:
    """One community, validated. Nothing in here is a secret; paths are the operator's own."""

    file: Path = field(compare=False)
    """The community file."""
    community: s.Community
    tariff: s.Tariff
    market: s.Market
    pricing: s.Pricing
    settlement: s.Settlement
    forecasting: s.Forecasting
    bidding: s.Bidding
    assets: s.Assets
    grid: s.Grid
    metering: s.Metering
    trust: s.Trust
    validators: s.Validators
    ledger: s.Ledger
    data: s.Data
    members: tuple[Member, ...]
    """In the order of the file, which is the order of the dense index."""
    environment_key_file: Path | None = field(default=None, compare=False)
    feeder: FeederFile | None = None
    """The wires, where the grid model looks at them."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """The community's wall clock."""
        return ZoneInfo(self.community.time_zone)

    @cached_property
    def slots(self) -> SlotGrid:
        """The slots of the community."""
        return SlotGrid(self.community.slot_s)

    @cached_property
    def rate_book(self) -> RateBook:
        """The tariff slot by slot."""
        return RateBook(self.tariff, self.slots, self.zone)

    def rates(self, slot: int, supplier: str = "") -> Rates:
        """The rates of a slot, micro-currency per kWh; those of a member whose own supplier has this name."""
        return self.rate_book.rates(slot, supplier)

    @cached_property
    def choices(self) -> dict[str, Choice]:
        """The chosen answer by room (`clearing`, `venues`, ...) with the parameters that were given."""
        chosen = {}
        for section, registries in SECTION_ROOMS.items():
            model = getattr(self, section)
            for registry in registries:
                name = getattr(model, registry.key)
                if not name:
                    continue  # each member's own: see `strategies`
                chosen[registry.room] = choice(registry, name, model.model_extra or {})
        return chosen

    @cached_property
    def strategies(self) -> dict[str, Choice]:
        """The bidding strategies in use by name, each with those parameters of [bidding] that it takes."""
        extras = self.bidding.model_extra or {}
        return {name: choice(BIDDINGS, name, extras) for name in sorted({m.strategy for m in self.members})}

    @cached_property
    def member_facts(self) -> tuple[MemberFacts, ...]:
        """What the market may know of each member, and so everybody."""
        return tuple(member.facts(on_feeder=self.feeder is not None) for member in self.members)

    def parameters(self, room: str) -> dict[str, Any]:
        """The parameters that were given for the answer of a room (`clearing`, `venues`, ...)."""
        return dict(self.choices[room].parameters)

    @cached_property
    def period(self) -> tuple[dt.date | None, dt.date | None]:
        """First local day of a run and the day after its last, where the file says."""
        first, end = (dt.date.fromisoformat(day) if day else None for day in (self.data.from_, self.data.to))
        return first, end

    @property
    def not_built(self) -> tuple[str, ...]:
        """What the design wants that is not built yet."""
        return not_built(self.community.design)

    @cached_property
    def key_path(self) -> Path:
        """The file of secrets; it need not exist yet. The environment's COMMONWATT_KEY_FILE takes the place of the setting."""
        return self.environment_key_file or self.file.parent / self.ledger.key_file

    @cached_property
    def audit_period_s(self) -> int:
        """How often a root is anchored, seconds."""
        hours = 24 if self.ledger.audit_period.endswith("d") else 1
        return int(self.ledger.audit_period[:-1]) * hours * SECONDS_PER_HOUR

    @cached_property
    def highest_all_in_micro_per_kwh(self) -> int:
        """The most that a kWh costs a member at any hour of the week, fees and taxes included, at least 0."""
        return max(0, *(all_in_micro_per_kwh(rates) for rates in self.rate_book.every()))

    @cached_property
    def price_cap_micro_per_kwh(self) -> int:
        """The ledger's cap per kWh of connection: as set, else twice the highest price of the tariff, 1..2**31 - 1."""
        prices = (abs(p) for rates in self.rate_book.every() for p in rates.to_line())
        highest = max(self.highest_all_in_micro_per_kwh, *prices)
        return self.ledger.price_cap_micro_per_kwh or min(max(2 * highest, 1), PRICE_LIMIT_MICRO_PER_KWH - 1)

    def member_deposits_nano(self, load_wh: Ints | None = None, run_s: int = 0) -> tuple[int, ...]:
        """What each member pays in at the start, nano-currency.

        As set, else 14 days at the highest all-in price, or as many days as a run of `run_s` seconds covers: nobody tops up in a run on past
        data, and a member whose deposit is used up may not order. A day's energy is the mean of `load_wh`, Wh, shape (slots, members),
        rounded up; without it a tenth of what the connection carries.
        """
        covered_days = max(DEPOSIT_DAYS, -(-run_s // (SECONDS_PER_DAY)))
        if self.ledger.member_deposit_nano:
            return (self.ledger.member_deposit_nano,) * len(self.members)
        if load_wh is not None and len(load_wh):
            covered_s = len(load_wh) * self.community.slot_s
            days = [-(-int(total) * SECONDS_PER_DAY // covered_s) for total in load_wh.sum(axis=0)]
        else:
            days = [m.connection_w * 24 * CONNECTION_USE_PERCENT // 100 for m in self.members]
        return tuple(amount_nano(day_wh * covered_days, self.highest_all_in_micro_per_kwh) for day_wh in days)

    @property
    def slots_in_flight(self) -> int:
        """Slots that the supplier's deposit covers: two challenge windows, the one being delivered, settled and at the gate."""
        return 2 * self.ledger.window_slots + 3

    @cached_property
    def supplier_deposit_nano(self) -> int:
        """What the supplier pays in, nano-currency: as set, else every connection at the price cap for every slot in flight.

        In flight are the slots of two challenge windows, the slot being delivered, the one being settled and the one at the gate.
        """
        if self.ledger.supplier_deposit_nano:
            return self.ledger.supplier_deposit_nano
        slot_wh = sum(slot_energy_wh(m.connection_w, self.community.slot_s) for m in self.members)
        return amount_nano(slot_wh * self.slots_in_flight, self.price_cap_micro_per_kwh)

    def effective_toml(self) -> str:
        """The whole configuration without members and without the place of the secrets, as TOML, defaults and parameters written out.

        The same settings give the same text; `load` of it (with the same members) gives the same settings and text again. Files outside
        the community's folder appear by name only.
        """
        tables = {name: self._written(name, getattr(self, name)) for name in s.SECTIONS}
        # What is published lies beside it; what no model looks at is no part of the rules.
        tables["grid"]["feeder"] = FEEDER if self.feeder is not None else ""
        for name in _QUIET:
            if tables[name] == self._written(name, s.SECTIONS[name]()):
                del tables[name]
        return tomli_w.dumps(tables)

    def _written(self, name: str, section: s.Section) -> dict[str, Any]:
        table = section.model_dump(by_alias=True, exclude_none=True, exclude=_HIDDEN.get(name))
        for registry in SECTION_ROOMS.get(name, ()):
            parameters = parameters_of(registry, getattr(section, registry.key))
            table = {**{p.name: p.default for p in parameters if p.default is not None}, **table}
        if name == "data":
            for key in ("profiles", "corrections"):
                table[key] = Path(table[key]).name if Path(table[key]).is_absolute() else table[key]
        names = list(type(section).model_fields)
        ordered = sorted(table, key=lambda key: (key not in names, names.index(key) if key in names else 0, key))
        return {key: _toml(table[key]) for key in ordered}


def all_in_micro_per_kwh(rates: Rates) -> int:
    """The most that a kWh from the supplier or short costs under some rates, everything charged on it included."""
    energy = max(rates.retail_micro_per_kwh, rates.imbalance_buy_micro_per_kwh)
    return energy + rates.grid_charges_micro_per_kwh


def _toml(value: Any) -> Any:
    return [_toml(v) for v in value] if isinstance(value, tuple | list) else value
