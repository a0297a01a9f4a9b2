"""Signed transactions: EIP-155's own example, round trips, and every refusal."""

from __future__ import annotations

import pytest
import rlp
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwatt.adapters.chain.errors import TransactionRefusedError
from commonwatt.adapters.chain.transactions import (
    MAX_TRANSACTION_BYTES,
    called,
    created_address,
    decode_transaction,
    sign_transaction,
)
from commonwatt.crypto.secp256k1 import CURVE_ORDER, address_of_secret

KEY = b"\x46" * 32
EIP_155_EXAMPLE = bytes.fromhex(
    "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe5"
    "37567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
)


def transfer(chain_id: int = 1) -> bytes:
    return sign_transaction(
        KEY,
        chain_id=chain_id,
        nonce=9,
        to=b"\x35" * 20,
        data=b"",
        gas_limit=21_000,
        gas_price_wei=20 * 10**9,
        value_wei=10**18,
    )


def test_the_example_of_eip_155_is_signed_byte_for_byte() -> None:
    assert transfer() == EIP_155_EXAMPLE


def test_the_example_of_eip_155_is_decoded() -> None:
    found = decode_transaction(EIP_155_EXAMPLE, 1)
    assert found.sender == address_of_secret(KEY)
    assert (found.nonce, found.gas_price_wei, found.gas_limit) == (9, 20 * 10**9, 21_000)
    assert (found.to, found.value_wei, found.data) == (b"\x35" * 20, 10**18, b"")
    # Known from the chain explorers' way of naming it: Keccak-256 of the raw bytes.
    assert found.hash.hex() == "33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788"


def test_the_first_contract_of_a_known_account_has_its_known_address() -> None:
    sender = bytes.fromhex("6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0")
    assert created_address(sender, 0).hex() == "cd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    assert created_address(sender, 1).hex() == "343c43a37d37dff08ae8c4a11544c718abb4fcf8"


@settings(max_examples=60, deadline=None)
@given(
    nonce=st.integers(0, 2**64 - 1),
    to=st.none() | st.binary(min_size=20, max_size=20),
    data=st.binary(max_size=300),
    chain_id=st.integers(1, 2**60),
)
def test_what_was_signed_is_what_is_decoded(nonce: int, to: bytes | None, data: bytes, chain_id: int) -> None:
    raw = sign_transaction(KEY, chain_id=chain_id, nonce=nonce, to=to, data=data, gas_limit=5)
    found = decode_transaction(raw, chain_id)
    assert (found.nonce, found.to, found.data, found.sender) == (nonce, to, data, address_of_secret(KEY))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(EIP_155_EXAMPLE) - 1), st.integers(1, 255))
def test_a_changed_byte_never_keeps_the_sender(place: int, flip: int) -> None:
    changed = bytearray(EIP_155_EXAMPLE)
    changed[place] ^= flip
    try:
        found = decode_transaction(bytes(changed), 1)
    except TransactionRefusedError:
        return
    assert found.sender != address_of_secret(KEY)


def test_another_chain_id_is_refused() -> None:
    with pytest.raises(TransactionRefusedError, match="expected chain id 4711, was 1"):
        decode_transaction(EIP_155_EXAMPLE, 4711)


def test_a_signature_bound_to_no_chain_is_refused() -> None:
    fields = rlp.decode(EIP_155_EXAMPLE)
    with pytest.raises(TransactionRefusedError, match=r"EIP-155.*v = 27"):
        decode_transaction(rlp.encode([*fields[:6], b"\x1b", *fields[7:]]), 1)


def test_a_typed_transaction_is_refused_by_name() -> None:
    with pytest.raises(TransactionRefusedError, match="EIP-2718 type 2"):
        decode_transaction(b"\x02" + EIP_155_EXAMPLE, 1)


def test_the_mirrored_signature_is_refused() -> None:
    fields = rlp.decode(EIP_155_EXAMPLE)
    mirrored = (CURVE_ORDER - int.from_bytes(fields[8], "big")).to_bytes(32, "big")
    with pytest.raises(TransactionRefusedError, match="lower half"):
        decode_transaction(rlp.encode([*fields[:6], b"\x26", fields[7], mirrored]), 1)


def test_an_oversize_transaction_is_refused() -> None:
    raw = sign_transaction(
        KEY, chain_id=1, nonce=0, to=b"\x35" * 20, data=bytes(MAX_TRANSACTION_BYTES), gas_limit=21_000
    )
    with pytest.raises(TransactionRefusedError, match=f"at most {MAX_TRANSACTION_BYTES} bytes, was"):
        decode_transaction(raw, 1)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "canonical"),
        (EIP_155_EXAMPLE[:-1], "canonical"),
        (EIP_155_EXAMPLE + b"\0", "canonical"),
        (rlp.encode(b"a string"), "flat RLP list"),
        (rlp.encode([[]] * 9), "flat RLP list"),
        (rlp.encode([b""] * 8), "9 fields, was 8"),
        (rlp.encode([b"\0\1", *rlp.decode(EIP_155_EXAMPLE)[1:]]), "without leading zeros"),
        (rlp.encode([b"\1" * 9, *rlp.decode(EIP_155_EXAMPLE)[1:]]), "field 0"),
        (rlp.encode([*rlp.decode(EIP_155_EXAMPLE)[:3], b"short", *rlp.decode(EIP_155_EXAMPLE)[4:]]), "20 bytes, was 5"),
    ],
)
def test_bytes_that_are_no_transaction_are_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(TransactionRefusedError, match=reason):
        decode_transaction(raw, 1)


@pytest.mark.parametrize("garbage", [b"\xc0", b"\xff" * 40, b"\xf8", b"\xb8\x01\x01", bytes(range(256))])
def test_garbage_is_refused_and_nothing_else_is_raised(garbage: bytes) -> None:
    with pytest.raises(TransactionRefusedError):
        decode_transaction(garbage, 1)


def test_what_a_transaction_calls_is_read_without_its_signature() -> None:
    raw = sign_transaction(KEY, chain_id=1, nonce=0, to=b"\x35" * 20, data=b"data", gas_limit=21_000)
    assert called(raw) == (b"\x35" * 20, b"data")
    creation = sign_transaction(KEY, chain_id=1, nonce=0, to=None, data=b"code", gas_limit=21_000)
    assert called(creation) == (b"", b"code")
