"""The barrier of a federation: nobody hears before all have spoken, what was agreed is journalled first and never changes."""

from __future__ import annotations

import numpy as np
import pytest
from tests.fakes.markets import FakeJournal

from commonwatt.clearing import Position
from commonwatt.core.errors import JournalError
from commonwatt.core.records import NO_EXCHANGE, Exchange
from commonwatt.services.federation import LEVEL_TWO, Barrier, areas_of, federate, level_two


def one_order(is_sell: bool, energy_wh: int) -> Position:
    limit = 0 if is_sell else 300_000
    return Position(np.array([is_sell]), np.array([energy_wh]), np.array([limit]), 100_000, 300_000)


SELLS, BUYS = one_order(True, 400), one_order(False, 800)
ALL = ((0, 1),)
AGREED = [(0, Exchange(400, 150_000)), (1, Exchange(-400, 150_000))]


def test_nobody_hears_what_crosses_before_everybody_has_said_its_position() -> None:
    journal = FakeJournal()
    barrier = Barrier(2, ALL, 7, journal)

    assert barrier.heard(1, 7, BUYS) == []
    assert journal.written == []
    assert barrier.heard(0, 7, SELLS) == AGREED
    assert [(slot, kind) for slot, kind, _ in journal.written] == [(7, LEVEL_TWO)]


def test_who_was_faster_changes_no_byte() -> None:
    journals = []
    for order in ((0, 1), (1, 0)):
        journals.append(FakeJournal())
        barrier = Barrier(2, ALL, 7, journals[-1])
        for slot in (7, 8):
            for community in order:
                barrier.heard(community, slot, (SELLS, BUYS)[community])

    assert journals[0].written == journals[1].written


def test_who_comes_back_hears_what_was_agreed() -> None:
    journal = FakeJournal()
    before = Barrier(2, ALL, 7, journal)
    before.heard(0, 7, SELLS)
    before.heard(1, 7, BUYS)

    again = Barrier(2, ALL, 7, journal)

    assert again.heard(1, 7, BUYS) == [AGREED[1]]
    assert again.heard(0, 8, SELLS) == []
    assert len(journal.written) == 1


def test_who_comes_back_with_another_position_is_refused() -> None:
    journal = FakeJournal()
    barrier = Barrier(2, ALL, 7, journal)
    barrier.heard(0, 7, SELLS)
    barrier.heard(1, 7, BUYS)

    with pytest.raises(JournalError, match="slot 7: expected community 0 to bring the position it had"):
        Barrier(2, ALL, 7, journal).heard(0, 7, BUYS)


def test_a_slot_out_of_turn_is_refused() -> None:
    barrier = Barrier(2, ALL, 7, FakeJournal())

    with pytest.raises(JournalError, match="positions of slot 7, was slot 8"):
        barrier.heard(0, 8, SELLS)


def test_a_journal_of_another_federation_is_refused() -> None:
    journal = FakeJournal()
    barrier = Barrier(2, ALL, 7, journal)
    barrier.heard(0, 7, SELLS)
    barrier.heard(1, 7, BUYS)

    for communities, first in ((3, 7), (2, 6)):
        with pytest.raises(JournalError, match="expected level 2 of slot"):
            Barrier(communities, ALL, first, journal)
    journal.written[0] = (7, LEVEL_TWO, b"something else")
    with pytest.raises(JournalError, match="another version"):
        Barrier(2, ALL, 7, journal)


def test_energy_flows_over_as_many_links_as_it_takes() -> None:
    assert areas_of(3, None) == ((0, 1, 2),)
    assert areas_of(5, [(3, 1), (0, 4), (4, 3)]) == ((0, 1, 3, 4),)
    assert areas_of(4, [(0, 1), (2, 3)]) == ((0, 1), (2, 3))
    assert areas_of(2, []) == ()


def test_what_is_not_linked_trades_with_nobody() -> None:
    crossing = level_two(7, [SELLS, BUYS, SELLS], ((0, 1),))

    assert crossing.exchange(2) == NO_EXCHANGE
    assert crossing.exchange(0) == Exchange(400, 150_000)


def test_a_federation_in_which_one_stopped_has_no_result() -> None:
    def run(barrier: Barrier) -> bool:
        barrier.heard(0, 7, SELLS)
        return False

    assert federate(2, ALL, range(7, 9), FakeJournal(), run) is None


def test_a_federation_that_came_to_its_end_tells_every_slot() -> None:
    def run(barrier: Barrier) -> bool:
        for slot in (7, 8):
            barrier.heard(0, slot, SELLS)
            barrier.heard(1, slot, BUYS)
        return True

    crossings = federate(2, ALL, range(7, 9), FakeJournal(), run)

    assert crossings is not None
    assert [c.slot for c in crossings] == [7, 8]
    assert sum(int(c.rows.energy_wh.sum()) for c in crossings) == 0
