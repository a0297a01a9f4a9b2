"""Keccak-256, the hash of Ethereum (not SHA3-256, which pads differently)."""

from Crypto.Hash import keccak as _keccak

HASH_BYTES = 32


def keccak256(data: bytes) -> bytes:
    """Return the 32-byte Keccak-256 digest of `data` (original Keccak padding, as in the Ethereum Yellow Paper)."""
    digest: bytes = _keccak.new(digest_bits=256, data=data).digest()
    return digest
