"""How sure a figure is: days drawn again in blocks, or the spread over seeds; always the same draws for every design."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from commonwatt.core.determinism import stream
from commonwatt.core.units import Floats

CONFIDENCE: Final = 0.95
DRAWS: Final = 2000
"""Resampled periods; the ends of an interval then rest on the 50 most extreme ones on each side."""
FEWEST_DAYS: Final = 5
"""With fewer days drawing them again says nothing, and there is no interval."""
_STUDENT: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom; beyond, the last one (too wide by at most 4 %)."""

_NORMAL: Final = 1.960


def block_days(days: int) -> int:
    """Length of a block: the cube root of the number of days, rounded up, so that neighbouring days with one weather stay together."""
    return max(1, math.ceil(round(math.cbrt(days), 9)))


def day_weights(seed: int, days: int) -> Floats:
    """How often each day occurs in each resampled period, shape (draws, days); none with too few days.

    Blocks of consecutive days (the last day is followed by the first: circular block bootstrap, Politis and Romano 1992) are drawn with
    replacement until there are as many days as before. Rows sum to `days`.
    """
    if days < FEWEST_DAYS:
        return np.zeros((0, days))
    length = block_days(days)
    blocks = math.ceil(days / length)
    starts = stream(seed, "comparison", "days").integers(0, days, (DRAWS, blocks))
    drawn = ((starts[:, :, None] + np.arange(length)) % days).reshape(DRAWS, -1)[:, :days]
    weights = np.zeros((DRAWS, days))
    np.add.at(weights, (np.arange(DRAWS)[:, None], drawn), 1)
    return weights


def interval_of_draws(value: float, draws: Floats, days: int) -> tuple[float, float]:
    """Around `value` the middle 95 % of resampled values, widened for how few blocks there are; (nan, nan) where one is missing.

    Few blocks vary less among themselves than what they stand for: the distances from the value are multiplied by what Student's t and
    the divisor n - 1 add to a mean of as many blocks (1.9 for a week, 1.3 for a month). Without it a week's interval covers the truth in
    about 80 of 100 cases.
    """
    if not len(draws) or np.isnan(draws).any():
        return math.nan, math.nan
    blocks = math.ceil(days / block_days(days))
    wider = math.sqrt(blocks / (blocks - 1)) * _STUDENT[min(blocks - 1, len(_STUDENT)) - 1] / _NORMAL
    low, high = (float(end) for end in np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    return value - wider * max(value - low, 0.0), value + wider * max(high - value, 0.0)


def interval_of_seeds(values: Floats) -> tuple[float, float]:
    """Mean +- Student's t times the standard error over two seeds or more; (nan, nan) where a value is missing."""
    if len(values) < 2 or np.isnan(values).any():
        return math.nan, math.nan
    freedom = len(values) - 1
    margin = _STUDENT[min(freedom, len(_STUDENT)) - 1] * float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = float(values.mean())
    return mean - margin, mean + margin
