"""Making entries: every member's readings, orders, trades and lines of a slot, with their paths to the roots on the chain."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from commonwatt.core.determinism import merkle_path
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import LEFT_OUT, Leg, Quality, Readings, Reason
from commonwatt.core.units import Bytes2D, Ints
from commonwatt.metering import packet_leaves
from commonwatt.services.billing.bill import Entry, Line, OrderProof, Reading, TradeProof, TreePath, in_order
from commonwatt.services.public import PublicTables
from commonwatt.venues import commitments, revealed_leaves, trade_leaves

NO_PATH = TreePath((), 0)


class SlotEntries:
    """One slot of a run; what its trees are made over is computed once for all members."""

    def __init__(self, public: PublicTables, slot: int) -> None:
        self._public, self._slot = public, slot

    def settled(self, member: int, is_billed: bool) -> Entry:
        """Revision 0 of the slot for a member by index."""
        reason = self._orders[3]
        failed = bool((reason == Reason.SLOT_FAILED).any())
        return Entry(
            self._slot,
            0,
            is_billed,
            failed,
            self._reading(0, member),
            self._order_proofs(member),
            self._trade_proofs(member),
            self._lines(0, member),
        )

    def corrected(self, revision: int, member: int, is_billed: bool) -> Entry:
        """A later revision for a member that it corrects."""
        reading, lines = self._reading(revision, member), self._lines(revision, member)
        return Entry(self._slot, revision, is_billed, False, reading, (), (), lines)

    def revisions(self, member: int) -> list[int]:
        """The revisions that hold a reading of a member, ascending."""
        return [r for r in self._public.revisions(self._slot) if member in self._readings(r).member]

    def _order_proofs(self, member: int) -> tuple[OrderProof, ...]:
        book, accepted, nonces, reason = self._orders
        sealed, revealed = self._trees
        proofs = []
        for row in np.flatnonzero(book.member == member).tolist():
            is_accepted = row < accepted
            proofs.append(
                OrderProof(
                    row,
                    bool(book.is_sell[row]),
                    int(book.energy_wh[row]),
                    int(book.limit_micro_per_kwh[row]),
                    int(book.source[row]),
                    int(book.preference[row]),
                    int(reason[row]) in (*LEFT_OUT, Reason.CURTAILED),
                    nonces[row].tobytes().hex() if is_accepted else "",
                    _path(sealed, row) if is_accepted else NO_PATH,
                    _path(revealed, row),
                )
            )
        return tuple(proofs)

    def _trade_proofs(self, member: int) -> tuple[TradeProof, ...]:
        book = self._orders[0]
        agreement, delivered = self._public.agreement(self._slot)
        trades = agreement.trades
        # Row -1 of the extended column is the pool.
        owner = np.append(book.member, -1)
        own = (owner[trades.sell_order] == member) | (owner[trades.buy_order] == member)
        rows = np.flatnonzero(own).tolist()
        leaves = trade_leaves(trades, self._slot) if rows else []
        proofs = [
            TradeProof(
                sell_order=int(trades.sell_order[row]),
                buy_order=int(trades.buy_order[row]),
                energy_wh=int(trades.energy_wh[row]),
                sell_price_micro_per_kwh=int(trades.sell_price_micro_per_kwh[row]),
                buy_price_micro_per_kwh=int(trades.buy_price_micro_per_kwh[row]),
                sell_fee_micro_per_kwh=int(trades.sell_fee_micro_per_kwh[row]),
                buy_fee_micro_per_kwh=int(trades.buy_fee_micro_per_kwh[row]),
                round=int(trades.round[row]),
                delivered_wh=int(delivered[row]),
                path=_path(leaves, row),
            )
            for row in rows
        ]
        return tuple(in_order(proofs))

    def _lines(self, revision: int, member: int) -> tuple[Line, ...]:
        legs = self._public.legs(self._slot, revision)
        own = legs.take(np.flatnonzero(legs.member == member))
        rows = zip(own.leg, own.energy_wh, own.price_micro_per_kwh, own.amount_nano, strict=True)
        return tuple(Line(Leg(int(leg)).name.lower(), int(e), int(p), int(a)) for leg, e, p, a in rows)

    def _reading(self, revision: int, member: int) -> Reading:
        readings = self._readings(revision)
        row = int(np.flatnonzero(readings.member == member)[0])
        counter = int(readings.counter[row])
        packet = (readings.packet_hash, readings.opening, readings.signature)
        hexes = [column[row].tobytes().hex() if counter >= 0 else "" for column in packet]
        quality = Quality(int(readings.quality[row])).name.lower()
        path = self._packet_path(revision, row) if counter >= 0 else NO_PATH
        registers = (int(readings.import_wh[row]), int(readings.export_wh[row]))
        return Reading(*registers, quality, counter, hexes[0], hexes[1], hexes[2], path)

    def _packet_path(self, revision: int, row: int) -> TreePath:
        """The way of a packet to the root over all that carry its signature."""
        readings = self._readings(revision)
        rows = np.flatnonzero((readings.signature == readings.signature[row]).all(axis=1)).tolist()
        leaves = packet_leaves(self._slot, readings)
        return _path([leaves[other] for other in rows], rows.index(row))

    def _readings(self, revision: int) -> Readings:
        if revision not in self._read:
            self._read[revision] = self._public.readings(self._slot, revision)
        return self._read[revision]

    @cached_property
    def _read(self) -> dict[int, Readings]:
        return {}

    @cached_property
    def _orders(self) -> tuple[OrderBook, int, Bytes2D, Ints]:
        return self._public.orders(self._slot)

    @cached_property
    def _trees(self) -> tuple[list[bytes], list[bytes]]:
        book, accepted, nonces, _ = self._orders
        sealed = commitments(book.take(np.arange(accepted)), nonces, self._slot)
        return sealed, revealed_leaves(book, self._slot, self._public.events(self._slot)[0])


def _path(leaves: Sequence[bytes], row: int) -> TreePath:
    siblings, sides = merkle_path(leaves, row)
    return TreePath(tuple(sibling.hex() for sibling in siblings), sides)
