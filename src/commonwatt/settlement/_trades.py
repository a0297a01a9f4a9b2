"""Trades by member: the peer legs and the fees of the way on every bill, the postings between members, through the pool without a partner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from commonwatt.core.accounts import Account, Kind, Postings, amount_postings, energy_postings, member_account
from commonwatt.core.errors import ConservationBroken
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import NO_EXCHANGE, WITH_OTHERS, Exchange, Leg, Legs, Trades
from commonwatt.core.units import Ints, exact_sum

NOBODY: Final = -1
"""In a column of members: the pool."""
OTHERS: Final = -2
"""In a column of members: other communities, which give and take whatever was agreed."""


@dataclass(frozen=True)
class Peers:
    """The trades with the energy that counts, by member (`NOBODY`: the pool, `OTHERS`: other communities); one row a trade."""

    seller: Ints
    buyer: Ints
    energy_wh: Ints
    sell_price_micro_per_kwh: Ints
    buy_price_micro_per_kwh: Ints
    sell_fee_micro_per_kwh: Ints
    """What each side pays the grid for its part of the way; 0 without fees by location."""
    buy_fee_micro_per_kwh: Ints

    @classmethod
    def of(cls, book: OrderBook, trades: Trades, energy_wh: Ints) -> Peers:
        """The trades of a book with `energy_wh` (shape (trades,)) in place of what was agreed."""
        # Row -1 of the extended column is the partner without an order: the pool, or other communities.
        with_pool, with_others = np.append(book.member, NOBODY), np.append(book.member, OTHERS)
        crosses = trades.round == WITH_OTHERS
        return cls(
            np.where(crosses, with_others[trades.sell_order], with_pool[trades.sell_order]),
            np.where(crosses, with_others[trades.buy_order], with_pool[trades.buy_order]),
            energy_wh,
            trades.sell_price_micro_per_kwh,
            trades.buy_price_micro_per_kwh,
            trades.sell_fee_micro_per_kwh,
            trades.buy_fee_micro_per_kwh,
        )

    def sold_wh(self, members: int) -> Ints:
        """Energy sold per member, shape (members,)."""
        return energy_by_member(self.seller, self.energy_wh, members)

    def bought_wh(self, members: int) -> Ints:
        """Energy bought per member, shape (members,)."""
        return energy_by_member(self.buyer, self.energy_wh, members)


def energy_by_member(member: Ints, energy_wh: Ints, members: int) -> Ints:
    """Sum per member of the rows that have one, shape (members,)."""
    total = np.zeros(members + 2, np.int64)
    np.add.at(total, member, energy_wh)  # the pool (-1) and other communities (-2) fall into the extra last elements
    return total[:members]


def peer_legs(peers: Peers) -> Legs:
    """One leg per member, side and price."""
    leg = np.repeat(np.array([Leg.PEER_SELL, Leg.PEER_BUY], np.int64), len(peers.energy_wh))
    return _summed(peers, leg, np.concatenate([peers.sell_price_micro_per_kwh, peers.buy_price_micro_per_kwh]))


def way_tables(peers: Peers) -> tuple[Legs, Postings]:
    """What both sides of every trade pay the grid for their part of the way: a local fee per member and price, beside the tariff's own."""
    fee = np.concatenate([peers.sell_fee_micro_per_kwh, peers.buy_fee_micro_per_kwh])
    if not fee.any():
        return Legs.empty(), Postings.empty()
    legs = _summed(peers, np.full(len(fee), int(Leg.LOCAL_FEE), np.int64), fee)
    legs = legs.take(legs.price_micro_per_kwh != 0)
    grid, payer = np.full_like(legs.member, Account.GRID), member_account(legs.member)
    return legs, energy_postings(grid, payer, legs.energy_wh, legs.price_micro_per_kwh, Kind.FEE)


def _summed(peers: Peers, leg: Ints, price: Ints) -> Legs:
    """The energy of both sides (first all that sell, then all that buy) per member, leg and price, shape of the columns (2 x trades,)."""
    member = np.concatenate([peers.seller, peers.buyer])
    energy = np.concatenate([peers.energy_wh, peers.energy_wh])
    rows = np.flatnonzero((member >= 0) & (energy > 0))
    if not len(rows):
        return Legs.empty()
    rows = rows[np.lexsort((price[rows], leg[rows], member[rows]))]
    member, leg, price = member[rows], leg[rows], price[rows]
    changed = (np.diff(member) != 0) | (np.diff(leg) != 0) | (np.diff(price) != 0)
    starts = np.flatnonzero(np.append(True, changed))
    total, price, leg = np.add.reduceat(energy[rows], starts), price[starts], leg[starts]
    sign = np.where(leg == Leg.PEER_SELL, 1, -1)
    return Legs(member[starts], leg, total, price, sign * total * price)


def trade_postings(peers: Peers, exchange: Exchange = NO_EXCHANGE) -> Postings:
    """Buyer pays seller; through the pool where there is no partner or the partners' prices differ, the difference to the operator.

    What of the `exchange` with other communities is members' energy passes through the pool too, and the supplier is its other end.

    Raises:
        ConservationBroken: fills with the pool whose sold and bought energy differ by more than what crosses.

    """
    energy, sell_price, buy_price = peers.energy_wh, peers.sell_price_micro_per_kwh, peers.buy_price_micro_per_kwh
    moved = energy > 0
    sold, bought = moved & (peers.seller >= 0), moved & (peers.buyer >= 0)
    direct = sold & bought & (sell_price == buy_price)
    into, out = np.flatnonzero(sold & ~direct), np.flatnonzero(bought & ~direct)
    left_wh = exact_sum(energy[into]) - exact_sum(energy[out])
    if not min(exchange.energy_wh, 0) <= left_wh <= max(exchange.energy_wh, 0):
        raise ConservationBroken(f"expected the pool to pass on what it takes, was {left_wh} Wh left")
    both = np.flatnonzero(direct)
    seller, buyer = member_account(peers.seller), member_account(peers.buyer)
    postings = energy_postings(
        np.concatenate([seller[both], seller[into], np.full_like(out, Account.POOL)]),
        np.concatenate([buyer[both], np.full_like(into, Account.POOL), buyer[out]]),
        energy[np.concatenate([both, into, out])],
        np.concatenate([sell_price[both], sell_price[into], buy_price[out]]),
        Kind.TRADE,
    )
    crossing = supplier_posting(Account.POOL, left_wh, exchange.price_micro_per_kwh, Kind.TRADE)
    excess = exact_sum(energy[out] * buy_price[out]) - exact_sum(energy[into] * sell_price[into])
    excess += left_wh * exchange.price_micro_per_kwh
    return Postings.joined([postings, crossing, single_posting(Account.POOL, Account.OPERATOR, excess, Kind.TRADE)])


def supplier_posting(giver: Account, energy_wh: int, price_micro_per_kwh: int, kind: Kind) -> Postings:
    """Energy that a system account gives the supplier, or, where it is negative, takes from it, at a price; none where it is zero."""
    if not energy_wh:
        return Postings.empty()
    ends = (giver, Account.SUPPLIER) if energy_wh > 0 else (Account.SUPPLIER, giver)
    receiver, payer = (np.array([account], np.int64) for account in ends)
    energy, price = np.array([abs(energy_wh)], np.int64), np.array([price_micro_per_kwh], np.int64)
    return energy_postings(receiver, payer, energy, price, kind)


def single_posting(debit: Account, credit: Account, amount_nano: int, kind: Kind) -> Postings:
    """One plain amount between system accounts; turned round where negative, none where zero."""
    if not amount_nano:
        return Postings.empty()
    return amount_postings(np.array([debit]), np.array([credit]), np.array([amount_nano], np.int64), kind)
