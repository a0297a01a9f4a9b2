"""The ledger on an embedded chain: reopened, killed, exported, forged, and what its gas is said to be."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.fakes.ledgers import (
    FIRST_SLOT,
    OPERATOR_KEY,
    SLOT_S,
    WINDOW_S,
    cleared,
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

from commonwatt.adapters.chain.embedded import EmbeddedChain
from commonwatt.adapters.chain.errors import ViewRevertedError
from commonwatt.adapters.chain.executors.base import GAS_LIMIT
from commonwatt.adapters.chain.machine import ChainMachine
from commonwatt.adapters.chain.transactions import sign_transaction
from commonwatt.adapters.ledger import open_export
from commonwatt.adapters.ledger.embedded import EmbeddedLedger
from commonwatt.adapters.ledger.foundation import CONTRACTS, Foundation, chain_id_of, community_hash
from commonwatt.contracts import artifact
from commonwatt.core.accounts import FIRST_MEMBER, Account
from commonwatt.core.errors import LedgerError
from commonwatt.crypto.secp256k1 import address_of_secret, checksum_address

CHAIN_ID = chain_id_of("test street")


def opened_at(path: Path | None) -> EmbeddedLedger:
    return EmbeddedLedger.open(path, CHAIN_ID, OPERATOR_KEY)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[EmbeddedLedger]:
    founded = opened_at(tmp_path / "chain.sqlite")
    found(founded)
    yield founded
    founded.close()


def test_communities_have_chain_ids_of_their_own() -> None:
    assert chain_id_of("test street") != chain_id_of("other street")
    assert 0 < chain_id_of("test street") < 2**32


def test_the_head_names_the_operator_and_the_code_of_every_contract(ledger: EmbeddedLedger) -> None:
    head = ledger.head()
    assert head.operator == checksum_address(address_of_secret(OPERATOR_KEY))
    assert set(head.code_hashes) == set(CONTRACTS)
    assert all(len(digest) == 64 for digest in head.code_hashes.values())


def test_the_contracts_hold_what_the_terms_say(ledger: EmbeddedLedger) -> None:
    addresses = ledger.deployment.addresses

    def view(name: str, signature: str, *words: int) -> bytes:
        data = artifact(name).method_ids[signature] + b"".join(word.to_bytes(32, "big") for word in words)
        return ledger.chain.call(addresses[name], data)

    assert view("market", "community()") == community_hash("test street")
    assert int.from_bytes(view("market", "slot_s()"), "big") == SLOT_S
    assert int.from_bytes(view("vault", "window_s()"), "big") == WINDOW_S
    for i, member in enumerate(terms().members):
        assert view("members", "wallet_of(uint256)", FIRST_MEMBER + i)[12:] == member.wallet
        assert view("members", "meter_key_of(uint256)", FIRST_MEMBER + i)[12:] == member.meter_key
        assert int.from_bytes(view("members", "connection_of(uint256)", FIRST_MEMBER + i), "big") == member.connection_w


def test_the_rewards_have_no_wallet_and_get_none_so_that_half_a_lost_bond_is_lost(ledger: EmbeddedLedger) -> None:
    members, operator = ledger.deployment.addresses["members"], ledger.deployment.operator
    methods = artifact("members").method_ids
    for account in (Account.REWARDS, Account.POOL):
        word = int(account).to_bytes(32, "big")
        assert not any(ledger.chain.call(members, methods["wallet_of(uint256)"] + word))
        with pytest.raises(ViewRevertedError, match="members: unknown account"):
            ledger.chain.call(
                members, methods["recover_wallet(uint256,address)"] + word + operator.rjust(32, b"\0"), operator
            )


def test_balances_are_what_the_vault_says_itself(ledger: EmbeddedLedger) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    vault = ledger.deployment.addresses["vault"]
    balances = ledger.balances(slot_end_s(FIRST_SLOT))
    for account in range(len(balances)):
        data = artifact("vault").method_ids["account_of(uint256)"] + account.to_bytes(32, "big")
        words = ledger.chain.call(vault, data)
        free, current, previous = (int.from_bytes(words[i : i + 32], "big", signed=True) for i in (0, 32, 64))
        assert (free, current + previous) == (balances.free_nano[account], balances.pending_nano[account])


def test_no_contract_can_be_added_after_the_foundation(ledger: EmbeddedLedger) -> None:
    nonce = ledger.chain.next_nonce(address_of_secret(OPERATOR_KEY))
    raw = sign_transaction(OPERATOR_KEY, chain_id=CHAIN_ID, nonce=nonce, to=None, data=b"\xfe", gas_limit=GAS_LIMIT)
    with pytest.raises(LedgerError, match="after the genesis was sealed"):
        ledger.chain.append([raw], FIRST_SLOT * SLOT_S)


def test_a_reopened_ledger_goes_on_where_it_was(ledger: EmbeddedLedger, tmp_path: Path) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    unsent = ledger.sign([opened(FIRST_SLOT + 1), cleared(FIRST_SLOT + 1), some_settlement(FIRST_SLOT + 1)])
    before = (ledger.head(), list(ledger.receipts()))
    ledger.close()
    again = opened_at(tmp_path / "chain.sqlite")
    found(again)
    assert (again.head(), list(again.receipts())) == before
    assert [receipt.status for receipt in again.post(unsent, slot_end_s(FIRST_SLOT + 1))] == [1, 1, 1]
    again.close()


@pytest.mark.parametrize("done", [0, 1, 2])
def test_a_foundation_that_was_cut_short_is_completed(tmp_path: Path, done: int) -> None:
    path, time_s = tmp_path / "chain.sqlite", (FIRST_SLOT - 1) * SLOT_S
    with EmbeddedChain.open(path, CHAIN_ID) as chain:
        for raws in Foundation(terms(), OPERATOR_KEY, CHAIN_ID).blocks()[:done]:
            chain.append(raws, time_s)
    cut, whole = opened_at(path), opened_at(None)
    for ledger in (cut, whole):
        found(ledger)
    assert cut.head() == whole.head()
    cut.close()
    whole.close()


def test_a_chain_with_other_contracts_is_not_read_as_a_ledger(tmp_path: Path) -> None:
    with EmbeddedChain.open(tmp_path / "chain.sqlite", CHAIN_ID) as chain:
        code = bytes.fromhex("6001600c60003960016000f300")
        raws = [
            sign_transaction(OPERATOR_KEY, chain_id=CHAIN_ID, nonce=n, to=None, data=code, gas_limit=GAS_LIMIT)
            for n in range(len(CONTRACTS))
        ]
        assert all(receipt.succeeded for receipt in chain.append(raws, 0).receipts)
        chain.export(tmp_path / "export.sqlite")
    with (
        closing(open_export(tmp_path / "export.sqlite")) as read,
        pytest.raises(LedgerError, match="the package's `token` contract"),
    ):
        read.balances(0)


def test_an_exported_amount_that_was_changed_is_found(ledger: EmbeddedLedger, tmp_path: Path) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    export = tmp_path / "export.sqlite"
    ledger.export(export)
    connection = sqlite3.connect(export)
    sequence, raw = connection.execute("SELECT max(sequence), raw FROM transactions").fetchone()
    changed = raw.replace((12_345).to_bytes(8, "big"), (12_346).to_bytes(8, "big"))
    assert changed != raw
    connection.execute("UPDATE transactions SET raw = ? WHERE sequence = ?", (changed, sequence))
    connection.commit()
    connection.close()
    with closing(open_export(export)) as read:
        for reference in (False, True):
            findings = read.verify(reference).findings
            assert "does not have the hash" in findings[0].found


def test_a_forged_memory_export_is_found(tmp_path: Path) -> None:
    from commonwatt.adapters.ledger import open_ledger

    ledger = open_ledger("memory", None, "test street", OPERATOR_KEY)
    found(ledger)
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    ledger.export(tmp_path / "export")
    exported = json.loads((tmp_path / "export").read_text())
    exported["blocks"][-1][0] += 1
    (tmp_path / "export").write_text(json.dumps(exported))
    assert [finding.where for finding in open_export(tmp_path / "export").verify().findings] == ["chain"]


def test_the_reference_replay_has_the_gas_of_every_transaction(ledger: EmbeddedLedger) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    check = ledger.verify(reference=True)
    assert (check.findings, check.executor) == ((), "py-evm")
    assert set(check.gas_by_transaction) == {receipt.transaction for receipt in ledger.receipts()}


def test_the_gas_of_plain_postings_is_exact_and_of_settlements_a_model_close_to_it(ledger: EmbeddedLedger) -> None:
    for i in range(6):
        lines = [payment(8 + k % 3, Account.GRID, 5) for k in range(3 * i)]
        settle_slot(ledger, settle(FIRST_SLOT + i, trade(8, 9, 7, 11), *lines))
    settle_slot(ledger, some_settlement(FIRST_SLOT + 6))
    exact = ledger.verify(reference=True).gas_by_transaction
    modelled, source = ledger.gas()
    assert source == "model"
    kinds = {receipt.transaction: receipt.kind for receipt in ledger.receipts()}
    assert set(modelled) == {name for name, kind in kinds.items() if kind != "genesis"}
    for name, gas in modelled.items():
        # A settlement's price depends on more than is counted; two parts in a hundred is what the model promises.
        assert gas == pytest.approx(exact[name], rel=0.02 if kinds[name] == "settle" else 0)


def test_without_a_model_for_the_contracts_the_gas_is_not_known(
    ledger: EmbeddedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    monkeypatch.setattr("commonwatt.adapters.ledger.gas_use.gas_model", lambda: None)
    assert ledger.gas() == ({}, "none")


def test_without_pyrevm_the_ledger_is_the_same_and_says_so(
    ledger: EmbeddedLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle_slot(ledger, some_settlement(FIRST_SLOT))
    head = ledger.head()
    ledger.close()
    monkeypatch.setitem(sys.modules, "pyrevm", None)
    slow = opened_at(tmp_path / "chain.sqlite")
    assert slow.note is not None
    assert "py-evm" in slow.note
    assert slow.head() == head
    slow.close()


def test_a_block_that_was_lost_before_it_was_written_is_posted_again(
    ledger: EmbeddedLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = ledger.sign([opened(FIRST_SLOT), cleared(FIRST_SLOT), some_settlement(FIRST_SLOT)])

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ChainMachine, "_run", killed)
        ledger.post(signed, slot_end_s(FIRST_SLOT))
    assert [receipt.status for receipt in ledger.post(signed, slot_end_s(FIRST_SLOT))] == [1, 1, 1]
    assert sum(1 for receipt in ledger.receipts() if receipt.kind == "settle") == 1
