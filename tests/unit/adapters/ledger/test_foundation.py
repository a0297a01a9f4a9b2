"""The genesis: what is written out by hand is what a general encoder of the contracts' arguments gives."""

import pytest
from eth_abi import encode

from commonwatt.adapters.ledger.foundation import admissions_encoded, deposits_encoded


@pytest.mark.parametrize("members", [0, 1, 3])
def test_members_are_admitted_in_the_words_of_the_contract(members: int) -> None:
    admitted = [
        (bytes([i + 1]) * 20, 1 + i % 2, bytes([i + 7]) * 20, bytes([i]) * 32, 9000 + i) for i in range(members)
    ]
    expected = encode(["(address,uint8,address,bytes32,uint256)[]"], [admitted])
    assert admissions_encoded(admitted) == expected


@pytest.mark.parametrize("paid", [[], [(0, 1)], [(8, 10**15), (9, 2), (700, 3)]])
def test_deposits_are_taken_in_the_words_of_the_contract(paid: list[tuple[int, int]]) -> None:
    accounts, amounts = [account for account, _ in paid], [nano for _, nano in paid]
    assert deposits_encoded(paid) == encode(["uint256[]", "uint256[]"], [accounts, amounts])
