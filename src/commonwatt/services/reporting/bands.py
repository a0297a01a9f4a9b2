"""How full a line is, in four bands: in words, as a colour and as a thickness."""

from __future__ import annotations

from typing import Final

import numpy as np

from commonwatt.services.reporting.flowed import BEYOND
from commonwatt.services.reporting.plots import GREY, ORANGE, SKY, VERMILLION

BANDS: Final = (
    (0.5, "under 50 %", GREY, 2.5),
    (0.8, "50 to 80 %", SKY, 4.5),
    (BEYOND, "80 to 100 %", ORANGE, 7),
    (np.inf, "over 100 %", VERMILLION, 10),
)
"""Up to which loading, how it is said, colour and thickness in pixels: dearer ones are thicker, so that colour is not needed to tell them apart."""


def band_words(share: float) -> str:
    """Between which marks a loading lies."""
    return next(words for upto, words, *_ in BANDS if share < upto)
