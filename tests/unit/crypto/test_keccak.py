"""Keccak-256 against published vectors."""

from __future__ import annotations

import hashlib

import pytest

from commonwatt.crypto.keccak import keccak256

VECTORS = {
    b"": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",  # the empty code hash of every account
    b"abc": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    b"Transfer(address,address,uint256)": "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef",
}


@pytest.mark.parametrize("message", VECTORS)
def test_a_published_digest_comes_out(message: bytes) -> None:
    assert keccak256(message).hex() == VECTORS[message]


def test_it_is_not_the_standardised_sha3() -> None:
    assert keccak256(b"abc") != hashlib.sha3_256(b"abc").digest()
