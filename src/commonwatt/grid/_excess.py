"""Limits of a feeder that a power flow passes: lines and the transformer above their rating, buses outside the band of voltages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from commonwatt.core.units import Flags
    from commonwatt.grid._feeder import Feeder
    from commonwatt.grid._sweep import PowerFlow

NEAR: Final = 1e-6
"""By so much a limit may be passed before it counts: more than the sweep's own error, less than anybody measures."""
_NAMED: Final = 5
"""Places that a reason names; the rest are counted."""
_MOST_PPM: Final = 2**40
"""What a published share is at most: a rating may be next to nothing, and a table still holds the figure."""
NO_SOLUTION: Final = "no power flow: more is asked of the feeder than it can bring"


@dataclass(frozen=True)
class Excess:
    """One limit that is passed."""

    node: int
    """Of the tree: a bus, or the branch above it; 0 where nothing is solved."""
    side: int
    """1 a voltage above its limit, -1 one below; 0 a branch."""
    over: float
    """A branch: its loading, of what it may carry. A bus: by how much its voltage is out, of the nominal one."""
    name: str
    """Of the line, the transformer or the bus."""
    words: str

    def kept(self, feeder: Feeder, flow: PowerFlow, rating_share: float) -> Flags:
        """In which columns of a flow this limit is kept."""
        if self.node == 0:
            return flow.is_solved
        voltage = flow.voltage_share[self.node]
        if self.side > 0:
            within: Flags = voltage <= feeder.voltage_high_share + NEAR
        elif self.side < 0:
            within = voltage >= feeder.voltage_low_share - NEAR
        else:
            within = flow.loading_share[self.node] / rating_share <= 1 + NEAR
        return flow.is_solved & within


def excesses(feeder: Feeder, flow: PowerFlow, rating_share: float) -> list[Excess]:
    """What passes a limit in the first column: the fullest branch first, then the bus that is furthest out."""
    if not flow.is_solved[0]:
        return [Excess(0, 0, 0.0, "feeder", NO_SOLUTION)]
    tree = feeder.tree
    loading, voltage = flow.loading_share[:, 0] / rating_share, flow.voltage_share[:, 0]
    found = []
    for node in (int(n) for n in np.argsort(-loading, kind="stable") if loading[n] > 1 + NEAR):
        words = f"{tree.names[node]} at {round(100 * loading[node])} % of what it may carry"
        found.append(Excess(node, 0, float(loading[node]), tree.names[node], words))
    off = np.maximum(voltage - feeder.voltage_high_share, feeder.voltage_low_share - voltage)
    off[0] = 0.0
    for node in (int(n) for n in np.argsort(-off, kind="stable") if off[n] > NEAR):
        words = f"{tree.bus_names[node]} at {100 * voltage[node]:.1f} % of the nominal voltage"
        side = 1 if voltage[node] > 1 else -1
        found.append(Excess(node, side, float(off[node]), tree.bus_names[node], words))
    return found


def listed(found: list[Excess]) -> str:
    """In words; the first few by name."""
    words = [excess.words for excess in found]
    return "; ".join(words[:_NAMED]) + (f"; and {len(words) - _NAMED} more" if len(words) > _NAMED else "")


def published_ppm(share: float) -> int:
    """A share in whole millionths, halves up, at most 2**40."""
    return min(math.floor(share * 10**6 + 0.5), _MOST_PPM)
