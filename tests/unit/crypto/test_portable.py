"""The portable backend agrees with libsecp256k1 and pycryptodome."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.portable import portable_recover_address
from commonwatt.crypto.portable_curve import GENERATOR, INFINITY, Multiples, plain_of, sum_of_two
from commonwatt.crypto.portable_keccak import portable_keccak256, portable_keccak256_of_many
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


@settings(max_examples=10, deadline=None)
@given(st.lists(st.binary(max_size=700), max_size=70))
def test_many_messages_are_hashed_as_each_by_itself(messages: list[bytes]) -> None:
    assert portable_keccak256_of_many(messages) == {message: keccak256(message) for message in messages}


def test_a_key_that_was_met_often_is_named_as_at_first_and_no_other_for_it() -> None:
    secrets = [bytes((number,)) * 32 for number in range(1, 7)]
    for turn in range(4):
        for secret in secrets:
            digest = keccak256(bytes((turn,)) + secret)
            recovery_id, r, s = sign(digest, secret)
            assert portable_recover_address(digest, recovery_id, r, s) == address_of_secret(secret)
            # The same numbers over another digest, or with the other ordinate, are somebody else's signature.
            for other in ((keccak256(digest), recovery_id, r, s), (digest, 1 - recovery_id, r, s)):
                assert portable_recover_address(*other) == recover_address(*other) != address_of_secret(secret)


@given(st.integers(0, 2**256 - 1), st.integers(1, CURVE_ORDER - 1))
@settings(max_examples=15, deadline=None)
def test_a_table_gives_the_multiples_that_doubling_and_adding_give(factor: int, secret: int) -> None:
    point = plain_of([sum_of_two(secret, GENERATOR, 0, GENERATOR)])[0]
    table = Multiples(point)
    expected = sum_of_two(factor, point, 0, GENERATOR)
    found = table.added_to(INFINITY, factor)
    assert (plain_of([found]) == plain_of([expected])) if expected[2] else not found[2]
