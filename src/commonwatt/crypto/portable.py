"""Keccak-256 and secp256k1 recovery in plain Python: the second backend, for who checks a bill with nothing but an interpreter.

A few milliseconds each, where libsecp256k1 and pycryptodome take microseconds; not constant-time, so never for secrets.
The tests hold both backends together.
"""

from typing import Final

_MASK: Final = 2**64 - 1
_RATE_BYTES: Final = 136
_ROUNDS: Final = 24
_FIELD: Final = 2**256 - 2**32 - 977
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_GENERATOR: Final = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

Point = tuple[int, int, int]
"""A curve point in Jacobian coordinates; z = 0 is the point at infinity."""


def portable_keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 digest of `data` (original padding, as in the Ethereum Yellow Paper)."""
    padding = bytearray(_RATE_BYTES - len(data) % _RATE_BYTES)
    padding[0] |= 0x01
    padding[-1] |= 0x80
    padded = data + bytes(padding)
    lanes = [0] * 25
    for start in range(0, len(padded), _RATE_BYTES):
        for lane in range(_RATE_BYTES // 8):
            at = start + 8 * lane
            lanes[lane] ^= int.from_bytes(padded[at : at + 8], "little")
        lanes = _permuted(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


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


def _steps() -> tuple[tuple[int, int, int], ...]:
    """Of rho and pi together: lane read, lane written, bits rotated (FIPS 202, algorithms 2 and 3)."""
    steps, x, y = [(0, 0, 0)], 1, 0
    for t in range(24):
        steps.append((x + 5 * y, y + 5 * ((2 * x + 3 * y) % 5), (t + 1) * (t + 2) // 2 % 64))
        x, y = y, (2 * x + 3 * y) % 5
    return tuple(steps)


_CONSTANTS: Final = _round_constants()
_STEPS: Final = _steps()


def _permuted(lanes: list[int]) -> list[int]:
    for constant in _CONSTANTS:
        sums = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        mixed = [sums[x - 1] ^ ((sums[x - 4] << 1 | sums[x - 4] >> 63) & _MASK) for x in range(5)]
        moved = [0] * 25
        for read, written, bits in _STEPS:
            lane = lanes[read] ^ mixed[read % 5]
            moved[written] = (lane << bits | lane >> (64 - bits)) & _MASK
        lanes = [
            moved[at] ^ (~moved[at // 5 * 5 + (at + 1) % 5] & moved[at // 5 * 5 + (at + 2) % 5]) for at in range(25)
        ]
        lanes[0] ^= constant
    return lanes


def portable_recover_address(digest: bytes, recovery_id: int, r: int, s: int) -> bytes:
    """The 20-byte address whose key made the signature (r, s) over a 32-byte digest.

    Raises:
        ValueError: malformed, malleable (s in the upper half of the order, EIP-2), or nobody's.

    """
    if recovery_id not in (0, 1) or not 0 < r < _ORDER or not 0 < s <= _ORDER // 2:
        raise ValueError("expected a recovery id of 0 or 1, 0 < r < order, 0 < s <= order / 2")
    square = (pow(r, 3, _FIELD) + 7) % _FIELD
    y = pow(square, (_FIELD + 1) // 4, _FIELD)
    if y * y % _FIELD != square:
        raise ValueError("expected r to be the abscissa of a curve point")
    if y % 2 != recovery_id:
        y = _FIELD - y
    inverse = pow(r, -1, _ORDER)
    of_generator = -int.from_bytes(digest, "big") * inverse % _ORDER
    key = _combined(of_generator, (*_GENERATOR, 1), s * inverse % _ORDER, (r, y, 1))
    if not key[2]:
        raise ValueError("expected a public key, was the point at infinity")
    scale = pow(key[2], -1, _FIELD)
    x, y = key[0] * scale**2 % _FIELD, key[1] * scale**3 % _FIELD
    return portable_keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[-20:]


def _combined(a: int, first: Point, b: int, second: Point) -> Point:
    """A * first + b * second in one pass (Shamir's trick)."""
    choices = (None, first, second, _added(first, second))
    total = (1, 1, 0)
    for bit in range(255, -1, -1):
        total = _doubled(total)
        chosen = choices[(a >> bit & 1) + 2 * (b >> bit & 1)]
        if chosen is not None:
            total = _added(total, chosen)
    return total


def _doubled(point: Point) -> Point:
    x, y, z = point
    squared = y * y % _FIELD
    s, m = 4 * x * squared % _FIELD, 3 * x * x % _FIELD
    out_x = (m * m - 2 * s) % _FIELD
    return out_x, (m * (s - out_x) - 8 * squared * squared) % _FIELD, 2 * y * z % _FIELD


def _added(first: Point, second: Point) -> Point:
    if not first[2] or not second[2]:
        return second if not first[2] else first
    (x1, y1, z1), (x2, y2, z2) = first, second
    u1, u2 = x1 * z2 * z2 % _FIELD, x2 * z1 * z1 % _FIELD
    s1, s2 = y1 * pow(z2, 3, _FIELD) % _FIELD, y2 * pow(z1, 3, _FIELD) % _FIELD
    h, r = (u2 - u1) % _FIELD, (s2 - s1) % _FIELD
    if not h:
        return _doubled(first) if not r else (1, 1, 0)
    h2, h3 = h * h % _FIELD, pow(h, 3, _FIELD)
    x = (r * r - h3 - 2 * u1 * h2) % _FIELD
    return x, (r * (u1 * h2 - x) - s1 * h3) % _FIELD, h * z1 * z2 % _FIELD
