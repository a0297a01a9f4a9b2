"""Venues: how orders meet. Orders and a mechanism in, a session with its agreement and roots out."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from commonwatt.clearing import Clearing, ClearingContext
from commonwatt.core.determinism import merkle_root
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Agreement, Trades
from commonwatt.core.registry import Answer, Registry
from commonwatt.core.units import Bytes2D

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from commonwatt.core.columns import Columns

NONCE_BYTES: Final = 32

_ORDER = np.dtype(
    [
        ("domain", "S16"),
        ("slot", ">i8"),
        ("member", ">i8"),
        ("is_sell", "i1"),
        ("energy_wh", ">i8"),
        ("limit_micro_per_kwh", ">i8"),
        ("source", "i1"),
        ("preference", "i1"),
    ]
)
"""What a member seals: its wish, bound to the slot. The sequence is not in it, because sealing decides it."""

_REVEALED = np.dtype([*_ORDER.descr, ("sequence", ">i8")])

_TRADE = np.dtype(
    [
        ("domain", "S16"),
        ("slot", ">i8"),
        ("sell_order", ">i8"),
        ("buy_order", ">i8"),
        ("energy_wh", ">i8"),
        ("sell_price_micro_per_kwh", ">i8"),
        ("buy_price_micro_per_kwh", ">i8"),
        ("round", "i1"),
    ]
)


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


VENUES = Registry[Venue]("venues", "venue", section="market")


def order_leaves(book: OrderBook, slot: int) -> list[bytes]:
    """Canonical bytes of revealed orders, one a row: fixed width, big endian, bound to the slot, with their sequence."""
    return _rows(_table(_REVEALED, b"commonwatt/order", slot, book))


def trade_leaves(trades: Trades, slot: int) -> list[bytes]:
    """Canonical bytes of trades, one a row: fixed width, big endian, bound to the slot."""
    return _rows(_table(_TRADE, b"commonwatt/trade", slot, trades))


def commitments(book: OrderBook, nonces: Bytes2D, slot: int) -> list[bytes]:
    """What seals each order before the gate: SHA-256 of its canonical bytes without the sequence, then its nonce.

    Raises:
        ValueError: when there is not one nonce of 32 bytes an order.

    """
    if nonces.shape != (len(book), NONCE_BYTES):
        raise ValueError(f"expected one nonce of {NONCE_BYTES} bytes for {len(book)} orders, was {nonces.shape}")
    raw, blinding = _table(_ORDER, b"commonwatt/order", slot, book).tobytes(), nonces.tobytes()
    width = _ORDER.itemsize
    return [
        sha256(raw[row * width : (row + 1) * width] + blinding[row * NONCE_BYTES : (row + 1) * NONCE_BYTES]).digest()
        for row in range(len(book))
    ]


def book_root(sealed: Sequence[bytes]) -> bytes:
    """The root that opens a slot: over commitments in sequence order, revealed later or not."""
    return merkle_root(sealed)


def order_root(book: OrderBook, slot: int) -> bytes:
    """The root of the revealed orders of a slot; `book` in sequence order with limits as signed."""
    return merkle_root(order_leaves(book, slot))


def clearing_root(trades: Trades, slot: int) -> bytes:
    """The root of a slot's trades, in the order of the agreement."""
    return merkle_root(trade_leaves(trades, slot))


def _table(layout: np.dtype[Any], domain: bytes, slot: int, columns: Columns) -> npt.NDArray[Any]:
    table = np.zeros(len(columns), layout)
    table["domain"], table["slot"] = domain, slot
    for name in (layout.names or ())[2:]:
        table[name] = getattr(columns, name)
    return table


def _rows(table: npt.NDArray[Any]) -> list[bytes]:
    raw, width = table.tobytes(), table.dtype.itemsize
    return [raw[start : start + width] for start in range(0, len(raw), width)]
