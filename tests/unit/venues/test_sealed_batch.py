"""The sealed batch: what is sealed cannot be changed, what is not revealed does not take part."""

import hashlib
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
from tests.fakes.books import NO_FEES, book_of, context

from commonwatt.clearing import CLEARINGS
from commonwatt.core.columns import Columns
from commonwatt.core.determinism import merkle_root
from commonwatt.core.orders import OrderBook
from commonwatt.core.tariff import clearing_book
from commonwatt.core.units import Bytes2D
from commonwatt.venues import (
    Session,
    book_root,
    clearing_root,
    commitments,
    order_leaves,
    order_root,
    trade_leaves,
)
from commonwatt.venues.sealed_batch import SealedBatch

TableT = TypeVar("TableT", bound=Columns)
SLOT = 7
BOOK = book_of(("sell", 500, 10), ("buy", 300, 40), ("buy", 200, 30))
NONCES = np.arange(96, dtype=np.uint8).reshape(3, 32)
UNIFORM = CLEARINGS.make("uniform_price")


def closed(sealed: list[bytes], book: OrderBook, nonces: Bytes2D = NONCES) -> Session:
    return SealedBatch().close(sealed, book, nonces, UNIFORM, context(slot=SLOT))


def test_the_mechanism_sees_limits_without_fees_and_the_session_keeps_them_as_signed() -> None:
    rates = replace(NO_FEES, local_fee_micro_per_kwh=4, local_tax_micro_per_kwh=2)
    session = SealedBatch().meet(BOOK, NONCES, UNIFORM, context(rates=rates, slot=SLOT))
    seen = clearing_book(BOOK, rates)
    assert seen.limit_micro_per_kwh.tolist() == [10, 34, 24]
    assert session.book.limit_micro_per_kwh.tolist() == [10, 40, 30]
    assert set(session.agreement.trades.buy_price_micro_per_kwh.tolist()) == {17}


def test_a_commitment_is_the_hash_of_the_order_s_bytes_and_its_nonce() -> None:
    wish = b"commonwatt/order" + b"".join(
        value.to_bytes(width, "big") for value, width in ((SLOT, 8), (0, 8), (1, 1), (500, 8), (10, 8), (0, 1), (0, 1))
    )
    assert commitments(BOOK, NONCES, SLOT)[0] == hashlib.sha256(wish + NONCES[0].tobytes()).digest()
    assert order_leaves(BOOK, SLOT)[2].endswith((2).to_bytes(8, "big"))


def test_orders_revealed_as_they_were_sealed_all_take_part() -> None:
    met = SealedBatch().meet(BOOK, NONCES, UNIFORM, context(slot=SLOT))
    session = closed(commitments(BOOK, NONCES, SLOT), BOOK)
    assert (session.book_root, session.order_root, session.clearing_root) == (
        met.book_root,
        met.order_root,
        met.clearing_root,
    )


@pytest.mark.parametrize("column", ["member", "energy_wh", "limit_micro_per_kwh", "source", "preference"])
def test_an_order_changed_after_sealing_is_left_out(column: str) -> None:
    sealed = commitments(BOOK, NONCES, SLOT)
    changed = BOOK.replaced(**{column: getattr(BOOK, column) + np.array([0, 1, 0], getattr(BOOK, column).dtype)})
    session = closed(sealed, changed)
    assert session.book.sequence.tolist() == [0, 2]
    assert session.agreement.trades.filled_wh(2).tolist() == [200, 200]
    assert session.book_root == book_root(sealed)


def test_an_order_that_is_never_revealed_stays_in_the_book_root() -> None:
    sealed = commitments(BOOK, NONCES, SLOT)
    session = closed(sealed, BOOK.take(np.array([0, 2])), NONCES[[0, 2]])
    assert len(session.book) == 2
    assert session.book_root == book_root(sealed) != book_root([sealed[0], sealed[2]])


def test_an_order_cannot_take_a_place_twice_or_one_that_is_not_there() -> None:
    sealed = commitments(BOOK, NONCES, SLOT)
    again = OrderBook.joined([BOOK, BOOK.take(np.array([0])), BOOK.take(np.array([0]))])
    again = again.replaced(sequence=np.array([0, 1, 2, 0, 9]))
    session = closed(sealed, again, np.concatenate((NONCES, NONCES[:1], NONCES[:1])))
    assert session.book.sequence.tolist() == [0, 1, 2]


def test_a_commitment_of_one_slot_opens_nothing_in_another() -> None:
    session = closed(commitments(BOOK, NONCES, SLOT - 1), BOOK)
    assert len(session.book) == 0
    assert len(session.agreement.trades) == 0


def one_changed(table: TableT) -> list[TableT]:
    """Copies of a table, each with another column changed."""
    columns = table.arrays().items()
    return [table.replaced(**{name: np.asarray(column == 0).astype(column.dtype)}) for name, column in columns]


def test_every_column_of_a_trade_changes_the_clearing_root() -> None:
    trades = SealedBatch().meet(BOOK, NONCES, UNIFORM, context(slot=SLOT)).agreement.trades
    roots = [clearing_root(table, SLOT) for table in (trades, *one_changed(trades))]
    assert len({*roots, clearing_root(trades, SLOT + 1)}) == len(trades.arrays()) + 2


def test_every_column_of_an_order_changes_the_order_root() -> None:
    roots = [order_root(table, SLOT) for table in (BOOK, *one_changed(BOOK))]
    assert len({*roots, order_root(BOOK, SLOT + 1)}) == len(BOOK.arrays()) + 2


def test_leaves_have_one_width_and_make_the_roots() -> None:
    trades = SealedBatch().meet(BOOK, NONCES, UNIFORM, context(slot=SLOT)).agreement.trades
    assert {len(leaf) for leaf in order_leaves(BOOK, SLOT)} == {16 + 8 + 8 + 1 + 8 + 8 + 1 + 1 + 8}
    assert {len(leaf) for leaf in trade_leaves(trades, SLOT)} == {16 + 8 * 6 + 1}
    assert clearing_root(trades, SLOT) == merkle_root(trade_leaves(trades, SLOT))
