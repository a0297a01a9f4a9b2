"""Units and exact arithmetic: Wh, micro-currency per kWh, nano-currency; the only file that converts.

Energy is integer watt-hours, a price integer micro-currency per kWh, money integer nano-currency. One Wh at one micro per kWh is
exactly one nano, so an amount is a product and nothing is ever rounded (`mechanisms`, section 0).
"""

from typing import Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
"""A column of int64: Wh, micro per kWh, nano, slots or dense indices, as its name says."""

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Bytes2D: TypeAlias = npt.NDArray[np.uint8]
"""Fixed-width byte strings, one a row: shape (n, width)."""

ENERGY_LIMIT_WH: Final = 2**31
"""Energy of an order or a reading lies in [0, 2**31)."""

PRICE_LIMIT_MICRO_PER_KWH: Final = 2**31
"""The absolute value of a price lies below this."""

NANO_PER_UNIT: Final = 10**9
MICRO_PER_UNIT: Final = 10**6
SECONDS_PER_HOUR: Final = 3600
SECONDS_PER_DAY: Final = 24 * SECONDS_PER_HOUR

IntOrInts = TypeVar("IntOrInts", int, Ints)


def amount_nano(energy_wh: IntOrInts, price_micro_per_kwh: IntOrInts) -> IntOrInts:
    """Money for energy at a price, exact: Wh x micro/kWh = nano."""
    return energy_wh * price_micro_per_kwh


def midpoint_micro_per_kwh(low: IntOrInts, high: IntOrInts) -> IntOrInts:
    """The price half way, rounded towards minus infinity (the contract rounds negatives the same way)."""
    return (low + high) >> 1


def whole_wh(energy: Floats) -> Ints:
    """Round physical energy (float Wh) to whole Wh, halves up; the one place where floats become energy."""
    return np.floor(energy + 0.5).astype(np.int64)


def slot_energy_wh(power_w: IntOrInts, slot_s: int) -> IntOrInts:
    """The most whole Wh that a power of `power_w` watts delivers in a slot of `slot_s` seconds (rounded down)."""
    return power_w * slot_s // SECONDS_PER_HOUR


def parts_per_million(share: float) -> int:
    """A share in [0, 1] of the settings as whole parts per million, so that money is split in integers."""
    return round(share * 1_000_000)


def exact_sum(values: Ints) -> int:
    """The sum of int64 values as a Python integer, also where it leaves the range of int64 (up to 2**31 values)."""
    # High and low halves: each stays below 2**32 in size, so neither sum can overflow.
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())
