"""Recoverable signatures as 65 bytes (r, s, v): a `Signer` that holds one key, and whose signature it is."""

from typing import Final

from coincurve import PrivateKey

from commonwatt.crypto.keccak import HASH_BYTES
from commonwatt.crypto.secp256k1 import SIGNATURE_BYTES, SignatureError, address_of_secret, recover_address

V_OFFSET: Final = 27
"""v = recovery id + 27, as `ecrecover` of the EVM expects it."""


class Signer:
    """One secp256k1 key, held ready: signing many digests costs no key set-up. Not constant-time beyond what libsecp256k1 is."""

    def __init__(self, secret: bytes) -> None:
        self.address = address_of_secret(secret)
        """20-byte address of the key; computing it has checked that `secret` is a key."""
        self._key = PrivateKey(secret)

    def sign(self, digest: bytes) -> bytes:
        """Sign a 32-byte digest: r (32), s (32, lower half of the order), v (1); deterministic (RFC 6979).

        Raises:
            SignatureError: a digest of another length.

        """
        if len(digest) != HASH_BYTES:
            raise SignatureError(f"expected a digest of {HASH_BYTES} bytes, was {len(digest)}")
        compact: bytes = self._key.sign_recoverable(digest, hasher=None)
        return compact[:64] + bytes((compact[64] + V_OFFSET,))


def signer_address(digest: bytes, signature: bytes) -> bytes | None:
    """The 20-byte address that made a 65-byte signature over `digest`; None where the bytes are nobody's signature."""
    if len(signature) != SIGNATURE_BYTES:
        return None
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    try:
        return recover_address(digest, signature[64] - V_OFFSET, r, s)
    except SignatureError:
        return None
