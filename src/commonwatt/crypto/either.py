"""Keccak-256 and recovery by whichever backend is there: the fast one, or plain Python where nothing is installed."""

from collections.abc import Callable, Iterable
from functools import cache

from commonwatt.crypto.portable import portable_recover_address
from commonwatt.crypto.portable_keccak import portable_keccak256, portable_keccak256_of_many
from commonwatt.crypto.secp256k1 import SignatureError


@cache
def fast_keccak256() -> Callable[[bytes], bytes] | None:
    """Keccak-256 of pycryptodome, None where it is not installed."""
    try:
        from Crypto.Hash import keccak
    except ImportError:
        return None
    return lambda data: bytes(keccak.new(digest_bits=256, data=data).digest())


@cache
def fast_public_key() -> Callable[[bytes, bytes], bytes] | None:
    """The 64-byte public key behind a compact signature over a digest, by coincurve; None where it is not installed."""
    try:
        from coincurve import PublicKey
    except ImportError:
        return None
    recovered = PublicKey.from_signature_and_message
    return lambda compact, digest: recovered(compact, digest, hasher=None).format(compressed=False)[1:]


def either_keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 digest of `data`."""
    fast = fast_keccak256()
    return fast(data) if fast else _ahead().pop(data, b"") or portable_keccak256(data)


def keccak256_ahead(messages: Iterable[bytes]) -> None:
    """Announce messages that `either_keccak256` will be asked for, each once: plain Python hashes many at a time for the price of a few."""
    if fast_keccak256() is None:
        _ahead().update(portable_keccak256_of_many(messages))


@cache
def _ahead() -> dict[bytes, bytes]:
    """Digests computed ahead: they change when an answer is computed, never the answer."""
    return {}


def either_recover_address(digest: bytes, recovery_id: int, r: int, s: int) -> bytes:
    """The 20-byte address whose key signed `digest`; SignatureError where there is none or s is high (EIP-2)."""
    fast = fast_public_key()
    try:
        if fast is None or not portable_bounds(recovery_id, r, s):
            return portable_recover_address(digest, recovery_id, r, s)
        compact = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((recovery_id,))
        return either_keccak256(fast(compact, digest))[-20:]
    except ValueError as error:
        raise SignatureError(str(error)) from error


def portable_bounds(recovery_id: int, r: int, s: int) -> bool:
    """Whether the numbers of a signature fit the bytes that the fast backend takes; the portable one says what is wrong with others."""
    return recovery_id in (0, 1) and 0 < r < 1 << 256 and 0 < s < 1 << 255
