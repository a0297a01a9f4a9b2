"""The yardstick: a fixed piece of work that says how fast this machine is today, where nothing comparable can run beside a job."""

from hashlib import sha256
from typing import Final

YARDSTICK: Final = "yardstick"
HASHES: Final = 60_000
SORTED: Final = 120_000


def yardstick() -> bytes:
    """A chain of SHA-256 and a sort of pseudo-random integers, in plain Python; about a tenth of a second. Returns a digest of both."""
    digest = b"commonwatt yardstick"
    for _ in range(HASHES):
        digest = sha256(digest).digest()
    numbers, state = [], 1
    for _ in range(SORTED):
        state = (1_103_515_245 * state + 12_345) & 0x7FFFFFFF
        numbers.append(state)
    numbers.sort()
    return sha256(digest + str(numbers[:: SORTED // 10]).encode()).digest()
