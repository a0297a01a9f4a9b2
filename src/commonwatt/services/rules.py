"""Rules: the published design of a market; with these and the public tables anyone can compute a slot again."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np

from commonwatt.clearing import (
    NO_BUDGET,
    NO_PARTS,
    NO_PLACE,
    Clearing,
    ClearingContext,
    Lines,
    OrderFacts,
    promise_findings,
    quoted,
    with_exchange,
)
from commonwatt.core.determinism import stream
from commonwatt.core.errors import BrokenPromise
from commonwatt.core.events import Events
from commonwatt.core.members import Fleet, MemberFacts
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import LEFT_OUT, NO_EXCHANGE, Agreement, Deviation, Exchange, Reason, Wires
from commonwatt.core.slots import SlotGrid
from commonwatt.core.smoothing import NOT_SMOOTHED
from commonwatt.core.tariff import Rates, SupplyPrices, clearing_book
from commonwatt.core.units import Bytes2D, Ints
from commonwatt.grid import NOWHERE, Feeder, Grid, GridContext, HasWires, wires_of
from commonwatt.metering import Metering
from commonwatt.pricing import PriceTerms, Pricing
from commonwatt.settlement import Settlement, SettlementContext
from commonwatt.venues import Meeting, Venue, VenueContext

EX_POST = "ex_post"
EX_ANTE = "ex_ante"

STANDING = "standing"
"""Each member signs once a side for a whole run."""
EVERY_ORDER = "order"
"""Each order is signed by itself."""


@dataclass(frozen=True)
class Rules:
    """What `settings.toml` of a run says, as answers of the rooms."""

    community: str
    slots: SlotGrid
    seed: int
    timing: str
    rates: Callable[[int], Rates]
    renewable_storage: bool
    audit_period_s: int
    window_slots: int
    clearing: Clearing
    metering: Metering
    packet_signing: str
    """Who signs packets: `meter` or `gateway`."""
    order_signing: str
    """What members sign: `standing` instructions, or every `order`."""
    pricing: Pricing
    settlement: Settlement
    venue: Venue
    grid: Grid
    path: int
    """How slots are settled: `SETTLE_NET` or `SETTLE_TRADES` (`core.orders`)."""
    suppliers: tuple[str, ...] = ()
    """By member index the name of its own supplier, empty where it has none; no names at all where nobody has one."""
    supplied: Callable[[int, str], Rates] | None = None
    """The rates of a slot for who has a supplier of this name."""
    members: OrderFacts | None = None
    """What the market knows of each member beside its orders; None: nothing."""
    feeder: Feeder | None = None
    """The wires, where a model of the grid looks at them."""
    bus: Ints = field(default_factory=lambda: NOWHERE)
    """By member index the number of its bus on the feeder."""

    @property
    def window_s(self) -> int:
        """Length of the ledger's challenge window."""
        return self.window_slots * self.slots.slot_s

    def gate_s(self, slot: int) -> int:
        """When the gate of a slot closes: half a slot before it begins, while the slot before it is being delivered."""
        return self.slots.start_s(slot) - self.slots.slot_s // 2

    def opened_s(self, slot: int) -> int:
        """When a slot is opened on the ledger: at its gate, or after its delivery where it is traded then."""
        return self.gate_s(slot) if self.timing == EX_ANTE else self.slots.start_s(slot + 1)

    def rates_of(self, slot: int, member: int) -> Rates:
        """The rates of a slot for a member by index, with its own supplier's prices."""
        if self.supplied is None or not any(self.suppliers):
            return self.rates(slot)
        return self.supplied(slot, self.suppliers[member])

    def own_prices(self, slot: int, quotes: Rates | None = None) -> SupplyPrices | None:
        """What energy costs each member with its supplier; None where all pay the tariff's prices.

        `quotes` are rates of level 2 that bound a member too, where they are better than its supplier's.
        """
        if not any(self.suppliers):
            return None
        own = SupplyPrices.each([self.rates_of(slot, member) for member in range(len(self.suppliers))])
        return own if quotes is None or quotes == self.rates(slot) else own.within(quotes)

    def as_cleared(self, slot: int, book: OrderBook, quotes: Rates | None = None) -> OrderBook:
        """The book as the mechanism sees it, with energy-only limits; `quotes` are what level 2 quotes, None: the tariff."""
        return clearing_book(book, quotes or self.rates(slot), self.own_prices(slot, quotes))

    @property
    def follows_deviation(self) -> bool:
        """Whether prices follow how far the newest settled slot was from its orders."""
        return isinstance(self.pricing, PriceTerms)

    @property
    def error_weight_ppm(self) -> int:
        """Weight of the newest slot in members' forecast errors, where settlement hangs on them; `NOT_SMOOTHED`: on none before."""
        if self.timing == EX_POST:
            return NOT_SMOOTHED
        return int(getattr(self.settlement, "error_weight_ppm", NOT_SMOOTHED))

    @property
    def window_ms(self) -> int:
        """How long orders of a slot may meet, milliseconds: half a slot, at a gate from when the slot two before is settled."""
        return self.slots.slot_s * 1000 // 2

    @property
    def breaks(self) -> frozenset[str]:
        """Promises that an agreement of these rules need not keep: the venue's, and the mechanism's where the venue asks it."""
        return self.venue.breaks | (self.clearing.breaks if "clearing" in self.venue.asks else frozenset())

    def venue_context(
        self,
        slot: int,
        orders: OrderBook,
        nonces: Bytes2D,
        exchange: Exchange = NO_EXCHANGE,
        deviation: Deviation | None = None,
    ) -> VenueContext:
        """What the venue may look at in a slot; `nonces` open the seals of its accepted orders, `exchange` moves its rates."""
        rates = self.rates(slot)
        if exchange.energy_wh:
            rates = quoted(rates, self.as_cleared(slot, orders), exchange)
        return VenueContext(
            clearing=self.clearing,
            market=self.clearing_context(slot, deviation, rates),
            window_ms=self.window_ms,
            nonces=nonces,
            rng=stream(self.seed, "venue", slot),
        )

    def clearing_context(
        self, slot: int, deviation: Deviation | None = None, rates: Rates | None = None
    ) -> ClearingContext:
        """What the mechanism may look at in a slot; `rates` are what level 2 quotes, None: the tariff's."""
        return ClearingContext(
            slot=slot,
            rates=rates or self.rates(slot),
            pricing=self.pricing,
            renewable_storage=self.renewable_storage,
            rng=stream(self.seed, "clearing", slot),
            own_prices=self.own_prices(slot, rates),
            deviation=deviation if self.follows_deviation else None,
            members=self._placed,
            lines=self.lines,
        )

    def met(
        self,
        slot: int,
        orders: OrderBook,
        events: Events,
        nonces: Bytes2D,
        exchange: Exchange,
        deviation: Deviation | None = None,
    ) -> Meeting:
        """How accepted orders in sequence order meet by these events, and what crosses to other communities of them.

        At a gate they meet again, within tighter limits, as long as a power flow finds their schedule beyond what the wires carry and the
        model of the grid has rounds left.

        Raises:
            BrokenPromise: the venue or the mechanism breaks a promise, or the orders do not allow the exchange.

        """
        context = self.venue_context(slot, orders, nonces, exchange, deviation)
        meeting, wires = self._met_once(slot, orders, events, exchange, context), self.wires
        if wires is None or self.timing != EX_ANTE:
            return meeting
        model, gate = cast("HasWires", self.grid), self.grid_context(slot, Fleet.empty(), is_delivered=False)
        for again in range(1, model.rounds + 1):
            schedule = scheduled_wh(self, orders, meeting.agreement, len(self.bus))
            tighter = model.again(wires, schedule, gate)
            if tighter is None:
                break
            wires = tighter
            held = replace(context.market, lines=lines_of(wires), rng=stream(self.seed, "clearing", slot))
            within = replace(context, market=held, rng=stream(self.seed, "venue", slot))
            meeting = replace(self._met_once(slot, orders, events, exchange, within), rounds=again)
        return meeting

    def _met_once(
        self,
        slot: int,
        orders: OrderBook,
        events: Events,
        exchange: Exchange,
        context: VenueContext,
    ) -> Meeting:
        meeting = self.venue.meet(orders, events, context)
        if findings := promise_findings(
            self.as_cleared(slot, orders, context.market.rates), meeting.agreement, self.breaks, context.market
        ):
            raise BrokenPromise("; ".join(str(f) for f in findings))
        if len(meeting.outcome) != len(events):
            raise BrokenPromise(f"expected an outcome of each of {len(events)} events, was {len(meeting.outcome)}")
        if not exchange.energy_wh:
            return meeting
        seen = self.as_cleared(slot, orders)
        return Meeting(with_exchange(seen, meeting.agreement, exchange), meeting.outcome)

    @cached_property
    def wires(self) -> Wires | None:
        """What the model of the grid says that wires carry in every slot; None where it has none, or the market is to know of none."""
        return wires_of(self.grid, self.grid_context(0, Fleet.empty(), is_delivered=False))

    @cached_property
    def lines(self) -> Lines | None:
        """What lies between the buses of the members in every slot; None where nothing does that the market is to know of."""
        return None if self.wires is None else lines_of(self.wires)

    @cached_property
    def _placed(self) -> OrderFacts | None:
        """What is known of each member, with its bus where there are lines."""
        if self.lines is None:
            return self.members
        known = OrderFacts.unknown(len(self.bus)) if self.members is None else self.members
        return known.replaced(bus=self.bus)

    def way_fees(self, member: int) -> frozenset[int]:
        """What a kWh can pay on parts of a member's way to the transformer, micro/kWh > 0; of any member's where nobody said where it is."""
        if self.lines is None or not self.lines.fee_micro_per_kwh.any():
            return frozenset()
        toward, fee = self.lines.toward.tolist(), self.lines.fee_micro_per_kwh.tolist()
        found = set()
        for begin in [int(self.bus[member])] if len(self.bus) else range(len(toward)):
            at, paid = begin, 0
            while toward[at] >= 0:
                paid, at = paid + fee[at], toward[at]
                found.add(paid)
        return frozenset(found - {0})

    def grid_context(self, slot: int, fleet: Fleet, is_delivered: bool, ordered_wh: Ints | None = None) -> GridContext:
        """What the model of the grid may look at in a slot; `ordered_wh` is what members ordered, at a gate."""
        return GridContext(slot, self.slots.slot_s, fleet, is_delivered, self.feeder, self.bus, ordered_wh)

    def settlement_context(
        self,
        slot: int,
        members: int,
        rewards_nano: int,
        exchange: Exchange = NO_EXCHANGE,
        errors_mwh: Ints | None = None,
        losses_wh: int = 0,
    ) -> SettlementContext:
        """What the settlement rule may look at in a slot; `rewards_nano` is what the pool holds before it, `errors_mwh` are members' then.

        `losses_wh` is what the slot's wires lost; in a correction nothing more is.
        """
        return SettlementContext(
            slot=slot,
            members=members,
            rates=self.rates(slot),
            timing=self.timing,
            rewards_balance_nano=rewards_nano,
            exchange=exchange,
            own_prices=self.own_prices(slot),
            errors_mwh=errors_mwh,
            losses_wh=losses_wh,
        )

    def most_cost_nano(self, slot: int, book: OrderBook, energy_wh: Ints, members: int) -> Ints:
        """The most that `energy_wh` of each order can cost its member at the order's limit, nano, shape (members,).

        A seller pays only where its price may be negative, and clearing takes none below feed-in (`core.tariff.clearing_book`).
        """
        own = self.own_prices(slot)
        feed_in = self.rates(slot).feed_in_micro_per_kwh if own is None else own.feed_in_micro_per_kwh[book.member]
        asked = np.maximum(book.limit_micro_per_kwh, feed_in)
        dearest = np.maximum(np.where(book.is_sell, -asked, book.limit_micro_per_kwh), 0)
        cost = np.zeros(members, np.int64)
        np.add.at(cost, book.member, energy_wh * dearest)
        return cost


def lines_of(wires: Wires) -> Lines:
    """The same, as a mechanism takes them."""
    return Lines(wires.toward, wires.limit_wh, wires.loss_share, wires.fee_micro_per_kwh)


def scheduled_wh(rules: Rules, book: OrderBook, agreement: Agreement, members: int) -> Ints:
    """What an agreement binds each member to, Wh out, shape (members,): sold less bought; all of its orders where a rest is firm, too.

    Orders that were withdrawn or cut, and those of no market, are no schedule beyond what traded of them (as settlement has it).
    """
    energy = agreement.trades.filled_wh(len(book))
    if getattr(rules.settlement, "residual", "") == "gate":
        stands = ~np.isin(agreement.reason, (*LEFT_OUT, Reason.CURTAILED, Reason.NO_MARKET))
        energy = np.where(stands, book.energy_wh, energy)
    net = np.zeros(members, np.int64)
    np.add.at(net, book.member, np.where(book.is_sell, energy, -energy))
    return net


def order_facts(members: Sequence[MemberFacts]) -> OrderFacts | None:
    """What a mechanism may know of the members, one row a member in order of index; None where nothing is said of anybody."""
    if all(facts == MemberFacts() for facts in members):
        return None
    places = {name: number for number, name in enumerate(sorted({facts.microgrid for facts in members} - {""}))}
    return OrderFacts.unknown(len(members)).replaced(
        microgrid=np.array([places.get(facts.microgrid, NO_PLACE) for facts in members], np.int64),
        trust=np.array([_rating(facts.trust) for facts in members]),
        budget_nano=np.array([facts.budget_nano or NO_BUDGET for facts in members], np.int64),
        parts=np.array([facts.key_parts or NO_PARTS for facts in members], np.int64),
    )


def places(feeder: Feeder | None, members: Sequence[MemberFacts]) -> Ints:
    """The number of each member's bus on the feeder. A bus that is none counts as the root's: the audit makes the rules first and names the row after."""
    if feeder is None:
        return NOWHERE
    root = feeder.places[feeder.root]
    return np.array([feeder.places.get(facts.bus, root) for facts in members], np.int64)


def _rating(trust: str) -> float:
    """NaN where nobody rates it, and where a public file has nonsense: the audit makes the rules first and names the row after."""
    try:
        return float(trust or "nan")
    except ValueError:
        return math.nan
