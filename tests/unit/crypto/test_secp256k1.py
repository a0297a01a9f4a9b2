"""Signatures and addresses against published vectors, and what is refused."""

from __future__ import annotations

import pytest

from commonwatt.crypto.keccak import keccak256
from commonwatt.crypto.secp256k1 import (
    CURVE_ORDER,
    HALF_CURVE_ORDER,
    SignatureError,
    address_of_secret,
    checksum_address,
    recover_address,
    sign,
)

KEY = b"\x46" * 32
DIGEST = keccak256(b"a slot")


def test_the_address_of_a_known_key_comes_out() -> None:
    assert address_of_secret(KEY).hex() == "9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f"


@pytest.mark.parametrize(
    "mixed_case",  # the examples of EIP-55
    [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_the_checksum_follows_eip_55(mixed_case: str) -> None:
    assert checksum_address(bytes.fromhex(mixed_case[2:])) == mixed_case


def test_a_signature_recovers_to_its_signer() -> None:
    assert recover_address(DIGEST, *sign(DIGEST, KEY)) == address_of_secret(KEY)


def test_a_signature_over_another_digest_recovers_to_somebody_else() -> None:
    assert recover_address(keccak256(b"another slot"), *sign(DIGEST, KEY)) != address_of_secret(KEY)


def test_signing_is_deterministic_with_a_low_s() -> None:
    signatures = [sign(keccak256(bytes((i,))), KEY) for i in range(40)]
    assert signatures == [sign(keccak256(bytes((i,))), KEY) for i in range(40)]
    assert all(0 < s <= HALF_CURVE_ORDER for _, _, s in signatures)


def test_the_mirrored_signature_is_refused() -> None:
    recovery_id, r, s = sign(DIGEST, KEY)
    with pytest.raises(SignatureError, match="lower half"):
        recover_address(DIGEST, 1 - recovery_id, r, CURVE_ORDER - s)


@pytest.mark.parametrize(
    ("recovery_id", "r", "s"),
    [(2, 1, 1), (0, 0, 1), (0, CURVE_ORDER, 1), (0, 1, 0), (0, 5, 1)],
    ids=["recovery id", "r zero", "r too large", "s zero", "r of no point"],
)
def test_a_malformed_signature_is_refused(recovery_id: int, r: int, s: int) -> None:
    with pytest.raises(SignatureError):
        recover_address(DIGEST, recovery_id, r, s)


@pytest.mark.parametrize("secret", [b"", bytes(32), CURVE_ORDER.to_bytes(32, "big"), b"\x01" * 31])
def test_a_key_outside_the_curve_is_refused(secret: bytes) -> None:
    with pytest.raises(SignatureError, match="private key"):
        address_of_secret(secret)


def test_a_digest_of_another_length_is_refused() -> None:
    with pytest.raises(SignatureError, match="32 bytes, was 31"):
        sign(bytes(31), KEY)
