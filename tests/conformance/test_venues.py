"""Every registered venue clears what was sealed, in sequence, and leaves roots that anyone can compute again."""

import numpy as np
import pytest
from tests.fakes.books import arrived_otherwise, context, seeded_book

from commonwatt.clearing import CLEARINGS
from commonwatt.core.orders import OrderBook
from commonwatt.core.units import Bytes2D
from commonwatt.venues import VENUES, Session, book_root, clearing_root, commitments, order_root

every_venue = pytest.mark.parametrize("name", VENUES.names())
SLOT = 7


def nonces(orders: int) -> Bytes2D:
    return np.arange(orders * 32, dtype=np.int64).reshape(orders, 32).astype(np.uint8)


def met(name: str, book: OrderBook, blinding: Bytes2D) -> Session:
    return VENUES.make(name).meet(book, blinding, CLEARINGS.make("uniform_price"), context(slot=SLOT))


@every_venue
@pytest.mark.parametrize("orders", [0, 1, 2, 3, 40])
def test_the_roots_follow_from_what_is_published(name: str, orders: int) -> None:
    session = met(name, seeded_book(4, orders), nonces(orders))
    assert session.book_root == book_root(commitments(session.book, nonces(orders), SLOT))
    assert session.order_root == order_root(session.book, SLOT)
    assert session.clearing_root == clearing_root(session.agreement.trades, SLOT)


@every_venue
def test_rows_handed_over_in_another_order_meet_in_sequence(name: str) -> None:
    book = seeded_book(4, 30)
    shuffled, rows = arrived_otherwise(book, 1)
    session = met(name, shuffled.replaced(sequence=book.sequence[rows]), nonces(30)[rows])
    expected = met(name, book, nonces(30))
    assert (session.book.sequence == book.sequence).all()
    assert (session.book_root, session.order_root, session.clearing_root) == (
        expected.book_root,
        expected.order_root,
        expected.clearing_root,
    )


@every_venue
def test_a_nonce_for_each_order_is_asked_for(name: str) -> None:
    with pytest.raises(ValueError, match="expected one nonce of 32 bytes for 3 orders"):
        met(name, seeded_book(4, 3), nonces(2))
