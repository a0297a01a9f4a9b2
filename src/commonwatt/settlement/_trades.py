"""Trades by member: the peer legs of every bill and the postings between members, through the pool where there is no partner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from commonwatt.core.accounts import Account, Kind, Postings, amount_postings, energy_postings, member_account
from commonwatt.core.errors import ConservationBroken
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Leg, Legs, Trades
from commonwatt.core.units import Ints, exact_sum

NOBODY: Final = -1
"""In a column of members: the pool."""


@dataclass(frozen=True)
class Peers:
    """The trades with the energy that counts, by member (`NOBODY` where the pool is the partner); one row a trade."""

    seller: Ints
    buyer: Ints
    energy_wh: Ints
    sell_price_micro_per_kwh: Ints
    buy_price_micro_per_kwh: Ints

    @classmethod
    def of(cls, book: OrderBook, trades: Trades, energy_wh: Ints) -> Peers:
        """The trades of a book with `energy_wh` (shape (trades,)) in place of what was agreed."""
        # Row -1 of the extended column is the pool.
        member = np.append(book.member, NOBODY)
        return cls(
            member[trades.sell_order],
            member[trades.buy_order],
            energy_wh,
            trades.sell_price_micro_per_kwh,
            trades.buy_price_micro_per_kwh,
        )

    def sold_wh(self, members: int) -> Ints:
        """Energy sold per member, shape (members,)."""
        return energy_by_member(self.seller, self.energy_wh, members)

    def bought_wh(self, members: int) -> Ints:
        """Energy bought per member, shape (members,)."""
        return energy_by_member(self.buyer, self.energy_wh, members)


def energy_by_member(member: Ints, energy_wh: Ints, members: int) -> Ints:
    """Sum per member of the rows that have one, shape (members,)."""
    total = np.zeros(members + 1, np.int64)
    np.add.at(total, member, energy_wh)  # the pool (-1) falls into the extra last element
    return total[:members]


def peer_legs(peers: Peers) -> Legs:
    """One leg per member, side and price."""
    return Legs.joined(
        (
            _grouped(peers.seller, peers.energy_wh, peers.sell_price_micro_per_kwh, Leg.PEER_SELL, 1),
            _grouped(peers.buyer, peers.energy_wh, peers.buy_price_micro_per_kwh, Leg.PEER_BUY, -1),
        )
    )


def _grouped(member: Ints, energy_wh: Ints, price: Ints, leg: Leg, sign: int) -> Legs:
    rows = np.flatnonzero((member != NOBODY) & (energy_wh > 0))
    if not len(rows):
        return Legs.empty()
    rows = rows[np.lexsort((price[rows], member[rows]))]
    member, price = member[rows], price[rows]
    starts = np.flatnonzero(np.append(True, (np.diff(member) != 0) | (np.diff(price) != 0)))
    total, price = np.add.reduceat(energy_wh[rows], starts), price[starts]
    return Legs.of(
        len(starts),
        member=member[starts],
        leg=int(leg),
        energy_wh=total,
        price_micro_per_kwh=price,
        amount_nano=sign * total * price,
    )


def trade_postings(peers: Peers) -> Postings:
    """Buyer pays seller; through the pool where there is no partner or the partners' prices differ, the difference to the operator.

    Raises:
        ConservationBroken: fills with the pool whose sold and bought energy differ.

    """
    moved = peers.energy_wh > 0
    sold, bought = moved & (peers.seller != NOBODY), moved & (peers.buyer != NOBODY)
    direct = sold & bought & (peers.sell_price_micro_per_kwh == peers.buy_price_micro_per_kwh)
    into, out = sold & ~direct, bought & ~direct
    energy = peers.energy_wh
    if excess := exact_sum(energy[into]) - exact_sum(energy[out]):
        raise ConservationBroken(f"expected the pool to pass on what it takes, was {excess} Wh left")
    paid = exact_sum(energy[out] * peers.buy_price_micro_per_kwh[out])
    received = exact_sum(energy[into] * peers.sell_price_micro_per_kwh[into])
    operator, pool = np.array([Account.OPERATOR], np.int64), np.array([Account.POOL], np.int64)
    seller, buyer = member_account(peers.seller), member_account(peers.buyer)
    through = np.full_like(energy, Account.POOL)
    sell_price, buy_price = peers.sell_price_micro_per_kwh, peers.buy_price_micro_per_kwh
    return Postings.joined(
        (
            *(
                energy_postings(receiver[rows], payer[rows], energy[rows], price[rows], Kind.TRADE)
                for rows, receiver, payer, price in (
                    (direct, seller, buyer, sell_price),
                    (into, seller, through, sell_price),
                    (out, through, buyer, buy_price),
                )
            ),
            amount_postings(pool, operator, np.array([paid - received], np.int64), Kind.TRADE),
        )
    )
