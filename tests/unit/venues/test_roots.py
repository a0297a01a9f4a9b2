"""Seals and roots: what the ledger holds of a slot's orders, events and trades, to the bit."""

import hashlib
from typing import TypeVar

import numpy as np
import pytest
from tests.fakes.books import book_of, context
from tests.fakes.meetings import said, sent

from commonwatt.clearing import CLEARINGS
from commonwatt.core.columns import Columns
from commonwatt.core.determinism import merkle_root
from commonwatt.core.events import EventKind, Events
from commonwatt.venues import (
    clearing_root,
    commitments,
    event_leaves,
    order_leaves,
    order_root,
    revealed_leaves,
    trade_leaves,
)

TableT = TypeVar("TableT", bound=Columns)
SLOT = 7
BOOK = book_of(("sell", 500, 10), ("buy", 300, 40), ("buy", 200, 30))
NONCES = np.arange(96, dtype=np.uint8).reshape(3, 32)
AGREED = CLEARINGS.make("uniform_price").clear(BOOK, context(slot=SLOT))
EVENTS = said(
    sent(EventKind.REQUEST, 1, 5), sent(EventKind.ANSWER, 0, 6, request=1, energy_wh=9, price_micro_per_kwh=20)
)


def test_a_commitment_is_the_hash_of_the_order_s_bytes_and_its_nonce() -> None:
    wish = b"commonwatt/order" + b"".join(
        value.to_bytes(width, "big") for value, width in ((SLOT, 8), (0, 8), (1, 1), (500, 8), (10, 8), (0, 1), (0, 1))
    )
    assert commitments(BOOK, NONCES, SLOT)[0] == hashlib.sha256(wish + NONCES[0].tobytes()).digest()
    assert order_leaves(BOOK, SLOT)[2].endswith((2).to_bytes(8, "big"))


def one_changed(table: TableT) -> list[TableT]:
    """Copies of a table, each with another column changed."""
    columns = table.arrays().items()
    return [table.replaced(**{name: np.asarray(column == 0).astype(column.dtype)}) for name, column in columns]


def test_every_column_of_a_trade_changes_the_clearing_root() -> None:
    trades = AGREED.trades
    roots = [clearing_root(table, SLOT) for table in (trades, *one_changed(trades))]
    assert len({*roots, clearing_root(trades, SLOT + 1)}) == len(trades.arrays()) + 2


def test_every_column_of_an_order_changes_the_order_root() -> None:
    roots = [order_root(table, SLOT) for table in (BOOK, *one_changed(BOOK))]
    assert len({*roots, order_root(BOOK, SLOT + 1)}) == len(BOOK.arrays()) + 2


def test_every_column_of_an_event_and_their_sequence_change_the_order_root() -> None:
    columns = EVENTS.arrays()
    changed = [
        EVENTS.replaced(**{name: np.asarray(column + 1).astype(column.dtype)}) for name, column in columns.items()
    ]
    roots = [order_root(BOOK, SLOT, table) for table in (EVENTS, EVENTS.take(np.array([1, 0])), *changed)]
    assert len({*roots, order_root(BOOK, SLOT), order_root(BOOK, SLOT + 1, EVENTS)}) == len(columns) + 4


def test_without_events_the_order_root_is_over_the_orders_alone() -> None:
    assert order_root(BOOK, SLOT, Events.empty()) == order_root(BOOK, SLOT) == merkle_root(order_leaves(BOOK, SLOT))
    assert revealed_leaves(BOOK, SLOT, EVENTS) == order_leaves(BOOK, SLOT) + event_leaves(EVENTS, SLOT)


def test_a_nonce_for_each_order_is_asked_for() -> None:
    with pytest.raises(ValueError, match="expected one nonce of 32 bytes for 3 orders"):
        commitments(BOOK, NONCES[:2], SLOT)


def test_leaves_have_one_width_and_make_the_roots() -> None:
    trades = AGREED.trades
    assert {len(leaf) for leaf in order_leaves(BOOK, SLOT)} == {16 + 8 + 8 + 1 + 8 + 8 + 1 + 1 + 8}
    assert {len(leaf) for leaf in event_leaves(EVENTS, SLOT)} == {16 + 8 * 7 + 1 + 32}
    assert {len(leaf) for leaf in trade_leaves(trades, SLOT)} == {16 + 8 * 8 + 1}
    assert clearing_root(trades, SLOT) == merkle_root(trade_leaves(trades, SLOT))
