"""secp256k1 signatures over 32-byte digests: sign, recover, and the Ethereum address of a key."""

from functools import lru_cache
from typing import Final

from coincurve import PrivateKey, PublicKey

from commonwatt.crypto.keccak import HASH_BYTES, keccak256

ADDRESS_BYTES: Final = 20
SECRET_BYTES: Final = 32
SIGNATURE_BYTES: Final = 65
CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_CURVE_ORDER: Final = CURVE_ORDER // 2


class SignatureError(ValueError):
    """A signature that is malformed, malleable (high s) or belongs to no public key."""


def sign(digest: bytes, secret: bytes) -> tuple[int, int, int]:
    """Return (recovery id 0 or 1, r, s) of a deterministic (RFC 6979) signature with s in the lower half of the order.

    Args: `digest` is the 32-byte hash to sign, `secret` a 32-byte private key in 1..order-1.
    """
    if len(digest) != HASH_BYTES:
        raise SignatureError(f"expected a digest of {HASH_BYTES} bytes, was {len(digest)}")
    compact = _private_key(secret).sign_recoverable(digest, hasher=None)
    return compact[64], int.from_bytes(compact[:32], "big"), int.from_bytes(compact[32:64], "big")


def recover_address(digest: bytes, recovery_id: int, r: int, s: int) -> bytes:
    """Return the 20-byte address whose key signed `digest`; SignatureError where there is none or s is high (EIP-2)."""
    if recovery_id not in (0, 1):
        raise SignatureError(f"expected recovery id 0 or 1, was {recovery_id}")
    if not 0 < r < CURVE_ORDER:
        raise SignatureError(f"expected r between 1 and the curve order, was {r:#x}")
    if not 0 < s <= HALF_CURVE_ORDER:
        raise SignatureError(f"expected s in the lower half of the curve order (EIP-2), was {s:#x}")
    compact = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((recovery_id,))
    try:
        key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except ValueError as error:  # coincurve's answer to an r that is no point's abscissa
        raise SignatureError(f"no public key matches the signature: {error}") from error
    return _address_of_point(key)


def address_of_secret(secret: bytes) -> bytes:
    """Return the 20-byte Ethereum address of a 32-byte private key."""
    return _address_of_point(_private_key(secret).public_key)


def checksum_address(address: bytes) -> str:
    """Return the EIP-55 mixed-case form of a 20-byte address, for people and for tools that check it."""
    plain = address.hex()
    digest = keccak256(plain.encode()).hex()
    return "0x" + "".join(
        letter.upper() if nibble >= "8" else letter for letter, nibble in zip(plain, digest, strict=False)
    )


# Setting a key up costs more than signing with it, and a process signs with few.
@lru_cache(maxsize=8)
def _private_key(secret: bytes) -> PrivateKey:
    if len(secret) != SECRET_BYTES:
        raise SignatureError(f"expected a private key of {SECRET_BYTES} bytes, was {len(secret)}")
    if not 0 < int.from_bytes(secret, "big") < CURVE_ORDER:
        raise SignatureError("expected a private key between 1 and the curve order")
    return PrivateKey(secret)


def _address_of_point(key: PublicKey) -> bytes:
    return _address(key.format(compressed=False))


# Recovery meets the same few keys for ever; hashing a point again costs a quarter of recovering it.
@lru_cache(maxsize=4096)
def _address(point: bytes) -> bytes:
    return keccak256(point[1:])[-ADDRESS_BYTES:]
