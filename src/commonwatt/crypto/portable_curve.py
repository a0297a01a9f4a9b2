"""Points of secp256k1 in plain Python: sums, and tables that make the multiples of a point that is met often cheap."""

from collections.abc import Sequence
from typing import Final

FIELD: Final = 2**256 - 2**32 - 977
ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
GENERATOR: Final = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)

Plain = tuple[int, int]
"""A curve point by its two coordinates."""
Point = tuple[int, int, int]
"""A curve point in Jacobian coordinates, (x / z^2, y / z^3); z = 0 is the point at infinity."""

INFINITY: Final = (1, 1, 0)
_BITS: Final = 256
_WINDOW: Final = 6
"""Bits of a factor that one addition takes care of: a table is 43 x 63 points, which pays from some ten multiples on."""


def sum_of_two(a: int, first: Plain, b: int, second: Plain) -> Point:
    """A * first + b * second in one pass (Shamir's trick); factors in 0..2^256-1."""
    both = added((*first, 1), second)
    choices = (None, first, second, plain_of([both])[0] if both[2] else None)
    total: Point = INFINITY
    for bit in range(_BITS - 1, -1, -1):
        total = doubled(total)
        chosen = choices[(a >> bit & 1) + 2 * (b >> bit & 1)]
        if chosen is not None:
            total = added(total, chosen)
    return total


class Multiples:
    """A table of d * 2^(6 i) * point for d in 1..63."""

    def __init__(self, point: Plain) -> None:
        """`point` is on the curve, whose order is prime: none of its multiples in the table is infinity."""
        bases: list[Point] = [(*point, 1)]
        for _ in range(_BITS // _WINDOW):
            base = bases[-1]
            for _ in range(_WINDOW):
                base = doubled(base)
            bases.append(base)
        rows: list[Point] = []
        for x, y in plain_of(bases):
            multiple: Point = (x, y, 1)
            rows.append(multiple)
            for _ in range(2, 1 << _WINDOW):
                multiple = added(multiple, (x, y))
                rows.append(multiple)
        self._points = plain_of(rows)

    def added_to(self, total: Point, factor: int) -> Point:
        """Total + factor * point; factor in 0..2^256-1."""
        row, points, most = 0, self._points, (1 << _WINDOW) - 1
        while factor:
            digit = factor & most
            if digit:
                total = added(total, points[row + digit - 1])
            factor >>= _WINDOW
            row += most
        return total


def plain_of(points: Sequence[Point]) -> list[Plain]:
    """The points' plain coordinates, with one inversion for all of them; none of them is infinity."""
    products, product = [], 1
    for _, _, z in points:
        products.append(product)
        product = product * z % FIELD
    inverse, found = pow(product, -1, FIELD), []
    for (x, y, z), before in zip(reversed(points), reversed(products), strict=True):
        scale = inverse * before % FIELD
        inverse = inverse * z % FIELD
        square = scale * scale % FIELD
        found.append((x * square % FIELD, y * square * scale % FIELD))
    return found[::-1]


def is_at(point: Point, plain: Plain) -> bool:
    """Whether the point is the one with these coordinates."""
    x, y, z = point
    square = z * z % FIELD
    return bool(z) and (x, y) == (plain[0] * square % FIELD, plain[1] * square * z % FIELD)


def doubled(point: Point) -> Point:
    """Twice the point."""
    x, y, z = point
    squared = y * y % FIELD
    s, m = 4 * x * squared % FIELD, 3 * x * x % FIELD
    out_x = (m * m - 2 * s) % FIELD
    return out_x, (m * (s - out_x) - 8 * squared * squared) % FIELD, 2 * y * z % FIELD


def added(first: Point, second: Plain) -> Point:
    """The sum of two points."""
    x1, y1, z1 = first
    if not z1:
        return (*second, 1)
    square = z1 * z1 % FIELD
    h = (second[0] * square - x1) % FIELD
    r = (second[1] * square * z1 - y1) % FIELD
    if not h:
        return INFINITY if r else doubled(first)
    h2 = h * h % FIELD
    h3, v = h * h2 % FIELD, x1 * h2 % FIELD
    x = (r * r - h3 - 2 * v) % FIELD
    return x, (r * (v - x) - y1 * h3) % FIELD, h * z1 % FIELD
