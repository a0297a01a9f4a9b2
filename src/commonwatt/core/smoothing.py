"""How far off a member's orders are: the newest error and those before it, smoothed exponentially in whole numbers."""

from __future__ import annotations

from typing import Final

from commonwatt.core.units import IntOrInts

NOT_SMOOTHED: Final = 1_000_000
"""Weight in parts per million at which only the newest error counts."""

_MWH_PER_WH: Final = 1000


def smoothed_mwh(before_mwh: IntOrInts, missed_wh: IntOrInts, weight_ppm: int) -> IntOrInts:
    """The error after a slot, in thousandths of a Wh, rounded down: the weight of what the slot missed, the rest of the error before it.

    Both at least 0; `missed_wh` below 2**33. Begun at 0, the errors of any number of slots sum to no more than what these slots missed
    (He 2025, Algorithm 3, which prints no coefficient).
    """
    return (weight_ppm * _MWH_PER_WH * missed_wh + (NOT_SMOOTHED - weight_ppm) * before_mwh) // NOT_SMOOTHED


def whole_wh(error_mwh: IntOrInts) -> IntOrInts:
    """The error as bills charge it: whole Wh, rounded down."""
    return error_mwh // _MWH_PER_WH


def tolerated_mwh(ordered_wh: IntOrInts, tolerance_ppm: int) -> IntOrInts:
    """The largest error that is at most a share of the order."""
    return tolerance_ppm * _MWH_PER_WH * ordered_wh // NOT_SMOOTHED
