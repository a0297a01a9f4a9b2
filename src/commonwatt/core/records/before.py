"""Records of the gate: observed, forecasts, plans, agreement, grid verdict, escrow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

import numpy as np

from commonwatt.core.columns import Columns
from commonwatt.core.orders import OrderBook
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints, exact_sum


@dataclass(frozen=True)
class History:
    """What was metered in the slots from `first_slot` on, one row a slot, one column a member; arrays of shape (slots, members), Wh."""

    first_slot: int
    load_wh: Ints
    pv_wh: Ints

    def __len__(self) -> int:
        return len(self.load_wh)


@dataclass(frozen=True)
class Observed:
    """What is known when the gate of `slot` closes: the newest settled slot is slot - 2, slot - 1 is being delivered."""

    slot: int
    slot_s: int
    """Length of a slot in seconds."""
    history: History
    rates: Rates


@dataclass(frozen=True)
class Forecasts(Columns):
    """Expected energy of the slot per member, one row a member in order of index."""

    load_wh: Ints
    pv_wh: Ints


@dataclass(frozen=True)
class Plans(Columns):
    """What each member's assets intend for the slot: one row a member; out to the community or grid is positive."""

    net_wh: Ints
    """Expected export minus import at the meter."""
    storage_wh: Ints
    """Of which from storage (positive: discharge, negative: charge)."""


@dataclass(frozen=True)
class Envelope(Columns):
    """What each member may send out and take in through its connection in a slot, Wh, one row a member; no rows: as much as it likes."""

    export_wh: Ints
    import_wh: Ints
    """For orders and storage; load is never switched off."""
    counted_wh: Ints
    """Load that the export caps count on to be there; 0 of who may export."""

    def held(self, net_wh: Ints) -> Ints:
        """Positions (out is positive) within the caps."""
        return np.clip(net_wh, -self.import_wh, self.export_wh) if len(self) else net_wh


NO_ENVELOPE: Final = Envelope.empty()


@dataclass(frozen=True)
class PriceHistory:
    """What neighbours traded in the settled slots of a run, one row a slot from `first_slot` on; public knowledge."""

    first_slot: int
    slot_s: int
    """Length of a slot in seconds."""
    energy_wh: Ints
    """Energy that changed hands, shape (slots,)."""
    price_micro_per_kwh: Ints
    """What buyers paid on average, weighted by energy, without fees and taxes, rounded down; 0 where nothing was traded."""

    def __len__(self) -> int:
        return len(self.energy_wh)


NOTHING_TRADED = PriceHistory(0, 3600, np.zeros(0, np.int64), np.zeros(0, np.int64))
"""Before the first settled slot."""


@dataclass(frozen=True)
class Deviation:
    """How far a slot was from what was ordered for it, and how much of it silent meters hide; public knowledge once it is settled."""

    short_wh: Ints
    """Ordered less metered energy per member (out is positive), 0 where nothing was ordered, shape (members,); positive: less out, or more in."""
    flagged_share: float
    """Of the energy at all meters, what stands for meters that were silent (He 2025, Eq. 30)."""


@dataclass(frozen=True)
class Exchange:
    """What a community and the others of its federation trade in a slot, its supplier with theirs; firm whatever is delivered."""

    energy_wh: int
    """Positive: leaves the community."""
    price_micro_per_kwh: int


NO_EXCHANGE = Exchange(0, 0)
"""A slot in which nothing crosses, and every slot of a community alone."""

WITH_OTHERS: Final = -1
"""`Trades.round` of what members trade with other communities; the rounds of a mechanism begin at 1."""


class Reason(IntEnum):
    """Why an order was not (fully) filled."""

    FILLED = 0
    PRICE = 1
    """No counterpart within the limit."""
    RATIONED = 2
    """At the marginal price there was more of this side than of the other; shared pro rata."""
    NO_COUNTERPART = 3
    """Nobody of the other side who would have accepted has anything left, or there is nobody."""
    BALANCE = 4
    """The free balance, less what is announced to be taken out, does not cover the order, or a debt is open."""
    GATE_SHUT = 5
    """The supplier's deposit does not cover the open slots."""
    SLOT_FAILED = 6
    CURTAILED = 7
    """Cut by the grid."""
    PREFERENCE = 8
    """The round for this source or preference had no counterpart left."""
    TRUST = 9
    """Below the trust or proof that the market asks for."""
    INSTRUCTION = 10
    """It lies outside what its member signed."""
    NO_MARKET = 11
    """Neighbours do not trade in this design."""
    BUDGET = 12
    """What is left of the order's own budget pays no more."""
    CANCELLED = 13
    """Its member withdrew what was left of it."""
    CLOSED = 14
    """It did not reach the market of the slot while that was open."""
    UNREVEALED = 15
    """It was not committed and revealed in time, as it was sealed."""
    UNANSWERED = 16
    """Nobody answered the request in time, or the seller answered none."""
    TERMS = 17
    """Somebody who would have accepted has energy left, but the market's terms keep the two apart: one winner a request, whole offers only, what a pair or a line carries, what a trade costs, the last pair given up."""


LEFT_OUT = (int(Reason.CANCELLED), int(Reason.CLOSED), int(Reason.UNREVEALED))
"""Reasons of orders that take no part in what comes after the venue, either."""


@dataclass(frozen=True)
class Trades(Columns):
    """Who trades how much at what price: one row a trade, its two fills side by side.

    `sell_order` and `buy_order` are row numbers of the order book, -1 where the counterparty is the pool. The two prices of a trade may
    differ; the difference is posted to the operator's account.
    The fees are for the way: from where the seller is to where both meet, and on from there to the buyer; each side pays its own.
    """

    sell_order: Ints
    buy_order: Ints
    energy_wh: Ints
    sell_price_micro_per_kwh: Ints
    buy_price_micro_per_kwh: Ints
    round: Ints
    sell_fee_micro_per_kwh: Ints
    """What the seller pays for its part of the way, to the grid; 0 without fees by location."""
    buy_fee_micro_per_kwh: Ints

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {"round": ("int8", 0)}

    @classmethod
    def at_one_price(cls, sell_order: Ints, buy_order: Ints, energy_wh: Ints, price: Ints, in_round: Ints) -> Self:
        """Trades in which both sides have the same price, and no fee for the way."""
        free = np.zeros(len(energy_wh), np.int64)
        return cls(sell_order, buy_order, energy_wh, price, price, in_round, free, free)

    def with_fees(self, sell_fee_micro_per_kwh: Ints, buy_fee_micro_per_kwh: Ints) -> Self:
        """The same trades with what each side pays for its part of the way."""
        return self.replaced(sell_fee_micro_per_kwh=sell_fee_micro_per_kwh, buy_fee_micro_per_kwh=buy_fee_micro_per_kwh)

    @property
    def fees_nano(self) -> int:
        """What all sides pay for their ways, for the energy agreed."""
        fee = np.where(self.sell_order < 0, 0, self.sell_fee_micro_per_kwh)
        fee += np.where(self.buy_order < 0, 0, self.buy_fee_micro_per_kwh)
        return exact_sum(self.energy_wh * fee)

    def filled_wh(self, orders: int) -> Ints:
        """Energy filled per order of the book, shape (orders,)."""
        filled = np.zeros(orders, np.int64)
        for side in (self.sell_order, self.buy_order):
            real = side >= 0
            np.add.at(filled, side[real], self.energy_wh[real])
        return filled


@dataclass(frozen=True)
class Agreement:
    """The outcome of a clearing: trades, and per order of the book why it was not (fully) filled.

    Energy of sell fills = energy of buy fills; trades with the pool balance among themselves.
    """

    trades: Trades
    reason: Ints
    """`Reason` per order of the book, shape (orders,)."""
    note: str = ""
    """What a reader should know of how it was found: rounds of a negotiation, a search that stopped early; empty where it is simply the answer."""

    @classmethod
    def nothing(cls, orders: int, reason: Reason) -> Agreement:
        """No trade at all, every order for the same reason."""
        return cls(Trades.empty(), np.full(orders, int(reason), np.int64))


def with_filled(book: OrderBook, trades: Trades, rest: Ints, note: str = "") -> Agreement:
    """The agreement of these trades: FILLED where an order was filled whole, else the code in `rest` (shape (orders,))."""
    whole = trades.filled_wh(len(book)) == book.energy_wh
    return Agreement(trades, np.where(whole, int(Reason.FILLED), rest), note)


class Verdict(IntEnum):
    """What the grid says of an agreement."""

    UNCHECKED = 0
    FEASIBLE = 1
    CURTAILED = 2
    INFEASIBLE = 3
    EXCEEDED = 4


@dataclass(frozen=True)
class Extremes:
    """The fullest branch of a feeder and its lowest and highest voltage; in millionths of the rating and of the nominal voltage, 0 without a feeder."""

    fullest: str = ""
    loading_ppm: int = 0
    lowest: str = ""
    low_ppm: int = 0
    highest: str = ""
    high_ppm: int = 0


NO_EXTREMES: Final = Extremes()


@dataclass(frozen=True)
class GridVerdict:
    """Feasible, curtailed (which fills, why) or unchecked; with the physical losses of the slot."""

    verdict: Verdict
    losses_wh: int = 0
    curtailed_wh: tuple[tuple[int, int], ...] = ()
    """(row of the agreement, Wh cut)."""
    reason: str = ""
    extremes: Extremes = NO_EXTREMES
    """Of what was agreed, cuts aside, or of what was metered."""
    causes: tuple[tuple[str, str], ...] = ()
    """Of each cut the line or bus whose limit asked for it, and why in words; none where the model does not say."""
    rule: str = ""
    """By which rule it was cut."""
    lines_beyond: int = 0
    """Lines and transformers beyond their rating, cuts aside."""
    buses_beyond: int = 0
    """Buses outside the band of voltages, cuts aside."""
    rounds: int = 0
    """How often the market was cleared again, within tighter limits, before this was said."""
