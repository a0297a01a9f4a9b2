"""Calldata read back in plain Python says what NumPy and the ABI say."""

import numpy as np
import pytest

from commonwatt.adapters.ledger.calldata import read_admissions, read_lines, selector
from commonwatt.adapters.ledger.calls import settle_data
from commonwatt.adapters.ledger.foundation import Genesis
from commonwatt.contracts import artifact, names
from commonwatt.core.accounts import Account, Kind, Postings, amount_postings, balances_nano, energy_postings
from commonwatt.crypto.keccak import keccak256
from commonwatt.services.ports import LedgerMember, LedgerTerms, SettleCall


def test_selectors_are_those_that_the_compiler_wrote() -> None:
    for name in names():
        assert all(selector(signature) == known for signature, known in artifact(name).method_ids.items())


def test_the_lines_of_a_batch_move_what_its_postings_move() -> None:
    priced = energy_postings(
        np.array([8, 9, Account.POOL]), np.array([9, 0, 10]), np.array([5, 7, 9]), np.array([100, -30, 0]), Kind.TRADE
    )
    plain = amount_postings(np.array([8]), np.array([3]), np.array([12345]), Kind.REWARD)
    postings = Postings.joined([priced, plain])
    nets = [0] * 11
    for line in read_lines(settle_data(SettleCall(7, 0, 0, 1, bytes(32), postings), [(27, 1, 2)])):
        nets[line.who] += line.amount_nano
        nets[line.other] -= line.amount_nano
    assert nets == balances_nano(postings, 11).tolist()


def test_lines_that_are_no_whole_number_of_lines_are_refused() -> None:
    data = settle_data(SettleCall(7, 0, 0, 1, bytes(32), Postings.empty()), [(27, 1, 2)])
    at = 4 + 32 * 9
    longer = data[:at] + (21).to_bytes(32, "big") + data[at + 32 :]
    with pytest.raises(ValueError, match="expected lines of 12 bytes"):
        list(read_lines(longer))


def test_members_are_read_from_the_foundation_in_their_order() -> None:
    members = tuple(
        LedgerMember(f"{i:016x}", bytes([i]) * 20, bytes([100 + i]) * 20, 1000 + i, 0) for i in range(1, 60)
    )
    _, calls = Genesis(LedgerTerms("Street", 3600, 4, 300_000, 0, members), bytes(20)).blocks()
    read = [admitted for _, data in calls for admitted in read_admissions(data)]
    assert [(m.wallet, m.meter_key, m.connection_w) for m in read] == [
        (m.wallet, m.meter_key, m.connection_w) for m in members
    ]
    assert [m.pseudonym_root for m in read] == [keccak256(m.pseudonym.encode()) for m in members]
