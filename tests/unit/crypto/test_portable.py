"""The portable backend agrees with libsecp256k1 and pycryptodome."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.portable import portable_keccak256, portable_recover_address
from commonwatt.crypto.secp256k1 import (
    CURVE_ORDER,
    HALF_CURVE_ORDER,
    SignatureError,
    address_of_secret,
    recover_address,
    sign,
)


@pytest.mark.parametrize("length", [0, 1, 135, 136, 137, 271, 272, 500])
def test_both_hash_alike_around_the_ends_of_a_block(length: int) -> None:
    data = bytes(i % 251 for i in range(length))
    assert portable_keccak256(data) == keccak256(data)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, CURVE_ORDER - 1), st.binary(min_size=32, max_size=32))
def test_both_name_the_signer(secret: int, digest: bytes) -> None:
    key = secret.to_bytes(32, "big")
    assert portable_recover_address(digest, *sign(digest, key)) == address_of_secret(key)


@settings(max_examples=25, deadline=None)
@given(
    st.binary(min_size=32, max_size=32),
    st.integers(-1, 3),
    st.one_of(st.integers(0, 40), st.integers(0, CURVE_ORDER + 1)),
    st.one_of(st.integers(0, 3), st.integers(HALF_CURVE_ORDER - 1, HALF_CURVE_ORDER + 2), st.integers(0, CURVE_ORDER)),
)
def test_both_refuse_the_same_signatures(digest: bytes, recovery_id: int, r: int, s: int) -> None:
    try:
        expected = recover_address(digest, recovery_id, r, s)
    except SignatureError:
        with pytest.raises(ValueError):
            portable_recover_address(digest, recovery_id, r, s)
    else:
        assert portable_recover_address(digest, recovery_id, r, s) == expected


def test_a_signature_that_recovers_to_the_point_at_infinity_is_refused() -> None:
    # r is the abscissa of the generator, s = 1 and the digest chosen such that s * R - e * G = 0.
    r = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798
    with pytest.raises(ValueError, match="infinity"):
        portable_recover_address((1).to_bytes(32, "big"), 0, r, 1)
