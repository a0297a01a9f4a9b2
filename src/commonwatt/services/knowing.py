"""Knowing: what each member can hold against a slot's settlement without asking anybody: its order, its meter, the tariff."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from commonwatt.core.imbalance import BY_DIRECTION
from commonwatt.core.orders import OrderBook
from commonwatt.core.records import Quality, Readings
from commonwatt.services.halves import GateHalf, Half
from commonwatt.services.public import PublicTables
from commonwatt.services.rules import Rules
from commonwatt.services.watching import Evidence, Wish


@dataclass
class _Slot:
    """What is known of one slot, by member."""

    wishes: dict[int, Wish] = field(default_factory=dict)
    registers: dict[int, dict[int, tuple[int, int]]] = field(default_factory=lambda: defaultdict(dict))

    def order(self, book: OrderBook, accepted: int) -> None:
        """The accepted orders, the first rows of the book."""
        columns = (book.member, book.is_sell, book.energy_wh, book.limit_micro_per_kwh)
        rows = zip(*(column[:accepted].tolist() for column in columns), strict=True)
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
        rates = rules.rates(slot)
        form = getattr(rules.settlement, "imbalance", BY_DIRECTION)
        return {m: Evidence(rates, penalty, self.wishes.get(m), self.registers[m], form) for m in range(members)}


def evidence_of(tables: PublicTables, rules: Rules, price_cap_micro_per_kwh: int, slot: int) -> dict[int, Evidence]:
    """What each member (dense index) knows of a slot, from the tables of a run."""
    known = _Slot()
    book, accepted, _, _ = tables.orders(slot)
    known.order(book, accepted)
    for revision in tables.revisions(slot):
        known.read(tables.readings(slot, revision), revision)
    return known.evidence(rules, price_cap_micro_per_kwh, slot, len(tables.pseudonyms))


class Journalled:
    """What members know of the slots that a run has journalled so far."""

    def __init__(self, halves: Iterable[Half], rules: Rules, price_cap_micro_per_kwh: int, members: int) -> None:
        self._rules, self._price_cap, self._members = rules, price_cap_micro_per_kwh, members
        self._slots: dict[int, _Slot] = defaultdict(_Slot)
        for half in halves:
            if half.trading is not None:
                self._slots[half.slot].order(half.trading.book, half.trading.accepted)
            if isinstance(half, GateHalf):
                continue
            self._slots[half.slot].read(half.readings, 0)
            for correction in half.corrections:
                of = correction.statement
                self._slots[of.slot].read(correction.readings, of.revision)

    def evidence(self, slot: int) -> dict[int, Evidence]:
        """By dense index what each member knows of a slot."""
        return self._slots[slot].evidence(self._rules, self._price_cap, slot, self._members)
