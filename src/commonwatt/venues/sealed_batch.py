"""Sealed batch: orders are committed blind, revealed together after the gate and cleared once a slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from commonwatt.core.tariff import clearing_book
from commonwatt.venues.base import Session, book_root, clearing_root, commitments, order_root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonwatt.clearing import Clearing, ClearingContext
    from commonwatt.core.orders import OrderBook
    from commonwatt.core.units import Bytes2D


@dataclass(frozen=True)
class SealedBatch:
    """Nobody sees an order before all are fixed; what is not revealed as it was sealed does not take part."""

    needs: ClassVar[frozenset[str]] = frozenset({"orders"})
    breaks: ClassVar[frozenset[str]] = frozenset()

    def meet(self, book: OrderBook, nonces: Bytes2D, clearing: Clearing, context: ClearingContext) -> Session:
        """Seal the orders, then clear them as they are.

        The reveal is not checked here, because both ends of it would be the same bytes; where commitments came in earlier than the
        orders, `close` checks them.
        """
        if len(book) > 1 and not bool((np.diff(book.sequence) > 0).all()):
            rows = np.argsort(book.sequence, kind="stable")
            book, nonces = book.take(rows), nonces[rows]
        return _cleared(commitments(book, nonces, context.slot), book, clearing, context)

    def close(
        self, sealed: Sequence[bytes], book: OrderBook, nonces: Bytes2D, clearing: Clearing, context: ClearingContext
    ) -> Session:
        """Clear what was revealed as it was sealed.

        `sealed` holds the commitments in the order they arrived; an order's sequence is its place there. Orders that do not open their
        commitment, or the second one that claims the same place, are left out; commitments nobody opened stay in the book root.
        """
        book_in_order = np.argsort(book.sequence, kind="stable")
        book, nonces = book.take(book_in_order), nonces[book_in_order]
        opened = commitments(book, nonces, context.slot)
        places, taken = book.sequence.tolist(), set()
        kept = np.zeros(len(book), np.bool_)
        for row, (place, commitment) in enumerate(zip(places, opened, strict=True)):
            if place not in taken and 0 <= place < len(sealed) and sealed[place] == commitment:
                taken.add(place)
                kept[row] = True
        return _cleared(sealed, book.take(kept), clearing, context)


def _cleared(sealed: Sequence[bytes], book: OrderBook, clearing: Clearing, context: ClearingContext) -> Session:
    agreement = clearing.clear(clearing_book(book, context.rates), context)
    return Session(
        book=book,
        agreement=agreement,
        book_root=book_root(sealed),
        order_root=order_root(book, context.slot),
        clearing_root=clearing_root(agreement.trades, context.slot),
    )
