"""Keccak-256 in plain Python, for who checks a bill with nothing but an interpreter: many messages side by side in long integers."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

_LANE_BITS: Final = 64
_LANE_BYTES: Final = 8
_RATE_BYTES: Final = 136
_DIGEST_LANES: Final = 4
_ROUNDS: Final = 24
_SIDE_BY_SIDE: Final = 32
"""Messages hashed at once: twice as many take twice as long, a single one takes half as long as all of these."""


def portable_keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 digest of `data` (original padding, as in the Ethereum Yellow Paper)."""
    return next(_digests([data]))


def portable_keccak256_of_many(messages: Iterable[bytes]) -> dict[bytes, bytes]:
    """The digest of each message: some twenty times as fast as one after the other."""
    # Of like length together, for all go through as many permutations as the longest.
    queue = sorted(set(messages), key=len)
    digests: dict[bytes, bytes] = {}
    for start in range(0, len(queue), _SIDE_BY_SIDE):
        chunk = queue[start : start + _SIDE_BY_SIDE]
        digests |= zip(chunk, _digests(chunk), strict=True)
    return digests


def _digests(messages: Sequence[bytes]) -> Iterator[bytes]:
    """Lane by lane, message k holds bits 64 k and up of a long integer."""
    padded = [_padded(message) for message in messages]
    longest = max(map(len, padded))
    lanes, found = [0] * 25, [b""] * len(messages)
    for start in range(0, longest, _RATE_BYTES):
        for lane in range(_RATE_BYTES // _LANE_BYTES):
            at = start + lane * _LANE_BYTES
            # Nothing is absorbed of a message that has ended: what its lanes become is not looked at.
            words = (text[at : at + _LANE_BYTES] or bytes(_LANE_BYTES) for text in padded)
            lanes[lane] ^= int.from_bytes(b"".join(words), "little")
        lanes = _permuted(lanes, len(messages))
        ended = [k for k, text in enumerate(padded) if len(text) == start + _RATE_BYTES]
        if ended:
            columns = [lane.to_bytes(_LANE_BYTES * len(messages), "little") for lane in lanes[:_DIGEST_LANES]]
        for k in ended:
            found[k] = b"".join(column[k * _LANE_BYTES : (k + 1) * _LANE_BYTES] for column in columns)
    return iter(found)


def _padded(message: bytes) -> bytes:
    padding = bytearray(_RATE_BYTES - len(message) % _RATE_BYTES)
    padding[0] |= 0x01
    padding[-1] |= 0x80
    return message + bytes(padding)


def _round_constants() -> tuple[int, ...]:
    """Seven bits a round from a linear feedback shift register (FIPS 202, algorithm 5)."""
    constants, register = [], 1
    for _ in range(_ROUNDS):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << (2**j - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


_CONSTANTS: Final = _round_constants()


@cache
def _masks(count: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """For `count` lanes in one integer: a one in each, and by number of bits the upper and the lower part of each that a rotation leaves."""
    ones = sum(1 << (_LANE_BITS * k) for k in range(count))
    low = tuple(ones * ((1 << bits) - 1) for bits in range(_LANE_BITS))
    return ones, tuple(ones * ((1 << _LANE_BITS) - 1) ^ part for part in low), low


def _permuted(lanes: Sequence[int], count: int) -> list[int]:
    """Keccak-f[1600] of `count` states side by side; its steps theta, rho with pi, chi and iota written out, which loops make slower."""
    a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12 = lanes[:13]
    a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24 = lanes[13:]
    ones, up, low = _masks(count)
    for constant in _CONSTANTS:
        c0, c1 = a0 ^ a5 ^ a10 ^ a15 ^ a20, a1 ^ a6 ^ a11 ^ a16 ^ a21
        c2, c3 = a2 ^ a7 ^ a12 ^ a17 ^ a22, a3 ^ a8 ^ a13 ^ a18 ^ a23
        c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24
        d0, d1 = c4 ^ (c1 << 1 & up[1] | c1 >> 63 & low[1]), c0 ^ (c2 << 1 & up[1] | c2 >> 63 & low[1])
        d2, d3 = c1 ^ (c3 << 1 & up[1] | c3 >> 63 & low[1]), c2 ^ (c4 << 1 & up[1] | c4 >> 63 & low[1])
        d4 = c3 ^ (c0 << 1 & up[1] | c0 >> 63 & low[1])
        b0, b1 = a0 ^ d0, (t := a6 ^ d1) << 44 & up[44] | t >> 20 & low[44]
        b2, b3 = (t := a12 ^ d2) << 43 & up[43] | t >> 21 & low[43], (t := a18 ^ d3) << 21 & up[21] | t >> 43 & low[21]
        b4, b5 = (t := a24 ^ d4) << 14 & up[14] | t >> 50 & low[14], (t := a3 ^ d3) << 28 & up[28] | t >> 36 & low[28]
        b6, b7 = (t := a9 ^ d4) << 20 & up[20] | t >> 44 & low[20], (t := a10 ^ d0) << 3 & up[3] | t >> 61 & low[3]
        b8, b9 = (t := a16 ^ d1) << 45 & up[45] | t >> 19 & low[45], (t := a22 ^ d2) << 61 & up[61] | t >> 3 & low[61]
        b10, b11 = (t := a1 ^ d1) << 1 & up[1] | t >> 63 & low[1], (t := a7 ^ d2) << 6 & up[6] | t >> 58 & low[6]
        b12, b13 = (t := a13 ^ d3) << 25 & up[25] | t >> 39 & low[25], (t := a19 ^ d4) << 8 & up[8] | t >> 56 & low[8]
        b14, b15 = (t := a20 ^ d0) << 18 & up[18] | t >> 46 & low[18], (t := a4 ^ d4) << 27 & up[27] | t >> 37 & low[27]
        b16, b17 = (t := a5 ^ d0) << 36 & up[36] | t >> 28 & low[36], (t := a11 ^ d1) << 10 & up[10] | t >> 54 & low[10]
        b18, b19 = (t := a17 ^ d2) << 15 & up[15] | t >> 49 & low[15], (t := a23 ^ d3) << 56 & up[56] | t >> 8 & low[56]
        b20, b21 = (t := a2 ^ d2) << 62 & up[62] | t >> 2 & low[62], (t := a8 ^ d3) << 55 & up[55] | t >> 9 & low[55]
        b22, b23 = (
            (t := a14 ^ d4) << 39 & up[39] | t >> 25 & low[39],
            (t := a15 ^ d0) << 41 & up[41] | t >> 23 & low[41],
        )
        b24 = (t := a21 ^ d1) << 2 & up[2] | t >> 62 & low[2]
        a0, a1, a2 = b0 ^ (b1 | b2) ^ b1, b1 ^ (b2 | b3) ^ b2, b2 ^ (b3 | b4) ^ b3
        a3, a4, a5 = b3 ^ (b4 | b0) ^ b4, b4 ^ (b0 | b1) ^ b0, b5 ^ (b6 | b7) ^ b6
        a6, a7, a8 = b6 ^ (b7 | b8) ^ b7, b7 ^ (b8 | b9) ^ b8, b8 ^ (b9 | b5) ^ b9
        a9, a10, a11 = b9 ^ (b5 | b6) ^ b5, b10 ^ (b11 | b12) ^ b11, b11 ^ (b12 | b13) ^ b12
        a12, a13, a14 = b12 ^ (b13 | b14) ^ b13, b13 ^ (b14 | b10) ^ b14, b14 ^ (b10 | b11) ^ b10
        a15, a16, a17 = b15 ^ (b16 | b17) ^ b16, b16 ^ (b17 | b18) ^ b17, b17 ^ (b18 | b19) ^ b18
        a18, a19, a20 = b18 ^ (b19 | b15) ^ b19, b19 ^ (b15 | b16) ^ b15, b20 ^ (b21 | b22) ^ b21
        a21, a22, a23 = b21 ^ (b22 | b23) ^ b22, b22 ^ (b23 | b24) ^ b23, b23 ^ (b24 | b20) ^ b24
        a24 = b24 ^ (b20 | b21) ^ b20
        a0 ^= constant * ones
    first = [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12]
    return [*first, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24]
