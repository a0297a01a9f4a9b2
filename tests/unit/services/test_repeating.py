"""What is posted in place of a voided batch: the same once more, or everybody with the supplier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.ledgers import FIRST_SLOT, NO_PRIOR, digest, slot_end_s, trade
from tests.fakes.markets import RATES

from commonwatt.contracts.encoding import SETTLEMENT, SUPPLIED
from commonwatt.core.accounts import FIRST_MEMBER, Account, Postings
from commonwatt.core.errors import LedgerDisagrees
from commonwatt.core.orders import SETTLE_NET
from commonwatt.core.records import Legs, Statement
from commonwatt.services.ports import Batch, BatchLines
from commonwatt.services.repeating import VOIDED, Repeat, repeat, to_repeat
from commonwatt.services.watching import Evidence, Wish

A, B = FIRST_MEMBER, FIRST_MEMBER + 1
FEES = RATES.local_fee_micro_per_kwh + RATES.local_tax_micro_per_kwh
PRICE = 140_000
KNOWN = {
    0: Evidence(RATES, 0, Wish(True, 700, PRICE), {0: (0, 700)}),
    1: Evidence(RATES, 0, Wish(False, 700, PRICE + FEES), {0: (700, 0)}),
}


def statement(*postings: Postings, revision: int = 0) -> Statement:
    return Statement(FIRST_SLOT, revision, Legs.empty(), Postings.joined(postings), np.zeros(0, np.int64))


TRADED = statement(trade(A, B, 700, PRICE))
SUPPLIER_ONLY = statement(
    trade(A, Account.SUPPLIER, 700, RATES.feed_in_micro_per_kwh),
    trade(Account.SUPPLIER, B, 700, RATES.retail_micro_per_kwh),
)


def void(attempt: int = 1, kind: int = SETTLEMENT, revision: int = 0, parts: int = 1, part: int = 0) -> Batch:
    nothing = np.zeros(0, np.int64)
    return Batch(
        slot=FIRST_SLOT,
        kind=kind,
        revision=revision,
        part=part,
        parts=parts,
        prior=NO_PRIOR,
        content_hash=digest(attempt, kind, revision, part),
        posted_s=slot_end_s(FIRST_SLOT),
        is_void=True,
        energy_lines=0,
        lines=BatchLines(nothing, nothing, nothing, nothing, nothing),
        packed=b"",
        attempt=attempt,
        voided_s=slot_end_s(FIRST_SLOT + 1),
    )


def repeated(batch: Batch, of: Statement = TRADED, known: dict[int, Evidence] = KNOWN) -> Repeat:
    return repeat(batch, [batch], of, lambda: SUPPLIER_ONLY, known, SETTLE_NET)


def test_what_every_member_bears_out_is_posted_again_as_the_second_attempt() -> None:
    done = repeated(void())
    assert done.void == ""
    assert done.statement is TRADED
    (call,) = done.calls
    assert (call.kind, call.attempt, call.part, call.parts) == (SETTLEMENT, 2, 0, 1)


@pytest.mark.parametrize(
    "doubting",
    [
        {1: replace(KNOWN[1], wish=None)},
        {0: replace(KNOWN[0], wish=Wish(True, 699, PRICE))},
        {0: replace(KNOWN[0], registers={0: (0, 699)})},
    ],
    ids=["no order", "more than ordered", "another meter"],
)
def test_what_one_member_does_not_bear_out_is_settled_with_the_supplier(doubting: dict[int, Evidence]) -> None:
    done = repeated(void(), known={**KNOWN, **doubting})
    assert done.void == VOIDED
    assert done.statement is SUPPLIER_ONLY
    assert [(call.kind, call.attempt) for call in done.calls] == [(SETTLEMENT, 2)]


def test_what_was_void_twice_goes_to_the_supplier_whoever_bears_it_out() -> None:
    done = repeated(void(attempt=2))
    assert done.statement is SUPPLIER_ONLY
    assert [(call.kind, call.attempt, call.prior) for call in done.calls] == [(SUPPLIED, 1, NO_PRIOR)]


def test_a_correction_is_repeated_and_then_posted_as_the_suppliers() -> None:
    corrected = statement(trade(Account.SUPPLIER, B, 10, RATES.retail_micro_per_kwh), revision=1)
    for attempt, expected in ((1, (SETTLEMENT, 1, 2)), (2, (SUPPLIED, 1, 1))):
        done = repeated(void(attempt, revision=1), corrected)
        assert (done.statement, done.void) == (corrected, "")
        assert [(call.kind, call.revision, call.attempt) for call in done.calls] == [expected]


def test_the_supplier_s_own_part_is_not_void_for_ever() -> None:
    done = repeated(void(kind=SUPPLIED))
    assert done.statement is SUPPLIER_ONLY
    assert [(call.kind, call.attempt) for call in done.calls] == [(SUPPLIED, 2)]
    with pytest.raises(LedgerDisagrees, match="void twice"):
        repeated(void(attempt=2, kind=SUPPLIED))


def test_a_void_part_of_several_that_cannot_be_shown_stops_the_run() -> None:
    large = statement(*(trade(A, B, 1, PRICE) for _ in range(1000)))
    with pytest.raises(LedgerDisagrees, match="trades in other parts stand"):
        repeated(void(parts=2, part=1), large)


def test_only_what_nothing_stands_for_is_to_be_repeated() -> None:
    first, second = void(), replace(void(attempt=2), is_void=False, voided_s=0)
    assert list(to_repeat([first])) == [first]
    assert list(to_repeat([first, second])) == []
    twice = void(attempt=2)
    assert list(to_repeat([first, twice])) == [twice]
    supplied = replace(void(kind=SUPPLIED), is_void=False, voided_s=0)
    assert list(to_repeat([first, twice, supplied])) == []
