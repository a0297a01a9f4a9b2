"""A street of five with real rooms, a made-up feed and a ledger in memory: what the tests of the services run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa

from commonwatt.adapters.keys import KeyFile
from commonwatt.adapters.ledger import open_ledger
from commonwatt.assets import ASSETS
from commonwatt.bidding import BIDDINGS
from commonwatt.clearing import CLEARINGS
from commonwatt.core.determinism import stream
from commonwatt.core.members import Member
from commonwatt.core.orders import SETTLE_NET
from commonwatt.core.records import Quality
from commonwatt.core.slots import SlotGrid
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints
from commonwatt.forecasting import FORECASTINGS
from commonwatt.grid import GRIDS, Grid
from commonwatt.metering import GATEWAY, METER, METERINGS
from commonwatt.pricing import PRICINGS
from commonwatt.services.audit import Audited
from commonwatt.services.claims import ClaimsLedger
from commonwatt.services.feed import LateReading, Metered
from commonwatt.services.halves import Half
from commonwatt.services.market import Market
from commonwatt.services.ports import LedgerMember, LedgerTerms
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import EX_POST, STANDING, Rules
from commonwatt.services.run import final_s, halves, trade_days
from commonwatt.services.schemas import PUBLIC, SCHEMAS
from commonwatt.services.tables import TableBuilder
from commonwatt.settlement import SETTLEMENTS
from commonwatt.trust import TRUSTS
from commonwatt.validators import VALIDATORS
from commonwatt.venues import VENUES

COMMUNITY: Final = "test street"
FIRST: Final = 20_000 * 24 + 8
"""The first slot that is traded: eight in the morning UTC, where a window begins too."""
PAST: Final = 24
"""Slots of the feed before it."""
WINDOW: Final = 4
PRICE_CAP: Final = 2_000_000
RICH_NANO: Final = 100 * 10**9
SUPPLIER_NANO: Final = 500 * 10**9
RATES: Final = Rates(
    300_000, 80_000, 330_000, 60_000, 40_000, 10_000, 20_000, 5_000, 70_000, losses_micro_per_kwh=90_000
)
MEMBERS: Final = (
    Member("ann", pv_w=6000, battery_wh=5000, battery_w=2000, battery_min_wh=500, battery_initial_wh=1500,
           buy_limit_micro_per_kwh=250_000, sell_limit_micro_per_kwh=100_000, source="pv"),
    Member("bob", pv_w=5000, buy_limit_micro_per_kwh=280_000, sell_limit_micro_per_kwh=90_000, source="pv"),
    Member("cleo", role="consumer", strategy="zero_intelligence", buy_limit_micro_per_kwh=300_000, sell_limit_micro_per_kwh=90_000),
    Member("dan", role="consumer", buy_limit_micro_per_kwh=220_000, sell_limit_micro_per_kwh=90_000, preference="renewable"),
    Member("eve", role="consumer", buy_limit_micro_per_kwh=330_000, sell_limit_micro_per_kwh=90_000, connection_w=8000),
)  # fmt: skip


@dataclass
class FakeFeed:
    """A feed held in arrays, from `FIRST - PAST` on; a test changes them at will."""

    load_wh: Ints
    pv_wh: Ints
    quality: Ints
    late: dict[int, tuple[LateReading, ...]] = field(default_factory=dict)

    @classmethod
    def made_up(cls, hours: int, members: int = len(MEMBERS)) -> FakeFeed:
        """Sun by day for the first two members, load for all, drawn from a fixed stream."""
        draw, shape = stream(11, "street"), (PAST + hours, members)
        hour = (np.arange(shape[0])[:, None] + 8) % 24
        sun = np.clip(np.sin((hour - 3) / 17 * np.pi), 0, None)
        pv = np.where(np.arange(members) < 2, sun * draw.uniform(2000, 5000, shape), 0).astype(np.int64)
        load = (draw.uniform(100, 1500, shape)).astype(np.int64)
        return cls(load, pv, np.zeros(shape, np.int64))

    def slots(self) -> range:
        return range(FIRST - PAST, FIRST - PAST + len(self.load_wh))

    def metered(self, slot: int) -> Metered:
        row = slot - self.slots().start
        return Metered(self.load_wh[row], self.pv_wh[row], self.quality[row])

    def arrived(self, slot: int) -> tuple[LateReading, ...]:
        return self.late.get(slot, ())

    def silence(self, hour: int, member: int) -> None:
        """The meter of a member is silent in an hour from `FIRST`: its values are a substitute."""
        self.quality[PAST + hour, member] = Quality.SUBSTITUTED

    def tell(self, at_hour: int, hour: int, member: int, load_wh: int, pv_wh: int = 0) -> None:
        """In `at_hour` becomes known what a meter says of `hour`."""
        late = LateReading(FIRST + hour, member, load_wh, pv_wh)
        self.late[FIRST + at_hour] = (*self.late.get(FIRST + at_hour, ()), late)


@dataclass
class FakeJournal:
    """A journal in a list; promises of `services.journal.Journal` but for durability."""

    written: list[tuple[int, str, bytes]] = field(default_factory=list)

    def append(self, slot: int, half: str, payload: bytes) -> None:
        self.written.append((slot, half, payload))

    def rows(self) -> Iterator[tuple[int, str, bytes]]:
        yield from list(self.written)

    def close(self) -> None:
        """Nothing to release."""


def keys() -> KeyFile:
    """Keys of fixed bytes."""
    return KeyFile(bytes(range(32)), COMMUNITY, b"input")


def rules(timing: str = EX_POST, **changes: Any) -> Rules:
    """The design of the street: uniform price and scheduled settlement."""
    usual = Rules(
        community=COMMUNITY,
        slots=SlotGrid(3600),
        seed=7,
        timing=timing,
        rates=lambda _: RATES,
        renewable_storage=False,
        audit_period_s=86_400,
        window_slots=WINDOW,
        clearing=CLEARINGS.make("uniform_price" if timing == EX_POST else "two_round_double_auction"),
        metering=METERINGS.make("plain"),
        packet_signing=METER,
        order_signing=STANDING,
        pricing=PRICINGS.make("midpoint"),
        settlement=SETTLEMENTS.make("scheduled", rewards_fee_share=0.2),
        venue=VENUES.make("sealed_batch"),
        grid=GRIDS.make("unlimited"),
        path=SETTLE_NET,
    )
    return replace(usual, **changes)


def terms(
    deposits_nano: Mapping[str, int] | None = None,
    supplier_nano: int = SUPPLIER_NANO,
    members: tuple[Member, ...] = MEMBERS,
    window_slots: int = WINDOW,
) -> LedgerTerms:
    """The usual terms; members who are not named are rich."""
    secrets, given = keys(), deposits_nano or {}
    founding = tuple(
        LedgerMember(
            pseudonym=secrets.pseudonym(m.id),
            wallet=secrets.wallet(m.id),
            meter_key=secrets.meter_address(i),
            connection_w=m.connection_w,
            deposit_nano=given.get(m.id, RICH_NANO),
            role=m.role,
        )
        for i, m in enumerate(members)
    )
    return LedgerTerms(COMMUNITY, 3600, window_slots, PRICE_CAP, supplier_nano, founding)


def ledger(chain: str = "memory") -> ClaimsLedger:
    """An empty ledger of the street's operator."""
    return open_ledger(chain, None, COMMUNITY, keys().operator_key())


def market(
    timing: str = EX_POST,
    *,
    hours: int = 8,
    chain: str = "memory",
    feed: FakeFeed | None = None,
    founded_on: LedgerTerms | None = None,
    members: tuple[Member, ...] = MEMBERS,
    design: Rules | None = None,
    grid: Grid | None = None,
    **changes: Any,
) -> Market:
    """The street's market; `changes` replace fields of it, `grid` that of its design."""
    design = design or rules(timing)
    if grid is not None:
        design = replace(design, grid=grid)
    usual = Market(
        rules=design,
        members=members,
        authorities=("alpha", "beta"),
        terms=founded_on or terms(members=members),
        assets=tuple(ASSETS.make(name) for name in ("load", "pv", "battery")),
        bidding={name: BIDDINGS.make(name) for name in sorted({m.strategy for m in members})},
        forecasting=FORECASTINGS.make("persistence"),
        trust=TRUSTS.make("none"),
        validators=VALIDATORS.make("authority"),
        feed=feed or FakeFeed.made_up(hours, len(members)),
        keys=keys(),
        ledger=ledger(chain),
    )
    return replace(usual, **changes)


@dataclass
class Ran:
    """A run that is over."""

    market: Market
    journal: FakeJournal
    slots: range

    @property
    def halves(self) -> list[Half]:
        """What was journalled, decoded."""
        return list(halves(self.journal))

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        """The tables of the run."""
        builder = TableBuilder(self.market)
        for half in self.halves:
            builder.add(half)
        books = self.market.ledger
        balances = books.balances(final_s(self.market.rules, self.slots))
        held = builder.finish(books.receipts(), balances, books.deposits())
        # As the files spell them.
        return {name: table.cast(SCHEMAS[name]) for name, table in held.items()}

    def audited(self, tables: Mapping[str, pa.Table] | None = None) -> Audited:
        """What an auditor has of this run, with some tables exchanged."""
        public = {name: table for name, table in {**self.tables, **(tables or {})}.items() if name in PUBLIC}
        return Audited(
            self.market.rules,
            PublicTables(public),
            self.market.ledger,
            final_s(self.market.rules, self.slots),
        )


def run(traded: Market, hours: int = 8, journal: FakeJournal | None = None) -> Ran:
    """Trade some hours from `FIRST` on."""
    ran = Ran(traded, journal or FakeJournal(), range(FIRST, FIRST + hours))
    trade_days(traded, ran.journal, ran.slots)
    return ran


def rows(table: pa.Table, **where: Any) -> list[dict[str, Any]]:
    """The rows of a table that have these values."""
    return [row for row in table.to_pylist() if all(row[name] == value for name, value in where.items())]


def eventful(timing: str, chain: str = "memory") -> Ran:
    """Four hours with a poor member, a silent meter and its correction, and a venue that tells of events: every kind of row there is."""
    feed = FakeFeed.made_up(4)
    feed.silence(0, 4)
    feed.silence(3, 2)
    feed.tell(1, 0, 4, 900)
    given = terms({"dan": 1}, window_slots=1)
    venue = VENUES.make("request" if timing == EX_POST else "on_chain")
    # In an earlier slot's error every later penalty has its part, so that none can be changed without the others.
    smoothing = SETTLEMENTS.make("scheduled", rewards_fee_share=0.2, smoothing_share=0.4)
    design = rules(timing, window_slots=1, packet_signing=GATEWAY, venue=venue, settlement=smoothing)
    traded = market(timing, feed=feed, chain=chain, founded_on=given, design=design)
    return run(traded, 4)
