"""Every ledger takes trades one by one under the same rules: signed orders, their limits, what of them was filled."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from tests.fakes.ledgers import (
    BOND,
    BOND_DEPOSIT_NANO,
    DEPOSIT_NANO,
    FIRST_SLOT,
    NO_PRIOR,
    OPERATOR_KEY,
    WINDOW_S,
    Wish,
    cleared,
    found,
    opened,
    settle,
    signed_orders,
    slot_end_s,
    trade,
    trades_of,
)

from commonwatt.adapters.ledger import LEDGERS, open_ledger
from commonwatt.contracts.encoding import IMBALANCE
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.orders import SETTLE_NET, Instructions
from commonwatt.services.ports import Call, Ledger, TradesCall

ANN, BOB, CLEO = range(FIRST_MEMBER, FIRST_MEMBER + 3)
END_S = slot_end_s(FIRST_SLOT)
SELL: Wish = (ANN, True, 1000, 100_000)
BUY: Wish = (BOB, False, 1000, 250_000)
NAMES = [*LEDGERS, *(["embedded on py-evm"] if find_spec("pyrevm") else [])]


@pytest.fixture(params=NAMES)
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    chain, _, executor = request.param.partition(" on ")
    opened_one = open_ledger(chain, None, "test street", OPERATOR_KEY, executor or "auto")
    found(opened_one)
    begun: list[Call] = [opened(FIRST_SLOT), cleared(FIRST_SLOT), opened(FIRST_SLOT + 1), cleared(FIRST_SLOT + 1)]
    opened_one.post(opened_one.sign(begun), END_S)
    yield opened_one
    opened_one.close()


def reasons(ledger: Ledger, time_s: int, *calls: Call) -> list[str]:
    return [receipt.reason for receipt in ledger.post(ledger.sign(calls), time_s)]


def traded(ledger: Ledger, *lines: tuple[int, int, int, int], slot: int = FIRST_SLOT, **parts: int) -> TradesCall:
    """Lines between Ann's sell order (row 0) and Bob's buy order (row 1)."""
    orders = signed_orders(ledger.order_domain(), [SELL, BUY])
    return trades_of(slot, orders, *(lines or ((0, 1, 600, 200_000),)), **parts)


def test_trades_move_money_between_members_once_and_lock_no_bond(ledger: Ledger) -> None:
    assert reasons(ledger, END_S, traded(ledger), traded(ledger)) == ["", ""]
    balances = ledger.balances(END_S)
    assert balances.pending_nano[ANN] == 600 * 200_000
    assert balances.free_nano[BOB] == DEPOSIT_NANO - 600 * 200_000
    assert balances.free_nano[BOND] == BOND_DEPOSIT_NANO
    assert reasons(ledger, END_S, traded(ledger, (0, 1, 500, 200_000))) == ["market: key taken"]


@pytest.mark.parametrize(
    ("reason", "line", "changes"),
    [
        ("market: limit", (0, 1, 600, 99_999), {}),
        ("market: limit", (0, 1, 600, 250_001), {}),
        ("market: limit", (1, 0, 600, 200_000), {}),
        ("market: overfilled", (0, 1, 1001, 200_000), {}),
        ("market: other path", (0, 1, 600, 200_000), {"path": SETTLE_NET}),
        ("market: order not valid", (0, 1, 600, 200_000), {"slots": (FIRST_SLOT + 1, FIRST_SLOT + 9)}),
        ("market: order not valid", (0, 1, 600, 200_000), {"slots": (0, FIRST_SLOT - 1)}),
        ("market: order not signed", (0, 1, 600, 200_000), {"signers": (BOB, BOB)}),
        ("market: order not signed", (0, 1, 600, 200_000), {"signers": (ANN, CLEO)}),
    ],
)
def test_a_line_beyond_what_was_signed_is_refused(
    ledger: Ledger, reason: str, line: tuple[int, int, int, int], changes: dict[str, object]
) -> None:
    orders = signed_orders(ledger.order_domain(), [SELL, BUY], **changes)  # type: ignore[arg-type]
    assert reasons(ledger, END_S, trades_of(FIRST_SLOT, orders, line)) == [reason]
    assert ledger.balances(END_S).free_nano[BOB] == DEPOSIT_NANO


def test_an_order_of_somebody_else_is_refused(ledger: Ledger) -> None:
    honest = traded(ledger)
    stolen = signed_orders(ledger.order_domain(), [(CLEO, True, 1000, 100_000), BUY])
    swapped = TradesCall(FIRST_SLOT, 0, 1, honest.postings, stolen, honest.sell_order, honest.buy_order)
    beyond = TradesCall(FIRST_SLOT, 0, 1, honest.postings, honest.orders, honest.sell_order + 2, honest.buy_order)
    assert reasons(ledger, END_S, swapped, beyond) == ["market: order of another", "market: fills"]


def test_an_order_is_filled_once_over_all_parts_of_a_slot_and_again_in_the_next(ledger: Ledger) -> None:
    first = traded(ledger, part=0, parts=2)
    over, rest = (traded(ledger, (0, 1, energy_wh, 200_000), part=1, parts=2) for energy_wh in (401, 400))
    assert reasons(ledger, END_S, first, over, rest) == ["", "market: overfilled", ""]
    later = traded(ledger, (0, 1, 1000, 200_000), slot=FIRST_SLOT + 1)
    assert reasons(ledger, slot_end_s(FIRST_SLOT + 1), later) == [""]


def test_at_a_negative_price_the_seller_pays(ledger: Ledger) -> None:
    orders = signed_orders(ledger.order_domain(), [(ANN, True, 1000, -100_000), BUY])
    assert reasons(ledger, END_S, trades_of(FIRST_SLOT, orders, (0, 1, 600, -50_000))) == [""]
    assert ledger.balances(END_S).free_nano[ANN] == DEPOSIT_NANO - 600 * 50_000


def test_the_rest_builds_on_the_trades_at_once_and_corrections_on_the_rest(ledger: Ledger) -> None:
    trades = traded(ledger)
    supplied = trade(Account.SUPPLIER, BOB, 300, 300_000)
    base = ledger.content_hash(trades)
    rest = settle(FIRST_SLOT, supplied, prior=base, kind=IMBALANCE)
    neighbours = settle(FIRST_SLOT, trade(ANN, BOB, 1, 1), prior=base, kind=IMBALANCE)
    nothing = settle(FIRST_SLOT, supplied, prior=NO_PRIOR, kind=IMBALANCE)
    corrected = settle(FIRST_SLOT, supplied, revision=1, prior=ledger.content_hash(rest), kind=IMBALANCE)
    assert reasons(ledger, END_S, rest) == ["market: base open"]
    assert reasons(ledger, END_S, trades, nothing, neighbours, rest, corrected) == [
        "",
        "market: prior",
        "market: members on both sides",
        "",
        "market: base open",
    ]
    assert reasons(ledger, END_S + 2 * WINDOW_S, corrected) == [""]
    assert ledger.balances(END_S).free_nano[BOND] < BOND_DEPOSIT_NANO


def test_trades_come_before_anything_else_of_their_slot(ledger: Ledger) -> None:
    supplied = settle(FIRST_SLOT, trade(Account.SUPPLIER, BOB, 300, 300_000))
    assert reasons(ledger, END_S, supplied, traded(ledger)) == ["", "market: settled otherwise"]


def test_a_slot_without_trades_is_an_empty_batch_that_the_rest_builds_on(ledger: Ledger) -> None:
    empty = trades_of(FIRST_SLOT, Instructions.empty())
    rest = settle(FIRST_SLOT, prior=ledger.content_hash(empty), kind=IMBALANCE)
    assert reasons(ledger, END_S, empty, rest) == ["", ""]


def test_trades_and_the_rest_are_read_back_as_batches_and_entries(ledger: Ledger) -> None:
    trades = traded(ledger)
    rest = settle(
        FIRST_SLOT, trade(Account.SUPPLIER, BOB, 300, 300_000), prior=ledger.content_hash(trades), kind=IMBALANCE
    )
    assert reasons(ledger, END_S, trades, rest) == ["", ""]
    assert [(b.kind, b.prior, b.lines.who.tolist(), b.lines.other.tolist()) for b in ledger.batches()] == [
        (3, NO_PRIOR, [ANN], [BOB]),
        (1, ledger.content_hash(trades), [int(Account.SUPPLIER)], [BOB]),
    ]
    assert [entry.call for entry in ledger.entries()][-2:] == ["trades", "rest"]
    assert [receipt.kind for receipt in ledger.receipts()][-2:] == ["trades", "settle"]


def test_a_ledger_says_beforehand_what_it_would_refuse_and_keeps_nothing_of_it(ledger: Ledger) -> None:
    trades = traded(ledger)
    base = ledger.content_hash(trades)
    rest = settle(FIRST_SLOT, trade(Account.SUPPLIER, BOB, 300, 300_000), prior=base, kind=IMBALANCE)
    over = settle(FIRST_SLOT, trade(Account.SUPPLIER, BOB, 30_000, 2_000_000), prior=base, kind=IMBALANCE)
    before, head = free(ledger), ledger.head()
    assert ledger.objection(ledger.sign([trades, rest]), END_S) == ""
    assert ledger.objection(ledger.sign([rest, trades]), END_S) == "market: base open"
    assert ledger.objection(ledger.sign([trades, over]), END_S) == "market: cap"
    assert ledger.objection(ledger.sign([opened(FIRST_SLOT + 2), cleared(FIRST_SLOT + 2)]), END_S) == ""
    assert (free(ledger), ledger.head()) == (before, head)
    assert reasons(ledger, END_S, trades, rest) == ["", ""]


def free(ledger: Ledger) -> list[int]:
    return list(ledger.balances(END_S).free_nano.tolist())
