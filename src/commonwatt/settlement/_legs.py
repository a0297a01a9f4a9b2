"""From energies to a statement: the lines of every member's bill, the postings that pay them, the supplier's wholesale close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from commonwatt.core.accounts import (
    Account,
    Kind,
    Postings,
    amount_postings,
    energy_postings,
    member_account,
)
from commonwatt.core.imbalance import BY_DIRECTION, imbalance_prices
from commonwatt.core.records import LEG_ENERGY_SIGN, Leg, Legs, Statement
from commonwatt.core.tariff import Rates
from commonwatt.core.units import Ints, exact_sum
from commonwatt.settlement._trades import (
    Peers,
    peer_legs,
    single_posting,
    supplier_posting,
    trade_postings,
    way_tables,
)
from commonwatt.settlement.base import SettlementContext

PAID_TO: Final[dict[Leg, tuple[Kind, Account]]] = {
    Leg.SUPPLIER_SELL: (Kind.SUPPLIER, Account.SUPPLIER),
    Leg.SUPPLIER_BUY: (Kind.SUPPLIER, Account.SUPPLIER),
    Leg.IMBALANCE_SHORT: (Kind.IMBALANCE, Account.SUPPLIER),
    Leg.IMBALANCE_LONG: (Kind.IMBALANCE, Account.SUPPLIER),
    Leg.CORRECTION_SHORT: (Kind.CORRECTION, Account.SUPPLIER),
    Leg.CORRECTION_LONG: (Kind.CORRECTION, Account.SUPPLIER),
    Leg.GRID_FEE: (Kind.FEE, Account.GRID),
    Leg.LOCAL_FEE: (Kind.FEE, Account.GRID),
    Leg.TAX: (Kind.TAX, Account.STATE),
    Leg.LEVY: (Kind.TAX, Account.STATE),
    Leg.FEE_RELIEF: (Kind.FEE, Account.GRID),
    Leg.PENALTY: (Kind.PENALTY, Account.REWARDS),
}
"""Per leg the kind of its posting and the other end; peer legs are paid through the trades, rewards through the pool of rewards."""


@dataclass(frozen=True)
class Supply:
    """What each member has with its supplier, Wh >= 0, arrays of shape (members,)."""

    sell_wh: Ints
    buy_wh: Ints
    short_wh: Ints
    long_wh: Ints

    @classmethod
    def by_meter(cls, sold_wh: Ints, bought_wh: Ints, export_wh: Ints, import_wh: Ints) -> Supply:
        """Each register against its own side of the market: sells fill from export, buys from import.

        Exported and not sold is fed in, imported and not bought is supplied; sold and not exported is short, bought and not imported is
        long. Where one register is zero this is `d = sold - bought - net` of the rule `scheduled` (`mechanisms`, section 0); where both
        are not, the other register is the supplier's and excuses no imbalance and makes none.
        """
        return cls(
            sell_wh=np.maximum(export_wh - sold_wh, 0),
            buy_wh=np.maximum(import_wh - bought_wh, 0),
            short_wh=np.maximum(sold_wh - export_wh, 0),
            long_wh=np.maximum(bought_wh - import_wh, 0),
        )


@dataclass(frozen=True)
class Line:
    """One leg for every member."""

    leg: Leg
    energy_wh: Ints
    """Shape (members,), at least 0; no leg where it is 0."""
    price_micro_per_kwh: int | Ints
    """One for all, or one a member."""
    sign: int
    """+1: the member receives energy x price, -1: it pays."""

    @property
    def amount_nano(self) -> int:
        """Energy x price of all members."""
        return exact_sum(self.energy_wh * self.price_micro_per_kwh)


@dataclass(frozen=True)
class Rewarded:
    """What the pool of rewards pays out in a slot: for honest forecasts, or to buyers for what was not delivered."""

    energy_wh: Ints
    """Shape (members,), what the reward is for."""
    price_micro_per_kwh: int
    amount_nano: Ints
    """Shape (members,), at most energy x price: less where the pool of rewards was short."""
    fee_share_nano: int
    """What the grid's fees of this slot give to the pool of rewards."""


def charges(supplied_wh: Ints, bought_wh: Ints, rates: Rates, sign: int = -1) -> list[Line]:
    """Fees, taxes and levies on what is supplied or short, and on what is bought from peers; of the local fee a part is given back."""
    lines = [
        Line(Leg.GRID_FEE, supplied_wh, rates.grid_fee_micro_per_kwh, sign),
        Line(Leg.LOCAL_FEE, bought_wh, rates.local_fee_micro_per_kwh, sign),
        Line(Leg.FEE_RELIEF, bought_wh, rates.local_relief_micro_per_kwh, -sign),
    ]
    for leg, price, local_price in (
        (Leg.TAX, rates.tax_micro_per_kwh, rates.local_tax_micro_per_kwh),
        (Leg.LEVY, rates.levy_micro_per_kwh, rates.local_levy_micro_per_kwh),
    ):
        if price == local_price:
            lines.append(Line(leg, supplied_wh + bought_wh, price, sign))
        else:
            lines += [Line(leg, supplied_wh, price, sign), Line(leg, bought_wh, local_price, sign)]
    return lines


def supply_lines(
    supply: Supply, bought_wh: Ints, context: SettlementContext, imbalance: str = BY_DIRECTION
) -> list[Line]:
    """Everything on the bill that is not a trade, a reward or a penalty; `imbalance` is one of `IMBALANCES`."""
    surplus_wh = exact_sum(supply.long_wh) - exact_sum(supply.short_wh)
    prices = context.prices
    short_price, long_price = imbalance_prices(
        imbalance,
        surplus_wh,
        prices.retail_micro_per_kwh,
        prices.feed_in_micro_per_kwh,
        prices.imbalance_buy_micro_per_kwh,
        prices.imbalance_sell_micro_per_kwh,
    )
    return [
        Line(Leg.SUPPLIER_SELL, supply.sell_wh, prices.feed_in_micro_per_kwh, 1),
        Line(Leg.SUPPLIER_BUY, supply.buy_wh, prices.retail_micro_per_kwh, -1),
        Line(Leg.IMBALANCE_SHORT, supply.short_wh, short_price, -1),
        Line(Leg.IMBALANCE_LONG, supply.long_wh, long_price, 1),
        *charges(supply.buy_wh + supply.short_wh, bought_wh, context.rates),
    ]


def line_tables(lines: Sequence[Line]) -> tuple[Legs, Postings]:
    """Legs and postings of lines; a fee or tax at price 0 leaves no leg, energy at price 0 leaves a leg and no posting."""
    energy = np.stack([line.energy_wh for line in lines])
    prices = np.empty_like(energy)
    for own, line in zip(prices, lines, strict=True):
        own[:] = line.price_micro_per_kwh
    legs = np.array([int(line.leg) for line in lines], np.int64)
    counted = (prices != 0) | (LEG_ENERGY_SIGN[legs] != 0)[:, None]
    row, member = np.nonzero((energy > 0) & counted)
    energy_wh, price = energy[row, member], prices[row, member]
    sign = np.array([line.sign for line in lines], np.int64)[row]
    ends = [PAID_TO[line.leg] for line in lines]
    other = np.array([int(account) for _, account in ends], np.int64)[row]
    kind = np.array([int(kind) for kind, _ in ends], np.int64)[row]
    own = member_account(member)
    receives = sign > 0
    table = Legs(member, legs[row], energy_wh, price, sign * energy_wh * price)
    receiver, payer = np.where(receives, own, other), np.where(receives, other, own)
    return table, energy_postings(receiver, payer, energy_wh, price, kind)


def wholesale_postings(surplus_wh: int, balancing_micro_per_kwh: int) -> Postings:
    """Close the supplier's energy: a surplus is sold to the wholesale account at the balancing price, a shortage bought from it."""
    return supplier_posting(Account.WHOLESALE, -surplus_wh, balancing_micro_per_kwh, Kind.WHOLESALE)


def _outside_postings(supplier_wh: int, context: SettlementContext) -> Postings:
    """Close the supplier's energy with the outside world: what crosses to other communities at its price, the rest at the balancing price."""
    exchange = context.exchange
    crossing = supplier_posting(Account.WHOLESALE, -exchange.energy_wh, exchange.price_micro_per_kwh, Kind.EXCHANGE)
    rest = wholesale_postings(supplier_wh - exchange.energy_wh, context.rates.balancing_micro_per_kwh)
    return Postings.joined((crossing, rest))


def _crossing_wh(peers: Peers) -> int:
    """Energy that members sold and no member bought (negative: the other way): what the supplier takes from the pool."""
    real = peers.energy_wh > 0
    sold, bought = (exact_sum(peers.energy_wh[real & (side >= 0)]) for side in (peers.seller, peers.buyer))
    return sold - bought


def _reward_tables(rewarded: Rewarded) -> tuple[Legs, Postings]:
    member = np.flatnonzero(rewarded.amount_nano)
    amount = rewarded.amount_nano[member]
    legs = Legs.of(
        len(member),
        member=member,
        leg=int(Leg.REWARD),
        energy_wh=rewarded.energy_wh[member],
        price_micro_per_kwh=rewarded.price_micro_per_kwh,
        amount_nano=amount,
    )
    # The share of the fees stands before the rewards: in this order the pool is never below zero.
    entering = single_posting(Account.GRID, Account.REWARDS, rewarded.fee_share_nano, Kind.FEE)
    paid = amount_postings(np.full_like(member, Account.REWARDS), member_account(member), amount, Kind.REWARD)
    return legs, Postings.joined((entering, paid))


def slot_statement(
    context: SettlementContext,
    peers: Peers,
    lines: Sequence[Line],
    rewarded: Rewarded | None = None,
) -> Statement:
    """Revision 0 of a slot: legs sorted by member, leg and price; postings as trades, lines, fees of the way, rewards, losses, wholesale.

    Raises:
        ConservationBroken: fills with the pool whose sold and bought energy differ.

    """
    legs, postings = line_tables(lines)
    way_legs, way_postings = way_tables(peers)
    tables, movements = (
        [peer_legs(peers), legs, way_legs],
        [trade_postings(peers, context.exchange), postings, way_postings],
    )
    if rewarded is not None:
        earned, paid = _reward_tables(rewarded)
        tables.append(earned)
        movements.append(paid)
    # What is lost in the wires is no member's leg: the grid buys it, and its fees recover it.
    lost = supplier_posting(Account.GRID, -context.losses_wh, context.rates.losses_micro_per_kwh, Kind.LOSSES)
    supplier_wh = supplier_surplus_wh(legs) + _crossing_wh(peers) - context.losses_wh
    movements += [lost, _outside_postings(supplier_wh, context)]
    return Statement(context.slot, 0, in_order(Legs.joined(tables)), Postings.joined(movements), peers.energy_wh)


def supplier_surplus_wh(legs: Legs) -> int:
    """Energy the supplier is left with by legs that are its own (positive: taken from members)."""
    return exact_sum(LEG_ENERGY_SIGN[legs.leg] * legs.energy_wh)


def in_order(legs: Legs) -> Legs:
    """Legs sorted by member, leg and price."""
    return legs.take(np.lexsort((legs.price_micro_per_kwh, legs.leg, legs.member)))
