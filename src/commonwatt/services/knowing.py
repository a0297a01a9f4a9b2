"""Knowing: what each member can hold against a slot's settlement without asking anybody: its order, its meter, the tariff."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from commonwatt.core.imbalance import BY_DIRECTION
from commonwatt.core.orders import Instructions, OrderBook
from commonwatt.core.records import Quality, Readings
from commonwatt.core.units import Flags
from commonwatt.services.claims import Revocation
from commonwatt.services.halves import GateHalf, Half, Trading
from commonwatt.services.instructing import revoked
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules
from commonwatt.services.watching import Evidence, Wish


@dataclass
class _Slot:
    """What is known of one slot, by member."""

    wishes: dict[int, Wish] = field(default_factory=dict)
    registers: dict[int, dict[int, tuple[int, int]]] = field(default_factory=lambda: defaultdict(dict))

    def order(self, book: OrderBook, accepted: int, gone: Flags) -> None:
        """The accepted orders, the first rows of the book, but for those whose members had taken back what they signed."""
        columns = (book.member, book.is_sell, book.energy_wh, book.limit_micro_per_kwh)
        rows = zip(*(column[:accepted][~gone[:accepted]].tolist() for column in columns), strict=True)
        self.wishes = {member: Wish(is_sell, energy_wh, limit) for member, is_sell, energy_wh, limit in rows}

    def read(self, readings: Readings, revision: int) -> None:
        """What meters said in a revision; a substitute is nobody's word but the operator's."""
        metered = readings.take(readings.quality != Quality.SUBSTITUTED)
        columns = (metered.member, metered.import_wh, metered.export_wh)
        for member, import_wh, export_wh in zip(*(column.tolist() for column in columns), strict=True):
            self.registers[member][revision] = import_wh, export_wh

    def evidence(self, rules: Rules, price_cap_micro_per_kwh: int, slot: int, members: int) -> dict[int, Evidence]:
        """By dense index what each member knows."""
        # An answer that charges for something else says so in no parameter we know; then only the price cap bounds it.
        penalty = getattr(rules.settlement, "penalty_gamma_micro_per_kwh", price_cap_micro_per_kwh)
        form = getattr(rules.settlement, "imbalance", BY_DIRECTION)
        return {
            m: Evidence(
                rules.rates_of(slot, m), penalty, self.wishes.get(m), self.registers[m], form, rules.way_fees(m)
            )
            for m in range(members)
        }


def evidence_of(
    tables: PublicTables,
    rules: Rules,
    price_cap_micro_per_kwh: int,
    slot: int,
    revocations: Sequence[Revocation] = (),
) -> dict[int, Evidence]:
    """What each member (dense index) knows of a slot, from the tables of a run and from what members took back on its ledger."""
    known = _Slot()
    book, accepted, _, _ = tables.orders(slot)
    known.order(book, accepted, taken_back(tables, slot, revocations, rules.opened_s(slot)))
    for revision in tables.revisions(slot):
        known.read(tables.readings(slot, revision), revision)
    return known.evidence(rules, price_cap_micro_per_kwh, slot, len(tables.pseudonyms))


def taken_back(tables: PublicTables, slot: int, revocations: Sequence[Revocation], opened_s: int) -> Flags:
    """For each order of a slot, in sequence order, whether its member took back what it had signed before the slot was opened."""
    rows = tables.instructed(slot)
    is_gone = np.zeros(len(rows), np.bool_)
    if revocations:
        known = np.flatnonzero(rows >= 0)
        is_gone[known] = revoked(tables.instructions.take(rows[known]), tables.wallets, revocations, opened_s)
    return is_gone


class Journalled:
    """What members know of the slots that a run has journalled so far, and of what they took back on its ledger."""

    def __init__(
        self,
        halves: Iterable[Half],
        rules: Rules,
        price_cap_micro_per_kwh: int,
        members: int,
        revocations: Sequence[Revocation] = (),
    ) -> None:
        self._rules, self._price_cap, self._members = rules, price_cap_micro_per_kwh, members
        self._slots: dict[int, _Slot] = defaultdict(_Slot)
        signed = Instructions.empty()
        for half in halves:
            if half.trading is not None:
                signed = half.trading.signed if len(half.trading.signed) else signed
                self._order(half.slot, half.trading, signed, revocations)
            if isinstance(half, GateHalf):
                continue
            self._slots[half.slot].read(half.readings, 0)
            for correction in half.corrections:
                of = correction.statement
                self._slots[of.slot].read(correction.readings, of.revision)

    def _order(self, slot: int, trading: Trading, signed: Instructions, revocations: Sequence[Revocation]) -> None:
        book, accepted = trading.book, trading.accepted
        gone = np.zeros(accepted, np.bool_)
        if revocations and accepted:
            # The wallets that signed are not at hand: whoever changed its own has signed with another one.
            unchanged = [b""] * self._members
            of = signed.take(trading.instruction[:accepted])
            gone = revoked(of, unchanged, revocations, self._rules.opened_s(slot))
        self._slots[slot].order(book, accepted, gone)

    def evidence(self, slot: int) -> dict[int, Evidence]:
        """By dense index what each member knows of a slot."""
        return self._slots[slot].evidence(self._rules, self._price_cap, slot, self._members)
