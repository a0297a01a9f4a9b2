"""Every ledger keeps every promise of its port."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.fakes.ledgers import (
    BOND,
    BOND_DEPOSIT_NANO,
    DEPOSIT_NANO,
    FIRST_SLOT,
    MEMBERS,
    NO_PRIOR,
    OPERATOR_KEY,
    PRICE_CAP,
    SLOT_S,
    SUPPLIER_DEPOSIT_NANO,
    WINDOW_S,
    cleared,
    digest,
    found,
    opened,
    payment,
    settle,
    settle_slot,
    slot_end_s,
    some_settlement,
    terms,
    trade,
)

from commonwatt.adapters.ledger import LEDGERS, open_export, open_ledger
from commonwatt.core.accounts import FIRST_MEMBER, Account, Postings
from commonwatt.core.errors import LedgerError
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.ports import AnchorCall, Call, DepositCall, Ledger

ANN, BOB, CLEO, DAN = range(FIRST_MEMBER, FIRST_MEMBER + MEMBERS)
NAMES = [*LEDGERS, *(["embedded on py-evm"] if find_spec("pyrevm") else [])]


def opened_ledger(name: str) -> Ledger:
    chain, _, executor = name.partition(" on ")
    return open_ledger(chain, None, "test street", OPERATOR_KEY, executor or "auto")


@pytest.fixture(params=NAMES)
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    opened_one = opened_ledger(request.param)
    found(opened_one)
    yield opened_one
    opened_one.close()


def reasons(ledger: Ledger, time_s: int, *calls: Call) -> list[str]:
    """Post calls as one block and return why each was refused, empty where it was not."""
    return [receipt.reason for receipt in ledger.post(ledger.sign(calls), time_s)]


def free(ledger: Ledger, time_s: int) -> list[int]:
    return list(ledger.balances(time_s).free_nano.tolist())


def pending(ledger: Ledger, time_s: int) -> list[int]:
    return list(ledger.balances(time_s).pending_nano.tolist())


# --- paying in later


def test_what_is_paid_in_later_is_free_at_once_and_repays_debt_first(ledger: Ledger) -> None:
    owing = settle(FIRST_SLOT, payment(ANN, Account.GRID, DEPOSIT_NANO + 500))
    settle_slot(ledger, owing)
    now_s = slot_end_s(FIRST_SLOT)
    assert int(ledger.balances(now_s).debt_nano[ANN]) == 500
    assert set(reasons(ledger, now_s, DepositCall(FIRST_SLOT, ANN, 700))) == {""}
    after = ledger.balances(now_s)
    assert (int(after.free_nano[ANN]), int(after.debt_nano[ANN])) == (200, 0)
    assert int(ledger.deposits()[ANN]) == DEPOSIT_NANO + 700


def test_a_deposit_is_sent_once_and_shows_who_was_paid(ledger: Ledger) -> None:
    signed = ledger.sign([DepositCall(FIRST_SLOT, Account.SUPPLIER, 9)])
    for _ in range(2):
        assert {receipt.status for receipt in ledger.post(signed, slot_end_s(FIRST_SLOT))} == {1}
    entries = list(ledger.entries())
    assert {(entry.call, entry.by_operator) for entry in entries} == {("deposit", True)}
    assert [paid for entry in entries for paid in entry.paid_nano] == [(Account.SUPPLIER, 9)]
    assert int(ledger.deposits()[Account.SUPPLIER]) == SUPPLIER_DEPOSIT_NANO + 9


@pytest.mark.parametrize(("account", "nano"), [(Account.POOL, 1), (FIRST_MEMBER + MEMBERS, 1), (ANN, 0)])
def test_nothing_is_paid_into_the_pool_or_nobody_and_not_nothing(ledger: Ledger, account: int, nano: int) -> None:
    before = ledger.deposits().tolist()
    assert reasons(ledger, slot_end_s(FIRST_SLOT), DepositCall(FIRST_SLOT, account, nano))[-1].startswith("vault: ")
    assert ledger.deposits().tolist() == before


# --- founding


def test_the_foundation_pays_in_every_deposit(ledger: Ledger) -> None:
    expected = [SUPPLIER_DEPOSIT_NANO] + [0] * (BOND - 1) + [BOND_DEPOSIT_NANO] + [DEPOSIT_NANO] * MEMBERS
    assert free(ledger, FIRST_SLOT * SLOT_S) == expected
    assert ledger.deposits().tolist() == expected
    assert pending(ledger, FIRST_SLOT * SLOT_S) == [0] * len(expected)


def test_founding_again_on_the_same_terms_does_nothing(ledger: Ledger) -> None:
    before = ledger.head()
    found(ledger)
    assert ledger.head() == before


def test_founding_on_other_terms_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="was founded on others"):
        ledger.found(terms(deposit_nano=DEPOSIT_NANO + 1), (FIRST_SLOT - 1) * SLOT_S)


def test_a_ledger_that_was_not_founded_says_so() -> None:
    for name in LEDGERS:
        empty = opened_ledger(name)
        with pytest.raises(LedgerError):
            empty.balances(0)
        empty.close()


# --- posting once


def test_a_settlement_moves_debits_at_once_and_credits_after_the_window(ledger: Ledger) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    end_s = slot_end_s(FIRST_SLOT)
    start = ledger.deposits()
    net = {ANN: 105_000_000, BOB: -105_012_345, CLEO: 42_000_000, DAN: -312_000_000}
    net |= {Account.SUPPLIER: 270_000_000, Account.GRID: 12_345}
    for account in set(range(FIRST_MEMBER + MEMBERS)) - {BOND}:
        moved = net.get(account, 0)
        assert free(ledger, end_s)[account] == start[account] + min(moved, 0)
        assert pending(ledger, end_s)[account] == max(moved, 0)
        assert free(ledger, end_s + 2 * WINDOW_S)[account] == start[account] + moved
        assert pending(ledger, end_s + 2 * WINDOW_S)[account] == 0


def test_a_batch_locks_some_of_the_bond_while_it_can_be_voided(ledger: Ledger) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    end_s = slot_end_s(FIRST_SLOT)
    lock_nano = terms().bond_nano + (105_012_345 + 312_000_000) // 10
    assert free(ledger, end_s)[BOND] == BOND_DEPOSIT_NANO - lock_nano
    assert pending(ledger, end_s)[BOND] == lock_nano
    assert free(ledger, end_s + 2 * WINDOW_S)[BOND] == BOND_DEPOSIT_NANO


def test_credits_become_free_when_the_second_window_ends_and_not_before(ledger: Ledger) -> None:
    settle_slot(ledger, settle(FIRST_SLOT, trade(ANN, BOB, 100, 10)))
    opens_s = (slot_end_s(FIRST_SLOT) // WINDOW_S + 2) * WINDOW_S
    assert pending(ledger, opens_s - 1)[ANN] == 1000
    assert free(ledger, opens_s)[ANN] == DEPOSIT_NANO + 1000


def test_money_sums_to_what_was_paid_in_at_every_time(ledger: Ledger) -> None:
    for slot in range(FIRST_SLOT, FIRST_SLOT + 6):
        settle_slot(ledger, some_settlement(slot))
        for later_s in (0, WINDOW_S, 3 * WINDOW_S):
            balances = ledger.balances(slot_end_s(slot) + later_s)
            assert int(balances.free_nano.sum() + balances.pending_nano.sum()) == int(ledger.deposits().sum())


def test_what_was_sent_before_is_recognised(ledger: Ledger) -> None:
    signed = ledger.sign([opened(FIRST_SLOT), cleared(FIRST_SLOT), some_settlement(FIRST_SLOT)])
    first = ledger.post(signed, slot_end_s(FIRST_SLOT))
    before = (ledger.head(), free(ledger, slot_end_s(FIRST_SLOT)))
    assert ledger.post(signed, slot_end_s(FIRST_SLOT) + 999) == first
    assert (ledger.head(), free(ledger, slot_end_s(FIRST_SLOT))) == before


def test_what_was_sent_in_part_is_completed(ledger: Ledger) -> None:
    signed = ledger.sign([opened(FIRST_SLOT), cleared(FIRST_SLOT), some_settlement(FIRST_SLOT)])
    ledger.post(signed[:2], slot_end_s(FIRST_SLOT))
    assert [receipt.status for receipt in ledger.post(signed, slot_end_s(FIRST_SLOT))] == [1, 1, 1]
    assert sum(1 for receipt in ledger.receipts() if receipt.kind == "settle") == 1


def test_the_same_content_in_another_transaction_has_no_effect(ledger: Ledger) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    before = free(ledger, slot_end_s(FIRST_SLOT))
    again = ledger.post(ledger.sign([some_settlement(FIRST_SLOT)]), slot_end_s(FIRST_SLOT))
    assert again[0].status == 1
    assert free(ledger, slot_end_s(FIRST_SLOT)) == before


def test_another_content_under_the_same_key_reverts(ledger: Ledger) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    other = settle(FIRST_SLOT, payment(BOB, ANN, 1))
    assert reasons(ledger, slot_end_s(FIRST_SLOT), other) == ["market: key taken"]


def test_signing_the_same_calls_at_the_same_place_gives_the_same_bytes(ledger: Ledger) -> None:
    calls: list[Call] = [
        opened(FIRST_SLOT),
        cleared(FIRST_SLOT),
        some_settlement(FIRST_SLOT),
        AnchorCall(5, 0, digest("root")),
    ]
    signed = ledger.sign(calls)
    assert signed == ledger.sign(calls)
    assert [call.kind for call in signed] == ["open", "clear", "settle", "anchor"]
    assert [call.content_hash for call in signed] == [ledger.content_hash(call) for call in calls]
    assert len({call.transaction for call in signed}) == 4


def test_time_does_not_go_backwards(ledger: Ledger) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    with pytest.raises(LedgerError, match="time of at least"):
        ledger.post(ledger.sign([opened(FIRST_SLOT + 1)]), slot_end_s(FIRST_SLOT) - 1)


def test_a_transaction_out_of_turn_is_refused(ledger: Ledger) -> None:
    later = ledger.sign([opened(FIRST_SLOT), cleared(FIRST_SLOT)])[1:]
    with pytest.raises(LedgerError, match="expected"):
        ledger.post(later, slot_end_s(FIRST_SLOT))


# --- the market's rules


@pytest.mark.parametrize(
    ("postings", "reason"),
    [
        ([trade(ANN, 99, 5, 5)], "market: unknown account"),
        ([payment(ANN, ANN, 5)], "market: self trade"),
        ([trade(ANN, Account.POOL, 5, 7)], "market: pool"),
        ([trade(ANN, Account.POOL, 5, 7), trade(Account.POOL, BOB, 5, 8)], "market: pool"),
        ([payment(ANN, Account.GRID, CONNECTION_CAP := 10_000 * PRICE_CAP + 1)], "market: cap"),
        ([payment(ANN, BOB, 5)], "market: amount between members"),
        ([payment(Account.POOL, BOB, 5)], "market: amount between members"),
        ([payment(BOND, Account.GRID, 5)], "market: bond account"),
        ([payment(Account.SUPPLIER, Account.GRID, SUPPLIER_DEPOSIT_NANO + 1)], "market: supplier short"),
    ],
)
def test_a_batch_that_breaks_a_rule_reverts_and_changes_nothing(
    ledger: Ledger, postings: list[Postings], reason: str
) -> None:
    end_s = slot_end_s(FIRST_SLOT)
    before = free(ledger, end_s)
    batch = settle(FIRST_SLOT, *postings)
    assert reasons(ledger, end_s, opened(FIRST_SLOT), cleared(FIRST_SLOT), batch) == ["", "", reason]
    assert free(ledger, end_s) == before


def test_a_slot_is_opened_then_cleared_then_settled_when_it_is_over(ledger: Ledger) -> None:
    early_s = slot_end_s(FIRST_SLOT) - 1
    batch = some_settlement(FIRST_SLOT)
    assert reasons(ledger, early_s, batch, cleared(FIRST_SLOT)) == [
        "market: slot not cleared",
        "market: slot not opened",
    ]
    assert reasons(ledger, early_s, opened(FIRST_SLOT), cleared(FIRST_SLOT), batch) == ["", "", "market: slot not over"]
    assert reasons(ledger, early_s + 1, batch) == [""]


def test_roots_are_committed_once(ledger: Ledger) -> None:
    time_s = slot_end_s(FIRST_SLOT)
    anchor = AnchorCall(7, 1, digest("root"))
    assert reasons(ledger, time_s, opened(FIRST_SLOT), cleared(FIRST_SLOT), anchor) == ["", "", ""]
    assert reasons(ledger, time_s, opened(FIRST_SLOT), cleared(FIRST_SLOT), anchor) == ["", "", ""]
    others: list[Call] = [
        replace(opened(FIRST_SLOT), orders=4),
        replace(cleared(FIRST_SLOT), order_root=digest("other")),
    ]
    assert reasons(ledger, time_s, *others, replace(anchor, root=digest("other"))) == [
        "market: slot already opened",
        "market: slot already cleared",
        "market: already anchored",
    ]


def test_what_is_sent_again_after_later_blocks_is_recognised(ledger: Ledger) -> None:
    signed = ledger.sign([opened(FIRST_SLOT), cleared(FIRST_SLOT), some_settlement(FIRST_SLOT)])
    first = ledger.post(signed, slot_end_s(FIRST_SLOT))
    settle_slot(ledger, some_settlement(FIRST_SLOT + 1))
    head = ledger.head()
    assert ledger.post(signed, slot_end_s(FIRST_SLOT)) == first
    assert ledger.head() == head


def test_a_slot_without_postings_can_be_settled(ledger: Ledger) -> None:
    settle_slot(ledger, settle(FIRST_SLOT, Postings.empty()))


def test_a_debt_is_fronted_by_the_supplier(ledger: Ledger) -> None:
    settle_slot(ledger, settle(FIRST_SLOT, payment(ANN, Account.GRID, DEPOSIT_NANO + 77)))
    assert free(ledger, slot_end_s(FIRST_SLOT))[ANN] == -77


def test_parts_post_one_by_one_under_the_number_fixed_by_the_first(ledger: Ledger) -> None:
    end_s = slot_end_s(FIRST_SLOT)
    first, second = (settle(FIRST_SLOT, trade(BOB, ANN, 5 + i, 1), part=i, parts=2) for i in range(2))
    more = settle(FIRST_SLOT, trade(BOB, ANN, 9, 1), part=1, parts=3)
    outside = settle(FIRST_SLOT, trade(BOB, ANN, 9, 1), part=2, parts=2)
    given = reasons(ledger, end_s, opened(FIRST_SLOT), cleared(FIRST_SLOT), first, more, outside, second)
    assert given == ["", "", "", "market: parts", "market: parts", ""]
    assert pending(ledger, end_s)[BOB] == 11


def test_a_part_that_comes_an_epoch_later_fills_no_orders(ledger: Ledger) -> None:
    end_s = slot_end_s(FIRST_SLOT)
    first, second = (settle(FIRST_SLOT, trade(BOB, ANN, 5 + i, 1), part=i, parts=2) for i in range(2))
    alone = settle(FIRST_SLOT, trade(Account.SUPPLIER, ANN, 5, 1), part=1, parts=2)
    assert reasons(ledger, end_s, opened(FIRST_SLOT), cleared(FIRST_SLOT), first) == ["", "", ""]
    assert reasons(ledger, end_s + WINDOW_S, second, alone) == ["market: members on both sides", ""]


def test_no_slot_is_opened_more_than_two_days_before_it_begins(ledger: Ledger) -> None:
    now_s = slot_end_s(FIRST_SLOT)
    last = (now_s + 2 * 86_400) // SLOT_S
    assert reasons(ledger, now_s, opened(last + 1), opened(last)) == ["market: slot too far ahead", ""]


def test_a_revision_names_a_final_base_and_touches_no_other_member(ledger: Ledger) -> None:
    base = some_settlement(FIRST_SLOT)
    settle_slot(ledger, base)
    prior = ledger.content_hash(base)
    final_s = (slot_end_s(FIRST_SLOT) // WINDOW_S + 2) * WINDOW_S
    good = settle(FIRST_SLOT, payment(ANN, Account.SUPPLIER, 5), revision=1, prior=prior)
    unnamed = settle(FIRST_SLOT, payment(ANN, Account.SUPPLIER, 5), revision=1, prior=NO_PRIOR)
    members = settle(FIRST_SLOT, payment(ANN, BOB, 5), revision=1, prior=prior)
    skipping = settle(FIRST_SLOT, payment(ANN, Account.SUPPLIER, 5), revision=2, prior=prior)
    assert reasons(ledger, final_s - 1, good) == ["market: base open"]
    assert reasons(ledger, final_s, unnamed, members, skipping, good) == [
        "market: prior",
        "market: members on both sides",
        "market: base open",
        "",
    ]


def test_negative_prices_turn_the_payment_round(ledger: Ledger) -> None:
    settle_slot(ledger, settle(FIRST_SLOT, trade(ANN, BOB, 100, -20)))
    assert free(ledger, slot_end_s(FIRST_SLOT))[ANN] == DEPOSIT_NANO - 2000
    assert pending(ledger, slot_end_s(FIRST_SLOT))[BOB] == 2000


# --- reading, exporting, verifying


def test_receipts_say_what_was_posted_in_order(ledger: Ledger) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    reasons(ledger, slot_end_s(FIRST_SLOT), settle(FIRST_SLOT, payment(BOB, ANN, 1)))
    posted = [receipt for receipt in ledger.receipts() if receipt.kind != "genesis"]
    assert [(r.kind, r.slot, r.status) for r in posted] == [
        ("open", FIRST_SLOT, 1),
        ("clear", FIRST_SLOT, 1),
        ("settle", FIRST_SLOT, 1),
        ("settle", FIRST_SLOT, 0),
    ]
    assert posted[2].content_hash == "0x" + ledger.content_hash(some_settlement(FIRST_SLOT)).hex()
    assert posted[3].reason == "market: key taken"


def test_batches_are_read_back_line_by_line_once_each(ledger: Ledger) -> None:
    settle_slot(ledger, settle(FIRST_SLOT, trade(ANN, BOB, 100, -20), payment(BOB, Account.GRID, 5)))
    again = settle(FIRST_SLOT, trade(ANN, BOB, 100, -20), payment(BOB, Account.GRID, 5))
    assert reasons(ledger, slot_end_s(FIRST_SLOT), again, settle(FIRST_SLOT, payment(BOB, ANN, 1))) == [
        "",
        "market: key taken",
    ]
    (batch,) = ledger.batches()
    assert (batch.slot, batch.revision, batch.part, batch.parts, batch.is_void) == (FIRST_SLOT, 0, 0, 1, False)
    assert (batch.posted_s, batch.energy_lines) == (slot_end_s(FIRST_SLOT), 1)
    assert batch.content_hash == ledger.content_hash(again)
    assert batch.lines.who.tolist() == [ANN, Account.GRID]
    assert batch.lines.other.tolist() == [BOB, BOB]
    assert batch.lines.energy_wh.tolist() == [100, 0]
    assert batch.lines.price_micro_per_kwh.tolist() == [-20, 0]
    assert batch.lines.amount_nano.tolist() == [-2000, 5]


def history(ledger: Ledger) -> None:
    for slot in range(FIRST_SLOT, FIRST_SLOT + 3):
        settle_slot(ledger, some_settlement(slot))
    reasons(ledger, slot_end_s(FIRST_SLOT + 2), AnchorCall(3, 0, digest("root")), settle(FIRST_SLOT, payment(8, 9, 1)))


def test_an_export_reads_as_the_ledger_did(ledger: Ledger, tmp_path: Path) -> None:
    history(ledger)
    ledger.export(tmp_path / "export")
    time_s = slot_end_s(FIRST_SLOT + 2)
    read = open_export(tmp_path / "export")
    assert read.head() == ledger.head()
    assert list(read.receipts()) == list(ledger.receipts())
    assert np.array_equal(read.balances(time_s).free_nano, ledger.balances(time_s).free_nano)
    assert np.array_equal(read.deposits(), ledger.deposits())
    assert read.content_hash(some_settlement(FIRST_SLOT)) == ledger.content_hash(some_settlement(FIRST_SLOT))
    assert read.verify().findings == () == ledger.verify().findings
    assert read.verify().transactions == len(list(ledger.receipts()))
    read.close()


@pytest.mark.parametrize("name", LEDGERS)
def test_the_same_history_exports_the_same_bytes(tmp_path: Path, name: str) -> None:
    for run in ("one", "two"):
        again = opened_ledger(name)
        found(again)
        history(again)
        again.export(tmp_path / run)
        again.close()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("content", [b"", b"{}", b"not a ledger", b"SQLite format 3\0 but not really" * 40])
def test_something_else_is_no_export(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "export").write_bytes(content)
    with pytest.raises(LedgerError):
        open_export(tmp_path / "export")
    with pytest.raises(LedgerError, match="was none"):
        open_export(tmp_path / "missing")


def test_an_unknown_ledger_is_refused_by_name() -> None:
    with pytest.raises(LedgerError, match="embedded, memory, was 'besu'"):
        open_ledger("besu", None, "test street", OPERATOR_KEY)


def test_the_registry_holds_each_member_as_the_terms_say(ledger: Ledger) -> None:
    told = [(keccak256(m.pseudonym.encode()), m.wallet, m.meter_key, m.role, m.connection_w) for m in terms().members]
    assert [(r.pseudonym_root, r.wallet, r.meter_key, r.role, r.connection_w) for r in ledger.members()] == told
    assert {r.role for r in ledger.members()} == {"prosumer", "consumer"}
    assert len({r.connection_w for r in ledger.members()}) == MEMBERS


def test_an_unknown_role_founds_no_ledger() -> None:
    strange = replace(terms(), members=(replace(terms().members[0], role="king"),))
    with pytest.raises(LedgerError, match="role"):
        opened_ledger("embedded").found(strange, 0)


def test_what_is_in_an_older_block_is_recognised_whatever_came_after_it(ledger: Ledger) -> None:
    old = ledger.sign([opened(FIRST_SLOT), cleared(FIRST_SLOT)])
    first = ledger.post(old, slot_end_s(FIRST_SLOT))
    settle_slot(ledger, some_settlement(FIRST_SLOT + 1))
    head = ledger.head()
    assert ledger.post(old, slot_end_s(FIRST_SLOT)) == first
    assert ledger.head() == head
