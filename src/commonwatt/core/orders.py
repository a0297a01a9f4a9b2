"""Orders: an `OrderBook` of columns, one slot's wishes; what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

import numpy as np

from commonwatt.core.columns import Columns
from commonwatt.core.findings import Finding
from commonwatt.core.units import ENERGY_LIMIT_WH, PRICE_LIMIT_MICRO_PER_KWH, Bytes2D, Flags, Ints


class Source(IntEnum):
    """Where offered energy comes from."""

    UNKNOWN = 0
    PV = 1
    WIND = 2
    FUEL = 3
    BATTERY = 4
    EV = 5


RENEWABLE_SOURCES = (Source.PV, Source.WIND)
"""Battery and EV energy counts as renewable only when the community file says so (`renewable_storage`)."""


class Preference(IntEnum):
    """What a buyer wants to buy first."""

    ANY = 0
    RENEWABLE = 1


@dataclass(frozen=True)
class OrderBook(Columns):
    """The orders of one slot as columns, in sequence order."""

    member: Ints
    """Dense index of the member."""
    is_sell: Flags
    energy_wh: Ints
    limit_micro_per_kwh: Ints
    sequence: Ints
    """Commit order; ties break by it."""
    source: Ints
    """`Source` of what a seller offers."""
    preference: Ints
    """`Preference` of a buyer."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {
        "is_sell": ("bool", 0),
        "source": ("int8", 0),
        "preference": ("int8", 0),
    }


SETTLE_NET: Final = 0
"""Settlement path: within a batch of net positions."""
SETTLE_TRADES: Final = 1
"""Settlement path: trade by trade, each order checked on chain."""


@dataclass(frozen=True)
class Instructions(Columns):
    """What members signed (EIP-712 `Order` of the market): each row allows orders of a member in every slot from its first to its last."""

    member: Ints
    """Dense index of the member."""
    is_sell: Flags
    energy_wh: Ints
    """The most in any one slot."""
    limit_micro_per_kwh: Ints
    """Worst acceptable price; for a buyer all-in."""
    first_slot: Ints
    last_slot: Ints
    """Inclusive."""
    path: Ints
    """`SETTLE_NET` or `SETTLE_TRADES`."""
    salt: Bytes2D
    """32 bytes that tell one instruction from the next."""
    signature: Bytes2D
    """Of the member's wallet, 65 bytes (r, s, v)."""

    dtypes: ClassVar[Mapping[str, tuple[str, int]]] = {
        "is_sell": ("bool", 0),
        "salt": ("uint8", 32),
        "signature": ("uint8", 65),
    }

    def covers(self, book: OrderBook, slot: int, path: int) -> Flags:
        """For each row whether it allows the order of the same row, in `slot`, to be settled by a path."""
        price = book.limit_micro_per_kwh
        is_no_worse = np.where(self.is_sell, price >= self.limit_micro_per_kwh, price <= self.limit_micro_per_kwh)
        is_theirs = (self.member == book.member) & (self.is_sell == book.is_sell) & (self.path == path)
        is_valid = (self.first_slot <= slot) & (slot <= self.last_slot)
        covered: Flags = is_theirs & is_valid & (book.energy_wh <= self.energy_wh) & is_no_worse
        return covered


def order_ids(slot: int, count: int) -> list[str]:
    """The ids of a slot's orders in sequence order, derived from content: `467376-o0`."""
    return [f"{slot}-o{row}" for row in range(count)]


def trade_ids(slot: int, count: int) -> list[str]:
    """The ids of a slot's trades, in the order of the agreement: `467376-t0`."""
    return [f"{slot}-t{row}" for row in range(count)]


def book_findings(book: OrderBook, names: Sequence[str], where: str = "orders") -> list[Finding]:
    """Everything wrong with a book: a member on both sides, energy or limit out of range, a sequence used twice."""
    found = []
    # Where no member has two orders none has them on both sides.
    is_several = len(np.unique(book.member)) < len(book)
    for member in np.intersect1d(book.member[book.is_sell], book.member[~book.is_sell]) if is_several else ():
        found.append(
            Finding(f"{where} member {names[int(member)]}", "orders on one side of a slot's book", "both buy and sell")
        )
    for row in np.flatnonzero((book.energy_wh <= 0) | (book.energy_wh >= ENERGY_LIMIT_WH)):
        found.append(Finding(f"{where} row {row} energy_wh", f"1..{ENERGY_LIMIT_WH - 1}", str(book.energy_wh[row])))
    for row in np.flatnonzero(np.abs(book.limit_micro_per_kwh) >= PRICE_LIMIT_MICRO_PER_KWH):
        bound = PRICE_LIMIT_MICRO_PER_KWH - 1
        found.append(
            Finding(f"{where} row {row} limit_micro_per_kwh", f"-{bound}..{bound}", str(book.limit_micro_per_kwh[row]))
        )
    sequences, counts = np.unique(book.sequence, return_counts=True)
    for sequence in sequences[counts > 1]:
        found.append(Finding(f"{where} sequence", "every sequence once", f"{sequence} twice"))
    return found
