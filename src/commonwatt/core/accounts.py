"""Double-entry accounts: twelve kinds of posting between members and the system accounts; money moves from debit to credit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.columns import Columns
from commonwatt.core.units import Ints


class Account(IntEnum):
    """The system accounts; member i has account FIRST_MEMBER + i. The numbers are the indices of the contracts."""

    SUPPLIER = 0
    """The DSO and supplier: retail, feed-in, imbalance; carries the credit risk."""
    GRID = 1
    STATE = 2
    """Taxes."""
    REWARDS = 3
    """The pool that rewards are paid from; never below zero."""
    OPERATOR = 4
    """Also receives or pays where the two prices of a trade differ."""
    UNACCOUNTED = 5
    """The residual of a transformer meter."""
    POOL = 6
    """Partner of fills without a partner; every batch leaves it at zero energy and zero money."""
    WHOLESALE = 7
    """The outside world; the only account without a balance on the ledger (the contracts keep the operator's bond in its place)."""


FIRST_MEMBER: Final = 8


class Kind(IntEnum):
    """What a posting is for."""

    TRADE = 0
    SUPPLIER = 1
    IMBALANCE = 2
    FEE = 3
    TAX = 4
    REWARD = 5
    PENALTY = 6
    CORRECTION = 7
    WHOLESALE = 8
    ROUNDING = 9
    EXCHANGE = 10
    """Between the supplier and those of the other communities of a federation, for energy that crosses."""
    LOSSES = 11
    """Energy lost in the wires: the grid buys it from the supplier."""


PHYSICAL: Final = np.array(
    [Kind.TRADE, Kind.SUPPLIER, Kind.IMBALANCE, Kind.CORRECTION, Kind.EXCHANGE, Kind.LOSSES], np.int64
)
"""Kinds whose energy changes hands; that of the others is what a charge is for."""


OFF_LEDGER: Final = (Kind.WHOLESALE, Kind.EXCHANGE)
"""Kinds of the supplier's business with the outside world: in the books, never on the ledger."""


def member_account(member: Ints) -> Ints:
    """The accounts of members by dense index."""
    return member + FIRST_MEMBER


def account_names(pseudonyms: Sequence[str]) -> list[str]:
    """Every account's public name by number: `supplier`, ..., `member:PSEUDONYM`."""
    return [account.name.lower() for account in Account] + [f"member:{name}" for name in pseudonyms]


def kind_names() -> list[str]:
    """The public name of every kind by number."""
    return [kind.name.lower() for kind in Kind]


@dataclass(frozen=True)
class Postings(Columns):
    """Movements of money: `amount_nano` > 0 from `debit` to `credit` (0 only for energy that changes hands free of charge).

    Where the money is energy times a price, both are kept (amount = energy x |price|), so that a contract can compute it again; an
    amount that is not (a reward) has energy 0 and price 0.
    """

    debit: Ints
    credit: Ints
    amount_nano: Ints
    kind: Ints
    """`Kind`."""
    energy_wh: Ints
    price_micro_per_kwh: Ints
    """What the side that gave the energy (or charges the fee) gets per kWh; negative where it pays, and is then the debit."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {"kind": ("int8", 0)}


def energy_postings(
    receiver: Ints, payer: Ints, energy_wh: Ints, price_micro_per_kwh: Ints, kind: Kind | Ints
) -> Postings:
    """Postings for energy at a price: `payer` pays `receiver` energy x price; a negative price turns it round.

    Energy that changes hands stays, free of charge or not: whoever demands a member's position adds it up against the meter. Of
    charges on energy (fees, taxes, penalties), and of wholesale, zero amounts vanish. `kind` is one for all rows or one a row.
    """
    amount = energy_wh * price_micro_per_kwh
    turned = amount < 0
    table = Postings(
        debit=np.where(turned, receiver, payer),
        credit=np.where(turned, payer, receiver),
        amount_nano=np.abs(amount),
        kind=np.full(len(amount), int(kind), np.int8) if isinstance(kind, Kind) else kind,
        energy_wh=energy_wh,
        price_micro_per_kwh=price_micro_per_kwh,
    )
    changes_hands = kind in PHYSICAL if isinstance(kind, Kind) else np.isin(kind, PHYSICAL)
    moved = (amount != 0) | ((energy_wh != 0) & changes_hands)
    return table if moved.all() else table.take(moved)


def amount_postings(debit: Ints, credit: Ints, amount_nano: Ints, kind: Kind) -> Postings:
    """Postings of plain amounts; a negative amount turns the posting round, a zero vanishes."""
    turned = amount_nano < 0
    table = Postings.of(
        len(amount_nano),
        debit=np.where(turned, credit, debit),
        credit=np.where(turned, debit, credit),
        amount_nano=np.abs(amount_nano),
        kind=int(kind),
    )
    return table.take(amount_nano != 0)


def balances_nano(postings: Postings, accounts: int) -> Ints:
    """Net money per account (received minus paid), shape (accounts,); sums to zero."""
    net = np.zeros(accounts, np.int64)
    np.add.at(net, postings.credit, postings.amount_nano)
    np.subtract.at(net, postings.debit, postings.amount_nano)
    return net
