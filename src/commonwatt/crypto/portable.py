"""secp256k1 recovery in plain Python: the second backend, for who checks a bill with nothing but an interpreter.

A few milliseconds for a key that is new, a fraction of one for a key that was met before, where libsecp256k1 takes microseconds; not
constant-time, so never for secrets. The tests hold both backends together.
"""

from functools import cache
from typing import Final

from commonwatt.crypto.portable_curve import (
    FIELD,
    GENERATOR,
    INFINITY,
    ORDER,
    Multiples,
    Plain,
    is_at,
    plain_of,
    sum_of_two,
)
from commonwatt.crypto.portable_keccak import portable_keccak256

_MOST_KEYS: Final = 4
"""Keys kept in mind with a table each: an operator, a meter, its gateways."""
_MOST_NAMES: Final = 1024


class KeysMet:
    """Keys that have signed before. Whether one of them made a signature too takes a tenth of finding out who made it."""

    def __init__(self) -> None:
        self._once: set[Plain] = set()
        self._often: list[tuple[Multiples, bytes]] = []
        self._generator: Multiples | None = None

    def signer(self, of_generator: int, of_key: int, wanted: Plain) -> bytes | None:
        """The address of the key K for which of_generator * G + of_key * K = `wanted`; None: of no key kept in mind."""
        if not self._often:
            return None
        # Only who meets a key twice needs the table.
        self._generator = self._generator or Multiples(GENERATOR)
        begun = self._generator.added_to(INFINITY, of_generator)
        for place, (multiples, address) in enumerate(self._often):
            if is_at(multiples.added_to(begun, of_key), wanted):
                self._often.insert(0, self._often.pop(place))
                return address
        return None

    def met(self, key: Plain, address: bytes) -> None:
        """Keep a key in mind from the second time on."""
        if key not in self._once:
            self._once = {key} if len(self._once) >= _MOST_NAMES else self._once | {key}
            return
        self._often = [(Multiples(key), address), *self._often][:_MOST_KEYS]


@cache
def keys_met() -> KeysMet:
    """The keys that this process has met: they change how long an answer takes, never the answer."""
    return KeysMet()


def portable_recover_address(digest: bytes, recovery_id: int, r: int, s: int) -> bytes:
    """The 20-byte address whose key made the signature (r, s) over a 32-byte digest.

    Raises:
        ValueError: malformed, malleable (s in the upper half of the order, EIP-2), or nobody's.

    """
    if recovery_id not in (0, 1) or not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        raise ValueError("expected a recovery id of 0 or 1, 0 < r < order, 0 < s <= order / 2")
    shown, number = (r, _ordinate(r, recovery_id == 1)), int.from_bytes(digest, "big")
    # s R = z G + r K: of a key K that was met before R is computed and compared, else K is.
    unsigned = pow(s, -1, ORDER)
    known = keys_met().signer(number * unsigned % ORDER, r * unsigned % ORDER, shown)
    if known is not None:
        return known
    inverse = pow(r, -1, ORDER)
    point = sum_of_two(-number * inverse % ORDER, GENERATOR, s * inverse % ORDER, shown)
    if not point[2]:
        raise ValueError("expected a public key, was the point at infinity")
    key = plain_of([point])[0]
    address = portable_keccak256(key[0].to_bytes(32, "big") + key[1].to_bytes(32, "big"))[-20:]
    keys_met().met(key, address)
    return address


def _ordinate(x: int, is_odd: bool) -> int:
    """The odd or the even y of the curve's points of abscissa x."""
    square = (pow(x, 3, FIELD) + 7) % FIELD
    y = pow(square, (FIELD + 1) // 4, FIELD)
    if y * y % FIELD != square:
        raise ValueError("expected r to be the abscissa of a curve point")
    return y if y % 2 == is_odd else FIELD - y
