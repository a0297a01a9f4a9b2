"""Signatures as 65 bytes."""

import pytest

from commonwatt.crypto.secp256k1 import CURVE_ORDER, SignatureError, address_of_secret
from commonwatt.crypto.signatures import Signer, signer_address

SECRET = bytes(range(1, 33))
DIGEST = b"\5" * 32


def test_a_signature_names_its_signer() -> None:
    signature = Signer(SECRET).sign(DIGEST)
    assert len(signature) == 65
    assert signature[64] in (27, 28)
    assert signer_address(DIGEST, signature) == Signer(SECRET).address == address_of_secret(SECRET)


def test_a_signature_is_the_same_every_time() -> None:
    assert Signer(SECRET).sign(DIGEST) == Signer(SECRET).sign(DIGEST)


def test_a_signature_over_another_digest_names_somebody_else() -> None:
    assert signer_address(b"\6" * 32, Signer(SECRET).sign(DIGEST)) != Signer(SECRET).address


def test_the_malleable_twin_of_a_signature_is_nobodys() -> None:
    signature = Signer(SECRET).sign(DIGEST)
    high = (CURVE_ORDER - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    assert signer_address(DIGEST, signature[:32] + high + bytes((55 - signature[64],))) is None


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\0" * 65, b"\xff" * 65, b"\1" * 66])
def test_other_bytes_are_nobodys_signature(signature: bytes) -> None:
    assert signer_address(DIGEST, signature) is None


def test_a_digest_of_another_length_is_refused() -> None:
    with pytest.raises(SignatureError, match="32 bytes, was 31"):
        Signer(SECRET).sign(b"\0" * 31)
