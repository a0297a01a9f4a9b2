"""Venues: how orders meet. Orders and a mechanism in, a session with its agreement and roots out."""

from dataclasses import dataclass
from typing import Protocol

from commonwatt.clearing import Clearing, ClearingContext
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.units import Bytes2D


@dataclass(frozen=True)
class Session:
    """What a venue leaves behind for one slot."""

    book: OrderBook
    """The revealed orders in sequence order, limits as signed."""
    agreement: Agreement
    book_root: bytes
    """Merkle root of the sealed orders' commitments (`open`)."""
    order_root: bytes
    """Merkle root of the revealed orders (`clear`)."""
    clearing_root: bytes
    """Merkle root of the trades (`clear`)."""


class Venue(Answer, Protocol):
    """Promises: an order is revealed as it was committed or left out; the mechanism sees only revealed orders; deterministic."""

    def meet(self, book: OrderBook, nonces: Bytes2D, clearing: Clearing, context: ClearingContext) -> Session:
        """Commit, reveal and clear the orders of one slot.

        `book` has limits as signed (all-in); `nonces` is one 32-byte blinding an order, shape (orders, 32).
        """
        ...


VENUES = Registry[Venue]("venues", "venue")
