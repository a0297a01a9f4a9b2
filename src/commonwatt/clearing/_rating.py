"""Trust rating points: what a member's trust allows it on a market of rated members (Haider 2024, section 3.5)."""

from __future__ import annotations

from typing import Final

import numpy as np

from commonwatt.core.units import Floats, Ints

TOP_POINTS: Final = 4
_CAPS_PERCENT: Final = np.array([50, 75, 90, 100])
"""The share of an energy that a holder of 1, 2, 3 or 4 points may trade."""


def rating_points(trust: Floats) -> Ints:
    """1 for trust below 2, 2 from 2, 3 from 3, 4 from 4 on the scale of 0 to 5; 4 where nobody rates (NaN)."""
    points = np.where(np.isnan(trust), TOP_POINTS, np.digitize(trust, (2.0, 3.0, 4.0)) + 1)
    return points.astype(np.int64)


def caps_percent(trust: Floats) -> Ints:
    """The share of an energy that somebody of this trust may trade, percent."""
    return _CAPS_PERCENT[rating_points(trust) - 1]
